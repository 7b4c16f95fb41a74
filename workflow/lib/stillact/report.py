"""The study told on one HTML page that needs no network and no script."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pandas as pd
import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from scipy.stats import binomtest

from stillact.config import CNN, Config, FineTuneModel, FromScratchModel, MLPModel, Model
from stillact.explore import MEASURES, audit_summary, largest_class_rate
from stillact.paper import LARGEST_CLASS, METRICS
from stillact.runs import SUBSETS

RESULTS = ("table_2", "table_3", "table_4", "table_5", "table_6", "table_7")
MIME = {".svg": "image/svg+xml", ".png": "image/png"}


@dataclass(frozen=True)
class Study:
    """What a report tells.

    config: the study's config; its first task is the one that the answer is about.
    images: images.csv (every row of the manifest).
    holdouts: the holdout.csv of each task.
    audit: a table of `explore.audit`.
    paper: paper_results.csv.
    tables: table_1 of `explore.table_1`; table_2 to table_7 of `paper.compare` (table_7: all models
        of the first task). One that is not there is said to be missing.
    figures: PNG or SVG files: table_3 and table_7 of `figures.accuracy`, figure_1, figure_2,
        figure_3 and confusion_{first task} of `figures.confusion`. One that is not there is said
        to be missing, too.
    metas: the meta.json of each run.
    files: where what is shown lies: paths relative to the report.
    """

    config: Config
    images: pd.DataFrame
    holdouts: Mapping[str, pd.DataFrame]
    audit: pd.DataFrame
    paper: pd.DataFrame
    tables: Mapping[str, pd.DataFrame]
    figures: Mapping[str, Path]
    metas: list[dict]
    files: Sequence[str]

    @property
    def task(self) -> str:
        return self.config.main_task


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
    models = _models(study.config)
    return environment.get_template(template.name).render(
        study=study,
        answers={name: _answer(study, name) for name in ("table_5", "table_7")},
        models=[(name, _about(study.config, model)) for name, model in models.items()],
        backbones=_backbones(study.config, models),
        on_features=[name for name, model in models.items() if isinstance(model, MLPModel)],
        photos=_photos(study.images),
        splits={task: _split(study, task) for task in study.config.tasks},
        runs=_runs(study.metas),
        sizes=_sizes(study.tables.get("table_1")),
        audit=audit_summary(study.audit),
        results={name: _results(study, name) for name in RESULTS},
        metrics=METRICS,
        subsets=SUBSETS,
        images={name: _data_uri(path) for name, path in study.figures.items()},
        links={path: quote(path) for path in study.files},
        config=yaml.safe_dump(study.config.model_dump(mode="json"), sort_keys=False),
    )


def _answer(study: Study, table: str) -> dict | None:
    """The sentence that answers, what qualifies it, and the plot's words for who cannot see it."""
    models = study.tables.get(table)
    if models is None or models.empty:
        return None
    best = models.iloc[0]
    classes = _listed(study.config.tasks[best["task"]].classes)
    photos, rate = _judged(study, best["task"], best["subset"])
    low, high = best["accuracy_ci_low"], best["accuracy_ci_high"]
    sure = f"95\xa0% interval {_percent(low)} to {_percent(high)}" if pd.notna(low) else "one run"
    headline = (
        f"{best['model']} tells {classes} apart best: right on {_percent(best['accuracy_mean'])} "
        f"of {photos} {best['subset']} photos ({sure}). Always answering the largest class is "
        f"right on {_percent(rate)}."
    )
    qualified = _against_constant(best, rate), _against_second(models), _photo_luck(models, photos)
    plot = "; ".join(f"{m['model']} {_percent(m['accuracy_mean'])}" for _, m in models.iterrows())
    return {"headline": headline, "qualified": " ".join(filter(None, qualified)), "plot": plot}


def _judged(study: Study, task: str, subset: str) -> tuple[int, float]:
    """How many photos, and the accuracy of answering always their largest class."""
    holdout = study.holdouts[task]
    return int((holdout["subset"] == subset).sum()), largest_class_rate(holdout, subset)


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


