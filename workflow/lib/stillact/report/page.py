"""The report of a study: one self-contained HTML page that is readable without JavaScript."""

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

import pandas as pd
import yaml

from stillact.core.runs import SUBSETS
from stillact.data.overview import audit_summary
from stillact.evaluation import answer
from stillact.evaluation.answer import Answer
from stillact.evaluation.answer_text import behind
from stillact.evaluation.answer_text import sentences as answer_sentences
from stillact.evaluation.metrics import METRICS
from stillact.figures.style import COLOURS
from stillact.paper import notes as paper_notes
from stillact.paper.claims import RULE
from stillact.recipes.registry import RECIPES
from stillact.report import first_level, sentences, tables, thumbnails
from stillact.report import models as report_models
from stillact.report.contents import Study
from stillact.report.parts import parts
from stillact.report.templates import loaded, with_script
from stillact.study.config import AFTERWARDS
from stillact.training.run_record import RunRecord

RESULTS = ("all_models", "table_2", "table_3", "table_4", "table_5", "table_6", "table_7")


def build(study: Study, template: Path) -> str:
    """The report: one self-contained HTML page, as text.

    Args:
        study: the contents.
        template: report.html.j2; report.css and report.js are in the same folder.
    """
    models = report_models.of_tasks(study.config)
    names = dict(zip(study.images["id"], study.images["url"], strict=True))
    told, results = _sentences(study), {name: _results(study, name) for name in RESULTS}
    shown = tables.shown_as_they_are(study.shown, names)
    return loaded(template).render(
        study=study,
        sentences=[] if study.answer is None else answer_sentences(study.answer),
        prices=_prices(study.answer),
        models=[(name, RECIPES[model.recipe].describe(model)) for name, model in models.items()],
        backbones=report_models.backbones(study.config, models),
        on_features=[name for name, model in models.items() if RECIPES[model.recipe].frozen],
        photos=_photos(study.images),
        splits={
            name: tables.split(study.holdouts[name], task.classes)
            for name, task in study.config.tasks.items()
        },
        runs=_runs(study.runs),
        sizes=tables.sizes(study.tables.get("table_1")),
        audit=audit_summary(study.audit),
        audited=tables.audited(study.audit),
        results=results,
        metrics=METRICS,
        subsets=SUBSETS,
        names=names,
        shown=shown,
        first=_first_level(study),
        parts=parts(study, results, shown, told),
        **told,
        not_evaluated=sorted({*study.config.robustness.models} - {*study.config.robustness_models}),
        claims_rule=RULE,
        paper_notes=paper_notes.on(study.paper) if study.of_paper else [],
        hues=_hues(study.config.tasks[study.task].classes),
        images={name: thumbnails.figure(path) for name, path in study.figures.items()},
        links={path: quote(path) for path in study.files},
        config={
            key: yaml.safe_dump({key: block}, sort_keys=False)
            for key, block in study.config.model_dump(mode="json").items()
            if key not in (*AFTERWARDS, *([] if study.of_paper else ["paper"]))
        },
        **with_script(template.with_name("report.js")),
    )


def _results(study: Study, name: str) -> dict:
    number = name.removeprefix("table_")
    of_table = study.paper is not None and number.isdigit()
    reported = study.paper[study.paper["table"] == int(number)] if of_table else None
    return tables.results(study.tables.get(name), reported, study.holdouts)


def _sentences(study: Study) -> dict[str, list[str]]:
    """Summaries of the available tables, by the variables of the template."""
    shown, task = study.shown, study.task
    texts = {name: [] for name in ("saliency", "errors", "robustness", "external")}
    if f"explain/{task}/localisation" in shown:
        texts["saliency"] = [
            *sentences.on_localisation(shown[f"explain/{task}/localisation"]),
            *shown[f"explain/{task}/notes"]["note"],
        ]
    pooled = shown.get(f"statistics/{task}/pooled")
    if pooled is not None and not pooled.empty:
        errors = (
            shown[f"errors/{task}/{name}"] for name in ("contrasts", "agreement", "wrong_by_all")
        )
        texts["errors"] = sentences.on_errors(study.of(pooled), *errors, chosen=study.chosen)
    if f"robustness/{task}/corrupted" in shown:
        texts["robustness"] = sentences.on_corruption(shown[f"robustness/{task}/corrupted"])
    if "external/summary" in shown:
        name = study.config.external.name
        texts["external"] = sentences.on_external(shown["external/summary"], name)
    return texts


