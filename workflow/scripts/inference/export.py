"""Rule export: the deployed model as files independent of this project, and its model card."""

import json
import shutil
from pathlib import Path

import torch

from stillact.config.data import People
from stillact.core import logs
from stillact.core.tables import read_csv
from stillact.data import manifest
from stillact.inference import deployed, export, export_config, export_detector, model_card
from stillact.models import detectors
from stillact.recipes.setups import plan_of
from stillact.training import jobs, loop

TABLES = ("predictions", "holdout", "manifest", "factors")

with logs.job(snakemake.log[0]), loop.repeatable(snakemake.threads):
    params, files = snakemake.params, jobs.paths(snakemake.input.items())
    dataset, outputs = params.dataset, [Path(path) for path in snakemake.output]
    used = deployed.load(files["used"], params.models, torch.device("cpu"), precision="fp32")
    looks_at_people = any(how.region != "photo" for how in used.sees)
    detector = detectors.from_record(files["detector"]) if looks_at_people else None
    sees = [*used.sees, *([detector.preprocessing] if detector else [])]
    photos = export.test_photos(
        files["holdout"],
        files["images"],
        files["people"],
        Path(dataset["cache"]),
        sees,
        snakemake.threads,
    )
    tables = {name: read_csv(files[name]) if files[name] else None for name in TABLES}
    block = params.models[used.record.model]
    parts = [
        (plan_of(one["plan"]), {name: Path(file) for name, file in one["files"].items()})
        for one in block["members"].values() or [block]
    ]
    names = [path.name for path in outputs]
    with export.appearing(outputs[0].parent, names) as part:
        found = None
        if detector:
            found = export_detector.write(detector, People(**params.people), photos[-1], part)
        elif export_detector.GRAPH in names:
            # The rule declares it where any candidate looks at a person; this one does not.
            (part / export_detector.GRAPH).touch()
        written = export.write(used, photos[: len(used.sees)], part)
        made = export_config.described(used, parts, written, found)
        text = json.dumps(made, indent=1, ensure_ascii=False) + "\n"
        (part / "config.json").write_text(text, encoding="utf-8")
        licences = manifest.column(files["source"], "license_url")
        card = model_card.contents(made, used.record, used.plan, tables, licences, dataset)
        (part / "README.md").write_text(model_card.render(files["card"], card), encoding="utf-8")
        shutil.copyfile(files["example"], part / "predict.py")
