"""Rule gallery: a selection of the predicted photos, with saliency maps."""

from pathlib import Path

import pandas as pd

from stillact.config.data import Fetch
from stillact.core import logs
from stillact.core.tables import read_csv, replacing
from stillact.data import reading
from stillact.data.fetch.decode import pillow_limit
from stillact.data.people import boxes_of
from stillact.inference import deployed, gallery
from stillact.report import browser
from stillact.saliency import maps as saliency_maps
from stillact.training import loop

with logs.job(snakemake.log[0]), loop.repeatable(snakemake.threads):
    params, source = snakemake.params, snakemake.input
    device = loop.choose_device("cuda" if snakemake.resources.gpu else "cpu")
    used = deployed.load(Path(source.used), params.models, device)
    predictions, photos = read_csv(source.predictions), read_csv(source.photos)
    shown = gallery.chosen(predictions, used.classes, params.settings["photos"])
    files = photos.drop_duplicates(photos.columns[0]).set_index(photos.columns[0])["file"]
    files = files[shown.iloc[:, 0]].map(Path)
    limits = Fetch(**params.fetch)
    boxes = boxes_of(source.people) if source.people else {}
    with pillow_limit(limits.max_pixels):
        seen = [
            reading.seen(file, used.sees, limits, boxes.get(name, ()))
            for name, file in files.items()
        ]
    maps, note = saliency_maps.overlaid(used.trained, seen, params.settings["layers"])
    sizes = pd.DataFrame([photo.size for photo in seen], columns=["width", "height"])
    overlays = browser.overlays(
        maps | {"image_ids": list(files.index)},
        shown.rename(columns={shown.columns[0]: "image_id"}),
        used.classes,
        sizes.assign(id=list(files.index)),
    )
    page = gallery.build(
        predictions,
        shown,
        files,
        overlays,
        note,
        used.record,
        used.classes,
        Path(source.template[0]),
    )
    with replacing(snakemake.output[0]) as part:
        Path(part).write_text(page, encoding="utf-8")
