"""Rule external: metrics of the models on a second dataset, as tables and a figure."""

from stillact.core import logs
from stillact.core.tables import read_csv, write_csv
from stillact.evaluation import external, external_metrics
from stillact.evaluation.predictions import of_models
from stillact.figures import external as external_figures
from stillact.figures import style

with logs.job(snakemake.log[0]):
    source, out = snakemake.input, snakemake.output
    predictions = of_models(map(read_csv, source.asked), snakemake.params.models)
    tables = [read_csv(source[name]) for name in ("manifest", "images", "copies")]
    _, left_out = external.photos(*tables)
    summary = external_metrics.summary(predictions, read_csv(source.predictions), left_out)
    classes = external_metrics.by_class(predictions)
    for table, path in ((predictions, out.predictions), (summary, out.summary)):
        write_csv(table, path)
    write_csv(classes, out.classes)
    figure = external_figures.external(summary, classes, snakemake.params.name)
    for path in (out.svg, out.png):
        style.save(figure, path)
