from pathlib import Path

import pytest
import yaml
from snakemake.utils import update_config

from stillact.core.errors import InputError
from stillact.study import labelled_photos
from stillact.study.load import load

SHIPPED = Path(__file__).parents[3] / "config.yaml"


@pytest.fixture
def study(tmp_path, monkeypatch):
    """The validated config of a folder with so many photos per class."""
    monkeypatch.chdir(tmp_path)

    def of(counts, name="photos", **given):
        for label, count in counts.items():
            (tmp_path / name / label).mkdir(parents=True)
            for i in range(count):
                (tmp_path / name / label / f"{i}.jpg").write_bytes(b"x")
        merged = yaml.safe_load(SHIPPED.read_text())
        given = {"labelled": name, **given}
        update_config(merged, labelled_photos.settings(merged, given))
        update_config(merged, given)
        return load(merged)

    return of


CLASSES = {"Läuft & rennt": 15, "sitzt": 15, "riding_a-bicycle": 15}


def test_classes_task_and_prompts_are_those_of_the_folder(study):
    config = study(CLASSES)
    assert config.dataset.classes == ["Läuft & rennt", "riding_a-bicycle", "sitzt"]
    assert (config.dataset.name, config.dataset.manifest) == ("photos", "photos")
    assert list(config.tasks) == ["photos"]
    assert config.tasks["photos"].classes == config.dataset.classes
    assert config.texts("sentences") == {
        "Läuft & rennt": ["a photo of a person Läuft & rennt."],
        "riding_a-bicycle": ["a photo of a person riding a bicycle."],
        "sitzt": ["a photo of a person sitzt."],
    }
    assert config.paper is None
    assert config.candidates
    assert "fine_tune" not in {config.models[name].recipe for name in config.tasks["photos"].models}


def test_a_config_of_its_own_has_priority(study):
    words = {"sitzt": ["sitting"]}
    config = study(CLASSES, prompts={"words": words}, splits={"kfold": {"folds": 4}})
    assert config.texts("words")["sitzt"] == ["sitting"]
    assert config.texts("words")["Läuft & rennt"] == ["Läuft & rennt"]
    assert config.splits.kfold.folds == 4


@pytest.mark.parametrize(
    ("counts", "folds", "train"),
    [
        ({"a": 15, "b": 20}, 5, 0.6),
        ({"a": 4, "b": 20}, 4, 0.6),
        ({"a": 2, "b": 20}, 3, 0.6),  # too few: the check of the manifest names the class
        ({"a": 160, "b": 160}, 10, 0.8),
        ({"a": 7, "b": 400}, 7, 0.8),
    ],
)
def test_folds_and_fractions_follow_the_number_of_photos(study, counts, folds, train):
    splits = study(counts).splits
    assert (splits.kfold.folds, splits.fractions.train) == (folds, train)


def test_models_that_need_a_gpu_are_added_on_request(study):
    assert {"clip_lp_ft", "clip_text"} <= set(study(CLASSES, device="cuda").tasks["photos"].models)


@pytest.mark.parametrize(
    ("name", "slug"),
    [("Meine Fotos (2)", "meine_fotos_2"), ("2024", "photos_2024"), ("写真", "photos"), ("Ä", "a")],
)
def test_the_name_of_the_study_is_made_of_that_of_the_folder(study, name, slug):
    assert study(CLASSES, name).dataset.name == slug


def test_one_class_is_an_error(study):
    with pytest.raises(
        InputError, match=r"labelled: photos has 1 classes \(reading\), and at leas"
    ):
        study({"reading": 9})


def test_a_manifest_beside_it_is_an_error(study):
    with pytest.raises(InputError, match=r"labelled and dataset\.manifest are both set"):
        study(CLASSES, dataset={"manifest": "mine.csv"})


@pytest.mark.parametrize(
    ("label", "fault"), [("a{b}", "must not contain {"), ("=1", "at the start")]
)
def test_class_names_that_cannot_be_columns_are_errors(study, label, fault):
    with pytest.raises(InputError, match=rf"dataset.classes.*{fault}"):
        study({label: 9, "reading": 9})
