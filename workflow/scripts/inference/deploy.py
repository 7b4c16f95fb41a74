"""Rule deploy: train the recommended model, or that of `deploy:`, on all labelled photos."""

import json
import shutil
import tempfile
from pathlib import Path

from stillact.core import logs
from stillact.core.runs import ALL, Run
from stillact.core.tables import read_csv, replacing
from stillact.evaluation.answer import Answer
from stillact.inference import deployed, refit
from stillact.training import jobs, loop

with logs.job(snakemake.log[0]), loop.repeatable(snakemake.threads):
    params, source = snakemake.params, snakemake.input
    found = Answer.read(Path(source.answer))
    model = deployed.which(found, params.deploy)
    block = params.models[model]
    device = loop.choose_device("cuda" if snakemake.resources.gpu else "cpu")
    run = Run(found.task, model, ALL, block["seeds"][0])
    rows = refit.rows_of_all(read_csv(source.kfold))
    with tempfile.TemporaryDirectory(dir=Path(snakemake.output.record).parent) as folder:
        made = refit.refit(
            refit.Source.of(block),
            run,
            rows,
            Path(folder),
            Path("results/unfinished"),
            device,
            snakemake.params.code,
        )
        fitted = json.loads((made / refit.FITTED).read_text(encoding="utf-8"))
        with replacing(snakemake.output.weights) as part:
            shutil.copyfile(made / jobs.WEIGHTS, part)
    record = deployed.record(
        run,
        block["plan"]["recipe"],
        read_csv(source.predictions),
        found,
        params.accuracy,
        dict(images=len(rows), device=jobs.device_name(device), **fitted),
    )
    with replacing(snakemake.output.record) as part:
        Path(part).write_text(record.model_dump_json(indent=1) + "\n", encoding="utf-8")
    if record.warning:
        logs.logger.warning("%s", record.warning)
