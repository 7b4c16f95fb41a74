"""Rule evaluation_figures: figures of intervals, pairwise comparisons and calibration of a task.

They show cross-validation if every model of the holdout is cross-validated, else the holdout.
"""

from stillact.core import logs
from stillact.core.tables import read_csv
from stillact.data import overview
from stillact.figures import statistics as statistics_figures
from stillact.figures import style

NAMES = ("pooled", "pairs", "calibration", "reliability")

with logs.job(snakemake.log[0]):
    tables = {name: read_csv(snakemake.input[name]) for name in NAMES}
    scheme, models, over = statistics_figures.drawn(tables["pooled"])
    drawn = {name: table[table["scheme"] == scheme] for name, table in tables.items()}
    rows = read_csv(snakemake.input[scheme])
    rate = overview.largest_class_rate(
        rows.assign(subset="test") if scheme == "cv" else rows, "test"
    )
    plain = drawn["calibration"].query("temperature_scaled == 'no'")
    p = "p_holm" if scheme == "cv" else "mcnemar_p_holm"
    made = [
        statistics_figures.pooled(drawn["pooled"], rate, over),
        statistics_figures.pairs(drawn["pairs"], models, p, over),
        statistics_figures.reliability(drawn["reliability"], plain, over),
    ]
    for paths in (snakemake.output.svg, snakemake.output.png):
        for figure, path in zip(made, paths, strict=True):
            style.save(figure, path)
