"""Rule select: model selection in each run without its test photos; comparison of all recipes."""

import json
from pathlib import Path

import pandas as pd

from stillact.core import logs
from stillact.core.runs import Run
from stillact.core.tables import read_csv, write_csv
from stillact.evaluation import selection

with logs.job(snakemake.log[0]):
    settings, out = snakemake.params[0], snakemake.output
    predictions = read_csv(snakemake.input.predictions)
    metas = [json.loads(Path(path).read_text(encoding="utf-8")) for path in snakemake.input.metas]
    scores = selection.scores(predictions, settings["candidates"], settings["by"])
    together = pd.concat([predictions, selection.selected(predictions, scores)])
    chosen_settings = pd.DataFrame(
        {**meta["run"], "settings": selection.describe(meta["chosen"])} for meta in metas
    )
    chosen_settings = chosen_settings.drop(columns="task")
    scores = scores.merge(chosen_settings, on=["split", "seed", "model"], how="left")
    write_csv(scores, out.scores)
    write_csv(scores[scores["chosen"]].drop(columns="chosen"), out.chosen)
    views = {Run.at(Path(path).parent): read_csv(path) for path in snakemake.input.views}
    write_csv(selection.views(views), out.views)
    write_csv(selection.recipes(together, settings["recipes"]), out.recipes)
