"""Rule recipes: all models of the main task compared, and the views of test-time augmentation."""

from pathlib import Path

from stillact.core import logs
from stillact.core.runs import Run
from stillact.core.tables import read_csv, write_csv
from stillact.evaluation import selection

with logs.job(snakemake.log[0]):
    views = {Run.at(Path(path).parent): read_csv(path) for path in snakemake.input.views}
    write_csv(selection.views(views), snakemake.output.views)
    predictions = read_csv(snakemake.input.predictions)
    write_csv(selection.recipes(predictions, snakemake.params[0]), snakemake.output.recipes)
