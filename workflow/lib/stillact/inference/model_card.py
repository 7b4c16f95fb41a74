"""The model card of an exported model: description, evaluation, and out-of-scope use.

All values come from the study; missing ones are reported as missing.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pandas as pd
import yaml

from stillact.config.training import Plan
from stillact.core.probabilities import classes_of, prob_columns
from stillact.evaluation import bootstrap, calibration, error_analysis, metrics
from stillact.evaluation.predictions import Predictions, by_model
from stillact.evaluation.proportions import clustered_wilson
from stillact.inference.deployed import Record
from stillact.recipes.registry import RECIPES
from stillact.report import templates

SHOWN = 3  # maximum number of factors and of confused pairs of classes


def contents(
    exported: Mapping[str, Any],
    record: Record,
    plan: Plan,
    tables: Mapping[str, pd.DataFrame | None],
    licences: Sequence[str],
    dataset: Mapping[str, Any],
) -> dict[str, Any]:
    """The contents of the card, for `render`.

    Args:
        exported: from `export.described`.
        record: of the exported model.
        plan: of its runs.
        tables: predictions (of the task), manifest (of rule manifest), factors (None without an
            error analysis).
        licences: of the photos, addresses; '' for unknown ones.
        dataset: config.Dataset: name, manifest.
    """
    training, sources = RECIPES[plan.recipe].card(plan, named(exported["backbones"]))
    predictions = tables["predictions"]
    own = predictions[predictions["model"] == record.model]
    return {
        "header": header(exported, dataset["name"], record),
        "config": exported,
        "record": record,
        "dataset": {"name": dataset["name"], "manifest": Path(dataset["manifest"]).name},
        "performance": performance(own, record),
        "classes": by_class(own, record.scheme).to_dict("records"),
        "failures": failures(own, record.scheme, tables["factors"]),
        "origins": origins(tables["manifest"], licences),
        "training": training,
        "sources": sources,
        "trained": hasattr(getattr(plan, "of", plan), "training"),
    }


def named(backbones: Sequence[Mapping[str, Any]]) -> str:
    """The name of the first backbone; its source if the name is only the location of its config."""
    backbone = backbones[0] if backbones else None
    if backbone is None:
        return ""
    return backbone["source"] if backbone["name"] == "local-dir:" else backbone["name"]


def performance(own: pd.DataFrame, record: Record) -> dict[str, Any]:
    """Scores of the model on the photos on which its accuracy is estimated.

    Args:
        own: predictions of the model: task, model, split, seed, subset, image_id, label,
            prob_<class>...
        record: of the model.

    Returns:
        images, runs; each of `bootstrap.METRICS` as (value, low, high), without correction for the
        choice of the model; and calibration, a row of `calibration.scores` without ("before") and
        with ("after") the record's temperature.
    """
    columns = prob_columns(classes_of(own))
    scaled = own.copy()
    scaled[columns] = calibration.apply_temperature(own[columns].to_numpy(), record.temperature)
    rows = bootstrap.intervals(own, scheme=record.scheme).to_dict("records")
    found = {row["metric"]: (row["value"], row["ci_low"], row["ci_high"]) for row in rows}
    (before,), (after,) = (
        calibration.scores(table, scheme=record.scheme).to_dict("records")
        for table in (own, scaled)
    )
    counts = {name: rows[0][name] for name in ("images", "runs")}
    return {**counts, **found, "before": before, "after": after}


def by_class(own: pd.DataFrame, scheme: str) -> pd.DataFrame:
    """Recall of each class, of a single run.

    Args:
        own: as for `performance`.
        scheme: of the record.

    Returns:
        class; photos; recall, with its 95 % interval low and high (`clustered_wilson`).
    """
    (given,) = by_model(own, scheme=scheme).values()
    rows = []
    for code, name in enumerate(given.classes):
        of = given.labels == code
        right = given.right[of]
        low, high = map(float, clustered_wilson(right, given.clusters[of]))
        rows.append((name, int(of.sum()), float(right.mean()), low, high))
    return pd.DataFrame(rows, columns=["class", "photos", "recall", "low", "high"])


def failures(own: pd.DataFrame, scheme: str, factors: pd.DataFrame | None) -> dict[str, Any]:
    """Errors of the model.

    Args:
        own, scheme: as for `by_class`.
        factors: from `error_factors.factors`; None without an error analysis.

    Returns:
        confused: label, answer, photos (the mean per run), of (all photos of that label) of the
        pairs of classes that are confused most; contrasts: sentences on the factors with the
        smallest p values; None without factors.
    """
    models = by_model(own, scheme=scheme)
    (given,) = models.values()
    table = metrics.confusion(given)
    wrong = table.where(~np.eye(len(table), dtype=bool), 0).stack()
    wrong = wrong[wrong > 0].sort_values(ascending=False, kind="stable")
    confused = [
        {"label": label, "answer": answer, "photos": count, "of": table.loc[label].sum()}
        for (label, answer), count in wrong.head(SHOWN).items()
    ]
    return {
        "confused": confused,
        "contrasts": None if factors is None else _contrasts(models, factors),
    }


def _contrasts(given: Mapping[str, Predictions], factors: pd.DataFrame) -> list[str]:
    table = error_analysis.contrasts(error_analysis.rates(given, factors))
    known = table[table["p"].notna()].sort_values("p", kind="stable").head(SHOWN)
    return [error_analysis.contrast_sentence(row) for row in known.to_dict("records")]


def origins(manifest: pd.DataFrame, licences: Sequence[str]) -> dict[str, dict[str, int]]:
    """Sources and licences of the photos: counts by host, and by licence.

    Args:
        manifest: of rule manifest: url.
        licences: of the photos; '' for unknown ones.
    """
    hosts = manifest["url"].map(lambda url: urlsplit(url).hostname or "local files")
    known = Counter(filter(None, licences))
    return {"hosts": dict(hosts.value_counts()), "licences": dict(known.most_common())}


def header(config: Mapping[str, Any], dataset: str, record: Record) -> str:
    """The card's YAML metadata block for the Hugging Face hub.

    Args:
        config: from `export.described`.
        dataset: its name.
        record: of the model.
    """
    licences = [(one["licence"] or "unknown").lower() for one in config["backbones"]]
    sources = [one["source"] for one in config["backbones"]]
    metric = {"type": "accuracy", "value": round(record.accuracy, 4), "name": "accuracy"}
    result = {
        "task": {"type": "image-classification"},
        "dataset": {"name": dataset, "type": dataset},
        "metrics": [metric],
    }
    block: dict[str, Any] = {
        "license": licences[0] if len(set(licences)) == 1 else "unknown",
        "library_name": "onnx",
        "pipeline_tag": "image-classification",
        "tags": ["onnx", "human-activity-recognition", "still-images", config["recipe"]],
    }
    hub = [source.removeprefix("hub:") for source in sources if source.startswith("hub:")]
    if hub:
        block["base_model"] = hub[0] if len(hub) == 1 else hub
    block["model-index"] = [{"name": config["model"], "results": [result]}]
    return yaml.safe_dump(block, sort_keys=False, allow_unicode=True)


def render(template: Path, contents: Mapping[str, Any]) -> str:
    """The card, as Markdown.

    Args:
        template: model_card.md.j2.
        contents: from `contents`.
    """
    card = templates.environment(template.parent, html=False)
    card.filters |= {"percent": _percent, "number": lambda value: f"{value:.3f}"}
    return card.get_template(template.name).render(contents)


def _percent(value: float) -> str:
    return f"{100 * value:.1f} %"
