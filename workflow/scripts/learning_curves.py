"""Rule learning_curves: loss by epoch of the runs of each model on the holdout split."""

from pathlib import Path

from stillact import figures, log
from stillact.runs import Run
from stillact.tables import read_csv

with log.job(snakemake.log[0]):
    histories = {}
    for path in snakemake.input.histories:
        histories.setdefault(Run.at(Path(path).parent).model, []).append(read_csv(path))
    figure = figures.learning_curves(histories)
    for path in snakemake.output:
        figures.save(figure, path)
