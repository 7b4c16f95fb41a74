"""What keeps a GPU waiting, measured without one: operations and CPU time of a training step, and
the start-up of a study's processes.

A step of the workflow's loop is forward, backward and optimiser, on 32 images. `operations` are its
operations of torch that are neither views nor allocations: each launches a kernel on a GPU, or a
few. `overhead` is the CPU time of a step in fp32 of the same network with a few channels, on two
small images, so that only Python and torch's dispatch remain: if the kernels take less, the GPU
waits.

Then the trainings of the paper's study on the holdout: processes, and the CPU seconds that each
takes to import what it needs.
"""

import argparse
import statistics
import sys
from collections import Counter

import step
import torch
import yaml
from side_by_side import ONE_THREAD, REPO, of_process, timed
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

IMAGES, FEW = 32, 2
SIDE = 16  # pixels, of small images
# operations that launch nothing: memory, or another name for it
FREE = {"empty", "empty_like", "empty_strided", "new_empty", "new_empty_strided"}
FREE |= {"alias", "detach", "lift_fresh", "_unsafe_view", "_reshape_alias"}
SETUP = "import stillact.training.jobs, stillact.recipes.{recipe}.setup; "
CONTEXT = "from stillact.core.imports import without_compiler\nwith without_compiler(): import "
IMPORTS = {
    None: "",
    "open_clip": CONTEXT + "open_clip",
    "transformers": "from transformers import SiglipModel, ViTModel",
}


class Operations(TorchDispatchMode):
    """Counts the operations that are neither views nor allocations."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.count += not (function.is_view or function.overloadpacket.__name__ in FREE)
        return function(*args, **(kwargs or {}))


def small(kind: str, plain: bool) -> nn.Module:
    """The network of step.py with as many layers, but next to no arithmetic."""
    import open_clip

    from stillact.config.networks import CNN
    from stillact.models import networks

    if kind == "vit":
        vision = dict(image_size=224, patch_size=32, layers=12, width=24, head_width=12)
        text = dict(context_length=8, vocab_size=8, width=8, heads=1, layers=1)
        return nn.Sequential(open_clip.CLIP(8, vision, text).visual, nn.Linear(8, 3))
    if kind == "mlp":
        return networks.mlp(512, [4, 4, 4], 3, 0.3)
    if kind == "fnn":
        return networks.fnn(3 * SIDE**2, 2, 3)
    return networks.cnn(CNN(type="cnn", channels=[2, 2, 2], hidden=2), SIDE, 3)


def operations(kind: str, precision: str) -> int:
    step.IMAGES[kind] = step.BATCH[kind] = IMAGES
    epoch = step.workflows(kind, precision)
    epoch()
    with Operations() as counter:
        epoch()
    return counter.count


def overhead(kind: str, repeats: int) -> float:
    """Milliseconds, the median of `repeats` steps."""
    step.IMAGES[kind] = step.BATCH[kind] = FEW
    return 1e3 * timed(step.workflows(kind), repeats)


def processes() -> Counter:
    """The training processes of the paper's study on the holdout, by recipe and library."""
    from stillact.planning import work
    from stillact.recipes.registry import RECIPES
    from stillact.study.load import load

    raw = yaml.safe_load((REPO / "config.yaml").read_text(encoding="utf-8"))
    cfg = load(raw | {"cross_validation": dict.fromkeys(raw["cross_validation"], 0)})
    found: Counter = Counter()
    folds = dict.fromkeys(RECIPES, 1)
    for group in work.parts(cfg, work.photos(cfg), {}, folds):
        if group.rule in RECIPES and RECIPES[group.rule].gpu and not RECIPES[group.rule].derived:
            backbone = cfg.backbone_of(group.benchmark.rpartition("/")[2])
            found[group.rule, cfg.backbones[backbone].loader if backbone else None] += group.jobs
    return found


def start(recipe: str, library: str | None, repeats: int) -> float:
    """CPU seconds of a process with the imports of a training, the median of `repeats`."""
    code = SETUP.format(recipe=recipe) + IMPORTS[library] + "\nimport gc; gc.freeze()"
    command = [sys.executable, "-c", code]
    return statistics.median(of_process(command, ONE_THREAD)[0] for _ in range(repeats))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(1)
    print("network\toperations, fp32\tbf16\toverhead, ms")
    rows = [(kind, operations(kind, "fp32"), operations(kind, "bf16")) for kind in step.SIZES]
    step.network, step.SIZES = small, step.SIZES | {"cnn": SIDE, "fnn": SIDE}
    for kind, *counts in rows:
        print(kind, *counts, f"{overhead(kind, 4 * options.repeats):.1f}", sep="\t", flush=True)
    print("recipe\tlibrary\tprocesses\tCPU seconds each")
    for (recipe, library), count in processes().items():
        seconds = start(recipe, library, options.repeats)
        print(recipe, library or "-", count, f"{seconds:.1f}", sep="\t", flush=True)


if __name__ == "__main__":
    main()
