"""The embedded dataset: rendered photo-like scenes of people walking or running, sitting, or
standing. A scene's activity shows in how people hold themselves, and in that seated figures are
lower than upright ones; places, clothes, light, furniture and clutter are drawn without regard
to it.
"""

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, ImageDraw, ImageFilter

from stillact.core.errors import InputError, did_you_mean
from stillact.core.logs import logger
from stillact.core.tables import sha256_of
from stillact.synthetic import anatomy, scenery
from stillact.synthetic.canvas import Block, Camera, Canvas, Light, Limb
from stillact.synthetic.captions import caption, short_caption

LABELS = ["walking_running", "sitting", "standing"]
# Headings (rad) that show a view; the spread around them is SPREAD.
VIEWS = {
    "side": (0.0, np.pi),
    "three-quarter": (-np.pi / 4, -3 * np.pi / 4),
    "front": (-np.pi / 2, -np.pi / 2),
    "behind": (np.pi / 4, 3 * np.pi / 4),
}
SPREAD = 0.3
# 0: the main person's box is as large whatever the pose; 1: the body is.
NATURAL = 0.8


@dataclass(frozen=True)
class Scene:
    """A rendered photograph and what it shows.

    Attributes:
        label: walking_running, sitting or standing.
        image: RGB, 300 to 640 px a side.
        person_boxes: (x, y, width, height) in px of what is seen of each person, inside the
            image, the largest first.
        caption: one English sentence, true of the picture.
        attributes: what else the picture shows, by name; none depends on the activity. `top`,
            `legwear` and `person` are those of the main person.
        jpeg_quality: the quality (0..95) that the photograph is to be stored with.
        captions: five sentences as true as `caption`, which is the first: two in full, three that
            tell little more than who does what.
        joints: column and row in px of each joint of the person whom the picture is framed on,
            hidden ones too; some may lie outside the picture.
    """

    label: str
    image: Image.Image
    person_boxes: list[tuple[int, int, int, int]]
    caption: str
    attributes: dict[str, str]
    jpeg_quality: int
    captions: list[str]
    joints: dict[str, tuple[float, float]]


@dataclass(frozen=True)
class _Person:
    look: anatomy.Look
    joints: anatomy.Joints
    x: float
    z: float
    heading: float


def render(label: str, seed: int, longest: int | None = None) -> Scene:
    """The scene of a label and a seed; the same arguments give the same pixels.

    Args:
        label: one of LABELS.
        seed: a number from 0 on.
        longest: the longer side in px; the scene is drawn smaller, which is faster. None: 480 to
            640, as the scene has it.

    Raises:
        InputError: the stage cannot render the label.
    """
    _known(label)
    rng = np.random.default_rng((LABELS.index(label), seed))
    setting = str(rng.choice(scenery.SETTINGS))
    kind = str(rng.choice(scenery.FURNITURE, p=[0.2, 0.25, 0.25, 0.15, 0.15]))
    view = str(rng.choice(list(VIEWS), p=[0.36, 0.34, 0.16, 0.14]))
    lighting = str(rng.choice(["sunny", "overcast", "evening", "dim"], p=[0.4, 0.3, 0.15, 0.15]))
    width, height = _size(rng)
    share = longest / max(width, height) if longest else 1.0
    size = (round(width * share), round(height * share))
    verb, seat = _activity(rng, label, kind)
    people = _people(rng, verb, seat, kind, view)
    camera, people = _framed(rng, people, size)
    light = _light(rng, lighting)
    figure_parts = [(i + 1, limb) for i, person in enumerate(people) for limb in _limbs(person)]
    things = _furniture(rng, kind, seat, people, label == "sitting", camera, size[0])
    things += _clutter(rng, people)
    nearest = max(person.z for person in people) + 0.5
    behind = scenery.background(rng, setting, camera, size, nearest, share)
    cast = [part for _, part in figure_parts] + things
    behind = _shadows(behind, camera, light, cast, share)
    canvas = Canvas(behind, light)
    things += _occluders(rng, people[0])
    canvas.paint(camera, figure_parts + [(0, part) for part in things])
    boxes, seen = _boxes(canvas.owner, len(people))
    looks = [people[i].look for i in seen]
    attributes = {
        "setting": setting,
        "people": str(len(boxes)),
        "furniture": kind,
        "view": view,
        "light": lighting,
        "person": looks[0].noun,
        "top": f"{looks[0].top_colour} {looks[0].top}",
        "legwear": f"{looks[0].bottom_colour} {looks[0].bottom}",
    }
    shown = verb, [look.noun for look in looks], attributes
    text = caption(rng, *shown)
    image = _developed(rng, canvas.colour, light, share)
    more = np.random.default_rng((LABELS.index(label), seed, 1))  # moves no other draw
    texts = [text, caption(more, *shown), *(short_caption(more, *shown) for _ in range(3))]
    joints = _projected(camera, people[0])
    quality = int(rng.integers(60, 95))
    return Scene(label, image, boxes, text, attributes, quality, texts, joints)


