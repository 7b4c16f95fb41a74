import numpy as np
import pandas as pd
import pytest

from stillact.saliency import localisation_summary


def row(image, method, right, area, energy, group=None, **more):
    empty = dict.fromkeys(localisation_summary.METRICS, np.nan)
    head = dict(image_id=image, group=group or image, label="sitting")
    head["predicted"] = "sitting" if right else "standing"
    return {**head, "method": method, "person_area": area, **empty, "energy": energy, **more}


TABLE = pd.DataFrame(
    [
        row("a", "legrad_2", True, 0.2, 0.6, pointing=1.0, insertion=0.5),
        row("b", "legrad_2", True, 0.4, 0.4, pointing=0.0, insertion=0.7),
        row("c", "legrad_2", False, 0.3, 0.2, pointing=0.0, insertion=0.9),
        row("d", "legrad_2", False, np.nan, np.nan, insertion=0.1),
        row("a", "centre", True, 0.2, 0.5),
        row("b", "centre", True, 0.4, 0.5),
        row("c", "centre", False, 0.3, 0.8),
        row("a", "legrad_2_random_weights", True, 0.2, 0.1, rank_correlation=0.3),
        row("b", "legrad_2_random_weights", True, 0.4, 0.3, rank_correlation=0.1),
    ]
)


def value(summary, **where):
    for column, wanted in where.items():
        summary = summary[summary[column] == wanted]
    assert len(summary) == 1
    return summary.iloc[0]


def test_means_are_over_the_photos_with_people():
    summary = localisation_summary.summarise({"vit": TABLE})
    every = value(summary, method="legrad_2", answers="all", metric="energy")
    assert (every["photos"], every["value"]) == (3, pytest.approx(0.4))
    assert every["chance"] == pytest.approx(0.3)
    assert every["centre"] == pytest.approx(0.6)
    assert 0.2 <= every["ci_low"] < 0.4 < every["ci_high"] <= 0.6
    insertion = value(summary, method="legrad_2", answers="all", metric="insertion")
    assert (insertion["photos"], insertion["value"]) == (4, pytest.approx(0.55))
    assert np.isnan(insertion["chance"])


def test_answers_split_the_photos():
    summary = localisation_summary.summarise({"vit": TABLE})
    right = value(summary, method="legrad_2", answers="right", metric="energy")
    wrong = value(summary, method="legrad_2", answers="wrong", metric="energy")
    assert (right["photos"], right["value"]) == (2, 0.5)
    assert (wrong["photos"], wrong["value"]) == (1, 0.2)
    assert np.isnan(wrong["ci_low"])
    assert np.isnan(wrong["ci_high"])


def test_the_interval_is_about_that_of_the_normal_distribution():
    rng = np.random.default_rng(3)
    energies = rng.normal(0.5, 0.1, 200)
    table = pd.DataFrame([row(str(i), "legrad_2", True, 0.2, e) for i, e in enumerate(energies)])
    found = value(localisation_summary.summarise({"m": table}), answers="all", metric="energy")
    half = 1.96 * energies.std(ddof=1) / np.sqrt(200)
    assert found["ci_low"] == pytest.approx(energies.mean() - half, abs=0.002)
    assert found["ci_high"] == pytest.approx(energies.mean() + half, abs=0.002)


def test_photos_of_a_group_are_drawn_together():
    energies = np.random.default_rng(3).normal(0.5, 0.1, 20)
    given = [(str(i), energy) for i, energy in enumerate(energies)]
    alone = [row(image, "legrad_2", True, 0.2, energy) for image, energy in given]
    copies = [
        row(f"{image}{copy}", "legrad_2", True, 0.2, energy, group=image)
        for image, energy in given
        for copy in range(4)
    ]
    one, four = (
        value(
            localisation_summary.summarise({"m": pd.DataFrame(rows)}),
            answers="all",
            metric="energy",
        )
        for rows in (alone, copies)
    )
    assert (one["photos"], four["photos"]) == (20, 80)
    assert four[["ci_low", "ci_high"]].tolist() == pytest.approx(
        one[["ci_low", "ci_high"]].tolist()
    )


def test_no_table_or_no_box_gives_no_row_and_a_reason():
    empty = TABLE.head(0)
    blind = TABLE.assign(person_area=np.nan, energy=np.nan, pointing=np.nan)
    assert localisation_summary.summarise({}).empty
    assert localisation_summary.summarise({"cnn": empty}).empty
    summary = localisation_summary.summarise({"vit": blind})
    assert set(summary["metric"]) == {"insertion", "rank_correlation"}
    tables = {"vit": blind, "cnn": empty, "clip": TABLE}
    reasons = {"vit": "", "cnn": "it has no blocks", "clip": ""}
    notes = localisation_summary.notes(tables, reasons).set_index("model")["note"]
    assert list(notes.index) == ["vit", "cnn"]
    assert "person_boxes" in notes["vit"]
    assert notes["cnn"] == "cnn is not looked into: it has no blocks."


def test_the_best_model_is_the_best_on_validation():
    rows = [("vit", "test", 0.9), ("vit", "validation", 0.5), ("clip", "validation", 0.6)]
    rows += [("other", "validation", 0.8)]
    summary = pd.DataFrame(rows, columns=["model", "subset", "mean"])
    summary = summary.assign(task="t", metric="accuracy")
    assert localisation_summary.best(summary, "t", ["vit", "clip"]) == "clip"


def test_examples_are_the_surest_of_each_class_and_the_hardest():
    def says(model, seed, image, label, sitting, split="holdout", subset="test"):
        head = dict(model=model, seed=seed, split=split, subset=subset, image_id=image)
        return {**head, "label": label, "prob_sitting": sitting, "prob_standing": 1 - sitting}

    predictions = pd.DataFrame(
        [
            says("vit", 0, "a", "sitting", 0.7),
            says("vit", 0, "b", "sitting", 0.9),
            says("vit", 0, "c", "standing", 0.4),
            says("vit", 0, "d", "standing", 0.6),
            says("vit", 1, "a", "sitting", 1.0),
            says("cnn", 0, "d", "standing", 0.1),
            says("cnn", 0, "c", "standing", 0.99),
            says("vit", 0, "e", "sitting", 1.0, subset="validation"),
            says("vit", 0, "f", "sitting", 1.0, split="cv_0_1"),
        ]
    )
    found = localisation_summary.examples(predictions, "vit", 0)
    assert found[["why", "image_id", "predicted"]].to_numpy().tolist() == [
        ["sitting", "b", "sitting"],
        ["standing", "c", "standing"],
        ["hard", "c", "standing"],
    ]
    assert found["prob_standing"].tolist() == pytest.approx([0.1, 0.6, 0.6])
    assert localisation_summary.examples(predictions, None, 0).empty
