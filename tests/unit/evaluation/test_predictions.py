import pandas as pd

from stillact.evaluation.predictions import of_models


def test_the_rows_of_some_models_are_taken_in_their_order():
    tables = [pd.DataFrame({"model": ["c", "a"], "n": [1, 2]}), pd.DataFrame({"model": ["b", "a"]})]
    found = of_models(tables, ["a", "c"])
    assert found["model"].tolist() == ["a", "a", "c"]
    assert found["n"].isna().tolist() == [False, True, False]
    assert found.index.tolist() == [0, 1, 2]
