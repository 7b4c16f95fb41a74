"""Furniture, clutter and occluders; each in its own frame."""

from itertools import pairwise

import numpy as np

from stillact.synthetic.canvas import Block, Limb
from stillact.synthetic.colours import any_colour, mix
from stillact.synthetic.placement import Part

FURNITURE = ["none", "chair", "bench", "box", "wall"]
SHARED = {"bench", "wall"}  # long enough for everybody


def _box(
    low: tuple[float, float, float], high: tuple[float, float, float], colour: np.ndarray
) -> Block:
    axes = [(low[i], high[i]) for i in range(3)]
    corners = np.array([[f, u, v] for f in axes[0] for u in axes[1] for v in axes[2]], float)
    return Block(corners, colour)


def furniture(rng: np.random.Generator, kind: str, seat: float, length: float) -> list[Part]:
    """A chair, bench, box or low wall in its own frame (forward, up, left), with the seat at the
    origin, `seat` m high; benches and walls are `length` m long."""
    colour = mix(
        rng, (140, 95, 55), (90, 62, 42), (60, 62, 66), (190, 185, 178), (70, 90, 70), (150, 60, 50)
    )
    if kind in ("box", "wall"):
        half = length / 2 if kind == "wall" else rng.uniform(0.25, 0.35)
        return [_box((-0.4, 0, -half), (0.14, seat, half), colour)]
    half = length / 2 if kind == "bench" else 0.23
    parts: list[Part] = [_box((-0.3, seat - 0.05, -half), (0.2, seat, half), colour)]
    ends = [half - 0.05, 0.05 - half]
    metal = colour * 0.6 if rng.random() < 0.6 else np.array([70.0, 72, 76])
    for v in ends:
        for f in (-0.26, 0.16):
            foot = np.array([f * 1.1, 0.0, v])
            parts.append(Limb(np.array([f, seat - 0.03, v]), foot, 0.022, 0.018, metal))
    if rng.random() < 0.75:
        top = seat + rng.uniform(0.32, 0.5)
        for v in ends:
            parts.append(
                Limb(
                    np.array([-0.3, seat - 0.05, v]), np.array([-0.38, top, v]), 0.022, 0.022, metal
                )
            )
        for share in (0.45, 0.75, 1.0):
            up, back = seat + share * (top - seat), -0.3 - 0.08 * share
            parts.append(_box((back - 0.025, up - 0.055, -half), (back, up, half), colour))
    return parts


def clutter(rng: np.random.Generator) -> list[Part]:
    """A random object, in its own frame."""
    paint = any_colour(rng)
    return CLUTTER[rng.integers(len(CLUTTER))](rng, paint)


def _post(rng: np.random.Generator, paint: np.ndarray) -> list[Part]:
    """A pole or lamp post."""
    r, at = rng.uniform(0.03, 0.09), np.array
    return [Limb(at([0.0, 0, 0]), at([0, rng.uniform(1.2, 4.5), 0]), r, r * 0.8, paint * 0.7)]


def _bin(rng: np.random.Generator, paint: np.ndarray) -> list[Part]:
    h, r, at = rng.uniform(0.6, 1.0), rng.uniform(0.18, 0.28), np.array
    return [
        Limb(at([0, r, 0]), at([0, h, 0]), r, r * 1.1, paint * 0.6),
        Limb(at([0, h, 0]), at([0, h + 0.05, 0]), r * 1.15, r, paint * 0.4),
    ]


def _suitcase(rng: np.random.Generator, paint: np.ndarray) -> list[Part]:
    """A suitcase or carton."""
    h, w, at = rng.uniform(0.35, 0.8), rng.uniform(0.15, 0.35), np.array
    return [
        _box((-0.14, 0, -w), (0.14, h, w), paint),
        Limb(at([0, h + 0.12, -w / 2]), at([0, h + 0.12, w / 2]), 0.015, 0.015, paint * 0.5),
    ]


