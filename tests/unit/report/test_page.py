import base64
import hashlib
import json

import pandas as pd
import pytest

from stillact.config.data import External
from stillact.report import page as report_page
from support.reports import BROWSER, CLAIMS, TEMPLATE, meta, page, results

HOSTILE = "<script>alert('x')</script>\"'&"


def test_page_stands_alone_and_is_sound(study):
    made = page(study)
    names = {tag for tag, _ in made.tags}
    assert names.isdisjoint({"link", "iframe", "object", "embed", "base"})
    assert made.all("src")
    assert all(source.startswith("data:image/") for source in made.all("src"))
    assert not any(attribute.startswith("on") for _, attrs in made.tags for attribute in attrs)
    ids = made.all("id")
    assert len(ids) == len(set(ids))
    assert set(made.all("aria-labelledby")) <= set(ids)
    inside = {link[1:] for link in made.all("href") if link.startswith("#")}
    assert inside <= set(ids)
    assert {"main", "run", "photos", "results", "files"} <= inside
    files = {link for link in made.all("href") if not link.startswith("#")}
    assert files == set(study.files)
    assert all(attrs["alt"] for tag, attrs in made.tags if tag == "img")
    data, script = made.scripts
    assert json.loads(data) == BROWSER
    # The browser itself refuses any other script, and whatever lies outside the page.
    (policy,) = [a["content"] for tag, a in made.tags if tag == "meta" and "http-equiv" in a]
    allowed = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert "default-src 'none'; img-src data:;" in policy
    assert f"script-src 'sha256-{allowed}';" in policy
    style = TEMPLATE.with_name("report.css").read_text(encoding="utf-8")
    assert "url(" not in style
    assert "@import" not in style


OF_THE_PAPER = (
    "paper",
    "2506.13458",
    "Table 2",
    "Table 6",
    "Table 7",
    "Figure 3",
    "analysis of var",
)
OF_THE_PAPER += (
    "s claims",
    "Wilson intervals of its single runs",
    "this study's",
    "Table 5",
    "285",
    "CLIP is frozen",
)


def test_a_study_of_a_users_own_has_no_word_of_what_it_lacks(study):
    """One task, of the user's labels, with models from scratch only."""
    task = study.config.tasks["sit_stand"].model_copy(update={"models": ["fnn_base"]})
    own = study.config.model_copy(update={"tasks": {"kitchen": task}, "paper": None})
    made = page(
        study,
        config=own,
        paper=None,
        holdouts={"kitchen": study.holdouts["sit_stand"]},
        tables={"all_models": results(["fnn_base"], task="kitchen", paper=None)},
        figures={},
        files=[],
        shown={},
        answer=study.answer.model_copy(
            update={"model": "fnn_base", "classes": ["sitting", "standing"], "task": "kitchen"}
        ),
        claims=None,
        browser=None,
    )
    assert "Use fnn_base to distinguish sitting and standing" in made.text
    assert "The majority-class baseline scores 50.0 % on the 6 test photos; " in made.cells(
        "All models, on the"
    )
    of_all = made.cells("All models, on the").partition("The majority-class")[0]
    assert "accuracy precision recall F1 mean mean mean mean fnn_base 5 0.500" in of_all
    photos = {name: study.figures["figure_1"] for name in ("figure_1", "figure_5")}
    rows = {"errors/activity3/failures": pd.DataFrame({"model": ["vit"]})}
    full = page(study, figures={**study.figures, **photos}, shown={**study.shown, **rows}).text
    for word in (*OF_THE_PAPER, "Table 1", "Figure 1", "Figure 5"):
        assert word not in made.text, word
        assert word in full, word
    assert "sit_stand" not in made.cells("Data audit")
    assert "input features are computed" not in made.text


