"""How many wrong labels are among the first photos to check, ours beside cleanlab's orders.

    PYTHONPATH=workflow/lib .venv-bench/bin/python benchmarks/label_errors.py RESULTS [--draws 20]

RESULTS: the results folder of a finished study whose labels are taken to be right. 5 % of them are
replaced by another class; a logistic regression on each embedding of the study predicts all photos
out of fold. As on the page, models that are clearly worse than the best are left out. Prints the
share of the replaced labels among the first tenth of the photos.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from cleanlab.rank import get_label_quality_ensemble_scores, get_label_quality_scores
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from stillact.core.tables import read_csv
from stillact.evaluation.label_review import suspects

SHARE, FIRST, FOLDS = 0.05, 0.1, 5
WORSE = 0.06  # of accuracy: about what 285 photos show


def embeddings(results: Path) -> tuple[list[str], dict[str, np.ndarray]]:
    """The ids, and the embeddings of the whole photo and of its views by each backbone."""
    files = sorted(results.glob("embeddings/*/images.npy"))
    files += sorted(results.glob("embeddings/*/views/*.npy"))
    index = read_csv(next(results.glob("embeddings/*/images.csv")))
    arrays = {str(file.relative_to(results / "embeddings")): np.load(file) for file in files}
    return index.iloc[:, 0].tolist(), {name: np.nan_to_num(one) for name, one in arrays.items()}


def out_of_fold(features: np.ndarray, labels: np.ndarray, seed: int) -> np.ndarray:
    probe = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=500))
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    return cross_val_predict(probe, features, labels, cv=folds, method="predict_proba")


def ours(ids: list[str], labels: np.ndarray, predicted: dict[str, np.ndarray]) -> list[str]:
    tables = [
        pd.DataFrame(one, columns=[f"prob_{i}" for i in range(one.shape[1])]).assign(
            model=name, split="cv_0_0", subset="test", image_id=ids, label=labels.astype(str)
        )
        for name, one in predicted.items()
    ]
    return suspects(pd.concat(tables), list(predicted))["image_id"].tolist()


def orders(ids, labels, predicted):
    """The photos, most suspect first, by each method."""
    each = list(predicted.values())
    mean = np.mean(each, axis=0)
    yield "ours, mean of the models", ours(ids, labels, predicted)
    best = dict([max(predicted.items(), key=lambda one: (one[1].argmax(1) == labels).mean())])
    yield "ours, best model alone", ours(ids, labels, best)
    scores = {
        "cleanlab, self-confidence": get_label_quality_scores(labels, mean),
        "cleanlab, adjusted": get_label_quality_scores(labels, mean, adjust_pred_probs=True),
        "cleanlab, normalised margin": get_label_quality_scores(
            labels, mean, method="normalized_margin"
        ),
        "cleanlab, confidence-weighted entropy": get_label_quality_scores(
            labels, mean, method="confidence_weighted_entropy"
        ),
        "cleanlab, weighted ensemble": get_label_quality_ensemble_scores(
            labels, each, verbose=False
        ),
    }
    for name, score in scores.items():
        yield name, [ids[i] for i in np.argsort(score, kind="stable")]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", type=Path)
    parser.add_argument("--draws", type=int, default=20)
    given = parser.parse_args()
    ids, features = embeddings(given.results)
    manifest = read_csv(given.results / "data/manifest.csv").set_index("id")
    truth, classes = pd.factorize(manifest.loc[ids, "label"])
    found: dict[str, list[float]] = {}
    for draw in range(given.draws):
        rng = np.random.default_rng(draw)
        wrong = rng.choice(len(ids), round(SHARE * len(ids)), replace=False)
        labels = truth.copy()
        labels[wrong] = (truth[wrong] + rng.integers(1, len(classes), len(wrong))) % len(classes)
        predicted = {name: out_of_fold(one, labels, draw) for name, one in features.items()}
        right = {name: (one.argmax(1) == labels).mean() for name, one in predicted.items()}
        best = max(right.values())
        predicted = {name: one for name, one in predicted.items() if best - right[name] < WORSE}
        names = {ids[i] for i in wrong}
        for method, order in orders(ids, labels, predicted):
            first = order[: round(FIRST * len(ids))]
            found.setdefault(method, []).append(len(names.intersection(first)) / len(names))
    print(f"{len(ids)} photos, {len(features)} embeddings, {given.draws} draws of wrong labels\n")
    print("| order | wrong labels among the first tenth | standard deviation |")
    print("| --- | --- | --- |")
    for method, shares in found.items():
        print(f"| {method} | {100 * np.mean(shares):.0f} % | {100 * np.std(shares):.0f} |")


if __name__ == "__main__":
    main()
