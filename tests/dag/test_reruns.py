"""Which edit makes which outputs stale. No job runs: Snakemake's own summary is asked, in this
process, in a copy of a finished study."""

import contextlib
import io
import os
import re
from pathlib import Path

import pandas as pd
import pytest
import yaml
from safetensors.torch import load_file, save_file
from snakemake.api import SnakemakeApi
from snakemake.settings.enums import Quietness, RerunTrigger
from snakemake.settings.types import ConfigSettings, DAGSettings, OutputSettings, ResourceSettings

from stillact.core.tables import read_csv, write_csv
from support.projects import BEYOND

PROFILE = yaml.safe_load(Path("profiles/default/config.yaml").read_text())
TRIGGERS = frozenset(RerunTrigger.parse_choice(name) for name in PROFILE["rerun-triggers"])
TRAIN = re.compile(r"results/runs/(?P<task>\w+)/(?P<model>\w+)/(?P<split>\w+)/seed_(?P<seed>\d+)/")
TRAININGS = re.compile(r"[a-z_]+_(holdout|shuffled|cv_\d+_\d+)_seed_\d+")
FIGURES = {"accuracy_figure", "confusion_figure", "learning_curves"}
JUDGED = {
    "claims",
    "evaluate",
    "evaluation_figures",
    "paper_tests",
    "recipes",
    "recipes_figure",
    "answer",
    "more_photos",
    "review",
}
ERRORS = {"errors", "error_figures", "failures_figure"}
AFTER_TRAINING = {"predictions", "metrics", "model_table", "report", "figure_4"}
AFTER_TRAINING |= FIGURES | JUDGED | ERRORS
COVERED = {"occlude", "occlusion"}
EXPLAINED = {"saliency_maps", "localisation"}
ASKED_AGAIN = {"corrupt", "robustness"}
TUNED = {"vit", "siglip2", "clip_ic"}
TEXT = {"clip_text", "clip_wise_ft", "clip_soup"}  # a fine-tuned model, and what is made of it


class Stale:
    """The outputs that a run would make again: their rules, and the trainings among them."""

    def __init__(self, folder: Path):
        printed = io.StringIO()
        quiet = OutputSettings(quiet={Quietness.ALL})
        with (
            contextlib.chdir(folder),
            contextlib.redirect_stdout(printed),
            SnakemakeApi(quiet) as api,
        ):
            workflow = api.workflow(
                resource_settings=ResourceSettings(cores=1),
                config_settings=ConfigSettings(configfiles=[Path("study.yaml")]),
                snakefile=Path("Snakefile"),
            )
            workflow.dag(DAGSettings(rerun_triggers=TRIGGERS)).summary()
        lines = [line.split("\t") for line in printed.getvalue().splitlines()]
        assert lines[0][0] == "output_file"
        stale = [line for line in lines[1:] if line[-1] != "no update"]
        self.files = {line[0] for line in stale}
        self.rules = {line[2] for line in stale}
        matches = [match for file in self.files if (match := TRAIN.match(file))]
        self.runs = matches
        self.models = {match["model"] for match in matches}
        self.trained = {(match["task"], match["model"]) for match in matches}
        self.seeds = {int(match["seed"]) for match in matches}
        self.other_rules = {rule for rule in self.rules if not TRAININGS.fullmatch(rule)}


def edit(folder: Path, file: str) -> None:
    """Change what a file does."""
    path = folder / file
    change = "EDITED = 1" if path.suffix == ".py" else "/* edited */"
    path.write_text(f"{path.read_text()}\n{change}\n")


def replace(folder: Path, file: str, old: str, new: str) -> None:
    path = folder / file
    text = path.read_text()
    assert old in text, f"{file} no longer has {old!r}"
    path.write_text(text.replace(old, new, 1))


def test_nothing_is_stale_after_a_run(rerun):
    assert not Stale(rerun.folder).files


