"""The model card of an exported model: description, evaluation, and out-of-scope use.

All values come from the study; missing ones are reported as missing.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pandas as pd
import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from stillact.config.training import Plan
from stillact.core.runs import SUBSETS
from stillact.evaluation import calibration, error_analysis
from stillact.evaluation.hypothesis_tests import wilson
from stillact.evaluation.predictions import Predictions, by_model
from stillact.recipes.registry import RECIPES

SCHEMES = {"holdout": "holdout", "cv": "cross-validation"}
METRICS = ("accuracy", "balanced_accuracy", "macro_f1", "log_loss")
SHOWN = 3  # maximum number of factors and of confused pairs of classes


def told(
    exported: Mapping[str, Any],
    record: Mapping[str, Any],
    meta: Mapping[str, Any],
    plan: Plan,
    tables: Mapping[str, pd.DataFrame | None],
    dataset: Mapping[str, Any],
) -> dict[str, Any]:
    """The contents of the card, for `render`.

    Args:
        exported: from `export.described`.
        record: of rule deploy.
        meta: of the exported run.
        plan: of its runs.
        tables: predictions (of the task), holdout, manifest (of rule manifest), source (the user's
            manifest), factors (None without an error analysis).
        dataset: config.Dataset: name, manifest.
    """
    training, sources = RECIPES[plan.recipe].card(plan, named(exported["backbone"]))
    predictions, holdout = tables["predictions"], tables["holdout"]
    return {
        "header": header(exported, dataset["name"], record["tested"]),
        "config": exported,
        "record": record,
        "meta": meta,
        "dataset": {"name": dataset["name"], "manifest": Path(dataset["manifest"]).name},
        "performance": performance(predictions, record),
        "classes": by_class(predictions, record, holdout).to_dict("records"),
        "failures": failures(predictions, record, tables["factors"]),
        "origins": origins(tables["manifest"], tables["source"]),
        "training": training,
        "sources": sources,
    }


def named(backbone: Mapping[str, Any] | None) -> str:
    """The name of a backbone; its source if the name is only the location of its config."""
    if backbone is None:
        return ""
    return backbone["source"] if backbone["name"] == "local-dir:" else backbone["name"]


def performance(predictions: pd.DataFrame, record: Mapping[str, Any]) -> dict[str, Any]:
    """Test performance of the deployed model.

    Args:
        predictions: of its task: task, model, split, seed, subset, image_id, label,
            prob_<class>...
        record: of rule deploy: model, seed, temperature, tested.

    Returns:
        run: photos, right, rate, low, high of the exported run on the holdout's test photos;
        schemes: for each scheme in which the model was evaluated its name, images, runs, each of
        `METRICS` as (value, low, high), and calibration, a row of `calibration.scores` without
        ("before") and with ("after") the record's temperature.
    """
    own = predictions[predictions["model"] == record["model"]]
    columns = [column for column in own if column.startswith("prob_")]
    scaled = own.copy()
    scaled[columns] = calibration.apply_temperature(own[columns].to_numpy(), record["temperature"])
    schemes = []
    for scheme, name in SCHEMES.items():
        rows = record["tested"].get(scheme, [])
        if not rows:
            continue
        found = {row["metric"]: (row["value"], row["ci_low"], row["ci_high"]) for row in rows}
        (before,), (after,) = (
            calibration.scores(table, scheme=scheme).to_dict("records") for table in (own, scaled)
        )
        schemes.append(
            {"name": name, "images": rows[0]["images"], "runs": rows[0]["runs"], **found}
            | {"before": before, "after": after}
        )
    voted = _of_run(own, record["seed"])
    return {"run": _rate(voted["answer"] == voted["label"]), "schemes": schemes}


def by_class(
    predictions: pd.DataFrame, record: Mapping[str, Any], holdout: pd.DataFrame
) -> pd.DataFrame:
    """Photos and recall of each class.

    Args:
        predictions, record: as for `performance`.
        holdout: the split: image_id, label, subset.

    Returns:
        class, train, validation, test (photos); recall, of the exported run on the test photos,
        with right, photos, low and high (95 %, Wilson); cv_recall with cv_right and so on, by the
        majority votes of cross-validation, NaN without it.
    """
    own = predictions[predictions["model"] == record["model"]]
    counts = pd.crosstab(holdout["label"], holdout["subset"]).reindex(columns=SUBSETS, fill_value=0)
    run, cv = _of_run(own, record["seed"]), _cross_validated(own)
    rows = []
    for name in [c.removeprefix("prob_") for c in own if c.startswith("prob_")]:
        row = {"class": name, **counts.loc[name].to_dict()}
        for start, voted in (("", run), ("cv_", cv)):
            right = (voted["answer"] == voted["label"])[voted["label"] == name]
            row |= {f"{start}{key}": value for key, value in _rate(right).items()}
        rows.append(row)
    names = {f"{start}rate": f"{start}recall" for start in ("", "cv_")}
    return pd.DataFrame(rows).rename(columns=names)


def failures(
    predictions: pd.DataFrame, record: Mapping[str, Any], factors: pd.DataFrame | None
) -> dict[str, Any]:
    """Errors of the majority vote of the model, in cross-validation if available, else on the
    holdout.

    Args:
        predictions, record: as for `performance`.
        factors: from `error_factors.factors`; None without an error analysis.

    Returns:
        scheme, in words; photos; confused: label, answer, photos, of (all photos of that label) of
        the pairs of classes that are confused most; contrasts: sentences on the factors with the
        smallest p values; None without factors.
    """
    own = predictions[predictions["model"] == record["model"]]
    given, scheme = by_model(own, scheme="cv"), "cv"
    if not given:
        given, scheme = by_model(own, scheme="holdout"), "holdout"
    voted = error_analysis.verdicts(given[record["model"]])
    wrong = voted[voted["answer"] != voted["label"]]
    pairs = wrong.groupby(["label", "answer"]).size().sort_values(ascending=False, kind="stable")
    confused = [
        {"label": label, "answer": answer, "photos": int(count)}
        | {"of": int((voted["label"] == label).sum())}
        for (label, answer), count in pairs.head(SHOWN).items()
    ]
    return {
        "scheme": SCHEMES[scheme],
        "photos": len(voted),
        "confused": confused,
        "contrasts": None if factors is None else _contrasts(given, factors),
    }


def _contrasts(given: Mapping[str, Predictions], factors: pd.DataFrame) -> list[str]:
    table = error_analysis.contrasts(error_analysis.rates(given, factors))
    known = table[table["p"].notna()].sort_values("p", kind="stable").head(SHOWN)
    return [error_analysis.contrast_sentence(row) for row in known.to_dict("records")]


def _of_run(own: pd.DataFrame, seed: int) -> pd.DataFrame:
    """The label and prediction of each test photo of the holdout, of one run."""
    given = by_model(own[own["seed"] == seed], scheme="holdout")
    return error_analysis.verdicts(next(iter(given.values())))


def _cross_validated(own: pd.DataFrame) -> pd.DataFrame:
    """The label and majority vote of each photo; no rows without cross-validation."""
    for given in by_model(own, scheme="cv").values():
        return error_analysis.verdicts(given)
    return pd.DataFrame(columns=["label", "answer"])


def _rate(right: pd.Series) -> dict[str, float]:
    """right, photos, rate, and its 95 % Wilson interval low, high; NaN without photos."""
    photos = len(right)
    if not photos:
        return {"right": 0, "photos": 0, **dict.fromkeys(("rate", "low", "high"), np.nan)}
    rate = float(right.mean())
    low, high = map(float, wilson(rate, photos))
    return {"right": int(right.sum()), "photos": photos, "rate": rate, "low": low, "high": high}


def origins(manifest: pd.DataFrame, source: pd.DataFrame) -> dict[str, dict[str, int]]:
    """Sources and licences of the photos: counts by host, and by license_url.

    Args:
        manifest: of rule manifest: url.
        source: the user's manifest: license_url where known.
    """
    hosts = manifest["url"].map(lambda url: urlsplit(url).hostname or "local files")
    licences = source.get("license_url", pd.Series(dtype=str))
    licences = licences.replace("", np.nan).dropna()
    return {"hosts": dict(hosts.value_counts()), "licences": dict(licences.value_counts())}


def header(config: Mapping[str, Any], dataset: str, tested: Mapping[str, list]) -> str:
    """The card's YAML metadata block for the Hugging Face hub.

    Args:
        config: from `export.described`.
        dataset: its name.
        tested: of the record of rule deploy: rows of `bootstrap.intervals` by scheme.
    """
    backbone = config["backbone"] or {}
    metrics = [
        {
            "type": row["metric"],
            "value": round(row["value"], 4),
            "name": f"{row['metric']} ({name})",
        }
        for scheme, name in SCHEMES.items()
        for row in tested.get(scheme, [])
        if row["metric"] in ("accuracy", "macro_f1")
    ]
    result = {
        "task": {"type": "image-classification"},
        "dataset": {"name": dataset, "type": dataset},
        "metrics": metrics,
    }
    block: dict[str, Any] = {
        "license": (backbone.get("licence") or "unknown").lower(),
        "library_name": "onnx",
        "pipeline_tag": "image-classification",
        "tags": ["onnx", "human-activity-recognition", "still-images", config["recipe"]],
    }
    source = backbone.get("source") or ""
    if source.startswith("hub:"):
        block["base_model"] = source.removeprefix("hub:")
    block["model-index"] = [{"name": config["model"], "results": [result]}]
    return yaml.safe_dump(block, sort_keys=False, allow_unicode=True)


def render(template: Path, contents: Mapping[str, Any]) -> str:
    """The card, as Markdown.

    Args:
        template: model_card.md.j2.
        contents: from `told`.
    """
    environment = Environment(
        loader=FileSystemLoader(template.parent),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"percent": _percent, "number": lambda value: f"{value:.3f}"}
    return environment.get_template(template.name).render(contents)


def _percent(value: float) -> str:
    return f"{100 * value:.1f} %"
