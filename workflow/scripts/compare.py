"""Rule compare: a table of models beside the paper's figures."""

from stillact import log, paper
from stillact.tables import read_csv, write_csv

with log.job(snakemake.log[0]):
    params = snakemake.params[0]
    reported = read_csv(snakemake.input.paper)
    of = {key: params[key] for key in ("task", "subset")}
    table = paper.compare(
        read_csv(snakemake.input.summary),
        paper.reported(reported, params["paper"], **of),
        params["rows"],
        name="augmentation" if params["paper"] == 3 else "model",
        **of,
    )
    write_csv(table, snakemake.output[0])
