"""The finished tiny study asked about other photos: a folder, URLs, and a second dataset."""

import re

import pandas as pd
import pytest
from PIL import Image

from stillact.core.tables import read_csv
from stillact.synthetic import rendering
from support.fault_server import photo

NEW = ["a b.jpg", "below/größe.JPEG", "=1+1.jpg"]


@pytest.fixture
def asked(rerun):
    """A finished study and a folder of photos, two of which cannot be read."""
    folder = rerun.folder / "new photos"
    (folder / "below").mkdir(parents=True)
    for name in NEW:
        (folder / name).write_bytes(photo(name, (60, 40)))
    (folder / "cut.jpg").write_bytes(photo("cut", (60, 40))[:400])
    (folder / "page <b>.png").write_text("<!doctype html>")
    return rerun


def predict(project, **config):
    pairs = [f"{key}={value}" for key, value in {"photos": "new photos", **config}.items()]
    return project.run("--config", *pairs, "--", "predict")


def test_a_folder_is_answered_and_the_study_stays_as_it_is(asked):
    before = asked.csv_bytes()
    predict(asked, deploy="clip_text")
    results = asked.folder / "results"
    table = read_csv(results / "predict/predictions.csv").set_index("path")
    assert table["status"].to_dict() == {
        "./=1+1.jpg": "ok",
        "a b.jpg": "ok",
        "below/größe.JPEG": "ok",
        "cut.jpg": "unreadable",
        "page <b>.png": "unreadable",
    }
    assert table.loc["cut.jpg", "reason"] == "damaged image"
    assert table.loc["page <b>.png", "reason"] == "not an image (a web page)"
    read = table[table["status"] == "ok"]
    probabilities = read.filter(like="prob_")
    assert probabilities.sum(axis=1).to_numpy() == pytest.approx(1, abs=1e-7)
    assert ("prob_" + read["predicted"] == probabilities.idxmax(axis=1)).all()
    assert (read["confidence"] == probabilities.max(axis=1)).all()
    assert set(read["abstain"]) <= {"yes", "no"}
    assert (table["novel"] == "").all()  # a fine-tuned model
    suggested = read_csv(results / "predict/label_next.csv")
    assert sorted(suggested["path"]) == sorted(read.index)
    page = (results / "predict/gallery.html").read_text()
    assert page.count('class="overlay"') == 3
    assert "page &lt;b&gt;.png" in page
    assert "<b>" not in page

    assert "Nothing to be done" in predict(asked, deploy="clip_text")
    assert "Nothing to be done" in asked.run()  # the study and its report
    asked.configure({"photos": "new photos", "deploy": "clip_text", "predict": {"gallery": 1}})
    assert "Nothing to be done" in asked.run()
    after = asked.csv_bytes()
    assert {name: after[name] for name in before} == before

    (asked.folder / "new photos/below/more.png").write_bytes(photo("more"))
    printed = asked.run("-n", "--verbose", "--", "predict")
    for rule in ("find_photos", "predict_photos", "gallery"):
        assert re.search(rf"(?m)^{rule} +1$", printed), printed
    assert "_holdout_" not in printed


