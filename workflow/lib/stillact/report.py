"""The study told on one HTML page that needs no network and no script."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pandas as pd
import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from scipy.stats import binomtest

from stillact.config import Config
from stillact.explore import MEASURES, audit_summary, largest_class_rate
from stillact.paper import LARGEST_CLASS_RATE, METRICS
from stillact.runs import SUBSETS

MIME = {".svg": "image/svg+xml", ".png": "image/png"}


@dataclass(frozen=True)
class Study:
    """What a report tells.

    config: the study's config.
    task: the task that the tables are about.
    images, holdout: images.csv (every row of the manifest) and the task's holdout.csv.
    audit: a table of `explore.audit`.
    paper: paper_results.csv.
    tables: table_1 of `explore.table_1`; models (all models of the task, on test), table_2, table_4
        (test) and table_3 (validation) of `paper.compare`. One that is not there is said to be
        missing.
    figures: PNG or SVG files: models and table_3 of `figures.accuracy`, figure_1, figure_2. One
        that is not there is said to be missing, too.
    metas: the meta.json of each run.
    files: where what is shown lies: a file's name and its path relative to the report. A table is
        looked up as its name with .csv, a figure under its file's name.
    """

    config: Config
    task: str
    images: pd.DataFrame
    holdout: pd.DataFrame
    audit: pd.DataFrame
    paper: pd.DataFrame
    tables: Mapping[str, pd.DataFrame]
    figures: Mapping[str, Path]
    metas: list[dict]
    files: Mapping[str, str]


def build(study: Study, template: Path) -> str:
    """The report: one self-contained HTML page, as text.

    Args:
        study: what it tells.
        template: report.html.j2; report.css lies beside it.
    """
    environment = Environment(
        loader=FileSystemLoader(template.parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template.name).render(
        study=study,
        answer=_answer(study),
        photos=_photos(study),
        runs=_runs(study.metas),
        sizes=_sizes(study.tables.get("table_1")),
        audit=audit_summary(study.audit),
        results={name: _results(study, name) for name in ("table_2", "table_3", "table_4")},
        metrics=METRICS,
        subsets=SUBSETS,
        images={name: _data_uri(path) for name, path in study.figures.items()},
        links={name: (quote(path), path) for name, path in study.files.items()},
        config=yaml.safe_dump(study.config.model_dump(mode="json"), sort_keys=False),
    )


def _answer(study: Study) -> dict:
    """The sentence that answers, what qualifies it, and the plot's words for who cannot see it."""
    models = study.tables.get("models")
    if models is None or models.empty:
        headline = f"No model of {study.task} has results on the test photos."
        return {"headline": headline, "qualified": [], "plot": ""}
    rate = largest_class_rate(study.holdout, "test")
    photos = int((study.holdout["subset"] == "test").sum())
    best = models.iloc[0]
    low, high = best["accuracy_ci_low"], best["accuracy_ci_high"]
    sure = f"95\xa0% interval {_percent(low)} to {_percent(high)}" if pd.notna(low) else "one run"
    headline = (
        f"{best['model']} does best: it is right on {_percent(best['accuracy_mean'])} of the "
        f"{photos} test photos ({sure}), where always answering the largest class is right on "
        f"{_percent(rate)}."
    )
    qualified = [_against_constant(best, rate), _against_second(models), _photo_luck(best, photos)]
    plot = "; ".join(f"{m['model']} {_percent(m['accuracy_mean'])}" for _, m in models.iterrows())
    return {"headline": headline, "qualified": [q for q in qualified if q], "plot": plot}


def _against_constant(best: pd.Series, rate: float) -> str:
    if best["accuracy_mean"] <= rate:
        return "Not even the best model beats that constant answer."
    if pd.isna(best["accuracy_ci_low"]):
        return "With a single run, nothing is known of how far another seed would differ."
    if best["accuracy_ci_low"] <= rate:
        return "Its interval reaches down to that constant answer, so it may have learnt nothing."
    return f"Its whole interval, over {best['runs']} seeds, lies above that constant answer."


def _against_second(models: pd.DataFrame) -> str:
    if len(models) < 2:
        return ""
    best, second = models.iloc[0], models.iloc[1]
    said = f"The next best, {second['model']}, is right on {_percent(second['accuracy_mean'])}"
    if pd.isna(best["accuracy_ci_low"]) or pd.isna(second["accuracy_ci_high"]):
        return f"{said}."
    if second["accuracy_ci_high"] < best["accuracy_ci_low"]:
        return f"{said}; the two intervals do not overlap."
    return f"{said}; the two intervals overlap, so that their order is not settled."


