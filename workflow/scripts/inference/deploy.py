"""Rule deploy: the model for new photos, with its temperature and threshold."""

import json
from pathlib import Path

from stillact.core import logs
from stillact.core.runs import Run
from stillact.core.tables import read_csv, replacing
from stillact.evaluation import bootstrap, selection

with logs.job(snakemake.log[0]):
    settings = snakemake.params[0]
    predictions = read_csv(snakemake.input.predictions)
    found = selection.to_deploy(
        predictions, list(settings["recipes"]), settings["by"], settings["accuracy"]
    )
    model, own = found["model"], predictions[predictions["model"] == found["model"]]
    run = Run(settings["task"], model, "holdout", found["seed"])
    tested = {
        scheme: bootstrap.intervals(own, scheme=scheme).to_dict("records")
        for scheme in ("holdout", "cv")
    }
    record = {
        "task": run.task,
        "recipe": settings["recipes"][model],
        "run": run.folder,
        **found,
        "accuracy_wanted": settings["accuracy"],
        "tested": tested,
    }
    with replacing(snakemake.output[0]) as part:
        Path(part).write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    logs.logger.info("deployed: %s, selected on %s", run, found["chosen_on"])
