"""A camera, and a canvas with a depth buffer that paints shaded, anti-aliased limbs and boxes.

World coordinates are metres: x to the right, y up from the ground, z away from the camera.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw

# The corners of each face of a block, as indices into Block.corners.
FACES = [(0, 1, 3, 2), (4, 5, 7, 6), (0, 1, 5, 4), (2, 3, 7, 6), (0, 2, 6, 4), (1, 3, 7, 5)]


@dataclass(frozen=True)
class Camera:
    """A pinhole camera facing along z; `slope` tilts the horizon (px down per px right)."""

    focal: float  # px
    centre: float  # px, the column of x = 0
    horizon: float  # px, the horizon's row at `centre`
    height: float  # m
    slope: float

    def project(self, points: np.ndarray) -> np.ndarray:
        """Project world points (n, 3) in m to (n, 3): column px, row px, and scale in px/m."""
        scale = self.focal / np.maximum(points[:, 2], 0.2)
        across = points[:, 0] * scale
        row = self.horizon + (self.height - points[:, 1]) * scale + self.slope * across
        return np.column_stack([self.centre + across, row, scale])

    def extent(self, limbs: "list[Limb]") -> tuple[float, float, float, float]:
        """Left, top, right and bottom in px of the area covered by limbs."""
        ends = self.project(np.concatenate([[limb.a, limb.b] for limb in limbs]))
        radii = np.array([[limb.radius_a, limb.radius_b] for limb in limbs]).ravel() * ends[:, 2]
        low, high = ends[:, :2] - radii[:, None], ends[:, :2] + radii[:, None]
        return (*low.min(axis=0).tolist(), *high.max(axis=0).tolist())

    def halved(self) -> "Camera":
        """The same view on a canvas of half the width and height."""
        return Camera(self.focal / 2, self.centre / 2, self.horizon / 2, self.height, self.slope)

    def ground(self, width: int, height: int) -> tuple[np.ndarray, np.ndarray]:
        """x and z in m, (height, width) each, of the ground seen at each pixel; z is inf above
        the horizon."""
        across = np.arange(width, dtype=np.float32) - self.centre
        below = np.arange(height, dtype=np.float32)[:, None] - self.horizon - self.slope * across
        z = np.where(below > 0.5, self.focal * self.height / np.maximum(below, 0.5), np.inf)
        return across * np.where(np.isfinite(z), z, 0) / self.focal, z


@dataclass(frozen=True)
class Light:
    """Direction and colour of the light."""

    direction: np.ndarray  # (3,) unit vector towards the light: right, up, towards the camera
    ambient: float  # 0..1, the share of ambient light
    tint: np.ndarray  # (3,) factors of red, green and blue


@dataclass(frozen=True)
class Limb:
    """A capsule between two points, its radius (m) changing from end to end."""

    a: np.ndarray
    b: np.ndarray
    radius_a: float
    radius_b: float
    colour: np.ndarray  # (3,) 0..255
    stripes: float = 0.0  # dark bands along the limb; 0: plain


@dataclass(frozen=True)
class Block:
    """A box: eight corners (8, 3) in the order of the bits forward, up, left of their index."""

    corners: np.ndarray
    colour: np.ndarray


@lru_cache(maxsize=1)
def grain() -> np.ndarray:
    """A periodic (256, 256) float32 texture of 1/f noise, mean 0, standard deviation 1."""
    noise = np.fft.fft2(np.random.default_rng(0).standard_normal((256, 256)))
    frequency = np.hypot(np.fft.fftfreq(256)[:, None], np.fft.fftfreq(256))
    frequency[0, 0] = np.inf
    texture = np.fft.ifft2(noise / frequency**1.1).real
    return (texture / texture.std()).astype(np.float32)


class Canvas:
    """A picture (height, width, 3; float32, 0..255), its depth (m) and the owner of each pixel."""

    def __init__(self, background: Image.Image, light: Light):
        self.colour = np.array(background, dtype=np.float32)
        self.depth = np.full(self.colour.shape[:2], np.inf, dtype=np.float32)
        self.owner = np.zeros(self.colour.shape[:2], dtype=np.uint8)
        self.light = light

    def paint(self, camera: Camera, parts: list[tuple[int, Limb | Block]]) -> None:
        """Paint (owner, part) pairs, far ones first, so that edges blend with the background."""

        def distance(pair: tuple[int, Limb | Block]) -> float:
            part = pair[1]
            points = part.corners if isinstance(part, Block) else (part.a, part.b)
            return sum(float(p[2]) for p in points) / len(points)

        for owner, part in sorted(parts, key=distance, reverse=True):
            (self._block if isinstance(part, Block) else self._limb)(camera, part, owner)

    def _limb(self, camera: Camera, limb: Limb, owner: int) -> None:
        (ua, va, sa), (ub, vb, sb) = camera.project(np.stack([limb.a, limb.b])).tolist()
        ra, rb = max(limb.radius_a * sa, 0.6), max(limb.radius_b * sb, 0.6)
        rows, columns = self._window(
            min(va - ra, vb - rb),
            max(va + ra, vb + rb),
            min(ua - ra, ub - rb),
            max(ua + ra, ub + rb),
        )
        if rows.start >= rows.stop or columns.start >= columns.stop:
            return
        px = np.arange(columns.start, columns.stop, dtype=np.float32) - np.float32(ua)
        py = np.arange(rows.start, rows.stop, dtype=np.float32)[:, None] - np.float32(va)
        dx, dy = ub - ua, vb - va
        length2 = dx * dx + dy * dy + 1e-3
        t = np.clip(px * (dx / length2) + py * (dy / length2), 0, 1)
        ex, ey = px - t * dx, py - t * dy
        radius = ra + t * (rb - ra)
        d2 = ex * ex + ey * ey
        bulge = np.sqrt(np.maximum(1 - d2 / (radius * radius), 0))
        za, zb = float(limb.a[2]), float(limb.b[2])
        depth = za + t * (zb - za) - bulge * (radius / (0.5 * (sa + sb)))
        region = self.depth[rows, columns]
        alpha = np.clip(radius + 0.5 - np.sqrt(d2), 0, 1) * (depth < region)
        if not alpha.any():
            return
        lx, ly, lz = self.light.direction.tolist()
        lit = np.maximum((ex * lx - ey * ly) / radius + bulge * lz, 0)
        ambient = self.light.ambient
        shade = ambient * (0.85 - 0.15 * ey / radius) + (1.25 - ambient) * lit
        if limb.stripes:
            shade *= np.where(np.sin(t * (2 * np.pi * limb.stripes)) > 0.2, 0.62, 1.0)
        shade *= 1 + 0.07 * self._grain(rows, columns)
        self._blend(rows, columns, alpha, shade, limb.colour, depth, owner)

    def _block(self, camera: Camera, block: Block, owner: int) -> None:
        points = camera.project(block.corners)
        middle = block.corners.mean(axis=0)
        eye = np.array([0.0, camera.height, 0.0])
        for face in FACES:
            corners = block.corners[list(face)]
            normal = np.cross(corners[1] - corners[0], corners[2] - corners[0])
            normal *= np.sign(normal @ (corners.mean(axis=0) - middle)) / (
                np.linalg.norm(normal) + 1e-9
            )
            if normal @ (eye - corners[0]) > 0:
                self._face(points[list(face)], corners, normal, block.colour, owner)

    def _face(self, points, corners, normal, colour, owner) -> None:
        low, high = points.min(axis=0), points.max(axis=0)
        rows, columns = self._window(low[1], high[1], low[0], high[0])
        size = (columns.stop - columns.start, rows.stop - rows.start)
        if min(size) <= 0:
            return
        mask = Image.new("L", size)
        outline = points[:, :2] - [columns.start, rows.start]
        ImageDraw.Draw(mask).polygon([tuple(p) for p in outline.tolist()], fill=255)
        # 1 / depth is linear in the picture, so three corners give it everywhere.
        system = np.column_stack([points[:, :2], np.ones(4)])
        plane = np.linalg.lstsq(system, 1 / np.maximum(corners[:, 2], 0.2), rcond=None)[0]
        u = np.arange(columns.start, columns.stop, dtype=np.float32)
        v = np.arange(rows.start, rows.stop, dtype=np.float32)[:, None]
        across, down, base = plane.tolist()
        depth = 1 / np.maximum(across * u + down * v + base, 1e-3)
        alpha = np.asarray(mask, dtype=np.float32) / 255 * (depth < self.depth[rows, columns])
        facing = max(float(normal * [1, 1, -1] @ self.light.direction), 0.0)
        ambient = self.light.ambient
        shade = ambient * (0.85 + 0.15 * float(normal[1])) + (1.25 - ambient) * facing
        shade = shade * (1 + 0.09 * self._grain(rows, columns))
        self._blend(rows, columns, alpha, shade, colour, depth, owner)

    def _window(self, top: float, bottom: float, left: float, right: float) -> tuple[slice, slice]:
        height, width = self.depth.shape
        rows = slice(max(int(top) - 1, 0), min(int(max(bottom, -1)) + 2, height))
        return rows, slice(max(int(left) - 1, 0), min(int(max(right, -1)) + 2, width))

    def _grain(self, rows: slice, columns: slice) -> np.ndarray:
        height, width = rows.stop - rows.start, columns.stop - columns.start
        tile = grain()
        if height > 256 or width > 256:
            tile = np.tile(tile, (height // 256 + 1, width // 256 + 1))
        return tile[:height, :width]

    def _blend(self, rows, columns, alpha, shade, colour, depth, owner) -> None:
        region = self.colour[rows, columns]
        for channel in range(3):
            plane = region[..., channel]
            plane += alpha * (shade * float(colour[channel]) - plane)
        solid = alpha > 0.5
        np.copyto(self.depth[rows, columns], depth, where=solid, casting="same_kind")
        np.copyto(self.owner[rows, columns], np.uint8(owner), where=solid)
