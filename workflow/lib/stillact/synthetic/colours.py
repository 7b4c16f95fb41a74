"""Random colours of clothes and objects; (3,), 0 to 255."""

import numpy as np

COLOURS = {
    "red": (190, 35, 40),
    "blue": (45, 75, 175),
    "green": (45, 125, 65),
    "yellow": (225, 195, 60),
    "white": (232, 232, 228),
    "black": (36, 36, 40),
    "grey": (128, 130, 134),
    "orange": (222, 120, 40),
    "purple": (110, 60, 150),
    "pink": (225, 140, 165),
    "brown": (118, 78, 48),
}


def mix(
    rng: np.random.Generator, *colours: tuple[float, float, float], jitter: float = 10
) -> np.ndarray:
    """Draw a mixture of two of the colours, with jitter."""
    pair = np.array(
        [colours[rng.integers(len(colours))], colours[rng.integers(len(colours))]], float
    )
    share = rng.random()
    return np.clip(pair[0] * share + pair[1] * (1 - share) + rng.normal(0, jitter, 3), 5, 250)


def any_colour(rng: np.random.Generator) -> np.ndarray:
    """Draw one of the clothes' colours, slightly faded, for objects in the scenery."""
    colour = np.array(list(COLOURS.values())[rng.integers(len(COLOURS))], float)
    return np.clip(colour * rng.uniform(0.6, 1.0) + rng.uniform(0, 40), 5, 245)