def _first_level(study: Study) -> dict:
    """The sentences of the first level, and whether it has the figure of the error rates."""
    shown, task = study.shown, study.task
    wrong = shown.get(f"errors/{task}/wrong_by_all")
    pooled = shown.get(f"statistics/{task}/pooled")
    mistakes, mistakes_shown, wrong_by_all, hard = "", False, 0, ""
    if pooled is not None and not pooled.empty and wrong is not None:
        of = study.of(pooled)
        wrong_by_all = int((wrong["scheme"] == of.scheme).sum())
        hard = first_level.on_wrong(of, wrong_by_all, study.answer)
        contrasts = shown[f"errors/{task}/contrasts"]
        mistakes, mistakes_shown = first_level.on_mistakes(of, contrasts, study.chosen)
    gain = first_level.on_gain(study.answer, shown.get("selection/more_photos"))
    tables_of_people = (shown.get(f"explain/{task}/{name}") for name in ("localisation", "covered"))
    return {
        "confusion": first_level.on_confusion(shown.get(f"tables/confusion_{task}"), study.chosen),
        "mistakes": mistakes,
        "mistakes_shown": mistakes_shown,
        "people": first_level.on_people(*tables_of_people, chosen=study.chosen),
        "wrong": hard,
        "more_photos": gain,
        "next": first_level.on_next(study.answer, wrong_by_all, study.config.labelled, gain)
        if study.answer
        else [],
    }


def _prices(found: Answer | None) -> list[dict]:
    """The rows of the table of candidates: the chosen one, its equals, and those that are worse."""
    if found is None or found.chosen is None:
        return []
    others = [(one, answer.EQUAL) for one in found.equals]
    others += [(one, answer.WORSE) for one in found.worse]
    first = {"model": found.chosen, "what": "chosen", "difference": "", "price": found.price}
    return [
        first,
        *(
            {
                "model": one.model,
                "what": what,
                "difference": behind(one),
                "price": one.price,
            }
            for one, what in others
        ),
    ]


def _hues(classes: Sequence[str]) -> list[tuple[str, str, str]]:
    """The colours of the photo browser: name, colour and legend; one per class, or, with more
    classes than colours, true class, wrong prediction and others."""
    if len(classes) <= len(COLOURS):
        return [(str(place), COLOURS[place], label) for place, label in enumerate(classes)]
    wrong, right, none = COLOURS[1], COLOURS[2], "var(--quiet)"
    return [
        ("truth", right, "true class"),
        ("wrong", wrong, "wrong prediction"),
        ("other", none, "all others"),
    ]


def _photos(images: pd.DataFrame) -> dict:
    missing = images[images["status"] != "ok"]
    return {
        "rows": len(images),
        "had": len(images) - len(missing),
        "missing": missing[["id", "reason", "url"]].to_dict("records"),
    }


def _runs(records: Sequence[RunRecord]) -> dict | None:
    """Resources used by the runs: in total, and one row per model."""
    if not records:
        return None
    table = pd.DataFrame([{**vars(one), **vars(one.run)} for one in records])
    versions = pd.DataFrame([one.versions for one in records])
    models = table.groupby(["task", "model"], sort=False).agg(
        runs=("seed", "size"),
        parameters=("parameters", "first"),
        epochs=("epochs", "mean"),
        seconds=("seconds", "mean"),
        memory=("peak_memory_mb", "max"),
    )
    return {
        "count": len(table),
        "duration": _duration(table["seconds"].sum()),
        "devices": sorted(set(table["device"])),
        "versions": [
            f"{name} {' and '.join(sorted(set(used.dropna())))}" for name, used in versions.items()
        ],
        "models": models.reset_index().to_dict("records"),
    }


def _duration(seconds: float) -> str:
    """'41 s', '12 min 5 s' or '3 h 20 min'."""
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 1:
        return f"{rest} s"
    hours, minutes_left = divmod(minutes, 60)
    return f"{minutes} min {rest} s" if hours < 1 else f"{hours} h {minutes_left} min"
