import re

import pandas as pd

from stillact.core.tables import read_csv, write_csv
from stillact.evaluation import answer, answer_text
from stillact.perturb import robustness
from stillact.report import sentences
from stillact.report.page import RESULTS
from support.reports import located, page, results


def test_page_opens_with_the_answer(study):
    text = page(study).text
    for sentence in plain(answer_text.sentences(study.answer)):
        assert sentence in text
    assert "Use clip_probe to distinguish walking_running, sitting and standing" in text
    made = page(study).cells("The models that can be recommended")
    assert "clip_probe chosen 0.4 500 350" in made
    assert "clip_em not shown −2.0 [−4.0, 1.0] 3.0 600 351" in made
    assert "fnn_base yes −20.0 [−30.0, −10.0] 9.0 700 2" in made
    assert "Not judged: clip_soup: a mean of several seeds is not cross-validated." in text


def test_page_says_that_nothing_is_shown(study):
    none = study.answer.model_copy(update={"verdict": answer.NOTHING_SHOWN, "model": None})
    text = page(study, answer=none).text
    assert "These photos do not show that any model can distinguish" in text
    assert "Use clip_probe" not in text


def test_single_run_has_no_interval(study):
    alone = {name: results(["cnn_base"], runs=1) for name in RESULTS}
    text = page(study, tables={**study.tables, **alone}).text
    assert "cnn_base 1 0.500 0.3862" in text
    assert "Single run, without standard deviation and interval: cnn_base." in text
    assert not re.search(r"\bnan\b", text.lower())  # "nano" is in the name of a detector


def plain(told):
    return [said.replace("\xa0", " ") for said in told]


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