def _projected(camera: Camera, person: _Person) -> dict[str, tuple[float, float]]:
    names = [name for name in person.joints if name != "gaze"]  # a direction
    points = np.stack([person.joints[name] for name in names])
    seen = camera.project(anatomy.placed(points, person.x, person.z, person.heading))
    return {name: (u, v) for name, (u, v, _) in zip(names, seen.tolist(), strict=True)}


def _known(label: str) -> None:
    if label not in LABELS:
        raise InputError(
            f"the stage cannot render {label!r}; it renders only {', '.join(LABELS)}."
            f"{did_you_mean(label, LABELS)}"
        )


def _size(rng: np.random.Generator) -> tuple[int, int]:
    """Width and height like COCO's: mostly 640 px on the longer side."""
    longer = 640 if rng.random() < 0.6 else int(rng.integers(480, 641))
    shorter = int(np.clip(longer * rng.choice([0.667, 0.75, rng.uniform(0.62, 1.0)]), 300, 640))
    return (longer, shorter) if rng.random() < 0.72 else (shorter, longer)


def _activity(rng: np.random.Generator, label: str, kind: str) -> tuple[str, float]:
    """The verb, and the height (m) of the furniture's seat; 0: there is none."""
    running = rng.random() < 0.4
    verb = label if label != "walking_running" else ("running" if running else "walking")
    height = {
        "none": 0.0,
        "chair": rng.uniform(0.42, 0.5),
        "bench": rng.uniform(0.4, 0.5),
        "box": rng.uniform(0.4, 0.7),
        "wall": rng.uniform(0.4, 0.8),
    }[kind]
    return verb, float(height)


def _people(
    rng: np.random.Generator, verb: str, seat: float, kind: str, view: str
) -> list[_Person]:
    """One to four people around the first, who is at (0, 0)."""
    count = int(rng.choice([1, 2, 3, 4], p=[0.8, 0.13, 0.05, 0.02]))
    middle = float(rng.choice(VIEWS[view]))
    heading = middle + rng.uniform(-SPREAD, SPREAD)
    abreast = kind in scenery.SHARED or rng.random() < 0.4
    people = []
    for i in range(count):
        look = anatomy.draw_look(rng)
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
        people.append(_Person(look, joints, float(x), float(z), float(turn)))
    return people


def _pose(rng: np.random.Generator, look: anatomy.Look, verb: str, seat: float) -> anatomy.Joints:
    if verb == "sitting":
        return anatomy.sit(rng, look, seat)
    if verb == "standing":
        return anatomy.stand(rng, look)
    return anatomy.walk(rng, look, running=verb == "running")


def _limbs(person: _Person) -> list[Limb]:
    return scenery.moved(
        anatomy.limbs(person.look, person.joints), person.x, person.z, person.heading
    )


