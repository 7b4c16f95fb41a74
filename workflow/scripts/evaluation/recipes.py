"""Rule recipes: all models of the main task compared, the views of test-time augmentation, and
the members of ensembles."""

from pathlib import Path

from stillact.core import logs
from stillact.core.runs import Run
from stillact.core.tables import read_csv, write_csv
from stillact.evaluation import members, selection

with logs.job(snakemake.log[0]):
    views = {Run.at(Path(path).parent): read_csv(path) for path in snakemake.input.views}
    write_csv(selection.views(views), snakemake.output.views)
    predictions, params = read_csv(snakemake.input.predictions), snakemake.params
    write_csv(selection.recipes(predictions, params.recipes), snakemake.output.recipes)
    write_csv(members.left_out(predictions, params.members), snakemake.output.members)