def test_photos_by_url_and_a_model_without_maps(asked, server):
    labelled = read_csv(asked.folder / "results/data/images.csv")["url"][0]
    urls = [f"{server.url}/photo/a", f"{server.url}/status/404/b", "new photos/a b.jpg"]
    urls.append(f"results/synthetic/{labelled}")
    pd.DataFrame({"url": urls}).to_csv(asked.folder / "urls.csv", index=False)
    predict(asked, photos="urls.csv", deploy="clip_probe", sort_into="sorted")
    copies = read_csv(asked.folder / "sorted/sorted.csv")["copy"]
    assert sum((asked.folder / "sorted" / copy).is_file() for copy in copies if copy) == 3
    table = read_csv(asked.folder / "results/predict/predictions.csv")
    assert table["url"].tolist() == urls
    assert table["status"].tolist() == ["ok", "unreadable", "ok", "ok"]
    assert table["reason"][1] == "HTTP 404 Not Found"
    assert table["novelty_p"][3] == 1  # a labelled photo, whose embedding is that of the study
    assert table["novelty_p"][[0, 2]].between(0.027, 1).all()
    assert table["novel"].tolist()[1::2] == ["", "no"]
    page = (asked.folder / "results/predict/gallery.html").read_text()
    assert "saliency maps require a fine-tuned transformer, and this model is not one" in page


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"photos": "nowhere"}, "photos: there is no folder or file nowhere"),
        ({"photos": "results/logs"}, "results/logs: no photo in this folder"),
        ({"photos": "data/paper_claims.csv"}, "data/paper_claims.csv has no column url"),
        ({"seeds": "[0,1]"}, "snakemake --cores 2 predict --config photos=FOLDER"),
    ],
)
def test_photos_that_are_not_there_are_told_at_once(rerun, config, message):
    predicted = rerun.folder / "results/predict"
    predicted.mkdir()
    for name in ("photos.csv", "predictions.csv", "gallery.html"):  # of an earlier time
        (predicted / name).write_text("")
    (pair,) = (f"{key}={value}" for key, value in config.items())
    assert message in rerun.fail("-n", "--config", pair, "--", "predict")


def dataset(project, rows):
    folder = project.folder / "there"
    folder.mkdir(exist_ok=True)
    made = []
    for number, label in enumerate(rows):
        scene = rendering.render(rendering.LABELS[number % 3], 7000 + number, longest=120)
        scene.image.save(folder / f"{number}.jpg")
        made.append((f"{number}.jpg", label))
    own = read_csv(project.folder / "results/synthetic/manifest.csv").iloc[0]
    with Image.open(project.folder / "results/synthetic" / own["url"]) as photo:
        photo.resize((photo.width * 2, photo.height * 2)).save(folder / "own.jpg")  # a copy
    made.append(("own.jpg", own["label"]))
    pd.DataFrame(made, columns=["url", "label"]).to_csv(folder / "there.csv", index=False)
    return {"external": {"name": "there", "manifest": "there/there.csv"}}


def test_a_second_dataset(rerun):
    external = dataset(rerun, [rendering.LABELS[i % 3] for i in range(6)])
    few = {"models": ["cnn_gen", "clip_ic", "clip_probe"]}
    rerun.configure(external, {"tasks": {"activity3": few}, "robustness": {"models": []}})
    runs = rerun.folder / "results/runs/activity3"
    weights = {path: path.stat().st_mtime_ns for path in runs.rglob("weights.safetensors")}
    rerun.run("--", "results/external/summary.csv")
    summary = read_csv(rerun.folder / "results/external/summary.csv")
    assert set(summary["model"]) == {"cnn_gen", "clip_ic", "clip_probe"}
    assert (summary[["images", "left_out", "runs"]] == [6, 1, 2]).all(axis=None)
    predictions = read_csv(rerun.folder / "results/external/predictions.csv")
    study = read_csv(rerun.folder / "results/predictions/activity3.csv")
    assert predictions.columns.tolist() == study.columns.drop("group").tolist()
    assert len(predictions) == 3 * 2 * 6
    assert (predictions[["split", "subset"]] == ["external", "test"]).all(axis=None)
    assert {path: path.stat().st_mtime_ns for path in weights} == weights
    graph = rerun.run("--rulegraph")
    number = {rule: i for i, rule in re.findall(r'(\d+)\[label = "(\w+)"', graph)}
    assert f"{number['external']} -> {number['report']}\n" in graph  # reads it


def test_labels_that_the_task_does_not_have_are_refused(rerun):
    rerun.configure(dataset(rerun, ["sitting", "lying"]))
    printed = rerun.fail("--", "results/external/manifest.csv")
    assert "manifest there/there.csv has 1 fault" in printed
    assert "row 3, column label: unknown label 'lying'" in printed
    assert "tasks.activity3.classes" in printed
