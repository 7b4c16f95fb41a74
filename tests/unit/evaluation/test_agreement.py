import math

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import cohen_kappa_score

from stillact.evaluation import agreement
from support.answers import model


def test_kappa_is_that_of_scikit_learn():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 80)
    told = {name: np.where(rng.random(80) < 0.6, labels, rng.integers(0, 3, 80)) for name in "abc"}
    given = {name: model(labels.tolist(), codes.tolist()) for name, codes in told.items()}
    table = agreement.agreement(given)
    assert list(zip(table["model_a"], table["model_b"], strict=True)) == [
        ("a", "b"),
        ("a", "c"),
        ("b", "c"),
    ]
    for row in table.itertuples():
        a, b = told[row.model_a], told[row.model_b]
        assert row.kappa == pytest.approx(cohen_kappa_score(a, b))
        assert row.same == pytest.approx((a == b).mean())
        draws = np.random.default_rng(1).integers(0, 80, (500, 79))
        spread = np.percentile([cohen_kappa_score(a[d], b[d]) for d in draws], [2.5, 97.5])
        assert (row.ci_low, row.ci_high) == pytest.approx(spread, abs=0.03)
    assert agreement.agreement(given).equals(table)


def test_constant_answers_agree_by_chance_or_have_no_kappa():
    labels = [0, 1, 2, 0]
    given = {
        "a": model(labels, [1] * 4),
        "b": model(labels, [1] * 4),
        "c": model(labels, [2] * 4),
        "d": model(labels, [1, 1, 1, 2]),
    }
    table = agreement.agreement(given).set_index(["model_a", "model_b"])
    alike = table.loc[("a", "b")]
    assert math.isnan(alike["kappa"])
    assert (alike["same"], alike["note"]) == (1, agreement.CONSTANT)
    assert table.loc[("a", "c"), ["same", "kappa"]].tolist() == [0, 0]
    assert table.loc[("a", "d"), ["same", "kappa"]].tolist() == [0.75, 0]
    (known,) = agreement.agreement({"a": given["a"], "b": given["b"]}).to_dict("records")
    assert (
        "Kappa is undefined for all pairs of models: both give one"
        in agreement.agreement_sentence(pd.DataFrame([known]))
    )


def test_only_photos_that_both_judge_are_compared():
    given = {
        "a": model([0] * 4, [0, 1, 2, None]),
        "b": model([0] * 4, [None, 1, 2, 0]),
        "c": model([0] * 4, [None, None, None, 0]),
    }
    table = agreement.agreement(given).set_index(["model_a", "model_b"])
    assert table.loc[("a", "b"), ["photos", "same", "kappa"]].tolist() == [2, 1, 1]
    apart = table.loc[("a", "c")]
    assert (apart["photos"], apart["note"]) == (0, agreement.APART)
    assert math.isnan(apart["kappa"])


def test_who_agree_most_and_least_in_words():
    rows = [
        ("a", "b", 29, 0.5, 0.2, 0.1, 0.3, ""),
        ("a", "c", 29, 0.9, 0.8, 0.7, 0.95, ""),
        ("b", "c", 29, 0.3, -0.004, -0.2, 0.3, ""),
    ]
    table = pd.DataFrame(rows, columns=agreement.AGREEMENT)
    assert agreement.agreement_sentence(table) == (
        "Of 3 pairs of models, the highest agreement: a and c, kappa 0.80 [0.70, 0.95], the same "
        "prediction for 90 % of 29 photos; the lowest: b and c, kappa 0.00 [−0.20, 0.30], the same "
        "prediction for 30 % of 29 photos."
    )
    assert agreement.agreement_sentence(table[:1]).startswith("a and b, kappa 0.20")
    assert "requires at least two models" in agreement.agreement_sentence(agreement.agreement({}))


def test_no_models_give_an_empty_table_with_its_columns():
    table = agreement.agreement({})
    assert table.empty
    assert table.columns.tolist() == agreement.AGREEMENT
