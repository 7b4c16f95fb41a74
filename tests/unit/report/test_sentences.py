import pandas as pd

from stillact.core.tables import read_csv, write_csv
from stillact.perturb import robustness
from stillact.report import sentences
from stillact.report.page import RESULTS
from support.reports import located, page, results


def test_page_opens_with_the_answer(study):
    text = page(study).text
    assert (
        "cnn_base is the most accurate model for walking_running, sitting and standing: 50.0 % on "
        "10 test photos (95 % interval 46.0 % to 54.0 %). The majority-class baseline scores "
        "40.0 %." in text
    )
    assert "The whole interval, over 5 seeds, lies above the baseline." in text
    assert "fnn_base, reaches 30.0 %; the two intervals do not overlap." in text
    assert "23.7 % to 76.3 % (Wilson). " in text  # 5 of 10


def test_the_best_of_eight_is_flattered(study):
    eight = results(list(study.config.tasks["activity3"].models[:8]), best=0.9)
    text = page(study, tables={**study.tables, "all_models": eight}).text
    assert "(Wilson); being the best of 8 makes this optimistic." in text
    assert len(eight) == 8


def test_answer_admits_what_is_not_settled(study):
    close = results(["a", "b"])
    close["accuracy_ci_low"], close["accuracy_ci_high"] = [0.35, 0.2], [0.6, 0.4]
    text = page(study, tables={**study.tables, "all_models": close}).text
    assert "The interval includes the baseline" in text
    assert "the two intervals overlap, so the ranking is uncertain" in text
    poor = results(["a", "b"]).iloc[1:]
    text = page(study, tables={**study.tables, "all_models": poor}).text
    assert "No model exceeds the baseline." in text


def test_single_run_has_no_interval(study):
    alone = {name: results(["cnn_base"], runs=1) for name in RESULTS}
    text = page(study, tables={**study.tables, **alone}).text
    assert "50.0 % on 10 test photos (one run)" in text
    assert "With a single run, the variation between seeds is unknown." in text
    assert "cnn_base 1 0.500 0.3862" in text
    assert "Single run, without standard deviation and interval: cnn_base." in text
    assert "nan" not in text.lower()


def test_seeds_that_are_all_the_same_have_no_interval_to_tell(study):
    table = results(["cnn_base", "fnn_base"])
    table.loc[0, ["accuracy_ci_low", "accuracy_ci_high"]] = [0.5 - 1e-16, 0.5 + 1e-16]
    text = page(study, tables={**study.tables, "all_models": table}).text
    assert "50.0 % on 10 test photos (the same with each of 5 seeds)." in text
    assert "The accuracy is above the baseline." in text


def plain(told):
    return [said.replace("\xa0", " ") for said in told]


def test_what_choosing_is_worth_is_told_beside_the_best_model():
    recipes = pd.DataFrame(
        [
            ("cv", "vit", 40, 0.8, 0.7, 0.9),
            ("cv", "selected", 40, 0.75, 0.6, 0.85),
            ("cv", "cnn", 40, 0.4, 0.3, 0.5),
            ("holdout", "selected", 10, 0.7, 0.5, 0.9),  # and none beside it
        ],
        columns=["scheme", "model", "images", "accuracy", "accuracy_ci_low", "accuracy_ci_high"],
    )
    assert plain(sentences.on_selection(recipes)) == [
        "Over 40 photos, each tested in its fold: selecting a model without looking at the test "
        "photos yields 75.0 % (95 % interval 60.0 % to 85.0 %). The best model in hindsight, vit, "
        "reaches 80.0 %."
    ]


def test_where_a_model_looks_is_told_with_chance_and_what_stands_beside_it():
    summary = pd.DataFrame(
        [
            located("vit", "energy", 0.4, chance=0.3),
            located("vit", "energy", 0.9, answers="right"),
            located("vit", "energy", 0.6, method="centre"),
            located("vit", "energy", 0.2, method="legrad_2_random_weights"),
            located("cnn", "insertion", 0.5),
        ]
    )
    assert plain(sentences.on_localisation(summary)) == [
        "40 % [30, 50] of the saliency (legrad_2) for the predictions of vit lies on people, whose "
        "boxes cover 30 % of its field of view: 1.3 times the chance level. For comparison: 60 % "
        "[50, 70] for a centred Gaussian, 20 % [10, 30] with randomised weights."
    ]


def corrupted(*rows):
    """A table of `robustness.judge`; of each row the corruption, severity and points lost."""
    made = [
        (
            "posture",
            "vit",
            of,
            severity,
            4,
            2,
            0.875 + lost,
            lost,
            lost - 0.1,
            lost + 0.1,
            1,
            0,
            0,
            0,
        )
        for of, severity, lost in rows
    ]
    return pd.DataFrame(made, columns=robustness.COLUMNS).astype({"severity": "Int64"})


CLEAN = ("clean", 0, 0)
LOST = corrupted(
    CLEAN,
    ("all", 1, -0.3125),
    ("all", None, -0.3125),
    ("fog", 1, -0.25),
    ("fog", None, -0.25),
    ("snow", 1, -0.375),
    ("snow", None, -0.375),
    ("person_covered", None, 0),
)


def test_what_corruption_costs_is_told_and_by_what():
    assert plain(sentences.on_corruption(LOST)) == [
        "vit: accuracy 87.5 % on the 4 clean photos, 56.2 % under corruption (−31 points, 95 % "
        "interval −41 to −21); largest drop: snow (−38 points, 95 % interval −48 to −28)."
    ]


def test_a_model_that_loses_nothing_is_not_said_to_lose():
    (told,) = sentences.on_corruption(corrupted(CLEAN, ("grey", None, 0)))
    assert plain([told]) == ["vit: accuracy 87.5 % on the 4 clean photos."]


def test_the_sentence_is_the_same_of_a_table_that_was_written(tmp_path):
    write_csv(LOST, tmp_path / "corrupted.csv")
    again = read_csv(tmp_path / "corrupted.csv")
    assert sentences.on_corruption(again) == sentences.on_corruption(LOST)


def test_who_is_best_on_another_dataset_and_who_here_is_told():
    table = pd.DataFrame(
        {
            "model": ["strong", "weak"],
            "images": 40,
            "left_out": 1,
            "accuracy": [0.8, 0.6],
            "accuracy_ci_low": [0.7, 0.5],
            "accuracy_ci_high": [0.9, 0.7],
            "holdout_accuracy": [0.75, 0.7],
        }
    )
    first = (
        "Of 2 models, strong is the most accurate on the 40 photos of elsewhere: 80 % [70, 90], "
        "compared with 75 % on the study's own test photos."
    )
    left_out = "1 photo that is also part of the study is excluded."
    assert plain(sentences.on_external(table, "elsewhere")) == [first, left_out]
    table["holdout_accuracy"] = [0.75, 0.78]
    table["left_out"] = 0
    told = plain(sentences.on_external(table, "elsewhere"))
    assert told[1:] == [
        "weak, the most accurate on those (78 %), reaches 60 % [50, 70] on elsewhere."
    ]
