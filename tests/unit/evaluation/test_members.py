"""What each member brings to an ensemble, against a vote by hand."""

import numpy as np
import pandas as pd
import pytest

from stillact.evaluation import members

CLASSES = ["x", "y", "z"]
COLUMNS = [f"prob_{name}" for name in CLASSES]


def table(scheme: str, photos: int = 60) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, photos)
    parts = []
    for model, known in (("good", 0.5), ("bad", 0.05), ("other", 0.3)):
        answers = known * np.eye(3)[labels] + (1 - known) * rng.dirichlet(np.ones(3), photos)
        own = pd.DataFrame(answers, columns=COLUMNS)
        own.insert(0, "image_id", [f"p{i:02}" for i in range(photos)])
        own.insert(1, "label", np.array(CLASSES)[labels])
        split = (
            "holdout"
            if scheme == "holdout"
            else np.where(np.arange(photos) % 2, "cv_0_0", "cv_0_1")
        )
        parts.append(own.assign(task="t", model=model, seed=0, subset="test", split=split))
    return pd.concat(parts, ignore_index=True)


@pytest.mark.parametrize("scheme", ["holdout", "cv"])
def test_a_member_brings_what_the_others_lack(scheme):
    given = table(scheme)
    found = members.left_out(given, {"vote": ["good", "bad", "other"]}).set_index("without")
    wide = {name: rows.set_index("image_id")[COLUMNS] for name, rows in given.groupby("model")}
    labels = given.drop_duplicates("image_id").set_index("image_id")["label"]

    def accuracy(*names):
        product = np.prod([wide[name].to_numpy() for name in names], axis=0)
        return (np.array(CLASSES)[product.argmax(1)] == labels).mean()

    whole = accuracy("good", "bad", "other")
    assert found.loc["", "accuracy"] == pytest.approx(whole)
    for member, others in (("good", ("bad", "other")), ("bad", ("good", "other"))):
        assert found.loc[member, "accuracy"] == pytest.approx(accuracy(*others))
        assert found.loc[member, "difference"] == pytest.approx(whole - accuracy(*others))
    assert found.loc["good", "difference"] > 0.1
    assert found.loc["good", "ci_low"] > 0 > found.loc["bad", "ci_low"]
    assert (found["photos"] == 60).all()


def test_a_study_without_ensembles_has_an_empty_table():
    assert members.left_out(table("cv"), {}).empty
