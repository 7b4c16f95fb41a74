"""Classify the activity of people in photos: python predict.py PHOTO...

Requires onnxruntime, numpy and pillow, and the files model.onnx and config.json in this folder.
"""

import json
import math
import sys
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image, ImageOps

FOLDER = Path(__file__).parent
CONFIG = json.loads((FOLDER / "config.json").read_text(encoding="utf-8"))


def upright(photo):
    """The photo upright, in RGB."""
    photo = ImageOps.exif_transpose(photo)
    if photo.mode.startswith("I;16"):
        photo = Image.fromarray((np.asarray(photo) >> 8).astype(np.uint8))
    return photo.convert("RGB")


def square(photo, view):
    """An upright photo as a square, preprocessed as in training."""
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


model = onnxruntime.InferenceSession(FOLDER / "model.onnx")
for file in sys.argv[1:]:
    with Image.open(file) as opened:
        photo = upright(opened)
    views = {view["input"]: np.asarray(square(photo, view)) for view in CONFIG["views"]}
    # uint8 (1, 3, size, size)
    inputs = {name: pixels.transpose(2, 0, 1)[None] for name, pixels in views.items()}
    ((probabilities,),) = model.run(["probabilities"], inputs)
    best = probabilities.argmax()
    unsure = " (unsure)" if probabilities[best] < CONFIG["threshold"] else ""
    print(f"{file}: {CONFIG['classes'][best]} {probabilities[best]:.4f}{unsure}")
