"""Places: backgrounds, furniture and clutter. Nothing here knows what the people do."""

from itertools import pairwise

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageStat

from stillact.synthetic.anatomy import COLOURS, placed
from stillact.synthetic.canvas import Block, Camera, Limb, grain

SETTINGS = ["street", "park", "beach", "room", "station", "field", "snow"]
INDOORS = {"room", "station"}
FURNITURE = ["none", "chair", "bench", "box", "wall"]
SHARED = {"bench", "wall"}  # long enough for all

Part = Limb | Block


def _mix(
    rng: np.random.Generator, *colours: tuple[float, float, float], jitter: float = 10
) -> np.ndarray:
    """One of the colours, or between two of them, jittered."""
    pair = np.array(
        [colours[rng.integers(len(colours))], colours[rng.integers(len(colours))]], float
    )
    share = rng.random()
    return np.clip(pair[0] * share + pair[1] * (1 - share) + rng.normal(0, jitter, 3), 5, 250)


def _fill(colour: np.ndarray) -> tuple[int, int, int]:
    return tuple(int(c) for c in np.clip(colour, 0, 255))


def any_colour(rng: np.random.Generator) -> np.ndarray:
    """Any of the clothes' colours, a little faded: things in the scenery share them."""
    colour = np.array(list(COLOURS.values())[rng.integers(len(COLOURS))], float)
    return np.clip(colour * rng.uniform(0.6, 1.0) + rng.uniform(0, 40), 5, 245)


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
    """The place behind everybody, RGB of `size` (width, height) px.

    Args:
        camera: the view on a canvas of `size`.
        nearest: depth in m beyond which scenery may stand.
        share: `size` over the scene's full size; the blur is as wide a part of the picture.

    It is drawn at half the resolution, softened, made paler and enlarged: a lens
    focused on the people.
    """
    half = camera.halved()
    width, height = (size[0] + 1) // 2, (size[1] + 1) // 2
    x, z = half.ground(width, height)
    wall = nearest * rng.uniform(1.2, 2.2) if setting in INDOORS else np.inf
    picture = _backdrop(rng, setting, height, width)
    seen = z < wall
    colours, patterns = GROUNDS[setting]
    ground = _ground(rng, x, z, _mix(rng, *colours), str(rng.choice(patterns)))
    picture = np.where(seen[..., None], ground, picture)
    image = Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8))
    painter = _Painter(ImageDraw.Draw(image), width, half, rng)
    _PLACES[setting](painter, min(wall, 1e3), nearest)
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
        base = _mix(
            rng, (214, 205, 190), (180, 190, 195), (150, 160, 140), (200, 170, 150), (110, 115, 130)
        )
        return base * (1 + 0.03 * _texture(rng, height, width, 3))[..., None]
    if setting == "station":
        base = _mix(rng, (150, 150, 150), (190, 185, 175), (100, 105, 112))
        return base * (1 + 0.04 * _texture(rng, height, width))[..., None]
    top = _mix(rng, (90, 135, 200), (150, 165, 185), (120, 150, 195))
    low = _mix(rng, (200, 215, 230), (225, 215, 200), (190, 195, 200))
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


class _Painter:
    """Draws upright flat things that stand on the ground, by their place in metres."""

    def __init__(
        self, draw: ImageDraw.ImageDraw, width: int, camera: Camera, rng: np.random.Generator
    ):
        self.draw, self.width, self.camera, self.rng = draw, width, camera, rng

    def half_width(self, z: float) -> float:
        """Half the width in m that the picture shows at depth z."""
        return self.width / 2 * z / self.camera.focal

    def somewhere(self, z: float) -> float:
        """An x in m that is in the picture at depth z."""
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
        """A band over the whole picture."""
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