def test_touching_files_makes_nothing_stale(rerun):
    for path in [*rerun.folder.glob("workflow/**/*.py"), rerun.folder / "data/paper_results.csv"]:
        os.utime(path)
    assert not Stale(rerun.folder).files


WORDING = [
    ("workflow/lib/stillact/training/loop.py", '"""', '"""Edited: '),  # a docstring
    ("workflow/lib/stillact/training/loop.py", "# ", "# Edited: "),  # a comment
    ("workflow/lib/stillact/training/loop.py", "epoch: int = 0", "epoch: float = 0"),  # a type
    ("workflow/lib/stillact/core/logs.py", 'logger.error("', 'logger.error("Edited: '),
    ("workflow/lib/stillact/config/data.py", 'Field(description="', 'Field(description="Edited: '),
    ("workflow/scripts/training/train.py", '"""', '"""Edited: '),
]


def test_wording_makes_nothing_stale(rerun):
    for file, old, new in WORDING:
        replace(rerun.folder, file, old, new)
    assert not Stale(rerun.folder).files


def test_a_constant_makes_its_users_stale(rerun):
    replace(rerun.folder, "workflow/lib/stillact/models/weights.py", "SHOWN = 3", "SHOWN = 4")
    stale = Stale(rerun.folder)
    assert "fetch_weights" in stale.rules
    assert {"fetch", "pack", "split", "pretrain"}.isdisjoint(stale.rules)
    assert not {"fnn_base", "cnn_base"} & stale.models


def test_a_copy_elsewhere_makes_nothing_stale(rerun):
    moved = rerun.folder.rename(rerun.folder.with_name("an other place"))
    assert not Stale(moved).files


def test_augment_makes_trainings_stale_and_what_follows(rerun):
    edit(rerun.folder, "workflow/lib/stillact/training/augment.py")
    stale = Stale(rerun.folder)
    assert stale.other_rules == AFTER_TRAINING | COVERED | EXPLAINED | {"alpha_curve"}
    assert stale.seeds == {0, 1}
    seeing = {"fnn_base", "cnn_base", "cnn_gen", "cnn_base_rotation", *TUNED, *TEXT}
    assert seeing <= stale.models
    assert not {"clip_em", "clip_cs"} & stale.models  # which see no photos


def test_other_prompts_make_what_reads_them_stale(rerun):
    rerun.configure({"prompts": {"words": {"sitting": ["seated"]}}})
    stale = Stale(rerun.folder)
    # the sentences are made of the words
    assert stale.models == {"clip_cs", "clip_zero_photo", "clip_prolip", *TEXT}
    assert stale.other_rules == AFTER_TRAINING | COVERED | {"embed_texts", "alpha_curve"}


def test_prompts_that_nothing_reads_make_nothing_stale(rerun):
    rerun.configure({"prompts": {"ensemble": {"templates": ["a {} person"]}}})
    stale = Stale(rerun.folder)
    assert stale.rules <= {"report"}  # which shows the config


def test_the_weights_of_a_backbone_make_its_models_stale(rerun):
    weights = rerun.folder / "weights/vit/model.safetensors"
    tensors = {name: tensor + 0.01 for name, tensor in load_file(weights).items()}
    save_file(tensors, weights)
    rerun.run("--", "results/backbones/vit/weights.json")
    stale = Stale(rerun.folder)
    assert stale.models == {"vit"}
    assert {(task, "vit") for task in ("activity3", "sit_stand")} == stale.trained
    assert stale.other_rules == AFTER_TRAINING | COVERED | EXPLAINED | {"pack_backbone"}


def test_the_recipe_of_the_heads_makes_the_heads_stale(rerun):
    rerun.configure({"recipes": {"mlp": {"dropout": 0.1}}})
    stale = Stale(rerun.folder)
    assert stale.models == {"clip_em", "clip_cs"}
    assert stale.other_rules == AFTER_TRAINING | COVERED


def test_the_code_of_the_backbones_leaves_the_models_from_scratch_alone(rerun):
    edit(rerun.folder, "workflow/lib/stillact/models/backbones/base.py")
    stale = Stale(rerun.folder)
    assert stale.models == {*TUNED, "clip_em", "clip_cs", *BEYOND}


