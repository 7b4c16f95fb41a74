"""Photos of one epoch: read from the packed array, and decoded from JPEG files.

Pillow's draft mode skips what the decoder does not need for a smaller photo; its pixels differ, so
the workflow does not use it. torchvision decodes whole photos and resizes them as tensors.
"""

import argparse

import side_by_side


def packed(options, paths, folder):
    import numpy as np
    import torch

    from stillact.data import preprocess
    from stillact.data.preprocessing import Preprocessing

    preprocess.pack(paths, Preprocessing(options.size, "resize_crop"), folder / "pack.npy")
    array = np.load(folder / "pack.npy", mmap_mode="r")
    rows = np.array_split(np.arange(len(paths)), max(1, len(paths) // 32))
    return lambda: [torch.from_numpy(array[r]).permute(0, 3, 1, 2).float() / 255 for r in rows]


def pillow(options, paths, folder, draft=False):
    import numpy as np
    import torch
    from PIL import Image

    from stillact.data import preprocess
    from stillact.data.preprocessing import Preprocessing

    def decode() -> None:
        for path in paths:
            with Image.open(path) as image:
                if draft:
                    image.draft("RGB", (options.size, options.size))
                pixels = np.array(
                    preprocess.square(image, Preprocessing(options.size, "resize_crop"))
                )
            torch.from_numpy(pixels).permute(2, 0, 1).float() / 255

    return decode


def drafted(options, paths, folder):
    return pillow(options, paths, folder, draft=True)


def torchvisions(options, paths, folder):
    from torchvision.io import ImageReadMode, decode_image
    from torchvision.transforms import v2

    shrink = v2.Compose([v2.Resize(options.size, antialias=True), v2.CenterCrop(options.size)])
    return lambda: [shrink(decode_image(str(p), ImageReadMode.RGB)).float() / 255 for p in paths]


WAYS = {"packed array": packed, "Pillow": pillow, "Pillow's draft mode": drafted}
WAYS |= {"torchvision": torchvisions}
WAYS = {name: side_by_side.on_photos(way) for name, way in WAYS.items()}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    side_by_side.photo_options(parser, 60)
    parser.add_argument("--size", type=int, default=128, help="side of the input in pixels")
    side_by_side.run("decode", WAYS, parser, lambda options, _: (options.count, "images"))
