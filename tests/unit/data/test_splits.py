import logging

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import train_test_split

from stillact.config.data import Splits
from stillact.core.errors import InputError
from stillact.data import splits

PAPER = {"walking_running": 98, "sitting": 95, "standing": 92}
NO_PAIRS = pd.DataFrame(columns=["image_id_a", "image_id_b", "kind", "distance", "group"])


def settings(seed=42, train=0.8, validation=0.1, test=0.1, folds=10, repeats=5):
    return Splits(
        seed=seed,
        fractions={"train": train, "validation": validation, "test": test},
        kfold={"folds": folds, "repeats": repeats},
    )


def photos(counts: dict[str, int], split="") -> pd.DataFrame:
    labels = [label for label, count in counts.items() for _ in range(count)]
    return pd.DataFrame(
        {"id": [f"{i}" for i in range(len(labels))], "label": labels, "split": split}
    )


def tables(manifest, classes=None, group=None, **changes):
    group = manifest["id"].tolist() if group is None else group
    return splits.tables(manifest, classes or [*PAPER], group, settings(**changes), "abc")


def counts(frame, part):
    return pd.crosstab(frame.label, frame[part])


def test_own_test_photos_are_in_no_fold():
    """They may be of another camera; a model trained on them would know it."""
    manifest = photos({"a": 40, "b": 40})
    manifest["split"] = (["train"] * 20 + ["validation"] * 10 + ["test"] * 10) * 2
    holdout, kfold = tables(manifest, ["a", "b"], folds=5)
    own = set(holdout.image_id[holdout.subset == "test"])
    assert len(own) == 20
    assert set(kfold.image_id) == set(manifest["id"]) - own
    with pytest.raises(InputError, match=r"class 'a' has 30 images, .*folds: 31"):
        tables(manifest, ["a", "b"], folds=31)


@pytest.mark.parametrize(("large", "told"), [(9, True), (3, False)])
def test_a_group_of_more_than_a_tenth_of_all_photos_is_told(caplog, large, told):
    ids = [f"{i}" for i in range(30)]
    splits.groups(ids, NO_PAIRS, ["room"] * large + [""] * (30 - large))
    messages = [record.getMessage() for record in caplog.records]
    assert [f"{large} of 30 photos are one group, as 0" in text for text in messages] == [
        True
    ] * told


def test_the_papers_285_photos_give_227_29_29():
    manifest = photos(PAPER)
    holdout, kfold = tables(manifest)
    assert holdout.subset.value_counts().to_dict() == {"train": 227, "validation": 29, "test": 29}
    shares = np.outer([95, 92, 98], [29, 227, 29]) / 285
    table = counts(holdout, "subset")
    assert table.columns.tolist() == ["test", "train", "validation"]
    assert table.index.tolist() == ["sitting", "standing", "walking_running"]
    assert (np.abs(table - shares) < 1).all(axis=None)
    assert holdout.columns.tolist() == ["image_id", "label", "group", "subset", "manifest_sha256"]
    assert kfold.columns.tolist() == [
        "image_id",
        "label",
        "group",
        "repeat",
        "fold",
        "manifest_sha256",
    ]
    assert holdout.image_id.tolist() == manifest["id"].tolist()
    assert set(holdout.manifest_sha256) == set(kfold.manifest_sha256) == {"abc"}


@pytest.mark.parametrize("count", [285, 290, 187, 100, 33, 1001])
def test_sizes_are_those_of_scikit_learn(count):
    third = count // 3
    rows = photos({"a": third, "b": third, "c": count - 2 * third})
    holdout, _ = tables(rows, ["a", "b", "c"])
    _, test = train_test_split(range(count), test_size=0.1)
    sizes = {"train": count - 2 * len(test), "validation": len(test), "test": len(test)}
    assert holdout.subset.value_counts().to_dict() == sizes


def test_a_photo_is_in_the_same_subset_in_every_task():
    manifest = photos(PAPER)
    all_classes, _ = tables(manifest)
    two, folds = tables(manifest, ["sitting", "standing"])
    assert set(two.label) == set(folds.label) == {"sitting", "standing"}
    assert len(two) == 187
    subset = all_classes.set_index("image_id").subset
    assert two.subset.tolist() == subset[two.image_id].tolist()


