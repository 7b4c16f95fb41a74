"""Rule evaluation_figures: figures of intervals, pairwise comparisons and calibration of a task.

Of the most accurate models and the baselines, out-of-fold if any is cross-validated.
"""

from stillact.core import logs
from stillact.core.tables import read_csv
from stillact.data import overview
from stillact.evaluation.shown import shown
from stillact.figures import statistics as statistics_figures
from stillact.figures import style

NAMES = ("pooled", "pairs", "calibration", "reliability")

with logs.job(snakemake.log[0]):
    tables = {name: read_csv(snakemake.input[name]) for name in NAMES}
    of = shown(tables["pooled"], **snakemake.params.shown)
    rows = read_csv(snakemake.input[of.scheme])
    rate = overview.largest_class_rate(
        rows.assign(subset="test") if of.scheme == "cv" else rows, "test"
    )
    plain = of.of(tables["calibration"]).query("temperature_scaled == 'no'")
    made = [
        statistics_figures.pooled(of.of(tables["pooled"]), rate, of.over),
        statistics_figures.pairs(of.of_pairs(tables["pairs"]), of.models, of.over),
        statistics_figures.reliability(of.of(tables["reliability"]), plain, of.over),
    ]
    for paths in (snakemake.output.svg, snakemake.output.png):
        for figure, path in zip(made, paths, strict=True):
            style.save(figure, path)
