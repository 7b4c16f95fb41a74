"""Rule claims: the paper's claims with verdicts of the study."""

from pathlib import Path

from stillact.core import logs, text_tables
from stillact.core.tables import read_csv, write_csv
from stillact.data import overview
from stillact.paper import claims

with logs.job(snakemake.log[0]):
    source, out = snakemake.input, snakemake.output
    predictions = {Path(path).stem: read_csv(path) for path in source.predictions}
    of_tasks = read_csv(source.claims).query("task in @predictions")  # tasks of this study only
    photos = overview.photos(read_csv(source.images), read_csv(source.manifest))
    table, note = claims.evaluate(
        of_tasks,
        read_csv(source.runs),
        predictions,
        photos=photos,
        contrasts={Path(path).parent.name: read_csv(path) for path in source.contrasts},
        names=snakemake.params.names,
        anova=snakemake.params.anova,
    )
    write_csv(table, out.csv)
    footnote = f"{claims.RULE} {note}".strip()
    text_tables.write(out.md, table, caption="The paper's claims", note=footnote, words=3)
