"""Rule sweep: a grid of settings of one model, evaluated on the validation photos."""

import pandas as pd

from stillact.core import logs
from stillact.core.tables import read_csv, write_csv
from stillact.evaluation import sweep
from stillact.figures import style
from stillact.figures import sweep as sweep_figures

with logs.job(snakemake.log[0]):
    params = snakemake.params[0]
    pairs = zip(params["points"], snakemake.input.histories, strict=True)
    patience = params["patience"]
    rows = [point | sweep.kept_epoch(read_csv(path), patience) for point, path in pairs]
    points = pd.DataFrame(rows)
    summary = sweep.summary(points)
    write_csv(points, snakemake.output.points)
    write_csv(summary, snakemake.output.summary)
    photos = (read_csv(snakemake.input.split)["subset"] == "validation").sum()
    figure = sweep_figures.sweep(points, summary, params["own"], params["model"], photos)
    for path in (snakemake.output.svg, snakemake.output.png):
        style.save(figure, path)