def many(study, count):
    """The study with the labels c0, c1, ... of which the model tells apart `count`."""
    classes = [f"c{i}" for i in range(count)]
    task = study.config.tasks["activity3"].model_copy(update={"classes": classes})
    given = [1000000 // count] * count
    browser = {
        **BROWSER,
        "classes": classes,
        "groups": [{"name": "test", "photos": [[0, [given]]]}],
    }
    tasks = {**study.config.tasks, "activity3": task}
    own = study.config.model_copy(update={"tasks": tasks})
    answer = study.answer.model_copy(update={"classes": classes})
    return page(study, config=own, browser=browser, answer=answer)


def test_no_two_classes_have_one_colour(study):
    def legend(made):
        words = made.text.partition("Reset")[2].partition("Files")[0]
        (app,) = [attrs for _, attrs in made.tags if attrs.get("id") == "browser-app"]
        hues = [part.split(":")[1].strip() for part in app["style"].split(";")[:-1]]
        assert len(hues) == len(set(hues))
        return words.strip(), "data-many" in app

    words, roles = legend(many(study, 7))
    assert words.startswith("c0 c1 c2 c3 c4 c5 c6")
    assert not roles
    words, roles = legend(many(study, 8))
    assert words.startswith("true class wrong prediction all others")
    assert roles


def test_many_classes_are_counted_in_the_headline(study):
    assert "to distinguish c0, c1, c2, c3, c4, c5 and c6: " in many(study, 7).text
    assert "to distinguish 50 classes: " in many(study, 50).text


def test_page_tells_what_was_run(study):
    text = page(study).text
    assert "40 rows in the manifest: 40 photos, 0 excluded" in text
    assert "10 test; sit_stand: 13 train, 7 validation, 6 test; seed 42" in text
    assert "2 runs, 2 min 2 s in total" in text
    assert "python 3.12.1, torch 2.14.0" in text
    assert "cnn_base activity3 2 4,287,875 11 61.0 701" in text
    assert "sitting 6 4 3 13" in text  # train, validation, test, all
    rate = study.config.recipes.from_scratch.learning_rate
    assert f"learning_rate: {rate}" in text
    assert "Figure 1. Random examples" in text
    assert "File: figures/photo.png" in text
    assert "1 group is divided between subsets" in text


def test_a_long_table_of_statistics_is_folded(study):
    def folded(rows):
        table = pd.DataFrame({"model": ["vit"] * rows})
        return "a table of" in page(study, shown={"statistics/activity3/views": table}).text

    assert [folded(20), folded(21)] == [False, True]


CORRUPTED = pd.DataFrame(
    [
        ("vit", "clean", 0, 0.8, 0.0, 0.0, 0.0),
        ("vit", "all", None, 0.6, -0.2, -0.3, -0.1),
        ("vit", "fog", 3, 0.6, -0.2, -0.3, -0.1),
        ("vit", "fog", None, 0.6, -0.2, -0.3, -0.1),
    ],
    columns=[
        "model",
        "corruption",
        "severity",
        "accuracy",
        "accuracy_difference",
        "accuracy_difference_ci_low",
        "accuracy_difference_ci_high",
    ],
).assign(photos=29)


def test_what_corruption_costs_is_told_and_shown(study, tmp_path):
    made = page(
        study,
        shown={"robustness/activity3/corrupted": CORRUPTED},
        figures={**study.figures, "robustness_activity3": tmp_path / "plot.svg"},
    )
    assert (
        "vit: accuracy 80.0 % on the 29 clean photos, 60.0 % under corruption (−20 points, 95 % "
        "interval −30 to −10); largest drop: fog (−20 points, 95 % interval −30 to −10)."
    ) in made.text
    assert "vit fog 3 0.6 −0.2 [−0.3, −0.1]" in made.cells("Robustness to corruptions: activity3.")
    assert "robustness_activity3-figure" in made.all("id")
    assert (
        "Robustness to corruptions Accuracy under corruption, in points against clean" in made.text
    )


def test_models_that_are_listed_for_corruptions_in_vain_are_named(study):
    made = page(study)
    assert "robustness" not in made.all("id")
    assert "but not evaluated" not in made.text
    asking = study.config.robustness.model_copy(update={"models": ["clip_views", "other"]})
    settings = study.config.model_copy(update={"robustness": asking})
    told = "not models of activity3 or use test-time augmentation: clip_views, other."
    assert told in page(study, config=settings).text


def test_every_table_and_figure_names_its_blocks_of_the_config(study):
    made = page(study)
    blocks = {link for link in made.all("href") if link.startswith("#config-")}
    assert blocks >= {f"#config-{key}" for key in ("models", "recipes", "seeds", "splits")}
    table_3 = made.cells("Table 3. The same")
    assert "(0 to 1). Config: paper , recipes , seeds" in table_3
    shown = {f"config-{key}" for key in type(study.config).model_fields}
    afterwards = {
        f"config-{key}" for key in ("photos", "sort_into", "deploy", "predict", "corrections")
    }  # no part of the study
    assert shown & set(made.all("id")) == shown - afterwards
    assert "from_scratch: learning_rate:" in made.cells("Full config")


def test_what_is_not_there_is_left_out(study):
    nothing = {"shown": {}, "claims": None, "browser": {**BROWSER, "groups": []}}
    made = page(study, tables={}, figures={}, runs=[], audit=study.audit.iloc[:0], **nothing)
    assert len(made.scripts) == 1
    parts = [attrs["id"] for _, attrs in made.tags if attrs.get("class") == "part"]
    assert parts == ["run", "photos", "recipes", "claims", "files"]
    assert "No photo is an exact or near-duplicate of another." in made.text
    for word in ("not part of this study", "There are no", "Table 2.", "Computational cost"):
        assert word not in made.text.partition("Full config")[0], word
    for section in ("confused", "mistakes", "people", "check"):
        assert section not in made.all("id")
    inside = {link[1:] for link in made.all("href") if link.startswith("#")}
    assert inside <= set(made.all("id"))


def test_the_browser_says_which_of_many_photos_it_has(study):
    assert "To limit its size" not in page(study).text
    made = page(study, browser={**BROWSER, "left_out": 19, "misclassified": 12, "hard": 1})
    assert "1 of 20 photos with the predictions of 1 models" in made.text
    said = "contains 1 of 20 photos: 1 of the 12 that a model misclassifies"
    assert said in made.text
    assert "a random sample of 0 of all others" in made.text


def test_photos_left_out_are_listed_with_their_reasons(study):
    images = study.images.copy()
    images.loc[3, ["status", "reason", "url"]] = ["missing", "HTTP 404", "http://host/a.jpg"]
    text = page(study, images=images).text
    assert "40 rows in the manifest: 39 photos, 1 excluded" in text
    assert "1 of 40 photos is unavailable and excluded from everything below" in text
    assert "p3 HTTP 404 http://host/a.jpg" in text


def test_hostile_text_stays_text(study):
    images, audit = study.images.copy(), study.audit.copy()
    images.loc[3, ["status", "reason"]] = ["missing", HOSTILE]
    images.loc[3, "url"] = "javascript:alert('x')"
    images.loc[3, "id"] = HOSTILE
    audit["label_a"] = HOSTILE
    made = page(
        study,
        images=images,
        audit=audit,
        runs=[meta("cnn_base", 0, device=HOSTILE)],
        files=["javascript:alert('x')", f'tables/"{HOSTILE}'],
        shown={"statistics/t_test": pd.DataFrame({HOSTILE: [HOSTILE]})},
        claims=CLAIMS.assign(claim=HOSTILE),
        browser={**BROWSER, "photos": [{"id": HOSTILE, "label": HOSTILE, "thumbnail": ""}]},
    )
    assert [tag for tag, _ in made.tags].count("script") == 2
    assert json.loads(made.scripts[0])["photos"][0]["id"] == HOSTILE
    assert made.text.count(HOSTILE) == 8
    assert not any(link.startswith("javascript:") for link in made.all("href"))


def test_versions_that_runs_share_are_told_once(study):
    metas = [
        meta("cnn_base", 0),
        meta("vit", 0, versions={"python": "3.12.1", "torch": "2.14.0", "timm": "1.0.31"}),
        meta("vit", 1, versions={"python": "3.12.1", "torch": "2.13.0", "timm": "1.0.31"}),
    ]
    text = page(study, runs=metas).text
    assert "Versions python 3.12.1, torch 2.13.0 and 2.14.0, timm 1.0.31" in text


def test_cost_has_every_model_of_every_task(study):
    run = {"task": "sit_stand", "model": "vit", "split": "holdout", "seed": 0}
    metas = [
        meta("clip_em", 0, seconds=2.5),
        meta("vit", 0, seconds=2405.0, parameters=85800963, peak_memory_mb=5100),
        meta("vit", 0, run=run, seconds=1234.5),
    ]
    text = page(study, runs=metas).cells("Computational cost")
    assert "clip_em activity3 1 4,287,875 10 2.5 700" in text
    assert "vit activity3 1 85,800,963 10 2,405.0 5,100" in text
    assert "vit sit_stand 1 4,287,875 10 1,234.5 700" in text
    assert "the input features are computed once" in text


def test_same_study_same_page(study):
    assert report_page.build(study, TEMPLATE) == report_page.build(study, TEMPLATE)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(41.4, "41 s"), (59.6, "1 min 0 s"), (725, "12 min 5 s"), (12000, "3 h 20 min")],
)
def test_durations_are_told_in_words(study, seconds, said):
    text = page(study, runs=[meta("cnn_base", 0, seconds=seconds)]).text
    assert f"1 run, {said} in total" in text