def _plant(rng: np.random.Generator, paint: np.ndarray) -> list[Part]:
    """A plant in a pot."""
    leaf, at = mix(rng, (50, 85, 40), (80, 115, 55)), np.array
    stems = [rng.normal(0, 0.22, 3) + [0, rng.uniform(0.5, 1.1), 0] for _ in range(9)]
    return [Limb(at([0, 0.1, 0]), at([0, 0.35, 0]), 0.14, 0.18, paint)] + [
        Limb(at([0, 0.35, 0]), s, 0.02, rng.uniform(0.06, 0.16), leaf * rng.uniform(0.7, 1.2))
        for s in stems
    ]


def _sign(rng: np.random.Generator, paint: np.ndarray) -> list[Part]:
    """A sign on a post."""
    h, at = rng.uniform(1.5, 2.3), np.array
    return [
        Limb(at([0.0, 0, 0]), at([0, h, 0]), 0.03, 0.03, at([120.0, 122, 125])),
        _box((0.03, h - 0.5, -0.25), (0.06, h, 0.25), paint),
    ]


def _bicycle(rng: np.random.Generator, paint: np.ndarray) -> list[Part]:
    at, r = np.array, 0.33
    dark = at([40.0, 40, 44])
    ring = [at([r * np.cos(a), r + r * np.sin(a), 0]) for a in np.linspace(0, 2 * np.pi, 13)]
    wheels = [
        Limb(p + at([w, 0, 0]), q + at([w, 0, 0]), 0.018, 0.018, dark)
        for w in (-0.5, 0.5)
        for p, q in pairwise(ring)
    ]
    bars = [
        ((-0.5, r), (-0.1, 0.85)),
        ((-0.1, 0.85), (0.35, 0.8)),
        ((0.5, r), (0.32, 1.0)),
        ((-0.1, 0.3), (0.35, 0.8)),
        ((-0.5, r), (-0.1, 0.3)),
        ((-0.1, 0.3), (-0.12, 0.92)),
    ]
    return wheels + [Limb(at([*a, 0]), at([*b, 0]), 0.02, 0.02, paint) for a, b in bars]


def _bag(rng: np.random.Generator, paint: np.ndarray) -> list[Part]:
    """A bag or ball on the ground."""
    r, at = rng.uniform(0.15, 0.3), np.array
    return [Limb(at([0, r * 0.8, -r]), at([0, r * 0.8, r * rng.uniform(0, 1)]), r, r * 0.9, paint)]


CLUTTER = [_post, _bin, _suitcase, _plant, _sign, _bicycle, _bag]


def occluder(rng: np.random.Generator, reach: float) -> list[Part]:
    """An object in front of a person, in its own frame; most of it is below 0.3 * `reach` m."""
    paint, at, kind = any_colour(rng), np.array, rng.integers(4)
    if kind == 0:  # a pole
        r = rng.uniform(0.02, 0.045) * reach
        return [Limb(at([0.0, 0, 0]), at([0, 3 * reach, 0]), r, r, paint * 0.7)]
    if kind == 1:  # a bush
        leaf = mix(rng, (50, 85, 40), (85, 110, 50), (60, 90, 65))
        tips = rng.normal(0, [0.1, 0.06, 0.25], (16, 3)) * reach + [0, 0.1 * reach, 0]
        sizes = rng.uniform(0.03, 0.09, 16) * reach
        return [
            Limb(p, p + [0, 0.06 * reach, 0], r, r * 0.7, leaf * rng.uniform(0.6, 1.25))
            for p, r in zip(tips, sizes, strict=True)
        ]
    if kind == 2:  # a railing
        rails = [
            Limb(
                at([0, y * reach, -6 * reach]),
                at([0, y * reach, 6 * reach]),
                0.018,
                0.018,
                paint * 0.6,
            )
            for y in (0.2, 0.45)
        ]
        return rails + [
            Limb(at([0, 0, x * reach]), at([0, 0.45 * reach, x * reach]), 0.022, 0.022, paint * 0.6)
            for x in np.arange(-6, 6, rng.uniform(0.5, 1.2))
        ]
    half = rng.uniform(0.08, 0.2) * reach  # luggage
    return [_box((-half, 0, -half), (half, rng.uniform(0.1, 0.2) * reach, half), paint)]
