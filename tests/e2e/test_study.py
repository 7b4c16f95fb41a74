"""The tiny study from a fresh clone to its report."""

import html
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from stillact.core.tables import read_csv
from support.projects import BEYOND, PAPERS

SCRATCH = {"fnn_base", "cnn_base", "cnn_gen"}
TUNED = {"vit", "siglip2", "clip_ic"}
MODELS = SCRATCH | TUNED | {"clip_em", "clip_cs"}


def test_every_table_figure_and_run_is_there(finished):
    results = finished.folder / "results"
    for number in range(1, 8):
        assert len(read_csv(results / f"tables/table_{number}.csv")), number
    for figure in (
        *("figure_1.png", "figure_2.svg", "figure_3.svg", "figure_4.png", "figure_5.png"),
        *("all_models.svg", "table_7.svg", "table_3.svg", "localisation.svg"),
        "covered_activity3.svg",
    ):
        assert (results / "figures" / figure).stat().st_size > 1000, figure
    assert set(read_csv(results / "tables/table_5.csv")["model"]) == TUNED
    assert set(read_csv(results / "tables/table_7.csv")["model"]) == MODELS
    every = read_csv(results / "tables/all_models.csv")
    assert set(every["model"]) == MODELS | set(BEYOND)
    assert not [column for column in every if "paper" in column]
    assert len(read_csv(results / "tables/table_3.csv")) == 4
    runs = read_csv(results / "metrics/runs.csv")
    # models and variants of activity3, models of sit_stand and past the paper, of which the soup is
    # one run; seeds; validation and test
    assert len(runs.query("split == 'holdout'")) == ((8 + 3 + 3 + 6) * 2 + 1) * 2
    # the two MLPs, the zero-shot model and the probe on three folds
    assert len(runs.query("split != 'holdout'")) == 4 * 3 * 2
    page = (results / "report.html").read_text()
    assert all(word in page for word in (*MODELS, "Table 1", "Table 7", "36 photos"))


def test_cross_validation_judges_every_photo_once(finished):
    results = finished.folder / "results"
    predictions = read_csv(results / "predictions/activity3.csv").query("subset == 'test'")
    photos = read_csv(results / "data/images.csv")["id"]
    for model in ("clip_em", "clip_cs"):
        tested = predictions[(predictions["model"] == model) & (predictions["split"] != "holdout")]
        assert sorted(tested["image_id"]) == sorted(photos)
    pooled = read_csv(results / "statistics/activity3/pooled.csv")
    row = pooled.query("scheme == 'cv' and model == 'clip_em' and metric == 'accuracy'").iloc[0]
    tested = predictions[predictions["split"].str.startswith("cv_")].query("model == 'clip_em'")
    classes = [c for c in tested if c.startswith("prob_")]
    right = (tested[classes].idxmax(axis=1) == "prob_" + tested["label"]).mean()
    assert row["value"] == pytest.approx(right)
    assert (row["images"], row["runs"]) == (36, 1)


def test_fine_tuned_models_are_looked_into(finished):
    results = finished.folder / "results"
    test = read_csv(results / "splits/activity3/holdout.csv").query("subset == 'test'")
    predictions = read_csv(results / "predictions/activity3.csv")
    for model in TUNED:
        table = read_csv(results / f"explain/activity3/maps/{model}.csv")
        methods = {"legrad_2", "legrad_all", "rollout", "grad_cam", "centre"}
        methods |= {"legrad_all_random_weights", "legrad_all_shuffled_labels"}
        assert set(table["method"]) == methods
        assert sorted(table["image_id"].unique()) == sorted(test["image_id"])
        own = predictions.query("model == @model and split == 'holdout' and seed == 0")
        own = own.query("subset == 'test'").set_index("image_id").filter(like="prob_")
        answers = own.idxmax(axis=1).str.removeprefix("prob_")
        assert (table["predicted"] == answers.loc[table["image_id"]].to_numpy()).all()
    summary = read_csv(results / "explain/activity3/localisation.csv")
    assert set(summary["model"]) == TUNED
    shuffled = results / "runs/activity3/vit/shuffled/seed_0"
    assert (shuffled / "weights.safetensors").exists()
    labels = read_csv(shuffled / "predictions.csv").query("subset == 'test'")
    assert labels.set_index("image_id")["label"].to_dict() == (
        test.set_index("image_id")["label"].to_dict()
    )
    assert "shuffled" not in set(predictions["split"])


