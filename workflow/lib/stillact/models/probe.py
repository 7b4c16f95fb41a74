"""Multinomial logistic regression, with its penalty selected on inner folds."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from threadpoolctl import threadpool_limits

from stillact.config.training import LinearProbe
from stillact.core.errors import InputError

# With scikit-learn's default tolerance, 1e-4, probabilities depend on the solver's initial value.
SOLVER = dict(solver="newton-cg", tol=1e-8, max_iter=10_000)  # lbfgs is four times slower


@dataclass(frozen=True)
class Probe:
    """A logistic regression: logits are features @ weight.T + bias.

    weight: float64 (classes, width). bias: float64 (classes,).
    c: inverse strength of the penalty.
    search: one row per candidate: c, inner_loss (nats, mean over the inner folds).
    """

    weight: np.ndarray
    bias: np.ndarray
    c: float
    search: pd.DataFrame


def fit(features: np.ndarray, labels: np.ndarray, classes: int, settings: LinearProbe) -> Probe:
    """Fit the regression on all features, with the c of the lowest log loss on the inner folds.

    Args:
        features: float (photos, width).
        labels: int (photos,), 0 to classes - 1, all present.
        classes: number of classes.
        settings: candidate c, number of folds, which is reduced to the size of the smallest class.

    Raises:
        InputError: a class has fewer than two photos.
    """
    fewest = np.bincount(labels, minlength=classes).min()
    if fewest < 2:
        raise InputError(
            "linear_probe: a class has fewer than two training photos, so there are no inner folds "
            "to select the penalty on; add photos, or remove the class from the task"
        )
    # The same folds for all seeds: the result depends only on the photos.
    folds = StratifiedKFold(min(settings.folds, int(fewest)), shuffle=True, random_state=0)
    search = GridSearchCV(
        LogisticRegression(**SOLVER),
        {"C": settings.c},
        scoring="neg_log_loss",
        cv=folds,
    )
    with threadpool_limits(1):  # too small to benefit from more threads
        search.fit(features.astype(np.float64), labels)
    found, tried = search.best_estimator_, search.cv_results_
    weight, bias = found.coef_, found.intercept_
    if classes == 2:  # a single row separates the two classes
        weight, bias = (np.concatenate([-half, half]) for half in (weight / 2, bias / 2))
    table = pd.DataFrame({"c": settings.c, "inner_loss": -tried["mean_test_score"]})
    return Probe(weight, bias, search.best_params_["C"], table)
