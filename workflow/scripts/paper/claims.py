"""Rule claims: what the paper claims, and what the study says to it."""

from pathlib import Path

from stillact.core import logs, text_tables
from stillact.core.tables import read_csv, write_csv
from stillact.paper import claims

with logs.job(snakemake.log[0]):
    source, out = snakemake.input, snakemake.output
    predictions = {Path(path).stem: read_csv(path) for path in source.predictions}
    said_of = read_csv(source.claims).query("task in @predictions")  # others are no concern of it
    table, note = claims.evaluate(
        said_of, read_csv(source.runs), predictions, **snakemake.params[0]
    )
    write_csv(table, out.csv)
    said = f"{claims.RULE} {note}".strip()
    text_tables.write(out.md, table, caption="The paper's claims", note=said, words=3)
