"""The deployed model of a study, for prediction on new photos."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from pydantic import BaseModel, ConfigDict

from stillact.config.training import Plan
from stillact.core.errors import InputError
from stillact.core.probabilities import prob_columns
from stillact.core.runs import Run
from stillact.data.preprocessing import Preprocessing
from stillact.evaluation import bootstrap
from stillact.evaluation.answer import NOTHING_SHOWN, Answer
from stillact.evaluation.calibration import (
    apply_temperature,
    fit_temperature,
    set_limit,
    threshold,
)
from stillact.evaluation.predictions import Predictions, by_model, rows_of
from stillact.evaluation.proportions import clustered_wilson
from stillact.models import weights
from stillact.models.features import joined
from stillact.recipes.ensemble import setup as ensemble
from stillact.recipes.ensemble.setup import Ensemble
from stillact.recipes.setups import plan_of, setup_of
from stillact.training import jobs, trained
from stillact.training.trained import Trained

RECORD = "model.json"


class Record(BaseModel):
    """The record of the deployed model, an output of rule deploy.

    task, model, recipe, seed: of the model.
    images: number of photos that it is trained on.
    chosen: values such as the number of epochs; see `refit.refit`.
    seconds, device: of the training.
    accuracy, accuracy_low, accuracy_high: to expect on new photos, with its 95 % interval: of the
        recommended model that of answer.json, of another its own without correction.
    evaluated: number of photos of this estimate. scheme: "cv", or "holdout" where the model is not
        cross-validated: then only its test photos.
    temperature: fitted on its predictions in that scheme.
    threshold: of the confidence, as calibrated; predictions below it are marked as uncertain. Just
        above 1 where no threshold is shown to reach accuracy_wanted.
    set_limit: probability from which on a class belongs to a prediction set, whose coverage is
        accuracy_wanted.
    answered: share of those predictions at or above the threshold.
    warning: '' or why its predictions may be worthless, without a full stop.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    task: str
    model: str
    recipe: str
    seed: int
    images: int
    chosen: dict[str, float]
    seconds: float
    device: str
    accuracy: float
    accuracy_low: float
    accuracy_high: float
    evaluated: int
    scheme: str
    temperature: float
    threshold: float
    accuracy_wanted: float
    set_limit: float
    answered: float
    warning: str


@dataclass(frozen=True)
class Deployed:
    """The deployed model: trained weights with temperature and threshold.

    record: of rule deploy.
    plan: of its runs.
    trained: the weights trained on all photos.
    """

    record: Record
    plan: Plan
    trained: Trained | Ensemble

    @property
    def sees(self) -> tuple[Preprocessing, ...]:
        """Preprocessing of each view of a photo that it takes."""
        return self.trained.sees

    @property
    def classes(self) -> list[str]:
        """Class names in the order of the probabilities."""
        return self.plan.classes

    def probabilities(self, *views: torch.Tensor) -> np.ndarray:
        """The calibrated probability of each class, float64 (photos, classes).

        Args:
            views: of the photos, uint8 (photos, 3, size, size), RGB, preprocessed as in `sees`.
        """
        return self.predicted(*views)[0]

    def predicted(self, *views: torch.Tensor) -> tuple[np.ndarray, np.ndarray | None]:
        """`probabilities`, and the features of frozen backbones that they are made of, float32
        (photos, width); None where there are none."""
        found, features = self.trained.predicted(*views)
        return apply_temperature(found, self.record.temperature), features

    def labelled_features(self, rows: pd.DataFrame) -> tuple[np.ndarray, list[str]] | None:
        """The features of the labelled photos, as in `predicted`, and the group of each; None where
        there are none.

        Args:
            rows: from `refit.rows_of_all`.
        """
        trained = self.trained
        members = trained.members if isinstance(trained, Ensemble) else (trained,)
        parts = [one.setup.parts(rows)["train"] for one in members if one.setup.record is not None]
        if not parts:
            return None
        features = [part.inputs.cpu().numpy() for part, _ in parts]
        found = features[0] if trained is members[0] else joined(features)
        return found, parts[0][1]["group"].tolist()