def test_a_parameter_of_one_variant_makes_that_variant_stale(rerun):
    rotation = [{"name": "rotation", "degrees": 20}]
    rerun.configure({"paper": {"table_3": {"variants": {"rotation": rotation}}}})
    stale = Stale(rerun.folder)
    assert stale.models == {"cnn_base_rotation"}
    assert stale.other_rules == AFTER_TRAINING - {"learning_curves"}  # of the task's own models


@pytest.mark.parametrize(
    ("change", "rules"),
    [
        ({"t_test": ["cnn_gen", "fnn_base"]}, {"paper_tests", "report"}),
        ({"table_2": {"models": ["cnn_base"]}}, {"model_table", "report"}),
        # each analysis of variance is a claim too
        ({"anova": {"all_models": ["vit", "cnn_base"]}}, {"paper_tests", "claims", "report"}),
    ],
)
def test_a_key_of_the_paper_makes_its_tables_stale(rerun, change, rules):
    rerun.configure({"paper": change})
    assert Stale(rerun.folder).rules == rules


def test_a_new_seed_trains_that_seed(rerun):
    rerun.configure({"seeds": [0, 1, 2]})
    stale = Stale(rerun.folder)
    soup = "results/runs/activity3/clip_soup/holdout/seed_0/"  # is of all seeds
    assert {int(run["seed"]) for run in stale.runs if not run[0].startswith(soup)} == {2}
    assert stale.other_rules == AFTER_TRAINING | COVERED | ASKED_AGAIN | {"alpha_curve"}


def test_runs_per_job_makes_nothing_stale(rerun):
    rerun.configure({"runs_per_job": 1})
    stale = Stale(rerun.folder)
    assert not stale.models
    assert stale.rules <= {"report"}  # which shows the config


def test_how_maps_are_made_trains_nothing(rerun):
    rerun.configure({"explain": {"layers": [1], "steps": 4}})
    stale = Stale(rerun.folder)
    assert not stale.models
    assert stale.rules == EXPLAINED | {"figure_4", "report"}


def test_other_corruptions_ask_again_and_train_nothing(rerun):
    rerun.configure({"robustness": {"corruptions": ["grey"]}})
    assert Stale(rerun.folder).rules == ASKED_AGAIN | {"report"}


def test_the_model_of_figure_4_draws_that_figure(rerun):
    rerun.configure({"explain": {"model": "clip_ic"}})
    assert Stale(rerun.folder).rules <= {"figure_4", "report"}


def test_a_changed_seed_list_that_keeps_its_runs_trains_nothing(rerun):
    rerun.configure({"seeds": [0]})
    assert Stale(rerun.folder).models <= {"clip_soup"}  # of one seed now


def test_a_new_row_fetches_packs_and_splits_again(rerun):
    manifest = rerun.folder / "results/synthetic/manifest.csv"
    rows = read_csv(manifest)
    write_csv(pd.concat([rows, rows.tail(1).assign(id="new", url="photos/new.jpg")]), manifest)
    stale = Stale(rerun.folder)
    assert {"manifest", "fetch", "pack", "split"} <= stale.rules
    assert "synthetic_dataset" not in stale.rules


def with_own_manifest(rerun):
    """The study with a manifest that is not made by the workflow: its path, and the rows of the
    other one."""
    manifest = rerun.folder / "mine.csv"
    rows = read_csv(rerun.folder / "results/synthetic/manifest.csv")
    write_csv(rows.assign(url="results/synthetic/" + rows["url"]), manifest)
    rerun.configure({"dataset": {"manifest": "mine.csv"}})
    (rerun.folder / "results/study.json").unlink()  # of the other manifest
    return manifest, rows


