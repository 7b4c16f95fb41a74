"""Rule alpha_curve: validation scores of weights between zero-shot and fine-tuned (WiSE-FT)."""

from stillact.core import logs
from stillact.core.tables import read_csv
from stillact.figures import style
from stillact.figures import sweep as sweep_figures
from stillact.training.run_record import RunRecord

with logs.job(snakemake.log[0]):
    histories = [read_csv(path) for path in snakemake.input.histories]
    chosen = [RunRecord.read(path).chosen["alpha"] for path in snakemake.input.metas]
    photos = (read_csv(snakemake.input.split)["subset"] == "validation").sum()
    figure = sweep_figures.alpha_curve(histories, chosen, snakemake.wildcards.model, photos)
    for path in snakemake.output:
        style.save(figure, path)