def test_each_repeat_is_another_stratified_partition():
    manifest = photos(PAPER)
    _, kfold = tables(manifest)
    assert sorted(kfold.repeat.unique()) == [0, 1, 2, 3, 4]
    of_repeats = []
    for _, rows in kfold.groupby("repeat"):
        assert sorted(rows.image_id) == sorted(manifest["id"])
        assert sorted(rows.fold.value_counts()) == [28] * 5 + [29] * 5
        assert set(counts(rows, "fold").to_numpy().ravel()) == {9, 10}
        of_repeats.append(rows.sort_values("image_id").fold.tolist())
    assert len({tuple(folds) for folds in of_repeats}) == 5


def test_the_assignment_follows_from_seed_and_ids_alone():
    manifest = photos(PAPER)
    order = np.random.default_rng(0).permutation(len(manifest))
    for one, other in zip(tables(manifest), tables(manifest.iloc[order]), strict=True):
        keys = [c for c in ("image_id", "repeat") if c in one]
        pd.testing.assert_frame_equal(
            one.sort_values(keys, ignore_index=True), other.sort_values(keys, ignore_index=True)
        )
    for one, other in zip(tables(manifest), tables(manifest, seed=43), strict=True):
        assert not one.equals(other)
    assert tables(manifest)[1].equals(tables(manifest, train=0.6, validation=0.2, test=0.2)[1])


@st.composite
def grouped(draw, parts):
    """Photos of up to four classes, each with at least `parts` groups; one more group is mixed."""
    classes = [f"c{i}" for i in range(draw(st.integers(1, 4)))]
    rows = [(label, "mixed") for label in draw(st.lists(st.sampled_from(classes), max_size=4))]
    for label in classes:
        sizes = draw(st.lists(st.integers(1, 4), min_size=parts, max_size=30))
        rows += [(label, f"{label}.{i}") for i, size in enumerate(sizes) for _ in range(size)]
    labels, groups = zip(*rows, strict=True)
    frame = pd.DataFrame({"id": [f"{i}" for i in range(len(rows))], "label": labels, "split": ""})
    return frame, list(groups)


@given(grouped(parts=4), st.integers(0, 1000))
def test_groups_never_straddle_and_every_class_is_everywhere(case, seed):
    manifest, group = case
    classes = sorted(set(manifest.label))
    holdout, kfold = tables(manifest, classes, group, seed=seed, folds=4, repeats=2)
    assert (holdout.groupby(group).subset.nunique() == 1).all()
    assert (counts(holdout, "subset") > 0).all(axis=None)
    for _, rows in kfold.groupby("repeat"):
        assert (rows.fold.groupby(np.array(group)).nunique() == 1).all()
        assert (counts(rows, "fold").reindex(columns=range(4), fill_value=0) > 0).all(axis=None)


@given(st.lists(st.integers(5, 120), min_size=1, max_size=5), st.integers(3, 5), st.integers(0, 9))
def test_photos_that_stand_alone_are_stratified_to_within_one(sizes, folds, seed):
    manifest = photos({f"c{i}": size for i, size in enumerate(sizes)})
    _, kfold = tables(manifest, sorted(set(manifest.label)), seed=seed, folds=folds, repeats=1)
    total = kfold.fold.value_counts()
    assert total.max() - total.min() <= 1
    shares = np.outer(counts(kfold, "fold").sum(axis=1), total.sort_index()) / len(manifest)
    assert (np.abs(counts(kfold, "fold") - shares) < 1).all(axis=None)


