"""Bias and coverage of the accuracy to expect of the chosen model, in simulated studies.

    PYTHONPATH=workflow/lib python benchmarks/choice_simulation.py [--studies 500]

Prints the tables of docs/uncertainty.md. A photo is right or wrong for a model by a normal score,
half of which the models share; photos of a group share half of that. The truth is the accuracy of
the chosen model.
"""

import argparse
import itertools

import numpy as np
from scipy.stats import norm

from stillact.evaluation.answer import is_shown
from stillact.evaluation.calibration import threshold
from stillact.evaluation.predictions import Predictions
from stillact.evaluation.selection import choose

CLASSES = ["a", "b", "c"]


def predicted(right, labels, groups) -> Predictions:
    codes = np.where(right, labels, (labels + 1) % 3)[None]
    return Predictions(np.arange(len(labels)), CLASSES, labels, np.eye(3)[codes], groups)


def study(accuracies, photos, per_group, rng) -> dict[str, Predictions]:
    groups = np.arange(photos) // per_group
    share = 0.5 if per_group > 1 else 0.0
    hard = np.sqrt(share) * rng.normal(size=groups.max() + 1)[groups]
    hard += np.sqrt(1 - share) * rng.normal(size=photos)
    scores = np.sqrt(0.5) * (hard + rng.normal(size=(len(accuracies), photos)))
    labels = rng.permutation(np.arange(photos) % 3)
    rights = scores < norm.ppf(accuracies)[:, None]
    return {str(i): predicted(right, labels, groups) for i, right in enumerate(rights)}


def coverage(studies: int) -> None:
    print("| candidates | photos | groups | accuracies | best of all, bias | bias | coverage |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    rng = np.random.default_rng(0)
    for count, photos, per_group, kind in itertools.product(
        (3, 8, 25), (45, 100, 285), (1, 3), ("equal", "unequal")
    ):
        truth = np.full(count, 0.75) if kind == "equal" else np.linspace(0.5, 0.8, count)
        rows = []
        for _ in range(studies):
            found = choose(study(truth, photos, per_group, rng), resamples=400)
            own, one = truth[int(found.model)], found.accuracy
            rows.append((found.naive - own, one.value - own, one.low <= own <= one.high))
        naive, bias, covered = np.mean(rows, 0)
        groups = photos // per_group
        points = f"{100 * naive:+.1f} | {100 * bias:+.1f} | {100 * covered:.1f} %"
        print(f"| {count} | {photos} | {groups} | {kind} | {points} |", flush=True)


def shuffled(studies: int) -> None:
    print("\n| candidates | photos | largest class | better than chance, best of all | shown |")
    print("| --- | --- | --- | --- | --- |")
    rng = np.random.default_rng(1)
    for count, photos, largest in itertools.product((3, 8, 25), (45, 285), (1 / 3, 0.5)):
        rows = []
        for _ in range(studies):
            rest = (1 - largest) / 2
            sizes = np.round(np.array([largest, rest, rest]) * photos).astype(int)
            labels = rng.permutation(np.repeat([0, 1, 2], sizes))
            given = {}
            for model in range(count):
                codes = rng.choice(3, len(labels), p=sizes / sizes.sum())
                given[str(model)] = predicted(codes == labels, labels, None)
            found, chance = choose(given, resamples=400), sizes.max() / sizes.sum()
            shown = is_shown(found, chance, 3)
            spread = 1.96 * np.sqrt(found.naive * (1 - found.naive) / len(labels))
            rows.append((found.naive - spread > chance, shown))
        naive, shown = 100 * np.mean(rows, 0)
        print(f"| {count} | {photos} | {largest:.2f} | {naive:.1f} % | {shown:.1f} % |", flush=True)


def abstaining(studies: int) -> None:
    print("\n| photos | right less often than asked | answered | nothing answered |")
    print("| --- | --- | --- | --- |")
    rng = np.random.default_rng(2)

    def calibrated(photos):
        confidence = (1 + 2 * rng.beta(3, 1.2, photos)) / 3
        return confidence, rng.random(photos) < confidence

    confidence, right = calibrated(200_000)
    for photos in (45, 100, 285, 1000):
        rows = []
        for _ in range(studies):
            scores, correct = calibrated(photos)
            limit = threshold(scores, correct, 0.9, photos)
            kept = confidence >= limit
            rows.append((kept.any() and right[kept].mean() < 0.9, kept.mean(), not kept.any()))
        fell, answered, none = 100 * np.mean(rows, 0)
        print(f"| {photos} | {fell:.1f} % | {answered:.0f} % | {none:.0f} % |", flush=True)


parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--studies", type=int, default=500)
options = parser.parse_args()
coverage(options.studies)
shuffled(options.studies)
abstaining(2 * options.studies)
