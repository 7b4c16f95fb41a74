from pathlib import Path

import pytest
import yaml

from stillact.core.errors import InputError
from stillact.study.folder import Study
from stillact.study.load import load

ROOT = Path(__file__).parents[3]
SHIPPED = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
OWN = {"name": "own", "manifest": "labels.csv"}


@pytest.fixture
def study(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def of(configfiles=(), **dataset):
        config = load({**SHIPPED, "dataset": {**SHIPPED["dataset"], **OWN, **dataset}})
        return Study.of(config, configfiles, ROOT)

    return of


def test_a_folder_without_a_record_is_free(study):
    study().check()


def test_a_changed_config_of_the_same_dataset_continues_it(study):
    study(["mine.yaml"]).write()
    study(["config.yaml"], local_dirs=["photos"], cache="other").check()


@pytest.mark.parametrize("other", [{"name": "others"}, {"manifest": "other/labels.csv"}])
def test_another_dataset_is_refused_with_both_names_and_the_way_back(study, other, tmp_path):
    study(["config.yaml", tmp_path / "mine.yaml", "/elsewhere/more.yaml"]).write()
    with pytest.raises(InputError) as caught:
        study(**other).check()
    message = str(caught.value)
    assert "own (labels.csv)" in message
    assert str(study(**other)) in message
    assert "(--configfile mine.yaml /elsewhere/more.yaml)" in message
    assert "--directory" in message
    assert "delete results/study.json" in message


def test_a_study_of_labelled_photos_is_continued_by_the_same_option(study):
    labelled = study()
    labelled.manifest, labelled.labelled = "my photos", True
    labelled.write()
    with pytest.raises(InputError, match=r"\(--config labelled='my photos'\)"):
        study().check()


def test_the_shipped_manifest_is_the_same_from_every_folder(study, tmp_path):
    named = study(manifest=str(ROOT / "data/coco_activities.csv"))
    assert named.manifest == "data/coco_activities.csv"


def test_a_damaged_record_is_named(study):
    Path("results").mkdir()
    Path("results/study.json").write_text("{")
    with pytest.raises(InputError, match=r"results/study.json: cannot be read; delete it"):
        study().check()