def test_every_model_is_asked_with_people_covered(finished):
    covered = read_csv(finished.folder / "results/explain/activity3/covered.csv")
    assert set(zip(covered["model"], covered["fill"], strict=True)) == {
        (model, fill)
        for model in {*MODELS, *BEYOND} - {"clip_views"}  # a view of the people themselves
        for fill in ("mean", "blur")
    }


def test_one_answer_is_told_by_all_that_tell_one(finished):
    results = finished.folder / "results"
    recipes = read_csv(results / "selection/recipes.csv")
    cv = {"clip_em", "clip_cs", "clip_zero_photo", "clip_probe"}
    assert set(recipes.query("scheme == 'cv'")["model"]) == cv
    assert set(recipes.query("scheme == 'holdout'")["model"]) == {*MODELS, *BEYOND}
    answer = json.loads((results / "answer.json").read_text())
    best = recipes.query("scheme == 'cv'")["accuracy"].max()
    (chosen,) = recipes.query("scheme == 'cv' and model == @answer['chosen']")["accuracy"]
    assert chosen == best
    assert answer["accuracy_low"] < answer["accuracy"] < answer["accuracy_high"]
    others = {one["model"] for one in [*answer["equals"], *answer["worse"]]}
    assert {answer["chosen"], *others} == cv
    left_out = {one["model"] for one in answer["not_judged"]}
    assert left_out == {*MODELS, *BEYOND} - cv
    first = re.search("^(Use|These photos) .*", (results / "answer.md").read_text(), re.M)[0]
    page = html.unescape((results / "report.html").read_text())
    assert first in page
    assert set(read_csv(results / "selection/views.csv")["view"]) == {
        "whole",
        "flip",
        "person",
        "mean",
    }


def test_the_deployed_model_is_trained_on_all_photos(rerun):
    record = rerun.folder / "results/deployed/model.json"
    rerun.run("--", "results/deployed/model.json")
    used = json.loads(record.read_text())
    answer = json.loads((rerun.folder / "results/answer.json").read_text())
    assert (used["model"], used["images"], used["scheme"]) == (answer["chosen"], 36, "cv")
    assert record.with_name("weights.safetensors").exists()
    assert bool(used["warning"]) == (answer["verdict"] == "nothing_shown")
    rerun.run("--config", "deploy=vit", "--", "results/deployed/model.json")
    used = json.loads(record.read_text())
    assert (used["model"], used["images"], used["scheme"]) == ("vit", 36, "holdout")
    metas = (rerun.folder / "results/runs/activity3/vit/holdout").glob("*/meta.json")
    epochs = [json.loads(meta.read_text())["chosen"]["epoch"] for meta in metas]
    assert used["chosen"]["epoch"] == min(epochs)  # of two the lower


def test_a_model_taken_out_is_in_no_table_and_not_in_the_report(rerun):
    models = [name for name in [*PAPERS, *BEYOND] if name != "clip_prolip"]
    without = {"models": {"clip_prolip": None}, "tasks": {"activity3": {"models": models}}}
    rerun.configure(without)
    rerun.run()
    results = rerun.folder / "results"
    named = [
        path.relative_to(results)
        for path in sorted(results.rglob("*"))
        if path.suffix in (".csv", ".json", ".md", ".tex", ".svg", ".html")
        and "clip_prolip" in path.read_text()
    ]
    assert {path.parts[0] for path in named} <= {"runs", "cover"}  # the predictions of one model


def test_splits_hold_each_photo_once(finished):
    images = read_csv(finished.folder / "results/data/images.csv")
    holdout = read_csv(finished.folder / "results/splits/activity3/holdout.csv")
    assert sorted(images["id"]) == sorted(holdout["image_id"])
    assert (images["status"] == "ok").all()
    binary = read_csv(finished.folder / "results/splits/sit_stand/holdout.csv")
    same = holdout.set_index("image_id")["subset"][binary["image_id"]]
    assert (same.to_numpy() == binary["subset"].to_numpy()).all()
    assert set(binary["label"]) == {"sitting", "standing"}


