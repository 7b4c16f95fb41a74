import pandas as pd
import pytest

from stillact.data import overview

CLASSES = ["walking_running", "sitting", "standing"]


@pytest.fixture
def manifest():
    labels = ["sitting", "sitting", "sitting", "walking_running", "walking_running"]
    return pd.DataFrame({"id": list("abcde"), "label": labels})


@pytest.fixture
def images():
    return pd.DataFrame(
        {
            "id": list("edcba"),
            "status": ["missing", "ok", "ok", "ok", "ok"],
            "width": [None, 300, 100, 200, 600],
            "height": [None, 100, 200, 200, 300],
        }
    )


def test_photos_leave_out_the_missing_and_follow_the_manifest(images, manifest):
    photos = overview.photos(images, manifest)
    assert photos["id"].tolist() == ["a", "b", "c", "d"]
    assert photos["aspect_ratio"].tolist() == [2.0, 1.0, 0.5, 3.0]


def test_table_1_by_hand(images, manifest):
    table = overview.table_1(overview.photos(images, manifest), CLASSES).set_index("label")
    assert table.index.tolist() == [*CLASSES, "Overall"]
    assert table["count"].tolist() == [1, 3, 0, 4]
    assert table["share"].tolist() == [0.25, 0.75, 0, 1]
    # widths 600, 200, 100: quartiles 150 and 400
    sitting = table.loc["sitting"]
    assert sitting[["width_mean", "width_median", "width_iqr"]].tolist() == [300, 200, 250]
    assert sitting["aspect_ratio_mean"] == pytest.approx(3.5 / 3)
    assert table.loc["Overall", "height_median"] == 200
    assert table.loc["standing"].drop(["count", "share"]).isna().all()


def test_examples_depend_on_the_seed_and_not_on_the_order():
    photos = pd.DataFrame({"id": [f"{i:03}" for i in range(60)], "label": CLASSES * 20})
    chosen = overview.choose_examples(photos, CLASSES, 4, seed=0)
    assert chosen == overview.choose_examples(photos[::-1], CLASSES, 4, seed=0)
    assert chosen != overview.choose_examples(photos, CLASSES, 4, seed=1)
    label = photos.set_index("id")["label"]
    for name, ids in chosen.items():
        assert len(set(ids)) == 4
        assert set(label[ids]) == {name}


def test_examples_of_a_small_class_are_all_of_it():
    photos = pd.DataFrame({"id": ["x", "y"], "label": ["sitting", "sitting"]})
    chosen = overview.choose_examples(photos, CLASSES, 4, seed=0)
    assert sorted(chosen["sitting"]) == ["x", "y"]
    assert chosen["standing"] == []


@pytest.fixture
def audited(manifest):
    pairs = [("a", "b", "exact", 0, "a"), ("b", "d", "near", 3, "a"), ("c", "e", "near", 4, "c")]
    columns = ["image_id_a", "image_id_b", "kind", "distance", "group"]
    split = {"a": "train", "b": "train", "c": "test", "d": "validation"}  # e is in no subset
    holdout = pd.DataFrame(split.items(), columns=["image_id", "subset"])
    return overview.audit(pd.DataFrame(pairs, columns=columns), manifest, holdout)


def test_audit_tells_what_crosses_and_what_differs(audited):
    assert audited["crosses_split"].tolist() == ["yes", "yes", "no"]
    assert audited["labels_differ"].tolist() == ["no", "yes", "yes"]
    assert audited["subset_b"].tolist() == ["train", "validation", "none"]
    assert audited["label_a"].tolist() == ["sitting"] * 3


def test_a_photo_outside_the_split_does_not_hide_that_its_group_crosses_it(audited, manifest):
    holdout = pd.DataFrame([("a", "train"), ("d", "test")], columns=["image_id", "subset"])
    pairs = audited[["image_id_a", "image_id_b", "kind", "distance", "group"]]
    again = overview.audit(pairs, manifest, holdout)
    assert again["crosses_split"].tolist() == ["yes", "yes", "no"]


def test_audit_summary_counts(audited):
    said = overview.audit_summary(audited)
    assert "3 duplicates in 2 groups: 1 exact, 2 near." in said
    assert "1 group is divided between subsets" in said
    assert "2 groups have different labels" in said


def test_audit_summary_of_harmless_and_of_no_groups(audited):
    said = overview.audit_summary(audited.iloc[:1].assign(crosses_split="no"))
    assert "1 duplicate in 1 group: 1 exact, 0 near." in said
    assert "No group is divided" in said
    assert "No group has different labels" in said
    assert overview.audit_summary(audited.iloc[:0]) == (
        "No photo is an exact or near-duplicate of another."
    )


def test_largest_class_rate_looks_at_one_subset():
    split = pd.DataFrame(
        {"label": ["a", "a", "b", "b", "b", "b"], "subset": ["test"] * 3 + ["train"] * 3}
    )
    assert overview.largest_class_rate(split, "test") == pytest.approx(2 / 3)
    assert overview.largest_class_rate(split, "train") == 1


def test_readable_sizes():
    sizes = {"mean": 570.6, "median": 600.0, "iqr": 150.4}
    row = {f"{of}_{value}": number for of in ("width", "height") for value, number in sizes.items()}
    row |= {"aspect_ratio_mean": 1.2, "aspect_ratio_median": 4 / 3, "aspect_ratio_iqr": 0.5}
    empty = dict.fromkeys(row, float("nan"))
    table, note = overview.readable_sizes(
        pd.DataFrame(
            [
                {"label": "sitting", "count": 2, "share": 1.0, **row},
                {"label": "standing", "count": 0, "share": 0.0, **empty},
            ]
        )
    )
    assert table.columns.tolist() == [
        "class",
        "photos",
        "share",
        "width (px)",
        "height (px)",
        "aspect ratio",
    ]
    assert table.to_numpy().tolist() == [
        ["sitting", "2", "100.0\xa0%", *["571 (600, 150)"] * 2, "1.20 (1.33, 0.50)"],
        ["standing", "0", "0.0\xa0%", *["– (–, –)"] * 3],
    ]
    assert note == "Sizes are mean (median, interquartile range)."
