"""Classify the activity of people in photos: python predict.py PHOTO_OR_FOLDER... [--json | --csv]

The exit status is 1 if a photo cannot be read. Requires onnxruntime, numpy and pillow, and the
files model.onnx and config.json in this folder.
"""

import argparse
import csv
import io
import json
import math
import sys
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image, ImageCms, ImageOps

FOLDER = Path(__file__).parent
CONFIG = json.loads((FOLDER / "config.json").read_text(encoding="utf-8"))


def upright(photo):
    """The photo upright, in RGB, over white where it is transparent."""
    photo = ImageOps.exif_transpose(photo)
    if photo.mode.startswith("I;16"):
        values = np.asarray(photo)
        grey = np.where(values == photo.info.get("transparency"), 255, values >> 8)
        photo = Image.fromarray(grey.astype(np.uint8))
    profile = photo.info.get("icc_profile") if photo.mode in ("RGB", "RGBA", "P", "PA") else None
    if photo.mode in ("RGBA", "LA", "PA") or "transparency" in photo.info:
        seen = photo.convert("RGBA")
        photo = Image.alpha_composite(Image.new("RGBA", seen.size, "white"), seen)
    photo = photo.convert("RGB")
    return in_srgb(photo, profile) if profile else photo


def in_srgb(photo, profile):
    """A photo with colours of another profile than sRGB, such as Adobe RGB, converted."""
    try:
        given = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if "srgb" in ImageCms.getProfileDescription(given).lower():
            return photo
        srgb, intent = ImageCms.createProfile("sRGB"), ImageCms.Intent.RELATIVE_COLORIMETRIC
        return ImageCms.profileToProfile(photo, given, srgb, intent, outputMode="RGB")
    except (OSError, ValueError, TypeError, ImageCms.PyCMSError):
        return photo  # an unreadable profile


def person(photo):
    """The box of the person of which most is in the photo: left, top, right, bottom; or None."""
    settings = CONFIG["detector"]
    pixels = np.asarray(square(photo, settings | {"region": "photo"})).transpose(2, 0, 1)[None]
    (boxes,), (scores,) = detector.run(["boxes", "scores"], {settings["input"]: pixels})
    (width, height), size = photo.size, settings["size"]
    scaled = [max(1, round(side * size / max(photo.size))) for side in photo.size]
    corner = [round((size - side) / 2) for side in scaled]
    boxes = (boxes * size - np.tile(corner, 2)) * np.tile(np.divide(photo.size, scaled), 2)
    order = [i for i in np.argsort(-scores, kind="stable") if scores[i] >= settings["min_score"]]
    people = []
    while order and len(people) < settings["most"]:
        people.append(boxes[order[0]])
        order = [i for i in order[1:] if overlap(people[-1], boxes[i]) <= settings["overlap"]]
    people = [tenths(box) for box in people]
    visible = [np.clip(box, 0, [width, height] * 2) for box in people]
    best = max(range(len(people)), key=lambda i: area(visible[i]), default=None)
    return people[best] if best is not None and area(visible[best]) > 0 else None


def tenths(box):
    """In tenths of a pixel, as in the study's tables."""
    left, top, width, height = (round(float(n), 1) for n in [*box[:2], *(box[2:] - box[:2])])
    return np.array([left, top, left + width, top + height])


def area(box):
    return max(box[2] - box[0], 0) * max(box[3] - box[1], 0)


def overlap(a, b):
    """Intersection over union."""
    both = area([*np.maximum(a[:2], b[:2]), *np.minimum(a[2:], b[2:])])
    return both / (area(a) + area(b) - both)


def region(photo, view, box):
    """The part of an upright photo that a view shows, and the geometry of the view."""
    if view["region"] == "photo":
        return photo, view
    if box is None:
        around = view["region"] == "around"
        return photo, view | ({"geometry": "letterbox", "crop": 1} if around else {})
    left, top, right, bottom = box
    if view["region"] == "around":  # a square that may extend beyond the photo
        side = max(round(1.3 * max(right - left, bottom - top)), 1)
        corner = round((left + right - side) / 2), round((top + bottom - side) / 2)
        part = (*corner, corner[0] + side, corner[1] + side)
    else:
        left, top, right, bottom = np.clip(box, 0, [*photo.size] * 2)
        across, down = 0.15 * (right - left), 0.15 * (bottom - top)
        corner = max(math.floor(left - across), 0), max(math.floor(top - down), 0)
        end = math.ceil(right + across), math.ceil(bottom + down)
        part = (*corner, *np.minimum(end, photo.size))
    return photo.crop([int(edge) for edge in part]), view | {"geometry": "letterbox", "crop": 1}