def _framed(
    rng: np.random.Generator, people: list[_Person], size: tuple[int, int]
) -> tuple[Camera, list[_Person]]:
    """A camera that shows the whole first person, and the people moved away from it.

    A seated figure is lower than an upright one. It is drawn larger to make up for most, not
    all, of that (see NATURAL), as a photographer steps closer.
    """
    limbs = _limbs(people[0])
    height = max(max(limb.a[1], limb.b[1]) for limb in limbs)
    lens = rng.uniform(1.0, 2.0)  # focal length over the picture's longer side
    away = lens * max(size) / (rng.uniform(0.55, 0.75) * max(size) / 1.6) * people[0].look.scale
    people = [replace(person, z=person.z + away) for person in people]
    eye, slope = height * rng.uniform(0.55, 1.2), rng.normal(0, 0.025)
    # What is seen scales with the focal length, so the figure's extent for 1 px gives the rest.
    left, top, right, bottom = Camera(1.0, 0.0, 0.0, eye, slope).extent(_limbs(people[0]))
    wide, high = right - left, bottom - top
    upright = 1.15 * people[0].look.scale / away
    extent = np.sqrt(wide * high) ** (1 - NATURAL) * upright**NATURAL
    focal = rng.uniform(0.58, 0.72) * np.sqrt(size[0] * size[1]) / extent
    focal = min(focal, rng.uniform(0.9, 1.04) * size[1] / high, 0.95 * size[0] / wide)
    above = max(size[1] - focal * high, 0.01 * size[1]) * rng.uniform(0.4, 0.9)
    beside = (size[0] - focal * wide) * rng.uniform(0.42, 0.58)
    camera = Camera(focal, beside - focal * left, above - focal * top, eye, slope)
    return camera, people


def _beside(
    rng: np.random.Generator, kind: str, person: _Person, camera: Camera, width: int
) -> tuple[float, float, float]:
    """x, z and heading of furniture that stands near a person, in the picture where possible,
    its long side towards the person. Long pieces stand behind, lest they hide the legs."""
    nearest = 0.3 if kind in scenery.SHARED else -0.1
    for _ in range(6):
        angle = rng.uniform(nearest * np.pi, (1 - nearest) * np.pi)
        gap = rng.uniform(0.65, 1.1)
        x, z = person.x + gap * np.cos(angle), person.z + gap * np.sin(angle)
        if 0.05 < (camera.centre + x * camera.focal / z) / width < 0.95:
            break
    return float(x), float(z), float(angle + rng.choice([0, np.pi]) + rng.normal(0, 0.35))


