"""Random appearance of people: build and clothes."""

from dataclasses import dataclass

import numpy as np

from stillact.synthetic.colours import COLOURS

DARK = ["black", "blue", "grey", "brown"] * 3  # more frequent for legwear
SKINS = [(241, 203, 176), (224, 178, 144), (196, 146, 108), (150, 103, 71), (101, 66, 46)]
HAIRS = [(30, 24, 22), (70, 46, 30), (120, 80, 46), (196, 160, 98), (150, 146, 142)]


@dataclass(frozen=True)
class Look:
    """A person's build and clothes; lengths in m, colours (3,) 0..255."""

    noun: str  # man, woman, boy or girl
    height: float
    build: float  # factor of every radius
    head: float  # factor of the head's size
    skin: np.ndarray
    hair: np.ndarray
    long_hair: bool
    hat: np.ndarray | None
    top: str  # shirt, jacket or coat
    top_colour: str
    bottom: str  # trousers, shorts or skirt
    bottom_colour: str
    top_rgb: np.ndarray
    bottom_rgb: np.ndarray
    shoes: np.ndarray
    stripes: float
    backpack: np.ndarray | None
    bag: np.ndarray | None

    @property
    def scale(self) -> float:
        """Body height over that of the reference adult (1.75 m)."""
        return self.height / 1.75


def _shade(rng: np.random.Generator, colour: tuple[int, int, int], spread: float = 7) -> np.ndarray:
    return np.clip(np.array(colour) * rng.uniform(0.8, 1.12) + rng.normal(0, spread, 3), 8, 250)


def _any_shade(rng: np.random.Generator) -> np.ndarray:
    return _shade(rng, COLOURS[str(rng.choice(list(COLOURS)))])


def draw_look(rng: np.random.Generator) -> Look:
    """Draw a person at random, independently of their activity."""
    female, child = rng.random() < 0.5, rng.random() < 0.15
    noun = [["man", "boy"], ["woman", "girl"]][female][child]
    height = rng.uniform(1.05, 1.4) if child else rng.normal(1.66 if female else 1.77, 0.07)
    top = str(rng.choice(["shirt", "jacket", "coat"], p=[0.6, 0.25, 0.15]))
    bottom = str(
        rng.choice(
            ["trousers", "shorts", "skirt"], p=[0.5, 0.2, 0.3] if female else [0.72, 0.28, 0]
        )
    )
    top_colour = str(rng.choice(list(COLOURS)))
    bottom_colour = str(rng.choice([c for c in DARK + list(COLOURS) if c != top_colour]))
    return Look(
        noun=noun,
        height=float(height),
        build=float(rng.uniform(0.88, 1.25)),
        head=1.25 if child else 1.0,
        skin=_shade(rng, SKINS[rng.integers(len(SKINS))], spread=2),
        hair=_shade(rng, HAIRS[rng.integers(len(HAIRS))]),
        long_hair=bool(rng.random() < (0.75 if female else 0.08)),
        hat=_any_shade(rng) if rng.random() < 0.2 else None,
        top=top,
        top_colour=top_colour,
        bottom=bottom,
        bottom_colour=bottom_colour,
        top_rgb=_shade(rng, COLOURS[top_colour]),
        bottom_rgb=_shade(rng, COLOURS[bottom_colour]),
        shoes=_any_shade(rng),
        stripes=float(rng.integers(3, 9)) if top == "shirt" and rng.random() < 0.3 else 0.0,
        backpack=_any_shade(rng) if rng.random() < 0.15 else None,
        bag=_any_shade(rng) if rng.random() < 0.2 else None,
    )