def _photo_luck(models: pd.DataFrame, photos: int) -> str:
    """How far other test photos might move the result, which no number of seeds shows."""
    right = binomtest(round(models["accuracy_mean"].iloc[0] * photos), photos)
    interval = right.proportion_ci(method="wilson")
    chosen = (
        f"; to be the best of {len(models)} models on them flatters it" if len(models) > 2 else ""
    )
    return (
        f"Seeds show the luck of training alone. With only {photos} test photos, the luck of "
        f"which they are gives by itself a 95\xa0% interval of {_percent(interval.low)} to "
        f"{_percent(interval.high)} (Wilson){chosen}."
    )


def _about(config: Config, model: Model) -> str:
    """One sentence: what a model brings with it, and what is trained on the study's photos."""
    if isinstance(model, FromScratchModel):
        kind = "convolutional" if isinstance(model.network, CNN) else "dense"
        means = [name for name, used in (
            ("augmentation", model.augment),
            ("batch norm", getattr(model.network, "batch_norm", False)),
            ("dropout", getattr(model.network, "dropout", 0)),
        ) if used]  # fmt: skip
        return (
            f"A {kind} network{' with ' if means else ''}{_listed(means)}, trained from random "
            "weights."
        )
    of = model.backbone
    if isinstance(model, FineTuneModel):
        start = ", which starts from the classes' prompts" if model.head == "text" else ""
        return f"The pretrained {of}, trained further together with a new last layer{start}."
    if model.features == "embedding":
        seen = f"what the pretrained {of} makes of a photo (its embedding)"
    else:
        seen = f"how similar the pretrained {of} finds a photo to each class's prompts"
    return f"A dense network, trained on {seen}; {of} stays as it is."


def _backbones(config: Config, models: Mapping[str, Model]) -> list[str]:
    used = {model.backbone for model in models.values() if not isinstance(model, FromScratchModel)}
    return [
        f"{name}: {block.weights.removeprefix('hub:')}"
        for name, block in config.backbones.items()
        if name in used
    ]


def _models(config: Config) -> dict[str, Model]:
    trained = {name for task in config.tasks.values() for name in task.models}
    return {name: model for name, model in config.models.items() if name in trained}


def _photos(images: pd.DataFrame) -> dict:
    missing = images[images["status"] != "ok"]
    return {
        "rows": len(images),
        "had": len(images) - len(missing),
        "missing": missing[["id", "reason", "url"]].to_dict("records"),
    }


def _split(study: Study, task: str) -> dict:
    holdout = study.holdouts[task]
    table = pd.crosstab(holdout["label"], holdout["subset"])
    table = table.reindex(
        index=study.config.tasks[task].classes, columns=list(SUBSETS), fill_value=0
    )
    return {
        "rows": [(label, (*counts, sum(counts))) for label, *counts in table.itertuples()],
        "totals": (*table.sum(), int(table.to_numpy().sum())),
    }


def _runs(metas: list[dict]) -> dict | None:
    """How the runs went: in all, and a row for each model."""
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
    if table is None or table.empty:
        return {"rows": [], "absent": reported["model"].tolist()}
    task, subset = table["task"].iloc[0], table["subset"].iloc[0]
    photos, rate = _judged(study, task, subset)
    largest, of = LARGEST_CLASS.get(task, (None, None)) if subset == "test" else (None, None)
    rows = []
    for row in table.to_dict("records"):
        cells = [_cell(row, metric) for metric in METRICS]
        cells[0]["ours_marked"] = row["accuracy_mean"] <= rate
        cells[0]["paper_marked"] = of is not None and row["accuracy_paper"] <= largest / of
        rows.append({"name": next(iter(row.values())), "runs": int(row["runs"]), "cells": cells})
    names = [row["name"] for row in rows]
    return {
        "rows": rows,
        "absent": [model for model in reported["model"] if model not in names],
        "single": [row["name"] for row in rows if row["runs"] < 2],
        "task": task,
        "subset": subset,
        "photos": photos,
        "rate": _percent(rate),
        "paper_rate": f"{largest} of {of} ({_percent(largest / of)})" if of else None,
        "in_paper": bool(table["accuracy_paper"].notna().any()),
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


def _listed(words: Sequence[str]) -> str:
    """'a', 'a and b' or 'a, b and c'."""
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


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
