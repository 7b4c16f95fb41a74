"""The people of a scene, their positions, and the camera."""

from dataclasses import dataclass, replace

import numpy as np

from stillact.synthetic import body, poses
from stillact.synthetic.appearance import Look, draw_look
from stillact.synthetic.canvas import Camera, Limb
from stillact.synthetic.furniture import SHARED
from stillact.synthetic.placement import moved
from stillact.synthetic.poses import Joints

# Headings (rad) that show a view; the spread around them is SPREAD.
VIEWS = {
    "side": (0.0, np.pi),
    "three-quarter": (-np.pi / 4, -3 * np.pi / 4),
    "front": (-np.pi / 2, -np.pi / 2),
    "behind": (np.pi / 4, 3 * np.pi / 4),
}
SPREAD = 0.3
# 0: the main person's box has the same size for all poses; 1: the body has.
NATURAL = 0.8


@dataclass(frozen=True)
class Person:
    """A person at (x, z) in m, facing `heading` (rad, as for `placement.placed`)."""

    look: Look
    joints: Joints
    x: float
    z: float
    heading: float


def draw_people(
    rng: np.random.Generator, verb: str, seat: float, kind: str, view: str
) -> list[Person]:
    """Draw one to four people; the first is at (0, 0)."""
    count = int(rng.choice([1, 2, 3, 4], p=[0.8, 0.13, 0.05, 0.02]))
    middle = float(rng.choice(VIEWS[view]))
    heading = middle + rng.uniform(-SPREAD, SPREAD)
    abreast = kind in SHARED or rng.random() < 0.4
    people = []
    for i in range(count):
        look = draw_look(rng)
        joints = _pose(rng, look, verb, seat)
        if i == 0:
            x, z, turn = 0.0, 0.0, heading
        elif abreast:
            offset = rng.uniform(0.68, 0.85) * ((i + 1) // 2) * (1 if i % 2 else -1)
            x, z = -np.sin(heading) * offset, np.cos(heading) * offset
            turn = heading + rng.normal(0, 0.1)
        else:
            x, z = rng.choice([-1, 1]) * rng.uniform(0.7, 2.5), rng.uniform(0.3, 4.0)
            turn = rng.uniform(-np.pi, np.pi)
        people.append(Person(look, joints, float(x), float(z), float(turn)))
    return people


def _pose(rng: np.random.Generator, look: Look, verb: str, seat: float) -> Joints:
    if verb == "sitting":
        return poses.sit(rng, look, seat)
    if verb == "standing":
        return poses.stand(rng, look)
    return poses.walk(rng, look, running=verb == "running")


def world_limbs(person: Person) -> list[Limb]:
    """The limbs of a person in world coordinates."""
    return moved(body.limbs(person.look, person.joints), person.x, person.z, person.heading)


def framed(
    rng: np.random.Generator, people: list[Person], size: tuple[int, int]
) -> tuple[Camera, list[Person]]:
    """A camera that shows all of the first person, and the people moved away from it.

    A seated figure is lower than an upright one. It is enlarged to compensate for a part of that
    (see NATURAL), as a photographer would step closer.
    """
    limbs = world_limbs(people[0])
    height = max(max(limb.a[1], limb.b[1]) for limb in limbs)
    lens = rng.uniform(1.0, 2.0)  # focal length over the picture's longer side
    away = lens * max(size) / (rng.uniform(0.55, 0.75) * max(size) / 1.6) * people[0].look.scale
    people = [replace(person, z=person.z + away) for person in people]
    eye, slope = height * rng.uniform(0.55, 1.2), rng.normal(0, 0.025)
    # The image scales with the focal length, so the figure's extent at 1 px determines it.
    left, top, right, bottom = Camera(1.0, 0.0, 0.0, eye, slope).extent(world_limbs(people[0]))
    wide, high = right - left, bottom - top
    upright = 1.15 * people[0].look.scale / away
    extent = np.sqrt(wide * high) ** (1 - NATURAL) * upright**NATURAL
    focal = rng.uniform(0.58, 0.72) * np.sqrt(size[0] * size[1]) / extent
    focal = min(focal, rng.uniform(0.9, 1.04) * size[1] / high, 0.95 * size[0] / wide)
    above = max(size[1] - focal * high, 0.01 * size[1]) * rng.uniform(0.4, 0.9)
    beside = (size[0] - focal * wide) * rng.uniform(0.42, 0.58)
    camera = Camera(focal, beside - focal * left, above - focal * top, eye, slope)
    return camera, people