def _furniture(
    rng, kind: str, seat: float, people: list[_Person], on: bool, camera: Camera, width: int
) -> list[scenery.Part]:
    """As much furniture for people who use it as for those who do not: under them, or nearby."""
    if kind == "none":
        return []
    parts: list[scenery.Part] = []
    length = rng.uniform(1.3, 2.2) + 1.6 * (len(people) // 2)
    users = people
    if kind in scenery.SHARED:
        users = people[:1] if on else [max(people, key=lambda person: person.z)]
    for person in users:
        x, z, heading = person.x, person.z, person.heading
        if not on:
            x, z, heading = _beside(rng, kind, person, camera, width)
        parts += scenery.moved(scenery.furniture(rng, kind, seat, length), x, z, heading)
    return parts


def _clutter(rng: np.random.Generator, people: list[_Person]) -> list[scenery.Part]:
    parts: list[scenery.Part] = []
    main = people[0]
    for _ in range(rng.integers(0, 2, endpoint=True)):
        x = main.x + rng.choice([-1, 1]) * rng.uniform(0.6, 3.5)
        z = main.z + rng.uniform(-0.5, 5)
        parts += scenery.moved(scenery.clutter(rng), x, z, rng.uniform(-np.pi, np.pi))
    return parts


def _occluders(rng: np.random.Generator, main: _Person) -> list[scenery.Part]:
    """Things between the camera and the main person, in some of the scenes."""
    if rng.random() > 0.3:
        return []
    reach = float(main.joints["head"][1]) + 0.12
    x, z = main.x + rng.normal(0, 0.25) * reach, main.z - 0.7 - rng.uniform(0, 0.1) * main.z
    return scenery.moved(scenery.occluder(rng, reach), x, max(z, 0.8), rng.normal(-np.pi / 2, 0.3))


def _light(rng: np.random.Generator, lighting: str) -> Light:
    side = rng.uniform(-1, 1)
    up, ambient, tint = {
        "sunny": (rng.uniform(0.5, 1.2), 0.5, (1.05, 1.0, 0.95)),
        "overcast": (1.0, 0.8, (0.95, 0.97, 1.0)),
        "evening": (rng.uniform(0.2, 0.5), 0.55, (1.08, 0.92, 0.76)),
        "dim": (0.8, 0.65, (0.7, 0.7, 0.76)),
    }[lighting]
    direction = np.array([side, up, rng.uniform(0.2, 0.9)])
    return Light(direction / np.linalg.norm(direction), ambient, np.array(tint))


def _shadows(
    picture: Image.Image, camera: Camera, light: Light, parts: list[scenery.Part], share: float
) -> Image.Image:
    """The background darkened where the parts' shadows fall on the ground.

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


def _boxes(owner: np.ndarray, people: int) -> tuple[list[tuple[int, int, int, int]], list[int]]:
    """Boxes of the people of whom at least 0.2 % of the picture is seen, the largest first, and
    who they are."""
    found = []
    for i in range(people):
        mask = owner == i + 1
        if mask.sum() < 0.002 * mask.size:
            continue
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        x, y = int(columns[0]), int(rows[0])
        found.append(((x, y, int(columns[-1]) - x + 1, int(rows[-1]) - y + 1), i))
    found.sort(key=lambda f: -f[0][2] * f[0][3])
    return [f[0] for f in found], [f[1] for f in found]


def _developed(
    rng: np.random.Generator, colour: np.ndarray, light: Light, share: float
) -> Image.Image:
    """Exposure, colour cast, vignette, noise and blur, to RGB of 8 bits.

    `share`: the picture's size over its full size. Noise and blur are those that the full picture
    has once it is made that small.
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


def write_dataset(folder: Path, images_per_class: dict[str, int], seed: int) -> pd.DataFrame:
    """Render a dataset into folder/photos and return its manifest.

    A scene depends on the seed, its label and its index within the label, and so does its id:
    more scenes of one label leave all others as they are. Ids tell nothing of the label; the
    rows are in the order of the ids.

    Returns:
        Columns id, label, url (relative to `folder`), sha256 (so that changed pixels are a
        changed manifest), person_boxes ("x y width height", joined by ";") and caption.

    Raises:
        InputError: the stage cannot render one of the labels.
    """
    for label in images_per_class:
        _known(label)
    photos = Path(folder) / "photos"
    photos.mkdir(parents=True, exist_ok=True)
    plan = sorted(
        (hashlib.sha256(f"{seed}/{label}/{index}".encode()).hexdigest(), label)
        for label, count in images_per_class.items()
        for index in range(count)
    )
    rows = []
    for done, (digest, label) in enumerate(plan, start=1):
        scene = render(label, seed=int(digest[-12:], 16))
        row_id = f"stage_{digest[:12]}"
        url = f"photos/{row_id}.jpg"
        path = Path(folder) / url
        scene.image.save(path, quality=scene.jpeg_quality)
        boxes = ";".join(" ".join(map(str, box)) for box in scene.person_boxes)
        rows.append((row_id, label, url, sha256_of(path), boxes, scene.caption))
        if done % 100 == 0 or done == len(plan):
            logger.info("rendered %d of %d scenes", done, len(plan))
    columns = ["id", "label", "url", "sha256", "person_boxes", "caption"]
    return pd.DataFrame(rows, columns=columns)
