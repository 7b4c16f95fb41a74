"""Rule export: the deployed model as files independent of this project, and its model card."""

import json
import shutil
from pathlib import Path

import torch

from stillact.core import logs
from stillact.core.tables import read_csv
from stillact.data import manifest
from stillact.inference import deployed, export, model_card
from stillact.training import jobs, loop

TABLES = ("predictions", "holdout", "manifest", "factors")

with logs.job(snakemake.log[0]), loop.repeatable(snakemake.threads):
    settings, files = snakemake.params[0], jobs.paths(snakemake.input.items())
    dataset, outputs = settings["dataset"], [Path(path) for path in snakemake.output]
    used = deployed.load(files["used"], settings["models"], torch.device("cpu"))
    photos = export.test_photos(
        files["holdout"],
        files["images"],
        files["people"],
        Path(dataset["cache"]),
        used.sees,
        snakemake.threads,
    )
    tables = {name: read_csv(files[name]) if files[name] else None for name in TABLES}
    reads = {
        name: Path(file) for name, file in settings["models"][used.record.model]["files"].items()
    }
    with export.appearing(outputs[0].parent, [path.name for path in outputs]) as part:
        made = export.described(used, reads, export.write(used, photos, part))
        text = json.dumps(made, indent=1, ensure_ascii=False) + "\n"
        (part / "config.json").write_text(text, encoding="utf-8")
        licences = manifest.column(files["source"], "license_url")
        card = model_card.contents(made, used.record, used.plan, tables, licences, dataset)
        (part / "README.md").write_text(model_card.render(files["card"], card), encoding="utf-8")
        shutil.copyfile(files["example"], part / "predict.py")
