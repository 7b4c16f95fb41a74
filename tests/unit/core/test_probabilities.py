import numpy as np
import pandas as pd

from stillact.core.probabilities import classes_of, most_probable, prob_columns, stored


def test_columns_of_classes_and_back():
    table = pd.DataFrame({"image_id": ["a"], "prob_on_foot": [0.5], "prob_prob_": [0.5], "prob": 1})
    assert prob_columns(["on_foot", "prob_"]) == ["prob_on_foot", "prob_prob_"]
    assert classes_of(table) == ["on_foot", "prob_"]


def test_most_probable_is_the_first_class_in_case_of_ties():
    table = pd.DataFrame(
        {"prob_b": [0.5, 0.2, 0.25], "prob_a": [0.5, 0.4, 0.25], "prob_c": [0, 0.4, 0.5]}
    )
    assert most_probable(table).tolist() == ["b", "a", "c"]


def test_stored_probabilities_have_eight_decimals():
    table = stored(np.array([[1 / 3, 2 / 3]]), ["a", "b"])
    assert table.to_numpy().tolist() == [[0.33333333, 0.66666667]]
    assert list(table) == ["prob_a", "prob_b"]
