import numpy as np
import pandas as pd

from stillact.core.tables import write_csv
from stillact.models.prompts import class_embeddings, normalised


def test_a_class_is_the_normalised_mean_of_its_normalised_texts(tmp_path):
    np.save(tmp_path / "texts.npy", np.float32([[3, 4], [0, 2], [10, 0], [-5, 0]]))
    index = pd.DataFrame({"class": ["a", "b", "a", "c"], "text": ["w", "x", "y", "z"]})
    write_csv(index, tmp_path / "texts.csv")
    found = class_embeddings(tmp_path / "texts.npy", tmp_path / "texts.csv", ["c", "a"])
    # of class a: (0.6, 0.8) and (1, 0); their mean (0.8, 0.4) over its length sqrt(0.8)
    expected = [[-1, 0], [0.8 / 0.8**0.5, 0.4 / 0.8**0.5]]
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert found.dtype == np.float32


def test_normalised_rows_have_length_1():
    rows = normalised(np.random.default_rng(0).normal(size=(4, 7)))
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1)
