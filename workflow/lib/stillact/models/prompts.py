"""Class embeddings from the texts of a prompt set."""

from pathlib import Path

import numpy as np

from stillact.core import arrays
from stillact.core.tables import read_csv


def class_embeddings(texts: Path, index: Path, classes: list[str]) -> np.ndarray:
    """The embedding of each class, L2-normalised, float32 (classes, width).

    It is the mean of the normalised embeddings of the class's texts, as in CLIP's prompt
    ensembling (arXiv 2103.00020, section 3.1.4).

    Args:
        texts: npy with the embedding of each text, float32 (texts, width).
        index: CSV of its rows: class, text.
        classes: classes in the desired order; each has at least one text.
    """
    embeddings, labels = normalised(arrays.load(texts)), read_csv(index)["class"]
    return normalised(np.stack([embeddings[labels == name].mean(0) for name in classes]))


def normalised(embeddings: np.ndarray) -> np.ndarray:
    """L2-normalise embeddings (rows, width)."""
    return embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
