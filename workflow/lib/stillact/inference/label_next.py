"""The unlabelled photos whose labels would improve a model most."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import pandas as pd

from stillact.inference.predict import Predicted

MOST = 20  # photos suggested
POOL = 3 * MOST  # the most uncertain photos, from which they are chosen


class LabelNext:
    """Collects the most uncertain photos of a stream, in bounded memory.

    Uncertain are those whose two most probable classes are close, at most half of the photos; of
    these, each next one is the farthest in the features from those chosen before (greedy k-centre,
    as in Sener and Savarese, "Active learning for convolutional neural networks: a core-set
    approach", ICLR 2018).
    """

    def __init__(self) -> None:
        self._pool: list[tuple[float, int, str, Predicted]] = []
        self._seen = 0

    def watch(
        self, names: Iterable[str], rows: Iterable[tuple[Predicted | None, str]]
    ) -> Iterator[tuple[Predicted | None, str]]:
        """The rows as they are; those that are predicted are candidates."""
        for name, (found, reason) in zip(names, rows, strict=True):
            if found is not None:
                self._add(name, found)
            yield found, reason
        self._shrink()

    def _add(self, name: str, found: Predicted) -> None:
        second, first = np.sort(found.probabilities)[-2:]
        self._pool.append((float(first - second), self._seen, name, found))
        self._seen += 1
        if len(self._pool) > 4 * POOL:
            self._shrink()

    def _shrink(self) -> None:
        """Keep the most uncertain photos; of copies, whose features are the same, one."""
        once: dict[bytes, tuple] = {}
        for one in sorted(self._pool, key=lambda one: one[:2]):
            once.setdefault(_features(one[3]).round(5).tobytes(), one)
        self._pool = [*once.values()][:POOL]

    def table(self, column: str, classes: Sequence[str]) -> pd.DataFrame:
        """At most `MOST` photos, those first whose labels would help most.

        Args:
            column: name of the first column, "path" or "url".
            classes: in the order of the probabilities.

        Returns:
            Path or url; predicted and second, the two most probable classes; margin, the difference
            of their probabilities.
        """
        rows = []
        for place in self._chosen():
            margin, _, name, found = self._pool[place]
            second, first = np.argsort(found.probabilities, kind="stable")[-2:]
            rows.append((name, classes[first], classes[second], round(margin, 8)))
        return pd.DataFrame(rows, columns=[column, "predicted", "second", "margin"])

    def _chosen(self) -> list[int]:
        pool = self._pool[: max(MOST, self._seen // 2)]
        if not pool:
            return []
        features = np.stack([_features(found) for *_, found in pool])
        chosen = [0]  # the most uncertain one
        distance = np.linalg.norm(features - features[0], axis=1)
        # A copy of a chosen photo, at a distance of 0, would bring nothing.
        while len(chosen) < MOST and distance.max() > 0:
            chosen.append(int(distance.argmax()))
            distance = np.minimum(distance, np.linalg.norm(features - features[chosen[-1]], axis=1))
        return chosen


def _features(found: Predicted) -> np.ndarray:
    return found.probabilities if found.features is None else found.features
