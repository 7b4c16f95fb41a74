"""What the texts of a prompt set say of each class."""

from pathlib import Path

import numpy as np

from stillact.core.tables import read_csv


def class_embeddings(texts: Path, index: Path, classes: list[str]) -> np.ndarray:
    """The embedding of each class, L2-normalised, float32 (classes, width).

    It is the mean of the normalised embeddings of the class's texts, as CLIP ensembles prompts
    (arXiv 2103.00020, section 3.1.4).

    Args:
        texts: npy with the embedding of each text, float32 (texts, width).
        index: CSV that names its rows: class, text.
        classes: in the order wanted; each has a text.
    """
    embeddings, of = normalised(np.load(texts)), read_csv(index)["class"]
    return normalised(np.stack([embeddings[of == name].mean(0) for name in classes]))


def normalised(embeddings: np.ndarray) -> np.ndarray:
    """Embeddings (rows, width), each of length 1."""
    return embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