def test_another_dataset_has_its_section(study):
    assert "elsewhere" not in page(study).all("id")
    there = {"model": ["vit", "cnn_base"], "images": 40, "left_out": 3, "runs": 5}
    for name, value in {"accuracy": 0.7, "difference": -0.1}.items():
        there |= {name: value, f"{name}_ci_low": value - 0.1, f"{name}_ci_high": value + 0.1}
    summary = pd.DataFrame({**there, "holdout_accuracy": [0.8, 0.9]})
    classes = pd.DataFrame({"model": ["vit"], "class": ["sitting"], "recall": [0.25]})
    settings = study.config.model_copy(
        update={"external": External(name="stanford40", manifest="there.csv")}
    )
    made = page(
        study,
        config=settings,
        figures={**study.figures, "external": study.figures["table_7"]},
        shown={"external/summary": summary, "external/classes": classes},
    )
    assert "vit is the most accurate on the 40 photos of stanford40: 70 % [60, 80]" in made.text
    assert "cnn_base, the most accurate on those (90 %), reaches 70 %" in made.text
    assert "3 photos that are also part of the study are excluded" in made.text
    assert "vit 40 3 5 0.7 [0.6, 0.8] −0.1 [−0.2, 0]" in made.cells(
        "Models on the external dataset."
    )
    assert "vit sitting 0.25" in made.cells("Classes of the external dataset.")
    assert "External validation Of 2 models, vit is the most accurate" in made.text
