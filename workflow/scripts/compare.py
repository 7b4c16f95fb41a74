"""Rule compare: a table of models beside the paper's figures."""

from stillact import log, paper
from stillact.tables import read_csv, write_csv

with log.job(snakemake.log[0]):
    params = snakemake.params[0]
    table = paper.compare(
        read_csv(snakemake.input.summary),
        paper.reported(read_csv(snakemake.input.paper), params["paper"], params["task"]),
        params["rows"],
        task=params["task"],
        subset=params["subset"],
    )
    write_csv(table, snakemake.output[0])
