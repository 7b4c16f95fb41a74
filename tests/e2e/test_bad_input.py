"""What a user sees of a mistake: one message that names the place and the way out, no traceback."""

import pandas as pd
import pytest


def write_manifest(project, rows: list[tuple[str, str]]) -> None:
    pd.DataFrame(rows, columns=["url", "label"]).to_csv(project.folder / "own.csv", index=False)
    project.configure({"dataset": {"manifest": "own.csv"}})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"sedes": [1]}, ["unknown key 'sedes'", 'Did you mean "seeds"']),
        (
            {"recipes": {"from_scratch": {"learning_rte": 1}}},
            ["recipes.from_scratch: unknown key 'learning_rte'", '"learning_rate"'],
        ),
        ({"seeds": [1, 2, 1]}, ["seeds: 1 is given twice"]),
        ({"splits": {"fractions": {"train": 0.9}}}, ["= 1.1", "must sum to 1"]),
        ({"dataset": {"manifest": "none.csv"}}, ["dataset.manifest", "none.csv", "Check the path"]),
        (
            {"tasks": {"activity3": {"models": ["cnn_bas"]}}},
            ["tasks.activity3.models", "'cnn_bas'", '"cnn_base"'],
        ),
        (
            {"models": {"clip_ic": {"backbone": "clop"}}},
            ["models.clip_ic.backbone", "'clop'", '"clip"'],
        ),
        ({"prompts": {"words": {"sitting": []}}}, ["prompts.words.sitting", "at least 1 item"]),
        (
            {"prompts": {"words": None}},
            ["prompts.sentences.of", "unknown name 'words'"],
        ),
    ],
)
def test_config(project, change, words):
    project.configure(change)
    output = project.fail("-n")
    assert "Traceback" not in output
    assert all(word in output for word in words), output


def test_the_config_of_another_study_writes_nothing_into_these_results(rerun):
    images = rerun.folder / "results/data/images.csv"
    images.unlink()
    before = rerun.csv_bytes()
    rerun.configure({"dataset": {"name": "others"}})
    output = rerun.fail("--", "data")
    assert "Traceback" not in output
    assert "results/ is of the study tiny (results/synthetic/manifest.csv)" in output
    assert "use its config (--configfile study.yaml)" in output
    assert not images.exists()
    assert rerun.csv_bytes() == before


def test_unknown_label(project):
    write_manifest(project, [("a.jpg", "sitting"), ("b.jpg", "stting")])
    output = project.fail("--", "data")
    assert "Traceback" not in output
    assert "own.csv" in output
    assert "row 3, column label: unknown label 'stting'. Did you mean \"sitting\"" in output
    assert "Traceback" in (project.folder / "results/logs/manifest.log").read_text()


RECORD = "results/backbones/vit/weights.json"


def test_weights_that_are_not_there(project):
    project.configure({"backbones": {"vit": {"weights": "weights/none"}}})
    output = project.fail("--", RECORD)
    assert "Traceback" not in output
    assert "backbones.vit.weights: no file or folder weights/none" in output


def test_weights_that_are_cut_short(project):
    weights = project.folder / "weights/vit/model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])
    output = project.fail("--", RECORD)
    assert "Traceback" not in output
    assert "weights/vit/model.safetensors: damaged or truncated" in output
    assert not (project.folder / RECORD).exists()


def test_weights_of_another_architecture(project):
    project.configure({"backbones": {"vit": {"name": "vit_small_patch16_224"}}})
    output = project.fail("--", RECORD)
    assert "Traceback" not in output
    assert "the weights do not fit vit_small_patch16_224" in output
    assert "blocks.0.attn.qkv.weight" in output or "missing: blocks." in output


def test_prompts_for_a_backbone_without_a_text_tower(rerun):
    rerun.configure({"models": {"clip_cs": {"backbone": "vit"}}})
    output = rerun.fail("--", "results/runs/activity3/clip_cs/holdout/seed_0/meta.json")
    assert "Traceback" not in output
    assert "backbones.vit" in output
    assert "no text tower" in output


def test_a_gpu_asked_for_where_there_is_none(rerun):
    rerun.configure({"device": "cuda"})
    run = "results/runs/activity3/cnn_base/holdout/seed_0"
    (rerun.folder / run / "meta.json").unlink()
    output = rerun.run("--", f"{run}/meta.json")
    assert "device: cuda was requested, but torch finds no GPU here; using the CPU" in output
    assert '"device": "cpu' in (rerun.folder / run / "meta.json").read_text()


def test_photos_that_cannot_be_had(project, server):
    labels = ["sitting", "standing", "walking_running"] * 12
    good = [(f"{server.url}/photo/{i}", label) for i, label in enumerate(labels)]
    write_manifest(project, [*good, (f"{server.url}/status/404/x", "walking_running")])
    output = project.fail("--", "data")
    assert "Traceback" not in output
    assert "404" in output
    assert "/status/404/x" in output
    assert "on_missing" in output
    assert not (project.folder / "results/data/images.csv").exists()


def test_too_few_photos_of_a_class(project, server):
    labels = ["sitting"] * 12 + ["standing"] * 12 + ["walking_running"] * 2
    write_manifest(project, [(f"{server.url}/photo/{i}", label) for i, label in enumerate(labels)])
    output = project.fail("--", "data")
    assert "Traceback" not in output
    assert "walking_running" in output
    assert "2" in output
    assert "splits.kfold.folds" in output or "add" in output
