"""Rule review: the page of photos whose labels may be wrong."""

from pathlib import Path

from stillact.core import logs
from stillact.core.tables import read_csv, replacing, write_csv
from stillact.evaluation.answer import Answer
from stillact.evaluation.label_review import suspects
from stillact.report import review

with logs.job(snakemake.log[0]):
    params, source = snakemake.params, snakemake.input
    found = Answer.read(Path(source.answer))
    ordered = suspects(read_csv(source.predictions), review.models_of(found))
    images, cache = read_csv(source.images), Path(params.cache)
    made = review.data(ordered, params.classes, images, cache)
    command = f"snakemake --cores 1 correct {params.options or '--config'}"
    page = review.build(found, ordered, made, command, Path(source.template[0]))
    with replacing(snakemake.output.html) as part:
        part.write_text(page, encoding="utf-8")
    write_csv(ordered.round(8), snakemake.output.csv)
