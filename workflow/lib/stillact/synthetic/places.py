"""The scenery of each setting: buildings, trees, windows, fences; drawn flat, in metres."""

import numpy as np
from PIL import ImageDraw

from stillact.synthetic.canvas import Camera
from stillact.synthetic.colours import any_colour, mix


class Painter:
    """Draws upright flat objects on the ground, by their position in metres."""

    def __init__(
        self, draw: ImageDraw.ImageDraw, width: int, camera: Camera, rng: np.random.Generator
    ):
        self.draw, self.width, self.camera, self.rng = draw, width, camera, rng

    def half_width(self, z: float) -> float:
        """Half the visible width in m at depth z."""
        return self.width / 2 * z / self.camera.focal

    def somewhere(self, z: float) -> float:
        """A random x in m, visible at depth z."""
        middle = (self.width / 2 - self.camera.centre) * z / self.camera.focal
        return middle + self.half_width(z) * self.rng.uniform(-1.05, 1.05)

    def area(
        self, x0: float, x1: float, y0: float, y1: float, z: float, colour: np.ndarray
    ) -> None:
        corners = np.array([[x0, y0, z], [x1, y0, z], [x1, y1, z], [x0, y1, z]])
        self.draw.polygon(
            [tuple(p) for p in self.camera.project(corners)[:, :2].tolist()], _fill(colour)
        )

    def across(self, y0: float, y1: float, z: float, colour: np.ndarray) -> None:
        """Draw a horizontal band over the whole picture."""
        middle, half = (
            (self.width / 2 - self.camera.centre) * z / self.camera.focal,
            self.half_width(z) * 1.2,
        )
        self.area(middle - half, middle + half, y0, y1, z, colour)

    def blob(
        self, x: float, y: float, radius: float, z: float, colour: np.ndarray, flat: float = 1.0
    ) -> None:
        u, v, scale = self.camera.project(np.array([[x, y, z]]))[0]
        r = radius * scale
        self.draw.ellipse([u - r, v - r * flat, u + r, v + r * flat], _fill(colour))


def _building(p: Painter, x: float, z: float) -> None:
    rng, width, height = p.rng, p.rng.uniform(5, 12), p.rng.uniform(6, 20)
    wall = mix(
        rng, (170, 120, 95), (190, 180, 165), (130, 130, 135), (200, 170, 130), (110, 85, 75)
    )
    p.area(x, x + width, 0, height, z, wall)
    glass = mix(rng, (60, 70, 85), (150, 170, 190), (40, 42, 48))
    step, storey = rng.uniform(1.4, 2.6), rng.uniform(2.8, 3.6)
    for y in np.arange(1.0, height - 1.5, storey):
        for left in np.arange(x + 0.5, x + width - 1.2, step):
            p.area(left - 0.1, left + 1.0, y - 0.1, y + 1.8, z, wall * 1.15)
            p.area(left, left + 0.9, y, y + 1.7, z, glass * rng.uniform(0.7, 1.2))


def _tree(p: Painter, x: float, z: float) -> None:
    rng, height = p.rng, p.rng.uniform(3, 8)
    trunk, leaf = (
        mix(rng, (80, 60, 45), (110, 95, 80)),
        mix(rng, (50, 85, 40), (90, 120, 50), (140, 110, 50)),
    )
    w = height * rng.uniform(0.02, 0.04)
    p.area(x - w, x + w, 0, height * 0.7, z, trunk)
    for _ in range(14):
        dx, dy = rng.normal(0, height * 0.16), rng.normal(0, height * 0.13)
        p.blob(
            x + dx,
            height * 0.8 + dy,
            height * rng.uniform(0.07, 0.17),
            z,
            leaf * rng.uniform(0.6, 1.25),
        )


def _bushes(p: Painter, z: float) -> None:
    leaf, rng = mix(p.rng, (50, 80, 40), (85, 110, 50), (70, 90, 60)), p.rng
    x0 = p.somewhere(z)
    for _ in range(rng.integers(8, 20)):
        r = rng.uniform(0.2, 0.6)
        p.blob(
            x0 + rng.normal(0, 1.2), r * rng.uniform(0.4, 1.5), r, z, leaf * rng.uniform(0.6, 1.25)
        )