def _photo_luck(best: pd.Series, photos: int) -> str:
    """How far other test photos might move the result, which no number of seeds shows."""
    right = binomtest(round(best["accuracy_mean"] * photos), photos)
    interval = right.proportion_ci(method="wilson")
    return (
        f"Seeds show the luck of training alone. With only {photos} test photos, the luck of "
        f"which they are gives by itself a 95\xa0% interval of {_percent(interval.low)} to "
        f"{_percent(interval.high)} (Wilson)."
    )


def _photos(study: Study) -> dict:
    missing = study.images[study.images["status"] != "ok"]
    split = pd.crosstab(study.holdout["label"], study.holdout["subset"])
    classes = study.config.tasks[study.task].classes
    split = split.reindex(index=classes, columns=list(SUBSETS), fill_value=0)
    return {
        "rows": len(study.images),
        "had": len(study.images) - len(missing),
        "missing": missing[["id", "reason", "url"]].to_dict("records"),
        "split": [(label, (*counts, sum(counts))) for label, *counts in split.itertuples()],
        "totals": (*split.sum(), int(split.to_numpy().sum())),
    }


def _runs(metas: list[dict]) -> dict | None:
    """How the runs went: in all, and a row for each model."""
    if not metas:
        return None
    table = pd.DataFrame([{**meta, **meta["run"]} for meta in metas])
    versions = [", ".join(f"{k} {v}" for k, v in meta["versions"].items()) for meta in metas]
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
        "versions": sorted(set(versions)),
        "models": models.reset_index().to_dict("records"),
    }


def _sizes(table: pd.DataFrame | None) -> list[dict]:
    digits = {"width": 0, "height": 0, "aspect_ratio": 2}
    rows = []
    for row in () if table is None else table.to_dict("records"):
        values = [
            _number(row[f"{measure}_{value}"], digits[measure])
            for measure in MEASURES
            for value in ("mean", "median", "iqr")
        ]
        rows.append({"label": row["label"], "count": row["count"],
                     "share": _percent(row["share"]), "values": values})  # fmt: skip
    return rows


def _results(study: Study, name: str) -> dict:
    """A table of results, its cells as text, and what has to be said about it."""
    table = study.tables.get(name)
    reported = study.paper[study.paper["table"] == int(name.removeprefix("table_"))]
    subset = reported["subset"].iloc[0]
    rate = largest_class_rate(study.holdout, subset)
    # Of the paper's validation photos the class counts are not known.
    paper_rate = LARGEST_CLASS_RATE if subset == "test" else float("nan")
    rows = []
    for row in () if table is None else table.to_dict("records"):
        shown, runs = list(row.values())[:2]
        cells = [_cell(row, metric) for metric in METRICS]
        cells[0]["ours_marked"] = row["accuracy_mean"] <= rate
        cells[0]["paper_marked"] = row["accuracy_paper"] <= paper_rate
        rows.append({"name": shown, "runs": int(runs), "cells": cells})
    names = [row["name"] for row in rows]
    return {
        "rows": rows,
        "absent": [model for model in reported["model"] if model not in names],
        "single": [row["name"] for row in rows if row["runs"] < 2],
        "rate": _percent(rate),
        "paper_rate": _percent(paper_rate) if subset == "test" else None,
        "subset": subset,
    }


def _cell(row: dict, metric: str) -> dict:
    mean, sd, low, high, paper = (
        row[f"{metric}_{value}"] for value in ("mean", "sd", "ci_low", "ci_high", "paper")
    )
    spread = pd.notna(sd)
    return {
        "ours": f"{mean:.3f} ± {sd:.3f}" if spread else f"{mean:.3f}",
        "interval": f"[{low:.2f}, {high:.2f}]" if spread else "",
        "paper": _number(paper, 4),
        "ours_marked": False,
        "paper_marked": False,
    }


def _number(value: float, digits: int) -> str:
    return "–" if pd.isna(value) else f"{value:.{digits}f}"


def _percent(share: float) -> str:
    return f"{100 * share:.1f}\xa0%"


def _duration(seconds: float) -> str:
    """'41 s', '12 min 5 s' or '3 h 20 min'."""
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 1:
        return f"{rest} s"
    hours, minutes_left = divmod(minutes, 60)
    return f"{minutes} min {rest} s" if hours < 1 else f"{hours} h {minutes_left} min"


def _data_uri(path: Path) -> str:
    content = base64.b64encode(path.read_bytes()).decode()
    return f"data:{MIME[path.suffix]};base64,{content}"
