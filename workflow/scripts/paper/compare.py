"""Rule compare: a table of models, with the paper's values for comparison."""

from stillact.core import logs, text_tables
from stillact.core.tables import read_csv, write_csv
from stillact.data import overview
from stillact.paper import comparison

with logs.job(snakemake.log[0]):
    params, out = snakemake.params[0], snakemake.output
    reported = read_csv(snakemake.input.paper)
    of = {key: params[key] for key in ("task", "subset")}
    table = comparison.compare(
        read_csv(snakemake.input.summary),
        comparison.reported(reported, params["paper"], **of),
        params["rows"],
        name="augmentation" if params["paper"] == 3 else "model",
        **of,
    )
    write_csv(table, out.csv)
    holdout = read_csv(snakemake.input.holdout)
    photos = int((holdout["subset"] == of["subset"]).sum())
    rate = overview.largest_class_rate(holdout, of["subset"])
    readable, note = comparison.readable(table, photos, rate)
    for path in (out.md, out.tex):
        caption = comparison.TITLES[snakemake.wildcards.table]
        text_tables.write(path, readable, caption=caption, note=note, words=2)