def load(
    record: Path,
    models: Mapping[str, Mapping],
    device: torch.device,
    precision: str | None = None,
) -> Deployed:
    """Load the model named in a record of rule deploy.

    Args:
        record: model.json; the weights are beside it.
        models: for each model that it may name, the `plan` of its runs, the `files` that its
            setup reads, by name, and of an ensemble the same of its `members`.
        device: device of the model.
        precision: of frozen backbones, as for `loading.frozen`; None: that of the plan.
    """
    content = Record.model_validate_json(record.read_text(encoding="utf-8"))
    block, path = models[content.model], record.with_name(jobs.WEIGHTS)
    tensors, members = weights.read(path), list(block.get("members", {}).values())
    if not members:
        return Deployed(
            content, plan_of(block["plan"]), _loaded(block, tensors, path, device, precision)
        )
    *own, vote = ensemble.apart(tensors, len(members))
    loaded = [_loaded(*one, path, device, precision) for one in zip(members, own, strict=True)]
    combine = ensemble.Combine(vote["weight"], vote["bias"]).to(device)
    run = ensemble.Ensemble(tuple(loaded), combine)
    return Deployed(content, plan_of(block["plan"]), run)


def _loaded(
    block: Mapping[str, Any],
    tensors: Mapping[str, torch.Tensor],
    path: Path,
    device: torch.device,
    precision: str | None,
) -> Trained:
    plan = plan_of(block["plan"])
    files = {name: Path(file) for name, file in block["files"].items()}
    setup = setup_of(plan)(plan, files, device)
    if precision is not None:
        setup = dataclasses.replace(setup, embedding_precision=precision)
    run = trained.of_state(setup, tensors, path)
    return dataclasses.replace(run, shared=plan.shared_features)


def which(found: Answer, named: str | None) -> str:
    """The model to deploy: `named`, or the one that the study chose.

    Args:
        found: answer of the study.
        named: of `deploy:` in the config, or None.

    Raises:
        InputError: there is neither.
    """
    model = named or found.chosen
    if model is None:
        raise InputError(f"{found.why} Or name a model to use with deploy: in the config")
    return model


def record(
    run: Run,
    recipe: str,
    predictions: pd.DataFrame,
    found: Answer,
    accuracy: float,
    fitted: Mapping[str, Any],
) -> Record:
    """The record of a refitted model.

    Args:
        run: of the refit.
        recipe: of the model.
        predictions: table of the task.
        found: answer of the study.
        accuracy: required of predictions above the threshold; see `calibration.threshold`.
        fitted: images, device, chosen and seconds.
    """
    own = predictions[predictions["model"] == run.model]
    scheme = "cv" if len(rows_of(own, scheme="cv", subset="test")) else "holdout"
    rows = rows_of(own, scheme=scheme, subset="test")
    (given,) = by_model(own, scheme=scheme).values()
    probabilities = rows[prob_columns(given.classes)].to_numpy()
    labels = pd.Index(given.classes).get_indexer(rows["label"])
    temperature = fit_temperature(probabilities, labels)
    scaled = apply_temperature(probabilities, temperature)
    confidence, right = scaled.max(1), scaled.argmax(1) == labels
    independent = len(np.unique(given.clusters))
    limit = threshold(confidence, right, accuracy, independent)
    true = scaled[range(len(labels)), labels]
    return Record(
        task=run.task,
        model=run.model,
        recipe=recipe,
        seed=run.seed,
        **fitted,
        **_expected(own, given, found, run.model, scheme),
        scheme=scheme,
        temperature=temperature,
        threshold=limit,
        accuracy_wanted=accuracy,
        set_limit=set_limit(true, accuracy, independent),
        answered=float((confidence >= limit).mean()),
        warning=_warning(found, run.model),
    )


def _expected(
    own: pd.DataFrame, given: Predictions, found: Answer, model: str, scheme: str
) -> dict[str, Any]:
    if model == found.chosen:
        names = ("accuracy", "accuracy_low", "accuracy_high")
        return {name: getattr(found, name) for name in names} | {"evaluated": found.images}
    table = bootstrap.intervals(own, scheme=scheme).set_index("metric").loc["accuracy"]
    low, high = table["ci_low"], table["ci_high"]
    if low == high:  # all photos are classified alike, which a bootstrap takes for certain
        low, high = clustered_wilson(given.right, given.clusters)
    return {
        "accuracy": float(table["value"]),
        "accuracy_low": float(low),
        "accuracy_high": float(high),
        "evaluated": int(table["images"]),
    }


def _warning(found: Answer, model: str) -> str:
    if found.verdict == NOTHING_SHOWN:
        return f"the study shows of no model that it is better than chance: {found.why.rstrip('.')}"
    worse = {one.model: one for one in found.worse}
    if model in worse:
        points = 100 * worse[model].difference
        return f"{model} is worse than the recommended {found.model} by {points:.1f} points"
    return ""