def _car(p: Painter, z: float) -> None:
    rng, x, paint = p.rng, p.somewhere(z), any_colour(p.rng)
    p.area(x - 2.1, x + 2.1, 0.3, 0.85, z, paint)
    p.area(x - 1.2, x + 1.1, 0.85, 1.42, z, paint * 0.9)
    p.area(x - 1.05, x - 0.1, 0.87, 1.34, z, mix(rng, (60, 70, 80), (150, 165, 180)))
    p.area(x, x + 0.95, 0.87, 1.34, z, mix(rng, (60, 70, 80), (150, 165, 180)))
    for wheel in (-1.3, 1.3):
        p.blob(x + wheel, 0.32, 0.33, z, np.array([30.0, 30, 32]))
        p.blob(x + wheel, 0.32, 0.17, z, np.array([140.0, 140, 145]))


def _posts(p: Painter, z: float, step: float, height: float, colour: np.ndarray) -> None:
    """A fence or a row of columns."""
    middle, half = (p.width / 2 - p.camera.centre) * z / p.camera.focal, p.half_width(z) * 1.1
    for x in np.arange(middle - half + p.rng.uniform(0, step), middle + half, step):
        p.area(x - 0.05 * height**0.5, x + 0.05 * height**0.5, 0, height, z, colour)


def _far(p: Painter, nearest: float, most: float = 6) -> float:
    return nearest * p.rng.uniform(1.3, most)


def _street(p: Painter, wall: float, nearest: float) -> None:
    z = nearest * p.rng.uniform(1.8, 4)
    x = p.somewhere(z) - 3 * p.half_width(z)
    for _ in range(8):
        _building(p, x, z)
        x += p.rng.uniform(6, 12)
    for _ in range(p.rng.integers(0, 3)):
        _tree(p, p.somewhere(z * 0.9), z * 0.9)
    for _ in range(p.rng.integers(0, 3)):
        _car(p, z * p.rng.uniform(0.6, 0.85))


def _park(p: Painter, wall: float, nearest: float) -> None:
    hill = mix(p.rng, (70, 95, 50), (95, 115, 75))
    p.across(-0.5, p.rng.uniform(1, 4), nearest * 9, hill)
    for z in sorted(_far(p, nearest) for _ in range(p.rng.integers(3, 8)))[::-1]:
        _tree(p, p.somewhere(z), z)
    for _ in range(p.rng.integers(1, 4)):
        _bushes(p, _far(p, nearest, 3))
    if p.rng.random() < 0.3:
        _posts(p, nearest * 1.5, 0.8, 1.0, any_colour(p.rng))


def _beach(p: Painter, wall: float, nearest: float) -> None:
    z = nearest * p.rng.uniform(2.5, 6)
    sea = mix(p.rng, (50, 110, 140), (80, 140, 160), (70, 100, 120))
    level = p.camera.height  # the far edge of the sea lies on the horizon
    p.across(0, level, z, sea)
    for _ in range(10):
        y = level * p.rng.uniform(0, 0.9)
        p.across(y, y + level * 0.02, z, sea + p.rng.uniform(-15, 50))
    for _ in range(p.rng.integers(0, 4)):
        at = _far(p, nearest, 2.4)
        x, cloth = p.somewhere(at), any_colour(p.rng)
        p.area(x - 0.03, x + 0.03, 0, 2.1, at, np.array([200.0, 200, 195]))
        for i in range(6):
            p.area(
                x - 1.1 + 0.18 * i,
                x + 1.1 - 0.18 * i,
                1.8 + 0.1 * i,
                1.9 + 0.1 * i,
                at,
                cloth * (1 - 0.05 * i),
            )


