"""Photos that are unlike all labelled ones, by their distance in the embedding."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from stillact.models.features import joined

LEVEL = 0.05  # share of photos like the labelled ones that are called novel
BLOCK = 1000  # rows of a matrix of distances


class Novelty:
    """A conformal test of whether a photo is one of those that the labelled ones are drawn from
    (Laxhammar and Falkman, 2010), on the cosine distance to the nearest labelled photo (Sun et al.,
    "Out-of-distribution detection with deep nearest neighbors", ICML 2022)."""

    def __init__(self, features: np.ndarray, groups: Sequence):
        """Compute the distance of each labelled photo to the nearest one of another group.

        Args:
            features: of the labelled photos, float32 (photos, width).
            groups: of each; photos of a group, such as near-duplicates, are not independent.
        """
        self._features = joined([features])
        codes = pd.factorize(pd.Series(list(groups)))[0]
        found = [
            _nearest(
                self._features[i : i + BLOCK], self._features, codes[i : i + BLOCK, None] == codes
            )
            for i in range(0, len(codes), BLOCK)
        ]
        self._labelled = np.sort(np.concatenate(found))

    def p_values(self, features: np.ndarray) -> np.ndarray:
        """Of each photo, the share of the labelled photos, and itself, that are at least as far
        from the nearest other one; float64 (photos,), in (0, 1].

        Of photos that come from where the labelled ones do, a share of about p, not more, has a
        value of p or less.
        """
        distance = _nearest(joined([features]), self._features)
        count = len(self._labelled)
        farther = count - np.searchsorted(self._labelled, distance, side="left")
        return (1 + farther) / (count + 1)


def sentence(novel: int, photos: int) -> str:
    """How many photos are novel, and of how many that would be by chance."""
    share = 100 * LEVEL
    return (
        f"{novel} of {photos} photos {'is' if novel == 1 else 'are'} unlike all labelled ones "
        f"(novel); of photos like the labelled ones, about {share:.0f}\xa0% would be"
    )


def _nearest(
    rows: np.ndarray, others: np.ndarray, left_out: np.ndarray | None = None
) -> np.ndarray:
    distances = 1 - rows @ others.T
    if left_out is not None:
        distances[left_out] = np.inf
    # To 1e-6: the rounding of a matrix product depends on its shape.
    return distances.min(1).round(6)
