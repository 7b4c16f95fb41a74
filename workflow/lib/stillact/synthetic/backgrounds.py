"""The background: sky or wall, ground, and the scenery of the setting."""

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageStat

from stillact.synthetic.canvas import Camera, grain
from stillact.synthetic.colours import mix
from stillact.synthetic.places import PLACES, Painter

SETTINGS = ["street", "park", "beach", "room", "station", "field", "snow"]
INDOORS = {"room", "station"}

# Colours and patterns of the ground per setting.
GROUNDS = {
    "street": (((120, 118, 115), (150, 146, 140), (95, 95, 98)), ["plain", "paving", "paving"]),
    "park": (((86, 120, 52), (110, 135, 65), (150, 135, 105)), ["plain"]),
    "beach": (((214, 190, 148), (196, 172, 132), (228, 208, 170)), ["plain"]),
    "room": (
        ((140, 100, 66), (120, 90, 70), (170, 165, 155), (90, 70, 60)),
        ["planks", "plain", "paving"],
    ),
    "station": (((140, 138, 134), (165, 160, 150), (110, 108, 108)), ["paving", "plain"]),
    "field": (((150, 140, 80), (120, 130, 60), (170, 150, 95)), ["plain"]),
    "snow": (((228, 232, 240), (215, 222, 234)), ["plain"]),
}


def background(
    rng: np.random.Generator,
    setting: str,
    camera: Camera,
    size: tuple[int, int],
    nearest: float,
    share: float = 1.0,
) -> Image.Image:
    """Draw the background, RGB of `size` (width, height) px.

    Args:
        camera: the view on a canvas of `size`.
        nearest: depth in m beyond which scenery may be placed.
        share: `size` over the scene's full size; the blur scales with it.

    It is drawn at half the resolution, blurred, desaturated and enlarged, as by a lens focused on
    the people.
    """
    half = camera.halved()
    width, height = (size[0] + 1) // 2, (size[1] + 1) // 2
    x, z = half.ground(width, height)
    wall = nearest * rng.uniform(1.2, 2.2) if setting in INDOORS else np.inf
    picture = _backdrop(rng, setting, height, width)
    seen = z < wall
    colours, patterns = GROUNDS[setting]
    ground = _ground(rng, x, z, mix(rng, *colours), str(rng.choice(patterns)))
    picture = np.where(seen[..., None], ground, picture)
    image = Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8))
    painter = Painter(ImageDraw.Draw(image), width, half, rng)
    PLACES[setting](painter, min(wall, 1e3), nearest)
    textured = np.asarray(image, np.float32) * (1 + 0.05 * _texture(rng, height, width))[..., None]
    image = Image.fromarray(np.clip(textured, 0, 255).astype(np.uint8))
    image = image.filter(ImageFilter.BoxBlur(rng.uniform(2, 5) * share))
    mean = tuple(int(c) for c in ImageStat.Stat(image).mean)
    image = Image.blend(image, Image.new("RGB", image.size, mean), rng.uniform(0.25, 0.6))
    return image.resize(size, Image.Resampling.BILINEAR)


def _texture(rng: np.random.Generator, height: int, width: int, zoom: float = 1.0) -> np.ndarray:
    """Noise (height, width) cut from the texture at a random place, enlarged by `zoom`."""
    rows = (np.arange(height) / zoom + rng.integers(256)).astype(int) % 256
    columns = (np.arange(width) / zoom + rng.integers(256)).astype(int) % 256
    return grain()[rows[:, None], columns]


def _backdrop(rng: np.random.Generator, setting: str, height: int, width: int) -> np.ndarray:
    if setting == "room":
        base = mix(
            rng, (214, 205, 190), (180, 190, 195), (150, 160, 140), (200, 170, 150), (110, 115, 130)
        )
        return base * (1 + 0.03 * _texture(rng, height, width, 3))[..., None]
    if setting == "station":
        base = mix(rng, (150, 150, 150), (190, 185, 175), (100, 105, 112))
        return base * (1 + 0.04 * _texture(rng, height, width))[..., None]
    top = mix(rng, (90, 135, 200), (150, 165, 185), (120, 150, 195))
    low = mix(rng, (200, 215, 230), (225, 215, 200), (190, 195, 200))
    share = np.linspace(0, 1, height)[:, None, None]
    clouds = np.clip(
        _texture(rng, height, width, rng.uniform(1.5, 4)) - rng.uniform(-0.5, 1.5), 0, 1
    )
    sky = top * (1 - share) + low * share
    return sky + clouds[..., None] * (235 - sky) * 0.7


def _ground(rng, x: np.ndarray, z: np.ndarray, colour: np.ndarray, pattern: str) -> np.ndarray:
    near = np.where(np.isfinite(z), z, 0)
    grid = rng.uniform(20, 60)
    turn = rng.uniform(-0.6, 0.6)
    along = x * np.cos(turn) + near * np.sin(turn)
    depth = near * np.cos(turn) - x * np.sin(turn)
    noise = grain()[(along * grid).astype(np.int32) & 255, (depth * grid).astype(np.int32) & 255]
    noise = noise + grain()[(along * 9).astype(np.int32) & 255, (depth * 9).astype(np.int32) & 255]
    shade = 1 + 0.06 * noise
    if pattern != "plain":
        tile = rng.uniform(0.3, 1.0)
        lines = (along / tile) % 1 < 0.06
        if pattern == "paving":
            lines = lines | ((depth / tile) % 1 < 0.06)
        shade = np.where(lines & (near < 25 * tile), shade * 0.8, shade)
    return colour * shade[..., None]
