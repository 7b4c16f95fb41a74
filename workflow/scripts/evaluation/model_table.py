"""Rule model_table: a table of models, with the paper's values where it is one of the paper's."""

from stillact.core import logs, text_tables
from stillact.core.tables import read_csv, write_csv
from stillact.data import overview
from stillact.evaluation import model_tables
from stillact.paper import comparison
from stillact.paper.reported import reported

with logs.job(snakemake.log[0]):
    asked, source, out = snakemake.params.table, snakemake.input, snakemake.output
    of = {key: asked[key] for key in ("task", "subset")}
    table = model_tables.of_models(
        read_csv(source.summary), asked["rows"], name=asked["name"], **of
    )
    readable, caption = model_tables.readable, "All models"
    if source.paper:
        figures = reported(read_csv(source.paper), asked["paper"], **of)
        table = comparison.beside(table, figures)
        readable, caption = comparison.readable, comparison.TITLES[snakemake.wildcards.table]
    write_csv(table, out.csv)
    holdout = read_csv(source.holdout)
    photos = int((holdout["subset"] == of["subset"]).sum())
    cells, note = readable(table, photos, overview.largest_class_rate(holdout, of["subset"]))
    for path in (out.md, out.tex):
        text_tables.write(path, cells, caption=caption, note=note, words=2)
