"""Transformation from an object's own frame (forward, up, left) to world coordinates; metres."""

import numpy as np

from stillact.synthetic.canvas import Block, Limb

Part = Limb | Block


def placed(points: np.ndarray, x: float, z: float, heading: float) -> np.ndarray:
    """Transform points (n, 3) from their own frame (forward, up, left) to world coordinates (x, y,
    z), placed at (x, z) and facing `heading` (rad; 0 is to the right, -pi/2 towards the camera)."""
    c, s = np.cos(heading), np.sin(heading)
    turned = points @ np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])
    return turned + [x, 0, z]


def moved(parts: list[Part], x: float, z: float, heading: float) -> list[Part]:
    """Transform parts to world coordinates: placed at (x, z) m, facing `heading` rad."""
    points = np.concatenate(
        [p.corners if isinstance(p, Block) else np.stack([p.a, p.b]) for p in parts]
    )
    points, result, i = placed(points, x, z, heading), [], 0
    for part in parts:
        if isinstance(part, Block):
            result.append(Block(points[i : i + 8], part.colour))
            i += 8
        else:
            result.append(
                Limb(
                    points[i],
                    points[i + 1],
                    part.radius_a,
                    part.radius_b,
                    part.colour,
                    part.stripes,
                )
            )
            i += 2
    return result
