"""The answer of a study: which model to use on photos like these, and how often it will be right.

It is made once, by rule answer; whatever states a recommendation or the accuracy to expect reads it
from results/answer.json.
"""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict

from stillact.core.errors import InputError
from stillact.core.text_tables import percent
from stillact.evaluation import proportions
from stillact.evaluation.predictions import Predictions
from stillact.evaluation.proportions import LEVEL
from stillact.evaluation.selection import Choice, choose
from stillact.models.records import BackboneRecord
from stillact.training.run_record import RunRecord

NOTHING_SHOWN, ONE_BEST, SEVERAL_EQUAL = "nothing_shown", "one_best", "several_equal"
EQUAL, WORSE = "not shown", "yes"  # whether a candidate is worse than the chosen one


class Price(BaseModel):
    """What a model costs.

    seconds: mean wall-clock time of one training run, without the features of a frozen backbone.
    memory_mb: peak memory of a run, MiB.
    weights_mb: size of the weights needed for prediction, MB.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    seconds: float
    memory_mb: float
    weights_mb: float


class Compared(BaseModel):
    """A candidate beside the chosen model, on the same photos.

    accuracy: its out-of-fold accuracy, [0, 1].
    difference, low, high: accuracy of the chosen model minus its own, and the 95 % interval.
    p: of the paired test over photos, after Holm's correction for all pairs of models.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str
    recipe: str
    accuracy: float
    difference: float
    low: float
    high: float
    p: float
    price: Price


class NotJudged(BaseModel):
    """A model of the task that cannot be recommended, and why."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str
    reason: str


class Geometry(BaseModel):
    """The baseline that knows only the boxes of the people; see `geometry.baseline`.

    accuracy, low, high: out-of-fold accuracy, [0, 1], and its 95 % interval.
    with_boxes: number of photos with a person box.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    accuracy: float
    low: float
    high: float
    with_boxes: int


