"""An epoch's worth of photos: read from the packed array, and decoded from their JPEG files."""

import argparse
import io
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from stillact import images, stage


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=int, default=120, help="rendered scenes to read")
    parser.add_argument("--size", type=int, default=128, help="side of the input in pixels")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        table = stage.write_dataset(folder, {"standing": options.photos}, seed=1)
        paths = [folder / url for url in table["url"]]
        images.pack(paths, options.size, "resize_crop", folder / "pack.npy")
        start = time.perf_counter()
        packed = np.load(folder / "pack.npy", mmap_mode="r")
        for rows in np.array_split(np.arange(len(paths)), max(1, len(paths) // 32)):
            torch.from_numpy(packed[rows]).permute(0, 3, 1, 2).float() / 255
        read = time.perf_counter() - start
        start = time.perf_counter()
        for path in paths:
            with Image.open(io.BytesIO(path.read_bytes())) as image:
                pixels = np.array(images.square(image, options.size, "resize_crop"))
            torch.from_numpy(pixels).permute(2, 0, 1).float() / 255
        decoded = time.perf_counter() - start
    print(f"{options.photos} photos at {options.size} px, one thread")
    print(f"packed array {options.photos / read:8.0f} images/s")
    print(f"JPEG files   {options.photos / decoded:8.0f} images/s")
    print(f"decoding takes {decoded / read:.0f} times as long")


if __name__ == "__main__":
    main()
