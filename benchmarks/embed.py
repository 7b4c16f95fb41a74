"""Embedding photos with CLIP's ViT-B/32: the workflow, and open_clip with a DataLoader.

Weights are random; fp32, except where bf16 is named (`precision: auto` on a processor that is
faster in it). The workflow packs the photos and embeds the array; the plain way is
open_clip's preprocess and `encode_image` behind a DataLoader; clip_benchmark's is its own
`run_classification` on the same loader. Below, the image tower alone, beside matrix products of the
shapes that occur in it, for the same number of operations: what the processor can do at most.
"""

import argparse
import functools

import side_by_side

MODEL, SIZE, BATCH = "ViT-B-32", 224, 32
TOKENS, WIDTH, LAYERS = 50, 768, 12
# Of an image tower the (tokens x a) @ (a x b) products of a block: queries, keys and values; what
# comes of attention; the two dense layers.
PRODUCTS = [(WIDTH, 3 * WIDTH), (WIDTH, WIDTH), (WIDTH, 4 * WIDTH), (4 * WIDTH, WIDTH)]


def model():
    import open_clip
    import torch

    torch.manual_seed(0)
    torch.set_num_threads(1)
    return open_clip.create_model(MODEL, load_weights=False).eval()


def backbone(precision: str = "fp32"):
    from stillact.models.backbones.base import Backbone

    look = dict(size=SIZE, mean=[0.5] * 3, std=[0.5] * 3, geometry="resize_crop")
    look |= dict(interpolation="bicubic", crop=1.0)
    made = Backbone(model().visual, look, 512, "transformer.resblocks", {"": 0})
    return made.bfloat16() if precision == "bf16" else made


def workflow(options, paths, folder, precision="fp32"):
    import numpy as np

    from stillact.data import preprocess as packing
    from stillact.data.preprocessing import Preprocessing
    from stillact.models import embed

    made = backbone(precision)

    def work() -> None:
        packing.pack(paths, Preprocessing(SIZE, "resize_crop"), folder / "photos.npy")
        embed.of_photos(made, np.load(folder / "photos.npy", mmap_mode="r"))

    return work


def loader(paths):
    import open_clip
    from PIL import Image
    from torch.utils.data import DataLoader

    preprocess = open_clip.image_transform(SIZE, is_train=False)
    data = [(path, i % 3) for i, path in enumerate(paths)]

    class Photos:
        def __len__(self):
            return len(data)

        def __getitem__(self, place):
            path, label = data[place]
            with Image.open(path) as image:
                return preprocess(image), label

    return DataLoader(Photos(), batch_size=BATCH)


def plain(options, paths, folder):
    import torch

    made = model()

    @torch.no_grad()
    def work() -> None:
        for packing, _ in loader(paths):
            made.encode_image(packing)

    return work


def clip_benchmarks(options, paths, folder):
    import torch
    from clip_benchmark.metrics.zeroshot_classification import run_classification

    made, classes = model(), torch.randn(512, 3)
    return lambda: run_classification(made, classes, loader(paths), "cpu", amp=False)


def tower(options, paths, folder, precision="fp32"):
    import numpy as np

    from stillact.models import embed

    made = backbone(precision)
    photos = np.random.default_rng(0).integers(0, 256, (options.count, SIZE, SIZE, 3), np.uint8)
    return lambda: embed.of_photos(made, photos)


def products(options, paths, folder):
    import torch

    torch.set_num_threads(1)
    rows = torch.randn(BATCH * TOKENS, 4 * WIDTH)
    factors = [(rows[:, :a].contiguous(), torch.randn(a, b)) for a, b in PRODUCTS]

    def work() -> None:
        for _ in range(LAYERS * options.count // BATCH):
            for left, right in factors:
                left @ right

    return work


WAYS = {
    "workflow": workflow,
    "workflow, bf16": functools.partial(workflow, precision="bf16"),
    "open_clip and a DataLoader": plain,
    "clip_benchmark": clip_benchmarks,
    "encoding alone: matrix products of its shapes": products,
    "encoding alone: workflow": tower,
    "encoding alone: workflow, bf16": functools.partial(tower, precision="bf16"),
}
WAYS = {name: side_by_side.on_photos(way) for name, way in WAYS.items()}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    side_by_side.photo_options(parser, 32)
    side_by_side.run("embed", WAYS, parser, lambda options, _: (options.count, "images"))
