"""Rule embed_texts: a backbone's embedding of every text of a prompt set."""

from pathlib import Path

from stillact.core import arrays, logs
from stillact.core.tables import write_csv
from stillact.models import embed
from stillact.models.backbones import loading
from stillact.training import loop

with logs.job(snakemake.log[0]), loop.repeatable(snakemake.threads):
    embed.require_text_tower(Path(snakemake.input.record), snakemake.wildcards.prompts)
    table = embed.text_table(snakemake.params.prompts)
    backbone = loading.from_record(Path(snakemake.input.record))
    arrays.save(embed.of_texts(backbone, table["text"].tolist()), snakemake.output.array)
    write_csv(table, snakemake.output.table)
