"""The synthetic dataset: rendered photo-like scenes of people walking or running, sitting, or
standing. A scene's activity is visible in people's poses, and in that seated figures are lower than
upright ones; places, clothes, light, furniture and clutter are drawn independently of it.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from stillact.core.errors import InputError, did_you_mean
from stillact.core.logs import logger
from stillact.core.tables import sha256_of
from stillact.synthetic import backgrounds, furniture
from stillact.synthetic.canvas import Camera, Canvas
from stillact.synthetic.captions import caption, short_caption
from stillact.synthetic.people import VIEWS, Person, draw_people, framed, world_limbs
from stillact.synthetic.photography import add_shadows, develop, draw_light
from stillact.synthetic.placement import placed
from stillact.synthetic.things import place_clutter, place_furniture, place_occluders

LABELS = ["walking_running", "sitting", "standing"]


@dataclass(frozen=True)
class Scene:
    """A rendered photograph and its annotations.

    Attributes:
        label: walking_running, sitting or standing.
        image: RGB, 300 to 640 px per side.
        person_boxes: (x, y, width, height) in px of the visible part of each person, inside the
            image, the largest first.
        caption: one English sentence that describes the picture.
        attributes: other properties of the picture, by name, independent of the activity. `top`,
            `legwear` and `person` are those of the main person.
        jpeg_quality: JPEG quality (0..95) for saving the photograph.
        captions: five correct captions, of which `caption` is the first: two full ones, three short
            ones with little more than who does what.
        joints: column and row in px of each joint of the main person of the framing, including
            hidden ones; some may lie outside the picture.
    """

    label: str
    image: Image.Image
    person_boxes: list[tuple[int, int, int, int]]
    caption: str
    attributes: dict[str, str]
    jpeg_quality: int
    captions: list[str]
    joints: dict[str, tuple[float, float]]


def render(label: str, seed: int, longest: int | None = None) -> Scene:
    """Render the scene of a label and a seed; deterministic.

    Args:
        label: one of LABELS.
        seed: a non-negative integer.
        longest: longer side in px; smaller scenes render faster. None: the scene's own, 480 to 640.

    Raises:
        InputError: the synthetic dataset has no such label.
    """
    _known(label)
    rng = np.random.default_rng((LABELS.index(label), seed))
    setting = str(rng.choice(backgrounds.SETTINGS))
    kind = str(rng.choice(furniture.FURNITURE, p=[0.2, 0.25, 0.25, 0.15, 0.15]))
    view = str(rng.choice(list(VIEWS), p=[0.36, 0.34, 0.16, 0.14]))
    lighting = str(rng.choice(["sunny", "overcast", "evening", "dim"], p=[0.4, 0.3, 0.15, 0.15]))
    width, height = _size(rng)
    share = longest / max(width, height) if longest else 1.0
    size = (round(width * share), round(height * share))
    verb, seat = _activity(rng, label, kind)
    people = draw_people(rng, verb, seat, kind, view)
    camera, people = framed(rng, people, size)
    light = draw_light(rng, lighting)
    figure_parts = [
        (i + 1, limb) for i, person in enumerate(people) for limb in world_limbs(person)
    ]
    things = place_furniture(rng, kind, seat, people, label == "sitting", camera, size[0])
    things += place_clutter(rng, people)
    nearest = max(person.z for person in people) + 0.5
    behind = backgrounds.background(rng, setting, camera, size, nearest, share)
    cast = [part for _, part in figure_parts] + things
    behind = add_shadows(behind, camera, light, cast, share)
    canvas = Canvas(behind, light)
    things += place_occluders(rng, people[0])
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
    image = develop(rng, canvas.colour, light, share)
    more = np.random.default_rng((LABELS.index(label), seed, 1))  # does not affect other draws
    texts = [text, caption(more, *shown), *(short_caption(more, *shown) for _ in range(3))]
    joints = _projected(camera, people[0])
    quality = int(rng.integers(60, 95))
    return Scene(label, image, boxes, text, attributes, quality, texts, joints)


def _projected(camera: Camera, person: Person) -> dict[str, tuple[float, float]]:
    names = [name for name in person.joints if name != "gaze"]  # a direction
    points = np.stack([person.joints[name] for name in names])
    seen = camera.project(placed(points, person.x, person.z, person.heading))
    return {name: (u, v) for name, (u, v, _) in zip(names, seen.tolist(), strict=True)}


def _known(label: str) -> None:
    if label not in LABELS:
        raise InputError(
            f"the synthetic dataset cannot render {label!r}; it has only {', '.join(LABELS)}."
            f"{did_you_mean(label, LABELS)}"
        )


def _size(rng: np.random.Generator) -> tuple[int, int]:
    """Width and height like COCO's: mostly 640 px on the longer side."""
    longer = 640 if rng.random() < 0.6 else int(rng.integers(480, 641))
    shorter = int(np.clip(longer * rng.choice([0.667, 0.75, rng.uniform(0.62, 1.0)]), 300, 640))
    return (longer, shorter) if rng.random() < 0.72 else (shorter, longer)


def _activity(rng: np.random.Generator, label: str, kind: str) -> tuple[str, float]:
    """The verb, and the height (m) of the furniture's seat; 0 for none."""
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


def _boxes(owner: np.ndarray, people: int) -> tuple[list[tuple[int, int, int, int]], list[int]]:
    """Boxes of the people who cover at least 0.2 % of the picture, the largest first, and their
    indices."""
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


def write_dataset(folder: Path, images_per_class: dict[str, int], seed: int) -> pd.DataFrame:
    """Render a dataset into folder/photos and return its manifest.

    A scene and its id depend only on the seed, its label and its index within the label: adding
    scenes of one label does not change others. Ids do not reveal the label; rows are sorted by id.

    Returns:
        Columns id, label, url (relative to `folder`), sha256 (so that changed pixels are a
        changed manifest), person_boxes ("x y width height", joined by ";") and caption.

    Raises:
        InputError: the synthetic dataset has no such label.
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
