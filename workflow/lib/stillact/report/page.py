"""The report of a study: one self-contained HTML page that is readable without JavaScript."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import pandas as pd
import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from stillact.core.runs import SUBSETS
from stillact.data.overview import audit_summary
from stillact.evaluation import answer
from stillact.evaluation.answer import Answer
from stillact.evaluation.metrics import METRICS
from stillact.figures.style import COLOURS
from stillact.paper import notes as paper_notes
from stillact.paper.claims import RULE
from stillact.recipes.registry import RECIPES
from stillact.report import models as report_models
from stillact.report import sentences, tables
from stillact.report.thumbnails import data_uri
from stillact.study.config import AFTERWARDS, Config

RESULTS = ("all_models", "table_2", "table_3", "table_4", "table_5", "table_6", "table_7")
IMAGES = {".svg": "svg+xml", ".png": "png"}  # MIME subtype of a figure, by its suffix


@dataclass(frozen=True)
class Study:
    """The contents of a report.

    config: the study's config; its first task is the main one.
    answer: which model to use; None where the main task has no results.
    images: images.csv (every row of the manifest).
    holdouts: the holdout.csv of each task.
    audit: a table of `overview.audit`.
    shown: tables of results/selection/, statistics/, explain/, errors/, robustness/ and
        external/, by their path under results/ without suffix.
    claims: the paper's claims: claim, verdict and evidence; None where none is evaluated.
    browser: from `browser.photos`; None where the study has no predictions.
    paper: paper_results.csv; None where the study has nothing of the paper.
    tables: table_1 from `overview.table_1`; all_models, of the first task, from
        `model_tables.of_models`; table_2 to table_7 from `comparison.beside`. The report notes
        missing ones.
    figures: PNG or SVG files: all_models, table_3 and table_7 of `results.accuracy`, figure_1,
        figure_2, figure_3 and confusion_{first task} of `results.confusion`. The report notes
        missing ones.
    metas: the meta.json of each run.
    files: source files of tables and figures: paths relative to the report.
    """

    config: Config
    images: pd.DataFrame
    holdouts: Mapping[str, pd.DataFrame]
    audit: pd.DataFrame
    paper: pd.DataFrame | None
    tables: Mapping[str, pd.DataFrame]
    figures: Mapping[str, Path]
    metas: list[dict]
    files: Sequence[str]
    shown: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    answer: Answer | None = None
    claims: pd.DataFrame | None = None
    browser: Mapping | None = None

    @property
    def task(self) -> str:
        return self.config.main_task

    @property
    def of_paper(self) -> bool:
        """Whether the paper's tables, tests and claims are part of the report."""
        return self.paper is not None


def build(study: Study, template: Path) -> str:
    """The report: one self-contained HTML page, as text.

    Args:
        study: the contents.
        template: report.html.j2; report.css and report.js are in the same folder.
    """
    models = report_models.of_tasks(study.config)
    names = dict(zip(study.images["id"], study.images["url"], strict=True))
    script = template.with_name("report.js").read_text(encoding="utf-8")
    return _loaded(template).render(
        study=study,
        sentences=[] if study.answer is None else answer.sentences(study.answer),
        prices=_prices(study.answer),
        models=[(name, RECIPES[model.recipe].describe(model)) for name, model in models.items()],
        backbones=report_models.backbones(study.config, models),
        on_features=[name for name, model in models.items() if RECIPES[model.recipe].frozen],
        photos=_photos(study.images),
        splits={
            name: tables.split(study.holdouts[name], task.classes)
            for name, task in study.config.tasks.items()
        },
        runs=_runs(study.metas),
        sizes=tables.sizes(study.tables.get("table_1")),
        audit=audit_summary(study.audit),
        results={name: _results(study, name) for name in RESULTS},
        metrics=METRICS,
        subsets=SUBSETS,
        names=names,
        shown=tables.shown_as_they_are(study.shown, names),
        **_sentences(study),
        not_evaluated=sorted({*study.config.robustness.models} - {*study.config.robustness_models}),
        claims_rule=RULE,
        paper_notes=paper_notes.on(study.paper) if study.of_paper else [],
        script=script,
        script_sha256=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        hues=_hues(study.config.tasks[study.task].classes),
        images={
            name: data_uri(IMAGES[path.suffix], path.read_bytes())
            for name, path in study.figures.items()
        },
        links={path: quote(path) for path in study.files},
        config={
            key: yaml.safe_dump({key: block}, sort_keys=False)
            for key, block in study.config.model_dump(mode="json").items()
            if key not in (*AFTERWARDS, *([] if study.of_paper else ["paper"]))
        },
    )


def _loaded(template: Path) -> Template:
    environment = Environment(
        loader=FileSystemLoader(template.parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template.name)


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
        texts["errors"] = sentences.on_errors(pooled, *errors)
    if f"robustness/{task}/corrupted" in shown:
        texts["robustness"] = sentences.on_corruption(shown[f"robustness/{task}/corrupted"])
    if "external/summary" in shown:
        name = study.config.external.name
        texts["external"] = sentences.on_external(shown["external/summary"], name)
    return texts


def _prices(found: Answer | None) -> list[dict]:
    """The rows of the table of candidates: the chosen one, its equals, and those that are worse."""
    if found is None or found.chosen is None:
        return []
    others = [(one, answer.as_good(found)) for one in found.equals]
    others += [(one, "worse") for one in found.worse]
    first = {"model": found.chosen, "what": "chosen", "difference": "", "price": found.price}
    return [
        first,
        *(
            {"model": one.model, "what": what, "difference": answer.behind(one), "price": one.price}
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


def _runs(metas: list[dict]) -> dict | None:
    """Resources used by the runs: in total, and one row per model."""
    if not metas:
        return None
    table = pd.DataFrame([{**meta, **meta["run"]} for meta in metas])
    versions = pd.DataFrame([meta["versions"] for meta in metas])
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
