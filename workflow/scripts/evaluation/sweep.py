"""Rule sweep_model: a grid of settings of one model, evaluated on validation photos."""

import pandas as pd

from stillact.core import logs
from stillact.core.tables import read_csv, write_csv
from stillact.evaluation import sweep
from stillact.figures import style
from stillact.figures import sweep as sweep_figures

with logs.job(snakemake.log[0]):
    params, model = snakemake.params, snakemake.wildcards.model
    histories = [read_csv(path) for path in snakemake.input.histories]
    runs = len(histories) // len(params.points)
    points = pd.DataFrame(
        [
            point | sweep.evaluated(histories[i * runs : (i + 1) * runs], params.patience)
            for i, point in enumerate(params.points)
        ]
    )
    summary = sweep.summary(points)
    write_csv(points, snakemake.output.points)
    write_csv(summary, snakemake.output.summary)
    subsets = read_csv(snakemake.input.split)["subset"]
    over = f"{(subsets == 'validation').sum()} validation photos"
    if runs > 1:
        over = f"the validation photos of {runs} folds"
    figure = sweep_figures.sweep(points, summary, params.own, model, over)
    for path in (snakemake.output.svg, snakemake.output.png):
        style.save(figure, path)