def test_the_weights_give_the_predictions(finished):
    """The FNN, computed with numpy alone from the packed photos and the saved weights."""
    results = finished.folder / "results"
    run = results / "runs/activity3/fnn_base/holdout/seed_1"
    weights = load_file(run / "weights.safetensors")
    predictions = read_csv(run / "predictions.csv")
    index = read_csv(results / "data/pack/resize_crop_16.csv")["image_id"].tolist()
    photos = np.load(results / "data/pack/resize_crop_16.npy")
    rows = [index.index(image) for image in predictions["image_id"]]
    x = photos[rows].transpose(0, 3, 1, 2).reshape(len(rows), -1) / 127.5 - 1
    for layer in (1, 3):
        x = np.maximum(x @ weights[f"{layer}.weight"].T + weights[f"{layer}.bias"], 0)
    logits = x @ weights["5.weight"].T + weights["5.bias"]
    expected = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    found = predictions[["prob_walking_running", "prob_sitting", "prob_standing"]]
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_meta_says_how_a_run_was_made(finished):
    run = finished.folder / "results/runs/activity3/cnn_gen/holdout/seed_0"
    meta = json.loads((run / "meta.json").read_text())
    assert meta["run"] == {"task": "activity3", "model": "cnn_gen", "split": "holdout", "seed": 0}
    assert meta["config"]["network"]["batch_norm"] is True
    assert meta["config"]["training"]["size"] == 16
    assert meta["seconds"] > 0
    assert meta["epochs"] == len(read_csv(run / "history.csv"))


def test_snakemakes_own_report_has_the_figures_and_their_captions(rerun):
    rerun.run("--report", "own.html")
    page = (rerun.folder / "own.html").read_text()
    words = ("Confusion matrices: the share", "The recommended model and", "figures/table_7.svg")
    assert all(word in page for word in words)


def test_a_second_start_does_nothing(finished):
    assert "Nothing to be done" in finished.run()


def test_two_runs_give_the_same_bytes(finished, project):
    """Of every recipe a model; what it is made of comes with it."""
    models = ["cnn_gen", "vit", "clip_em", *BEYOND]
    runs = [f"results/runs/activity3/{model}/holdout/seed_0/predictions.csv" for model in models]
    project.run("--", "results/data/audit.csv", *runs)
    first, second = finished.csv_bytes(), project.csv_bytes()
    assert len(second) > 30
    assert {name: first[name] for name in second} == second


def test_snakemakes_own_report_is_made_without_a_warning(rerun):
    assert "WARNING" not in rerun.run("--report", "study.zip")
    assert (rerun.folder / "study.zip").exists()


@pytest.mark.parametrize("target", ["results/tables/table_1.csv"])
def test_one_target_makes_what_it_needs(project, target):
    project.run("--", target)
    results = project.folder / "results"
    assert (project.folder / target).exists()
    assert not (results / "runs").exists()


def test_nothing_waits_in_unfinished_at_the_end(finished):
    assert not list((finished.folder / "results/unfinished").iterdir())


def test_weights_are_deleted_after_their_last_use(rerun):
    rerun.configure({"keep_weights": "none"})
    results = rerun.folder / "results"
    table, run = (
        results / "cover/activity3/fnn_base.csv",
        results / "runs/activity3/fnn_base/holdout",
    )
    before = table.read_bytes()
    table.unlink()
    shutil.rmtree(run)
    rerun.run("--", "results/cover/activity3/fnn_base.csv")
    assert table.read_bytes() == before
    assert (run / "seed_0/predictions.csv").exists()
    assert not list(run.rglob("weights.safetensors"))
    again = rerun.run("-n", "--", "results/cover/activity3/fnn_base.csv")
    assert "Nothing to be done" in again


def test_weights_are_loaded_before_further_trainings(rerun):
    # a training takes both cores, as on a GPU: a scheduler that fills them would train all first
    rerun.configure({"keep_weights": "none", "resources": {"from_scratch": {"threads": 2}}})
    tables = [f"results/cover/activity3/{model}.csv" for model in ("fnn_base", "cnn_base")]
    for table in tables:
        (rerun.folder / table).unlink()
        shutil.rmtree(rerun.folder / f"results/runs/activity3/{Path(table).stem}/holdout")
    printed = rerun.run("--set-threads", "occlude=1", "--", *tables)
    done = re.findall(r"^\[\d/4\] (Training|Covering) ", printed, re.M)
    assert done == ["Training", "Covering"] * 2
