"""Rule learning_curves: loss by epoch of the runs of each model on the holdout split."""

from pathlib import Path

from stillact.core import logs
from stillact.core.runs import Run
from stillact.core.tables import read_csv
from stillact.figures import style, training

with logs.job(snakemake.log[0]):
    histories = {}
    for path in snakemake.input.histories:
        histories.setdefault(Run.at(Path(path).parent).model, []).append(read_csv(path))
    figure = training.learning_curves(histories)
    for path in snakemake.output:
        style.save(figure, path)
