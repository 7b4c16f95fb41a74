"""Light, shadows, and the simulation of a photograph from a painted picture."""

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from stillact.synthetic.canvas import Block, Camera, Light
from stillact.synthetic.placement import Part


def draw_light(rng: np.random.Generator, lighting: str) -> Light:
    """Draw a light by name: sunny, overcast, evening or dim."""
    side = rng.uniform(-1, 1)
    up, ambient, tint = {
        "sunny": (rng.uniform(0.5, 1.2), 0.5, (1.05, 1.0, 0.95)),
        "overcast": (1.0, 0.8, (0.95, 0.97, 1.0)),
        "evening": (rng.uniform(0.2, 0.5), 0.55, (1.08, 0.92, 0.76)),
        "dim": (0.8, 0.65, (0.7, 0.7, 0.76)),
    }[lighting]
    direction = np.array([side, up, rng.uniform(0.2, 0.9)])
    return Light(direction / np.linalg.norm(direction), ambient, np.array(tint))


def add_shadows(
    picture: Image.Image, camera: Camera, light: Light, parts: list[Part], share: float
) -> Image.Image:
    """Darken the background where the parts cast shadows on the ground.

    `share`: the picture's size over its full size.
    """
    crisp = light.ambient < 0.6
    x, y, towards = light.direction if crisp else (0.0, 1.0, 0.0)
    points = np.concatenate([p.corners[:2] if isinstance(p, Block) else [p.a, p.b] for p in parts])
    fallen = points - np.maximum(points[:, 1:2], 0) / max(y, 0.15) * [x, y, -towards]
    fallen[:, 1] = 0.0
    flat = camera.project(fallen) / 4
    mask = Image.new("L", (picture.width // 4, picture.height // 4))
    draw = ImageDraw.Draw(mask)
    for i, part in enumerate(parts):
        (ua, va, scale), (ub, vb, _) = flat[2 * i : 2 * i + 2].tolist()
        radius = 0.2 if isinstance(part, Block) else 0.5 * (part.radius_a + part.radius_b)
        draw.line((ua, va, ub, vb), fill=255, width=max(int(1.4 * radius * scale), 1))
    mask = mask.filter(ImageFilter.BoxBlur(share if crisp else 4 * share)).resize(
        picture.size, Image.Resampling.BILINEAR
    )
    strength = 0.5 if crisp else 0.4
    dark = picture.point(lambda value: value * (1 - strength))
    return Image.composite(dark, picture, mask)


def develop(
    rng: np.random.Generator, colour: np.ndarray, light: Light, share: float
) -> Image.Image:
    """Apply exposure, colour cast, vignette, noise and blur; the result is 8-bit RGB.

    `share`: the picture's size over its full size. Noise and blur are those of the full picture
    after downscaling.
    """
    height, width = colour.shape[:2]
    contrast = rng.uniform(0.85, 1.15)
    cast = contrast * light.tint * rng.uniform(0.8, 1.15) * (1 + rng.normal(0, 0.03, 3))
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, width, dtype=np.float32)
    vignette = 1 - rng.uniform(0, 0.22) * (x * x + y * y) / 2
    noise = rng.integers(0, 256, (height, width), dtype=np.uint8) * np.float32(
        rng.uniform(0.01, 0.09) * share
    )
    noise += 128 * (1 - contrast) - noise.mean()
    planes = []
    for channel, factor in enumerate(cast.tolist()):
        plane = colour[..., channel] * (vignette * factor) + noise
        planes.append(Image.fromarray(np.clip(plane, 0, 255).astype(np.uint8)))
    return Image.merge("RGB", planes).filter(ImageFilter.BoxBlur(rng.uniform(0, 1.1) * share))
