"""Rule report: the HTML report of the study."""

from pathlib import Path

import numpy as np

from stillact.core import logs
from stillact.core.tables import read_csv
from stillact.evaluation.answer import Answer
from stillact.evaluation.shown import shown
from stillact.report import browser
from stillact.report import page as report_page
from stillact.report.contents import Study
from stillact.study.load import load
from stillact.training.run_record import RunRecord

with logs.job(snakemake.log[0]):
    source, settings = snakemake.input, load(snakemake.params.config)
    output = Path(snakemake.output[0])
    files = [
        *source.tables,
        *source.shown,
        *([source.claims] if source.claims else []),
        *([source.answer] if source.answer else []),
        *source.figures,
        *source.predictions,
    ]
    files += [source.images, *source.holdouts, source.audit]
    images, task = read_csv(source.images), settings.tasks[settings.main_task]
    tables_shown = {
        str(Path(path).relative_to(output.parent).with_suffix("")): read_csv(path)
        for path in source.shown
    }
    pooled = tables_shown.get(f"statistics/{settings.main_task}/pooled")
    of = None if pooled is None else shown(pooled, **settings.report.model_dump())
    models, answers = of.models if of else [], {}
    for predictions in source.predictions:
        answers = browser.answers(read_csv(predictions), models, task.classes)
    cache = Path(settings.dataset.cache)
    overlays = {
        Path(path).stem: browser.overlays(
            np.load(path), read_csv(Path(path).with_suffix(".csv")), task.classes, images
        )
        for path in source.maps
    }
    study = Study(
        config=settings,
        images=images,
        holdouts={Path(path).parent.name: read_csv(path) for path in source.holdouts},
        audit=read_csv(source.audit),
        paper=read_csv(source.paper) if source.paper else None,
        tables={Path(path).stem: read_csv(path) for path in source.tables},
        figures={Path(path).stem: Path(path) for path in source.figures},
        runs=[RunRecord.read(path) for path in source.metas],
        shown=tables_shown,
        answer=Answer.read(Path(source.answer)) if source.answer else None,
        claims=read_csv(source.claims) if source.claims else None,
        browser=browser.photos(answers, models, task.classes, images, cache, overlays),
        files=[str(Path(path).relative_to(output.parent)) for path in files],
    )
    output.write_text(report_page.build(study, Path(source.template[0])), encoding="utf-8")
