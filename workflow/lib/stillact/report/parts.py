"""The sections of the report's second level: the title and the conclusion of each."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from stillact.data.overview import largest_class_rate
from stillact.report import sentences
from stillact.report.contents import Study


class Part(NamedTuple):
    title: str
    conclusion: str


def parts(
    study: Study,
    results: Mapping[str, Mapping],
    shown: Mapping[str, Sequence[Mapping]],
    told: Mapping[str, Sequence[str]],
) -> dict[str, Part]:
    """The sections that have something to show, by id.

    Args:
        study: the contents.
        results: tables of results, of `tables.results`.
        shown: the other tables of each section, of `tables.shown_as_they_are`.
        told: sentences of each section.
    """

    def figures(*starts: str) -> bool:
        return any(name.startswith(starts) for name in study.figures)

    def rows(section: str) -> bool:
        return any(table["rows"] for table in shown[section])

    tables = any(table["rows"] for table in results.values())
    not_judged = bool(study.answer and study.answer.not_judged)
    present = {
        "run": True,
        "photos": True,
        "results": tables or bool(study.runs) or figures("learning_curves", "table_", "figure_3"),
        "recipes": rows("recipes") or figures("all_models", "wise_ft_") or not_judged,
        "sure": rows("sure") or figures("pooled_", "pairs_"),
        "calibration": rows("calibration") or figures("reliability_"),
        "looking": rows("looking") or figures("figure_4", "localisation", "covered_"),
        "errors": bool(told["errors"]) or rows("errors"),
        "robustness": bool(told["robustness"]),
        "elsewhere": bool(told["external"]),
        "claims": study.of_paper,
        "browser": bool(study.browser and study.browser["groups"]),
        "files": True,
    }
    return {
        name: Part(title, conclude(study, told))
        for name, (title, conclude) in _PARTS.items()
        if present[name]
    }


def _setup(study: Study, _) -> str:
    models = {model for task in study.config.tasks.values() for model in task.models}
    photos = int((study.images["status"] == "ok").sum())
    return sentences.of_setup(photos, len(models), len(study.config.seeds))


def _photos(study: Study, _) -> str:
    missing = int((study.images["status"] != "ok").sum())
    return sentences.of_photos(study.holdouts[study.task]["label"], missing, study.audit)


def _results(study: Study, _) -> str:
    holdout = study.holdouts[study.task]
    photos = int((holdout["subset"] == "test").sum())
    rate = largest_class_rate(holdout, "test")
    return sentences.of_results(study.tables.get("all_models"), photos, rate)


def _recipes(study: Study, _) -> str:
    table = study.shown.get("selection/recipes")
    if table is None or table.empty:
        return "Accuracy of each model, by recipe."
    return sentences.of_recipes(table)


def _statistics(study: Study, _) -> str:
    return sentences.of_pairs(study.shown.get(f"statistics/{study.task}/pairs"))


def _calibration(study: Study, _) -> str:
    return sentences.of_calibration(study.shown.get(f"statistics/{study.task}/calibration"))


def _saliency(study: Study, _) -> str:
    return sentences.of_saliency(study.shown.get(f"explain/{study.task}/covered"))


def _errors(study: Study, told: Mapping[str, Sequence[str]]) -> str:
    if not told["errors"]:
        return "Error rates by kind of photo, and examples of errors."
    of = study.of(study.shown[f"statistics/{study.task}/pooled"])
    contrasts, wrong = (
        study.shown[f"errors/{study.task}/{name}"] for name in ("contrasts", "wrong_by_all")
    )
    return sentences.of_errors(of.of(contrasts), wrong[wrong["scheme"] == of.scheme])


def _robustness(study: Study, _) -> str:
    return sentences.of_robustness(study.shown[f"robustness/{study.task}/corrupted"])


def _external(_, told: Mapping[str, Sequence[str]]) -> str:
    return told["external"][0]


def _claims(study: Study, _) -> str:
    return sentences.of_claims(study.claims)


def _browser(study: Study, _) -> str:
    assert study.browser is not None
    photos, models = (len(study.browser[key]) for key in ("photos", "models"))
    of = f" of {photos + study.browser['left_out']}" if study.browser["left_out"] else ""
    return f"{photos}{of} photos with the predictions of {models} models, to filter and enlarge."


def _files(study: Study, _) -> str:
    return f"{len(study.files)} tables and figures, and the full config."


_PARTS: dict[str, tuple[str, Callable[[Study, Mapping[str, Sequence[str]]], str]]] = {
    "run": ("Setup", _setup),
    "photos": ("Photos", _photos),
    "results": ("Results", _results),
    "recipes": ("Comparison of all models", _recipes),
    "sure": ("Statistics", _statistics),
    "calibration": ("Calibration", _calibration),
    "looking": ("Saliency", _saliency),
    "errors": ("Error analysis", _errors),
    "robustness": ("Robustness to corruptions", _robustness),
    "elsewhere": ("External validation", _external),
    "claims": ("The paper's claims", _claims),
    "browser": ("Photo browser", _browser),
    "files": ("Files", _files),
}