def test_groups_leave_the_shares_near():
    manifest = photos(PAPER)
    group = [str(i // 3) for i in range(285)]
    holdout, kfold = tables(manifest, group=group)
    sizes = holdout.subset.value_counts()
    assert abs(sizes["test"] - 29) <= 3
    assert abs(sizes["validation"] - 29) <= 3
    assert counts(kfold[kfold.repeat == 0], "fold").to_numpy().min() >= 6


def test_a_small_class_is_everywhere_and_the_sizes_stay():
    manifest = photos({"rare": 3, "common": 282})
    holdout, _ = tables(manifest, ["rare", "common"], folds=3)
    assert counts(holdout, "subset").loc["rare"].tolist() == [1, 1, 1]
    assert sorted(holdout.subset.value_counts()) == [29, 29, 227]


@pytest.mark.parametrize(
    ("sizes", "changes", "message"),
    [
        ({"a": 2, "b": 50}, {"folds": 3}, "class 'a' has 2 images, and the holdout split needs 3"),
        ({"a": 4, "b": 50}, {"folds": 5}, r"'a' has 4 images, .*folds: 5 needs 5.*lower splits"),
        ({"a": 9, "b": 9}, {"train": 0.02, "validation": 0.49, "test": 0.49}, "leave 0 of 18"),
        ({"a": 9, "b": 9, "c": 0}, {}, "class 'c' has 0 images"),
    ],
)
def test_too_few_photos_are_an_error(sizes, changes, message):
    with pytest.raises(InputError, match=message):
        tables(photos(sizes), [*sizes], **changes)


def test_too_few_groups_are_an_error():
    manifest = photos({"a": 12, "b": 30})
    two_groups = [f"{i % 2}" for i in range(12)] + [f"b{i}" for i in range(30)]
    with pytest.raises(InputError, match=r"class 'a' has no image in subset \w+; images of one"):
        tables(manifest, ["a", "b"], two_groups)
    four_groups = [f"{i % 4}" for i in range(12)] + [f"b{i}" for i in range(30)]
    with pytest.raises(InputError, match=r"class 'a' has no image in fold \d; .*lower splits"):
        tables(manifest, ["a", "b"], four_groups, folds=5)


def test_the_manifests_own_split_is_used_as_it_is(caplog):
    manifest = photos({"a": 12, "b": 12}, split=["train", "train", "validation", "test"] * 6)
    with caplog.at_level(logging.WARNING, "stillact"):
        holdout, _ = tables(manifest, ["a", "b"], folds=3)
    assert holdout.subset.tolist() == manifest.split.tolist()
    assert not caplog.records

    group = manifest["id"].replace({"1": "0", "2": "0", "3": "0"}).tolist()
    with caplog.at_level(logging.WARNING, "stillact"):
        tables(manifest, ["a", "b"], group, folds=3)
    assert "0 (train) and 2 (validation); 0 (train) and 3 (test);" in caplog.text

    manifest.loc[manifest.label == "b", "split"] = "train"
    with pytest.raises(InputError, match="class 'b' has no image in subset validation; correct"):
        tables(manifest, ["a", "b"], folds=3)


def test_groups_join_the_manifests_and_the_duplicates():
    ids = ["5", "4", "3", "2", "1", "0"]
    given_groups = ["x", "", "", "x", "", ""]
    pairs = pd.DataFrame(
        {"image_id_a": ["5", "3", "gone"], "image_id_b": ["4", "1", "0"], "kind": "near"}
    ).assign(group=["5", "3", "gone"])
    assert splits.groups(ids, pairs, given_groups) == ["2", "2", "1", "2", "1", "0"]
    through = pairs.assign(image_id_a="gone", group="gone")  # 4, 1 and 0, by a dropped photo
    assert splits.groups(ids, through, [""] * 6) == ["5", "0", "3", "2", "0", "0"]
    assert splits.groups(ids, NO_PAIRS, [""] * 6) == ids


def test_train_and_validation_are_drawn_beside_given_test_photos():
    manifest = photos({"a": 50, "b": 50})
    manifest["split"] = ([""] * 40 + ["test"] * 10) * 2
    holdout, kfold = tables(manifest, ["a", "b"], train=0.6, validation=0.2, test=0.2, folds=5)
    assert counts(holdout, "subset").to_dict("index") == {
        label: {"train": 30, "validation": 10, "test": 10} for label in ("a", "b")
    }
    given = set(manifest["id"][manifest["split"] == "test"])
    assert set(holdout.image_id[holdout.subset == "test"]) == given
    assert set(kfold.image_id).isdisjoint(given)
    manifest["split"] = ["", *["test"] * 49, *[""] * 40, *["test"] * 10]
    with pytest.raises(InputError, match=r"class 'a' has 1 images, and the holdout split needs 2"):
        tables(manifest, ["a", "b"], folds=5)
