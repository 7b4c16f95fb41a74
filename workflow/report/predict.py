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
SETTINGS = CONFIG["preprocessing"]


def square(photo):
    """The photo upright, in RGB, and square, preprocessed as in training."""
    photo = ImageOps.exif_transpose(photo)
    if photo.mode.startswith("I;16"):
        photo = Image.fromarray((np.asarray(photo) >> 8).astype(np.uint8))
    photo = photo.convert("RGB")
    (width, height), size = photo.size, SETTINGS["size"]
    side, how = (
        math.floor(size / SETTINGS["crop"]),
        Image.Resampling[SETTINGS["interpolation"].upper()],
    )
    if SETTINGS["geometry"] == "squash":
        photo = photo.resize((side, side), how)
    elif SETTINGS["geometry"] == "resize_crop":
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
    with Image.open(file) as photo:
        pixels = np.asarray(square(photo)).transpose(2, 0, 1)[None]  # uint8 (1, 3, size, size)
    ((probabilities,),) = model.run(["probabilities"], {"photos": pixels})
    best = probabilities.argmax()
    unsure = " (unsure)" if probabilities[best] < CONFIG["threshold"] else ""
    print(f"{file}: {CONFIG['classes'][best]} {probabilities[best]:.4f}{unsure}")
