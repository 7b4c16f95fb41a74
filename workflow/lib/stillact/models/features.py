"""Features of photos as several models see them; imports no torch."""

from collections.abc import Sequence

import numpy as np


def joined(features: Sequence[np.ndarray]) -> np.ndarray:
    """The features of several models, (photos, width) each, as one; each with a norm of 1, so that
    all count alike. Rows of zeros stay as they are."""
    smallest = np.finfo(np.float32).tiny
    norms = [np.linalg.norm(one, axis=1, keepdims=True) for one in features]
    return np.concatenate(
        [one / np.maximum(norm, smallest) for one, norm in zip(features, norms, strict=True)], 1
    )