def _building(p: _Painter, x: float, z: float) -> None:
    rng, width, height = p.rng, p.rng.uniform(5, 12), p.rng.uniform(6, 20)
    wall = _mix(
        rng, (170, 120, 95), (190, 180, 165), (130, 130, 135), (200, 170, 130), (110, 85, 75)
    )
    p.area(x, x + width, 0, height, z, wall)
    glass = _mix(rng, (60, 70, 85), (150, 170, 190), (40, 42, 48))
    step, storey = rng.uniform(1.4, 2.6), rng.uniform(2.8, 3.6)
    for y in np.arange(1.0, height - 1.5, storey):
        for left in np.arange(x + 0.5, x + width - 1.2, step):
            p.area(left - 0.1, left + 1.0, y - 0.1, y + 1.8, z, wall * 1.15)
            p.area(left, left + 0.9, y, y + 1.7, z, glass * rng.uniform(0.7, 1.2))


def _tree(p: _Painter, x: float, z: float) -> None:
    rng, height = p.rng, p.rng.uniform(3, 8)
    trunk, leaf = (
        _mix(rng, (80, 60, 45), (110, 95, 80)),
        _mix(rng, (50, 85, 40), (90, 120, 50), (140, 110, 50)),
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


def _bushes(p: _Painter, z: float) -> None:
    leaf, rng = _mix(p.rng, (50, 80, 40), (85, 110, 50), (70, 90, 60)), p.rng
    x0 = p.somewhere(z)
    for _ in range(rng.integers(8, 20)):
        r = rng.uniform(0.2, 0.6)
        p.blob(
            x0 + rng.normal(0, 1.2), r * rng.uniform(0.4, 1.5), r, z, leaf * rng.uniform(0.6, 1.25)
        )


def _car(p: _Painter, z: float) -> None:
    rng, x, paint = p.rng, p.somewhere(z), any_colour(p.rng)
    p.area(x - 2.1, x + 2.1, 0.3, 0.85, z, paint)
    p.area(x - 1.2, x + 1.1, 0.85, 1.42, z, paint * 0.9)
    p.area(x - 1.05, x - 0.1, 0.87, 1.34, z, _mix(rng, (60, 70, 80), (150, 165, 180)))
    p.area(x, x + 0.95, 0.87, 1.34, z, _mix(rng, (60, 70, 80), (150, 165, 180)))
    for wheel in (-1.3, 1.3):
        p.blob(x + wheel, 0.32, 0.33, z, np.array([30.0, 30, 32]))
        p.blob(x + wheel, 0.32, 0.17, z, np.array([140.0, 140, 145]))


def _posts(p: _Painter, z: float, step: float, height: float, colour: np.ndarray) -> None:
    """A fence or a row of columns."""
    middle, half = (p.width / 2 - p.camera.centre) * z / p.camera.focal, p.half_width(z) * 1.1
    for x in np.arange(middle - half + p.rng.uniform(0, step), middle + half, step):
        p.area(x - 0.05 * height**0.5, x + 0.05 * height**0.5, 0, height, z, colour)


def _far(p: _Painter, nearest: float, most: float = 6) -> float:
    return nearest * p.rng.uniform(1.3, most)


def _street(p: _Painter, wall: float, nearest: float) -> None:
    z = nearest * p.rng.uniform(1.8, 4)
    x = p.somewhere(z) - 3 * p.half_width(z)
    for _ in range(8):
        _building(p, x, z)
        x += p.rng.uniform(6, 12)
    for _ in range(p.rng.integers(0, 3)):
        _tree(p, p.somewhere(z * 0.9), z * 0.9)
    for _ in range(p.rng.integers(0, 3)):
        _car(p, z * p.rng.uniform(0.6, 0.85))


def _park(p: _Painter, wall: float, nearest: float) -> None:
    hill = _mix(p.rng, (70, 95, 50), (95, 115, 75))
    p.across(-0.5, p.rng.uniform(1, 4), nearest * 9, hill)
    for z in sorted(_far(p, nearest) for _ in range(p.rng.integers(3, 8)))[::-1]:
        _tree(p, p.somewhere(z), z)
    for _ in range(p.rng.integers(1, 4)):
        _bushes(p, _far(p, nearest, 3))
    if p.rng.random() < 0.3:
        _posts(p, nearest * 1.5, 0.8, 1.0, any_colour(p.rng))


def _beach(p: _Painter, wall: float, nearest: float) -> None:
    z = nearest * p.rng.uniform(2.5, 6)
    sea = _mix(p.rng, (50, 110, 140), (80, 140, 160), (70, 100, 120))
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


def _room(p: _Painter, wall: float, nearest: float) -> None:
    rng, wood = p.rng, _mix(p.rng, (130, 95, 65), (220, 215, 205), (80, 60, 50))
    p.across(0, 0.12, wall, wood)
    for _ in range(rng.integers(1, 4)):
        x, y, w, h = (
            p.somewhere(wall),
            rng.uniform(0.9, 1.5),
            rng.uniform(0.4, 1.6),
            rng.uniform(0.4, 1.3),
        )
        p.area(x - 0.06, x + w + 0.06, y - 0.06, y + h + 0.06, wall, wood)
        p.area(x, x + w, y, y + h, wall, _mix(rng, (190, 210, 230), (90, 110, 130), (170, 130, 90)))
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


def _station(p: _Painter, wall: float, nearest: float) -> None:
    rng, paint = p.rng, any_colour(p.rng)
    if rng.random() < 0.6:
        p.across(0.1, 3.4, wall, paint)
        p.across(1.4, 2.4, wall, paint * 0.7)
        left = p.somewhere(wall) - 3 * p.half_width(wall)
        for x in np.arange(left, left + 6 * p.half_width(wall), 1.7):
            p.area(x, x + 1.2, 1.45, 2.35, wall, _mix(rng, (70, 85, 100), (160, 175, 185)))
    else:
        for y in np.arange(0, 4, 0.4):
            p.across(y, y + 0.03, wall, paint * 0.5 + 70)
        for _ in range(3):
            x = p.somewhere(wall)
            p.area(x, x + rng.uniform(0.8, 2), 1.3, rng.uniform(1.8, 2.6), wall, any_colour(rng))
    _posts(p, wall * 0.9, rng.uniform(2, 5), 3.5, _mix(rng, (80, 85, 90), (180, 175, 165)))


def _field(p: _Painter, wall: float, nearest: float) -> None:
    for z, y in ((12, p.rng.uniform(2, 12)), (8, p.rng.uniform(0.3, 4))):
        p.across(
            -0.5,
            y * nearest / 6,
            nearest * z,
            _mix(p.rng, (110, 125, 90), (90, 110, 120), (150, 140, 95)),
        )
    for _ in range(p.rng.integers(0, 4)):
        z = _far(p, nearest)
        _tree(p, p.somewhere(z), z)
    if p.rng.random() < 0.5:
        z, wood = _far(p, nearest, 2.5), _mix(p.rng, (110, 90, 70), (190, 185, 175))
        _posts(p, z, 1.5, 1.1, wood)
        p.across(0.85, 0.93, z, wood)
        p.across(0.5, 0.57, z, wood)


def _snow(p: _Painter, wall: float, nearest: float) -> None:
    for z in (12, 8):
        p.across(
            -0.5,
            p.rng.uniform(0.5, 9) * nearest / 6,
            nearest * z,
            _mix(p.rng, (190, 200, 215), (150, 165, 180), (80, 100, 95)),
        )
    for z in sorted(_far(p, nearest) for _ in range(p.rng.integers(1, 8)))[::-1]:
        x, h, leaf = p.somewhere(z), p.rng.uniform(2, 6), _mix(p.rng, (40, 65, 55), (60, 80, 70))
        for i in range(6):
            w = h * 0.24 * (1 - i / 6.5)
            p.area(x - w, x + w, h * (0.1 + 0.14 * i), h * (0.17 + 0.14 * i), z, leaf + 12 * i)


_PLACES = {
    "street": _street,
    "park": _park,
    "beach": _beach,
    "room": _room,
    "station": _station,
    "field": _field,
    "snow": _snow,
}


def _box(
    low: tuple[float, float, float], high: tuple[float, float, float], colour: np.ndarray
) -> Block:
    axes = [(low[i], high[i]) for i in range(3)]
    corners = np.array([[f, u, v] for f in axes[0] for u in axes[1] for v in axes[2]], float)
    return Block(corners, colour)


def furniture(rng: np.random.Generator, kind: str, seat: float, length: float) -> list[Part]:
    """A chair, bench, box or low wall in its own frame (forward, up, left), the place to sit at
    the origin, `seat` m high; benches and walls are `length` m long."""
    colour = _mix(
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
    """A thing that stands about, in its own frame."""
    paint, at = any_colour(rng), np.array
    kind = rng.integers(7)
    if kind == 0:  # a pole or lamp post
        r = rng.uniform(0.03, 0.09)
        return [Limb(at([0.0, 0, 0]), at([0, rng.uniform(1.2, 4.5), 0]), r, r * 0.8, paint * 0.7)]
    if kind == 1:  # a bin
        h, r = rng.uniform(0.6, 1.0), rng.uniform(0.18, 0.28)
        return [
            Limb(at([0, r, 0]), at([0, h, 0]), r, r * 1.1, paint * 0.6),
            Limb(at([0, h, 0]), at([0, h + 0.05, 0]), r * 1.15, r, paint * 0.4),
        ]
    if kind == 2:  # a suitcase or carton
        h, w = rng.uniform(0.35, 0.8), rng.uniform(0.15, 0.35)
        return [
            _box((-0.14, 0, -w), (0.14, h, w), paint),
            Limb(at([0, h + 0.12, -w / 2]), at([0, h + 0.12, w / 2]), 0.015, 0.015, paint * 0.5),
        ]
    if kind == 3:  # a plant in a pot
        leaf = _mix(rng, (50, 85, 40), (80, 115, 55))
        stems = [rng.normal(0, 0.22, 3) + [0, rng.uniform(0.5, 1.1), 0] for _ in range(9)]
        return [Limb(at([0, 0.1, 0]), at([0, 0.35, 0]), 0.14, 0.18, paint)] + [
            Limb(at([0, 0.35, 0]), s, 0.02, rng.uniform(0.06, 0.16), leaf * rng.uniform(0.7, 1.2))
            for s in stems
        ]
    if kind == 4:  # a sign on a post
        h = rng.uniform(1.5, 2.3)
        return [
            Limb(at([0.0, 0, 0]), at([0, h, 0]), 0.03, 0.03, at([120.0, 122, 125])),
            _box((0.03, h - 0.5, -0.25), (0.06, h, 0.25), paint),
        ]
    if kind == 5:  # a bicycle
        dark, r = at([40.0, 40, 44]), 0.33
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
    r = rng.uniform(0.15, 0.3)  # bags and balls on the ground
    return [Limb(at([0, r * 0.8, -r]), at([0, r * 0.8, r * rng.uniform(0, 1)]), r, r * 0.9, paint)]


def occluder(rng: np.random.Generator, reach: float) -> list[Part]:
    """Something to look past, in its own frame; its bulk is below 0.3 * `reach` m."""
    paint, at, kind = any_colour(rng), np.array, rng.integers(4)
    if kind == 0:  # a pole
        r = rng.uniform(0.02, 0.045) * reach
        return [Limb(at([0.0, 0, 0]), at([0, 3 * reach, 0]), r, r, paint * 0.7)]
    if kind == 1:  # a bush
        leaf = _mix(rng, (50, 85, 40), (85, 110, 50), (60, 90, 65))
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


def moved(parts: list[Part], x: float, z: float, heading: float) -> list[Part]:
    """The parts in the world: standing at (x, z) m, facing `heading` rad."""
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
