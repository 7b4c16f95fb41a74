"""The objects of a scene and their positions: furniture, clutter and occluders."""

import numpy as np

from stillact.synthetic import furniture
from stillact.synthetic.canvas import Camera
from stillact.synthetic.people import Person
from stillact.synthetic.placement import Part, moved


def _beside(
    rng: np.random.Generator, kind: str, person: Person, camera: Camera, width: int
) -> tuple[float, float, float]:
    """x, z and heading of furniture near a person, visible if possible, with its long side towards
    the person. Long pieces are placed behind, so that they do not hide the legs."""
    nearest = 0.3 if kind in furniture.SHARED else -0.1
    for _ in range(6):
        angle = rng.uniform(nearest * np.pi, (1 - nearest) * np.pi)
        gap = rng.uniform(0.65, 1.1)
        x, z = person.x + gap * np.cos(angle), person.z + gap * np.sin(angle)
        if 0.05 < (camera.centre + x * camera.focal / z) / width < 0.95:
            break
    return float(x), float(z), float(angle + rng.choice([0, np.pi]) + rng.normal(0, 0.35))


def place_furniture(
    rng, kind: str, seat: float, people: list[Person], on: bool, camera: Camera, width: int
) -> list[Part]:
    """Place furniture under its users or near others, in equal amounts."""
    if kind == "none":
        return []
    parts: list[Part] = []
    length = rng.uniform(1.3, 2.2) + 1.6 * (len(people) // 2)
    users = people
    if kind in furniture.SHARED:
        users = people[:1] if on else [max(people, key=lambda person: person.z)]
    for person in users:
        x, z, heading = person.x, person.z, person.heading
        if not on:
            x, z, heading = _beside(rng, kind, person, camera, width)
        parts += moved(furniture.furniture(rng, kind, seat, length), x, z, heading)
    return parts


def place_clutter(rng: np.random.Generator, people: list[Person]) -> list[Part]:
    """Place up to two objects near the main person."""
    parts: list[Part] = []
    main = people[0]
    for _ in range(rng.integers(0, 2, endpoint=True)):
        x = main.x + rng.choice([-1, 1]) * rng.uniform(0.6, 3.5)
        z = main.z + rng.uniform(-0.5, 5)
        parts += moved(furniture.clutter(rng), x, z, rng.uniform(-np.pi, np.pi))
    return parts


def place_occluders(rng: np.random.Generator, main: Person) -> list[Part]:
    """Place objects between the camera and the main person, in some scenes."""
    if rng.random() > 0.3:
        return []
    reach = float(main.joints["head"][1]) + 0.12
    x, z = main.x + rng.normal(0, 0.25) * reach, main.z - 0.7 - rng.uniform(0, 0.1) * main.z
    return moved(furniture.occluder(rng, reach), x, max(z, 0.8), rng.normal(-np.pi / 2, 0.3))