class Answer(BaseModel):
    """The contents of results/answer.json.

    task, classes: the main task.
    verdict: "nothing_shown", "one_best" or "several_equal".
    model: the recommended model; None where nothing is shown.
    chosen: the most accurate candidate, whether or not anything is shown of it; None without one.
    price: of the chosen model.
    accuracy, accuracy_low, accuracy_high: to be expected of the choice on new photos like these,
        and its 95 % interval; see `selection.choose`.
    balanced_accuracy, ...: the same for the mean recall of the classes.
    chance: share of the largest class.
    geometry: the baseline that knows only the boxes of the people; None without boxes.
    could_show: the lowest accuracy that so many photos can distinguish from `chance` (80 % power).
    needed: a number of photos with which `needed_difference` above chance could be shown.
    equals, worse: the other candidates, without and with a difference shown; the cheapest first,
        and the most accurate first.
    not_judged: models that are no candidates.
    images, groups: number of photos, and of independent groups of them.
    scheme: how the photos were predicted: "cv", out-of-fold.
    why: one sentence.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    task: str
    classes: list[str]
    verdict: str
    model: str | None
    chosen: str | None
    price: Price | None
    accuracy: float | None
    accuracy_low: float | None
    accuracy_high: float | None
    balanced_accuracy: float | None
    balanced_accuracy_low: float | None
    balanced_accuracy_high: float | None
    chance: float
    geometry: Geometry | None = None
    could_show: float
    needed: int
    needed_difference: float
    equals: list[Compared]
    worse: list[Compared]
    not_judged: list[NotJudged]
    images: int
    groups: int
    scheme: str
    why: str

    @classmethod
    def read(cls, path: Path) -> "Answer":
        """Read answer.json.

        Raises:
            InputError: it is damaged; names the file.
        """
        try:
            return cls.model_validate(json.loads(path.read_text(encoding="utf-8")))
        except ValueError as error:
            raise InputError(f"{path} is damaged; delete it and run again ({error})") from None


def prices(
    metas: Mapping[str, Sequence[Path]],
    towers: Mapping[str, Sequence[Path]],
    made_of: Mapping[str, Sequence[str]],
    members: Mapping[str, Sequence[str]],
) -> dict[str, Price]:
    """The price of each model.

    Args:
        metas: the meta.json of runs of each model, and of those that they are made of.
        towers: weights.json of the frozen backbones that a model needs besides its own weights.
        made_of: the other models whose training a model needs: the base of a derived one, the
            members of an ensemble, and their bases.
        members: of each ensemble, whose weights it needs.
    """
    runs = {model: [RunRecord.read(path) for path in paths] for model, paths in metas.items()}
    made = {}
    for model, frozen in towers.items():
        needed = [runs[one] for one in (model, *made_of.get(model, ()))]
        parameters = sum(runs[one][0].parameters for one in (model, *members.get(model, ())))
        parameters += sum(BackboneRecord.read(tower).facts.image_parameters for tower in frozen)
        made[model] = Price(
            seconds=sum(sum(run.seconds for run in of) / len(of) for of in needed),
            memory_mb=max(run.peak_memory_mb for of in needed for run in of),
            weights_mb=parameters * 4 / 1e6,
        )
    return made


def answer(
    task: str,
    given: dict[str, Predictions],
    pairs: pd.DataFrame,
    recipes: Mapping[str, str],
    prices: Mapping[str, Price],
    not_judged: Mapping[str, str],
    labels: pd.Series,
    geometry: Geometry | None = None,
) -> Answer:
    """The answer from the candidates' out-of-fold predictions.

    Nothing is shown if the lower end of the accuracy's interval is not above the share of the
    largest class, or that of the balanced accuracy not above 1 / classes. Otherwise the candidates
    whose difference from the chosen model is not shown, after Holm's correction over all pairs, are
    its equals.

    Args:
        task: name of the main task.
        given: from `selection.candidates`, the cheapest model first.
        pairs: from `comparisons.pairs`, cross-validated, of these models at least.
        recipes: recipe of each candidate.
        prices: of each candidate.
        not_judged: the other models of the task, and why they are no candidates.
        labels: class of each photo of the task.
        geometry: the baseline of the people's boxes, if there are any.
    """
    classes = sorted(labels.unique())
    chance = float(labels.value_counts(normalize=True).max())
    left_out = [NotJudged(model=model, reason=why) for model, why in not_judged.items()]
    common: dict[str, Any] = dict(
        task=task,
        classes=classes,
        chance=chance,
        geometry=geometry,
        not_judged=left_out,
        scheme="cv",
    )
    if not given:
        why = (
            f"No model of {task} that could be used on new photos is cross-validated. Set "
            "cross_validation of a recipe to 1 or more."
        )
        nothing = dict.fromkeys(("model", "chosen", "price", *_scores(None)))
        return Answer(
            **common,
            **nothing,
            **_power(len(labels), chance, chance),
            verdict=NOTHING_SHOWN,
            equals=[],
            worse=[],
            images=len(labels),
            groups=len(labels),
            why=why,
        )
    choice = choose(given)
    classes = given[choice.model].classes
    shown = is_shown(choice, chance, len(classes))
    others = _others(choice.model, given, pairs, recipes, prices)
    worse = sorted((one for one in others if one.p <= LEVEL), key=lambda one: -one.accuracy)
    equals = [one for one in others if one not in worse]
    verdict = NOTHING_SHOWN if not shown else SEVERAL_EQUAL if equals else ONE_BEST
    return Answer(
        **common | {"classes": classes},
        **_scores(choice),
        **_power(choice.groups, chance, choice.accuracy.value),
        verdict=verdict,
        model=choice.model if shown else None,
        chosen=choice.model,
        price=prices[choice.model],
        equals=equals,
        worse=worse,
        images=choice.images,
        groups=choice.groups,
        why=_why(verdict, choice, chance, len(classes), len(given)),
    )


def is_shown(choice: Choice, chance: float, classes: int) -> bool:
    """Whether the chosen model is shown to be better than always predicting the largest class,
    whose share is `chance`, and than guessing."""
    return choice.accuracy.low > chance and choice.balanced_accuracy.low > 1 / classes


def _scores(choice: Choice | None) -> dict[str, float | None]:
    values = {}
    for name in ("accuracy", "balanced_accuracy"):
        found = getattr(choice, name, None)
        values |= {name: getattr(found, "value", None)}
        values |= {f"{name}_{end}": getattr(found, end, None) for end in ("low", "high")}
    return values


def _power(photos: int, chance: float, accuracy: float) -> dict[str, float]:
    difference = min(max(accuracy - chance, 0.05), 1 - chance)
    return dict(
        could_show=proportions.over_chance(photos, chance),
        needed=proportions.images_for(difference, chance),
        needed_difference=difference,
    )


def _others(
    chosen: str,
    given: Mapping[str, Predictions],
    pairs: pd.DataFrame,
    recipes: Mapping[str, str],
    prices: Mapping[str, Price],
) -> list[Compared]:
    """The other candidates beside the chosen one, in the order of `given`."""
    rows = {}
    for pair in pairs[pairs["scheme"] == "cv"].to_dict("records"):
        if chosen == pair["model_a"]:
            rows[pair["model_b"]] = pair["difference"], pair["ci_low"], pair["ci_high"], pair
        elif chosen == pair["model_b"]:
            rows[pair["model_a"]] = -pair["difference"], -pair["ci_high"], -pair["ci_low"], pair
    return [
        Compared(
            model=model,
            recipe=recipes[model],
            accuracy=float(np.nanmean(given[model].right)),
            difference=rows[model][0],
            low=rows[model][1],
            high=rows[model][2],
            p=_p(rows[model][3]),
            price=prices[model],
        )
        for model in given
        if model != chosen
    ]


def _p(pair: Mapping[str, Any]) -> float:
    """The p of the paired test over photos; 1 where it has none."""
    return 1.0 if math.isnan(pair["mcnemar_p_holm"]) else float(pair["mcnemar_p_holm"])


def _why(verdict: str, choice: Choice, chance: float, classes: int, candidates: int) -> str:
    low, high = percent(choice.accuracy.low), percent(choice.accuracy.high)
    found = f"{percent(choice.accuracy.value)} (95\xa0% interval {low} to {high})"
    if verdict == NOTHING_SHOWN and choice.accuracy.low <= chance:
        return (
            f"The accuracy to expect, {found}, is not shown to be above that of always predicting "
            f"the largest class, {percent(chance)}."
        )
    if verdict == NOTHING_SHOWN:
        return (
            f"The balanced accuracy, {percent(choice.balanced_accuracy.value)} (95\xa0% interval "
            f"from {percent(choice.balanced_accuracy.low)}), is not shown to be above "
            f"{percent(1 / classes)}, that of guessing."
        )
    if candidates == 1:
        return f"{choice.model} is the only candidate."
    if verdict == ONE_BEST:
        return f"The difference from each of the {candidates - 1} other candidates is shown."
    return f"{choice.model} is the most accurate of {candidates} candidates."
