"""Rule localisation: localisation metrics of the saliency maps, averaged over photos."""

from pathlib import Path

from stillact.core import logs
from stillact.core.tables import read_csv, write_csv
from stillact.figures import saliency as saliency_figures
from stillact.figures import style
from stillact.saliency import localisation_summary

with logs.job(snakemake.log[0]):
    source, out = snakemake.input, snakemake.output
    tables = {Path(path).stem: read_csv(path) for path in source.tables}
    reasons = {Path(path).stem: Path(path).read_text(encoding="utf-8") for path in source.notes}
    summary = localisation_summary.summarise(tables)
    write_csv(summary, out.csv)
    write_csv(localisation_summary.notes(tables, reasons), out.notes)
    photos = max((table["image_id"].nunique() for table in tables.values()), default=0)
    figure = saliency_figures.localisation(summary, f"over {photos} test photos, one run per model")
    for path in (out.svg, out.png):
        style.save(figure, path)