def test_a_corrected_label_trains_but_embeds_nothing(rerun):
    manifest, _ = with_own_manifest(rerun)
    embedded = [f"results/embeddings/{name}/images.npy" for name in ("clip", "vit")]
    rerun.run("--", "results/data/images.csv", "results/splits/activity3/kfold.csv", *embedded)
    manifest.write_text(manifest.read_text().replace("sitting", "standing", 1))
    rerun.run("--", "results/data/images.csv", "results/splits/activity3/kfold.csv")
    stale = Stale(rerun.folder)
    packed = {"results/backbones/clip/photos.npy", "results/backbones/vit/photos.npy"}
    assert not {*embedded, *packed} & stale.files
    assert "clip_probe" in stale.models


def test_an_older_photo_or_manifest_in_place_of_another_is_noticed(rerun):
    manifest, rows = with_own_manifest(rerun)
    rerun.run("--", "results/data/images.csv")
    assert not {"manifest", "fetch"} & Stale(rerun.folder).rules
    os.utime(rerun.folder / "results/synthetic" / rows["url"][0], (1, 1))
    stale = Stale(rerun.folder).rules
    assert "fetch" in stale
    assert "manifest" not in stale
    manifest.write_text(manifest.read_text().replace("sitting", "standing", 1))
    os.utime(manifest, (1, 1))
    assert {"manifest", "fetch"} <= Stale(rerun.folder).rules


def test_older_weights_in_place_of_others_are_noticed(rerun):
    os.utime(rerun.folder / "weights/vit/model.safetensors", (1, 1))
    assert "fetch_weights" in Stale(rerun.folder).rules


@pytest.mark.parametrize(
    ("module", "rules"),
    [
        ("workflow/scripts/figures/figure_2.py", {"figure_2", "report"}),
        (
            "workflow/lib/stillact/figures/style.py",
            {"figure_1", "figure_2", "figure_4", "evaluation_figures", "occlusion", "localisation"}
            | {"error_figures", "failures_figure", "report"}
            | {"recipes_figure", "more_photos", "alpha_curve", "robustness"}
            | FIGURES,
        ),
        (
            "workflow/scripts/evaluation/answer.py",
            {"answer", "recipes_figure", "error_figures", "more_photos", "review", "report"},
        ),
        ("workflow/report/report.css", {"report", "review"}),
        ("data/paper_results.csv", {"model_table", "accuracy_figure", "report"}),
    ],
)
def test_code_of_a_figure_makes_that_figure_and_the_report_stale(rerun, module, rules):
    if module.endswith(".csv"):
        path = rerun.folder / module
        path.write_text(path.read_text().replace("0.3862", "0.3863"))
    else:
        edit(rerun.folder, module)
    stale = Stale(rerun.folder)
    assert stale.rules == rules


def test_the_config_of_the_fetch_leaves_trainings_alone_when_photos_are_the_same(rerun):
    rerun.configure({"fetch": {"timeout_s": 11}})
    output = rerun.run("--", "results/data/images.csv")
    assert "fetch" in output
    assert not Stale(rerun.folder).models


def test_every_profile_has_the_rerun_triggers():
    for profile in Path("profiles").iterdir():
        settings = yaml.safe_load((profile / "config.yaml").read_text())
        assert settings["rerun-triggers"] == PROFILE["rerun-triggers"], profile
        assert settings["rerun-incomplete"] is True, profile


def test_weights_that_are_no_longer_kept_make_no_run_stale(rerun):
    """Nor do those deleted after their last use. If more are kept, they can be requested."""
    weights = list(rerun.folder.glob("results/runs/**/weights.safetensors"))
    assert {path.relative_to(rerun.folder).parts[2] for path in weights} == {"activity3"}
    for path in weights:
        path.unlink()
    rerun.configure({"keep_weights": "none"})
    assert Stale(rerun.folder).rules == {"report"}  # it shows the config
    rerun.configure({"keep_weights": "all"})
    assert Stale(rerun.folder).rules == {"report"}
    more = "results/runs/sit_stand/vit/holdout/seed_0/weights.safetensors"
    assert "missing output: fine_tune" in rerun.run("--dry-run", "--", more)
