"""Rule compare: a table of models beside the paper's figures."""

from stillact import explore, log, paper, typeset
from stillact.tables import read_csv, write_csv

with log.job(snakemake.log[0]):
    params, out = snakemake.params[0], snakemake.output
    reported = read_csv(snakemake.input.paper)
    of = {key: params[key] for key in ("task", "subset")}
    table = paper.compare(
        read_csv(snakemake.input.summary),
        paper.reported(reported, params["paper"], **of),
        params["rows"],
        name="augmentation" if params["paper"] == 3 else "model",
        **of,
    )
    write_csv(table, out.csv)
    holdout = read_csv(snakemake.input.holdout)
    photos = int((holdout["subset"] == of["subset"]).sum())
    rate = explore.largest_class_rate(holdout, of["subset"])
    readable, note = paper.readable(table, photos, rate)
    for path in (out.md, out.tex):
        caption = paper.TITLES[snakemake.wildcards.table]
        typeset.write(path, readable, caption=caption, note=note, words=2)