def _room(p: Painter, wall: float, nearest: float) -> None:
    rng, wood = p.rng, mix(p.rng, (130, 95, 65), (220, 215, 205), (80, 60, 50))
    p.across(0, 0.12, wall, wood)
    for _ in range(rng.integers(1, 4)):
        x, y, w, h = (
            p.somewhere(wall),
            rng.uniform(0.9, 1.5),
            rng.uniform(0.4, 1.6),
            rng.uniform(0.4, 1.3),
        )
        p.area(x - 0.06, x + w + 0.06, y - 0.06, y + h + 0.06, wall, wood)
        p.area(x, x + w, y, y + h, wall, mix(rng, (190, 210, 230), (90, 110, 130), (170, 130, 90)))
        p.area(x, x + w, y, y + h * rng.uniform(0.2, 0.6), wall, any_colour(rng))
    for _ in range(rng.integers(0, 3)):
        x, w, h = p.somewhere(wall), rng.uniform(0.8, 1.4), rng.uniform(1.2, 2.2)
        p.area(x, x + w, 0, h, wall * 0.97, wood * 0.8)
        for y in np.arange(0.15, h - 0.3, 0.38):
            p.area(x + 0.05, x + w - 0.05, y, y + 0.32, wall * 0.97, wood * 0.45)
            for left in np.arange(x + 0.06, x + w - 0.1, 0.07):
                p.area(
                    left, left + 0.06, y, y + rng.uniform(0.16, 0.3), wall * 0.97, any_colour(rng)
                )


def _station(p: Painter, wall: float, nearest: float) -> None:
    rng, paint = p.rng, any_colour(p.rng)
    if rng.random() < 0.6:
        p.across(0.1, 3.4, wall, paint)
        p.across(1.4, 2.4, wall, paint * 0.7)
        left = p.somewhere(wall) - 3 * p.half_width(wall)
        for x in np.arange(left, left + 6 * p.half_width(wall), 1.7):
            p.area(x, x + 1.2, 1.45, 2.35, wall, mix(rng, (70, 85, 100), (160, 175, 185)))
    else:
        for y in np.arange(0, 4, 0.4):
            p.across(y, y + 0.03, wall, paint * 0.5 + 70)
        for _ in range(3):
            x = p.somewhere(wall)
            p.area(x, x + rng.uniform(0.8, 2), 1.3, rng.uniform(1.8, 2.6), wall, any_colour(rng))
    _posts(p, wall * 0.9, rng.uniform(2, 5), 3.5, mix(rng, (80, 85, 90), (180, 175, 165)))


def _field(p: Painter, wall: float, nearest: float) -> None:
    for z, y in ((12, p.rng.uniform(2, 12)), (8, p.rng.uniform(0.3, 4))):
        p.across(
            -0.5,
            y * nearest / 6,
            nearest * z,
            mix(p.rng, (110, 125, 90), (90, 110, 120), (150, 140, 95)),
        )
    for _ in range(p.rng.integers(0, 4)):
        z = _far(p, nearest)
        _tree(p, p.somewhere(z), z)
    if p.rng.random() < 0.5:
        z, wood = _far(p, nearest, 2.5), mix(p.rng, (110, 90, 70), (190, 185, 175))
        _posts(p, z, 1.5, 1.1, wood)
        p.across(0.85, 0.93, z, wood)
        p.across(0.5, 0.57, z, wood)


def _snow(p: Painter, wall: float, nearest: float) -> None:
    for z in (12, 8):
        p.across(
            -0.5,
            p.rng.uniform(0.5, 9) * nearest / 6,
            nearest * z,
            mix(p.rng, (190, 200, 215), (150, 165, 180), (80, 100, 95)),
        )
    for z in sorted(_far(p, nearest) for _ in range(p.rng.integers(1, 8)))[::-1]:
        x, h, leaf = p.somewhere(z), p.rng.uniform(2, 6), mix(p.rng, (40, 65, 55), (60, 80, 70))
        for i in range(6):
            w = h * 0.24 * (1 - i / 6.5)
            p.area(x - w, x + w, h * (0.1 + 0.14 * i), h * (0.17 + 0.14 * i), z, leaf + 12 * i)


PLACES = {
    "street": _street,
    "park": _park,
    "beach": _beach,
    "room": _room,
    "station": _station,
    "field": _field,
    "snow": _snow,
}


def _fill(colour: np.ndarray) -> tuple[int, int, int]:
    return tuple(int(c) for c in np.clip(colour, 0, 255))
