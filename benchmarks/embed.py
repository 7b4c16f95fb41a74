"""Embedding photos with a backbone: the workflow, and a DataLoader with the same image tower.

CLIP's ViT-B/32 of open_clip, SigLIP2's ViT-B/16 and the ViT-B/16 of transformers, with random
weights. The workflow packs the photos and embeds the array, in bf16 with `precision: auto` where
the processor has it. The alternative is open_clip's preprocess and the tower in fp32 with a
DataLoader; clip_benchmark uses its own `run_classification` on the same loader. "encoding alone" is
the image tower of CLIP alone in fp32, and matrix products of the same shapes and number of
operations: the maximum rate of the processor in fp32.
"""

import argparse
import functools

import side_by_side

SIZE, BATCH = 224, 32
TOKENS, WIDTH, LAYERS = 50, 768, 12
# The (tokens x a) @ (a x b) products of a block of the image tower: queries, keys and values; the
# output of attention; the two dense layers.
PRODUCTS = [(WIDTH, 3 * WIDTH), (WIDTH, WIDTH), (WIDTH, 4 * WIDTH), (4 * WIDTH, WIDTH)]


def clip():
    import open_clip

    return open_clip.create_model("ViT-B-32", load_weights=False).eval()


def tower(kind: str):
    """An image tower with random weights, and the name of its blocks."""
    import torch

    torch.manual_seed(0)
    if kind == "clip":
        return clip().visual, "transformer.resblocks"

    import transformers

    class Pooled(torch.nn.Module):
        def __init__(self, tower):
            super().__init__()
            self.tower = tower

        def forward(self, images):
            return self.tower(images).pooler_output

    # the defaults of both are the base size, 224 px in patches of 16
    if kind == "siglip2":
        made = transformers.SiglipVisionModel(transformers.SiglipVisionConfig())
        return Pooled(made).eval(), "tower.encoder.layers"
    return Pooled(transformers.ViTModel(transformers.ViTConfig())).eval(), "tower.layers"


def backbone(kind: str, precision: str):
    import torch

    from stillact.models.backbones.base import Backbone
    from stillact.models.precision import BF16, resolved

    look = dict(size=SIZE, mean=[0.5] * 3, std=[0.5] * 3, geometry="resize_crop")
    look |= dict(interpolation="bicubic", crop=1.0)
    image, blocks = tower(kind)
    made = Backbone(image, look, 512 if kind == "clip" else WIDTH, blocks, {"": 0})
    bf16 = resolved(precision, torch.device("cpu")) == BF16
    return made.bfloat16() if bf16 else made


def workflow(options, paths, folder, kind, precision="auto"):
    import numpy as np

    from stillact.data import preprocess as packing
    from stillact.data.preprocessing import Preprocessing
    from stillact.models import embed

    made = backbone(kind, precision)

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


def plain(options, paths, folder, kind):
    import torch

    made, _ = tower(kind)

    @torch.no_grad()
    def work() -> None:
        for images, _ in loader(paths):
            made(images)

    return work


def clip_benchmarks(options, paths, folder):
    import torch
    from clip_benchmark.metrics.zeroshot_classification import run_classification

    made, classes = clip(), torch.randn(512, 3)
    return lambda: run_classification(made, classes, loader(paths), "cpu", amp=False)


def encoding(options, paths, folder):
    import numpy as np

    from stillact.models import embed

    made = backbone("clip", "fp32")
    photos = np.random.default_rng(0).integers(0, 256, (options.count, SIZE, SIZE, 3), np.uint8)
    return lambda: embed.of_photos(made, photos)


def products(options, paths, folder):
    import torch

    rows = torch.randn(BATCH * TOKENS, 4 * WIDTH)
    factors = [(rows[:, :a].contiguous(), torch.randn(a, b)) for a, b in PRODUCTS]

    def work() -> None:
        for _ in range(LAYERS * options.count // BATCH):
            for left, right in factors:
                left @ right

    return work


WAYS = {}
for kind in ("clip", "siglip2", "vit"):
    WAYS[f"{kind}: workflow"] = functools.partial(workflow, kind=kind)
    WAYS[f"{kind}: a DataLoader"] = functools.partial(plain, kind=kind)
WAYS["clip: clip_benchmark"] = clip_benchmarks
WAYS["clip: workflow, fp32"] = functools.partial(workflow, kind="clip", precision="fp32")
WAYS["encoding alone: workflow, fp32"] = encoding
WAYS["encoding alone: matrix products"] = products
WAYS = {name: side_by_side.on_photos(way) for name, way in WAYS.items()}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    side_by_side.photo_options(parser, 16)
    side_by_side.run(
        "embed",
        WAYS,
        parser,
        lambda options, _: (options.count, "images"),
        lambda way: side_by_side.KEEP if "workflow" in way else {},
    )
