"""Several seeds of the CNN from scratch: the workflow, and a script with one process per seed.

The workflow packs the photos and trains all seeds in one process (`jobs.train_runs`, as the rules
`train_from_scratch_*` do: it also predicts and writes tables and weights). The script is
transformers' Trainer on an image folder that is decoded each epoch, one process per seed. Three
seeds of three epochs on 200 photos: same network, photos, batches and steps, fp32, whole processes
with their imports.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import side_by_side
from step import for_trainer

CLASSES = ["sitting", "standing", "walking_running"]
SIZE, BATCH = 128, 32
SUBSETS = ["train"] * 8 + ["validation", "test"]


def workflow(options) -> None:
    import numpy as np
    import pandas as pd

    from stillact.core.tables import write_csv
    from stillact.data import preprocess
    from stillact.data.preprocessing import Preprocessing
    from stillact.recipes.setups import plan_of, setup_of
    from stillact.training import jobs

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths = sorted(options.folder.glob("*.jpg"))
        preprocess.pack(paths, Preprocessing(SIZE, "resize_crop"), folder / "pack.npy")
        table = pd.DataFrame({"image_id": [path.stem for path in paths]})
        write_csv(table, folder / "index.csv")
        labels = np.array(CLASSES)[np.arange(len(paths)) % 3]
        subsets = np.resize(SUBSETS, len(paths))
        write_csv(table.assign(label=labels, subset=subsets), folder / "split.csv")
        settings = dict(size=SIZE, geometry="resize_crop", learning_rate=3e-4, weight_decay=0.01)
        settings |= dict(batch_size=BATCH, max_epochs=options.epochs, patience=options.epochs)
        cnn = dict(type="cnn", channels=[32, 64, 128], hidden=128)
        plan = dict(recipe="from_scratch", classes=CLASSES, training=settings, network=cnn)
        plan = plan_of({**plan, "matched": None, "augment": []})
        files = dict(array="pack.npy", index="index.csv", split="split.csv")
        files = {key: folder / file for key, file in files.items()}
        runs = [folder / f"runs/task/cnn/holdout/seed_{seed}" for seed in range(options.seeds)]
        jobs.train_runs(setup_of(plan), plan, files, runs, folder / "unfinished", "cpu", 1)


def one_process_per_seed(options) -> None:
    for seed in range(options.seeds):
        command = [sys.executable, __file__, "--one", str(seed), "--epochs", str(options.epochs)]
        subprocess.run([*command, "--folder", str(options.folder)], check=True, stdout=sys.stderr)


def one(options) -> None:
    """A seed with the Trainer, as a script of one's own would do it."""
    import torch
    import transformers
    from PIL import Image
    from torchvision.transforms import v2

    torch.set_num_threads(1)
    look = v2.Compose(
        [v2.Resize(SIZE, v2.InterpolationMode.BICUBIC), v2.CenterCrop(SIZE), v2.PILToTensor()]
    )
    paths = sorted(options.folder.glob("*.jpg"))

    class Photos(torch.utils.data.Dataset):
        def __init__(self, subset: str):
            self.rows = [i for i in range(len(paths)) if SUBSETS[i % len(SUBSETS)] == subset]

        def __len__(self) -> int:
            return len(self.rows)

        def __getitem__(self, place: int) -> dict:
            row = self.rows[place]
            with Image.open(paths[row]) as image:
                return {"images": look(image.convert("RGB")), "labels": row % 3}

    with tempfile.TemporaryDirectory() as name:
        settings = transformers.TrainingArguments(
            name,
            num_train_epochs=options.epochs,
            per_device_train_batch_size=BATCH,
            use_cpu=True,
            learning_rate=3e-4,
            weight_decay=0.01,
            max_grad_norm=0,
            seed=options.one,
            eval_strategy="epoch",
            save_strategy="no",
            report_to=[],
            disable_tqdm=True,
            lr_scheduler_type="constant",
        )
        trainer = transformers.Trainer(
            for_trainer("cnn"),
            settings,
            train_dataset=Photos("train"),
            eval_dataset=Photos("validation"),
        )
        trainer.train()
        trainer.predict(Photos("test"))
        trainer.save_model()


WAYS = {
    "workflow": workflow,
    "Trainer, one process per seed": one_process_per_seed,
}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    side_by_side.photo_options(parser, 200)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    known, _ = parser.parse_known_args()
    if known.one is not None:
        one(known)
    elif known.folder:
        side_by_side.run("seeds", WAYS, parser, environment=lambda _: side_by_side.KEEP)
    else:
        with tempfile.TemporaryDirectory() as name:
            for i, path in enumerate(side_by_side.photos(Path(name), known.count, known.photos)):
                Path(name, f"{i:04}.jpg").write_bytes(path.read_bytes())
            sys.argv += ["--folder", name]
            side_by_side.run("seeds", WAYS, parser, environment=lambda _: side_by_side.KEEP)