def square(photo, view, box=None):
    """An upright photo as a square, preprocessed as in training; `box` is that of its person."""
    photo, view = region(photo, view, box)
    (width, height), size = photo.size, view["size"]
    side, how = math.floor(size / view["crop"]), Image.Resampling[view["interpolation"].upper()]
    if view["geometry"] == "squash":
        photo = photo.resize((side, side), how)
    elif view["geometry"] == "resize_crop":
        short = min(width, height)
        photo = photo.resize((side * width // short, side * height // short), how)
    else:  # letterbox
        scale = side / max(width, height)
        photo = photo.resize([max(1, round(width * scale)), max(1, round(height * scale))], how)
        grey = Image.new("RGB", (side, side), (127, 127, 127))
        grey.paste(photo, (round((side - photo.width) / 2), round((side - photo.height) / 2)))
        photo = grey
    left, top = round((photo.width - size) / 2), round((photo.height - size) / 2)
    return photo.crop((left, top, left + size, top + size))


detector = CONFIG["detector"] and onnxruntime.InferenceSession(FOLDER / "detector.onnx")
model = onnxruntime.InferenceSession(FOLDER / "model.onnx")


def probabilities(file):
    """The probability of each class, for a photo file."""
    with Image.open(file) as opened:
        photo = upright(opened)
    box = person(photo) if detector else None
    views = {view["input"]: np.asarray(square(photo, view, box)) for view in CONFIG["views"]}
    # uint8 (1, 3, size, size)
    inputs = {name: pixels.transpose(2, 0, 1)[None] for name, pixels in views.items()}
    ((found,),) = model.run(["probabilities"], inputs)
    return [round(float(probability), 8) for probability in found]


def answer(file):
    """A record: path, status, reason, predicted, prob_..., confidence and abstain."""
    head, columns = {"path": str(file)}, [f"prob_{name}" for name in CONFIG["classes"]]
    try:
        found = probabilities(file)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        none = dict.fromkeys(("predicted", *columns, "confidence", "abstain"), "")
        return head | {"status": "unreadable", "reason": reason} | none
    best = max(found)
    return {
        **head,
        "status": "ok",
        "reason": "",
        "predicted": CONFIG["classes"][found.index(best)],
        **dict(zip(columns, found, strict=True)),
        "confidence": best,
        "abstain": "yes" if best < CONFIG["threshold"] else "no",
    }


def photos(path):
    """A file itself, or all photos in a folder and its subfolders."""
    if not path.is_dir():
        return [path]
    known = Image.registered_extensions()
    return sorted(file for file in path.rglob("*") if file.suffix.lower() in known)


def write(records, how):
    """Print records as they come: lines for people, a JSON object per line, or CSV."""
    table = None
    for record in records:
        if how == "json":
            print(json.dumps(record, ensure_ascii=False), flush=True)
        elif how == "csv":
            if table is None:
                table = csv.DictWriter(sys.stdout, record, lineterminator="\n")
                table.writeheader()
            if record["path"].startswith(("=", "+", "-", "@")):  # a formula for a spreadsheet
                record["path"] = f"./{record['path']}"
            table.writerow(record)
            sys.stdout.flush()
        elif record["status"] == "ok":
            unsure = " (unsure)" if record["abstain"] == "yes" else ""
            print(f"{record['path']}: {record['predicted']} {record['confidence']:.4f}{unsure}")
        else:
            print(f"{record['path']}: {record['reason']}", file=sys.stderr)
        yield record


def main():
    parser = argparse.ArgumentParser(description="Classify the activity of people in photos.")
    parser.add_argument("paths", nargs="+", type=Path, metavar="PHOTO", help="a photo, or a folder")
    output = parser.add_mutually_exclusive_group()
    for how, text in (("json", "a JSON object per photo and line"), ("csv", "CSV with a header")):
        output.add_argument(f"--{how}", action="store_const", const=how, dest="how", help=text)
    given = parser.parse_args()
    files = list(dict.fromkeys(file for path in given.paths for file in photos(path)))
    if not files:
        parser.error(f"no photos in {', '.join(map(str, given.paths))}")
    read = [record["status"] == "ok" for record in write(map(answer, files), given.how)]
    return 0 if all(read) else 1


if __name__ == "__main__":
    sys.exit(main())
