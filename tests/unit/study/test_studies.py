"""The studies that come with the project are valid, and say what their files say."""

from pathlib import Path

import pytest
import yaml
from snakemake.common.configfile import load_configfile
from snakemake.utils import update_config

from stillact.study.load import load

ROOT = Path(__file__).parents[3]


def study(name: str):
    raw = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    update_config(raw, load_configfile(ROOT / "studies" / name))
    return load(raw, name)


@pytest.mark.parametrize("name", [file.name for file in (ROOT / "studies").glob("*.yaml")])
def test_a_study_is_valid_and_its_models_are_used(name):
    cfg = study(name)
    assert cfg.candidates
    given = load_configfile(ROOT / "studies" / name)
    used = set(cfg.tasks[cfg.main_task].models)
    used |= {member for model in used for member in cfg.members_of(model)}
    assert set(given.get("models", {})) <= used


@pytest.mark.parametrize(("name", "classes"), [("stanford40.yaml", 40), ("voc_action.yaml", 10)])
def test_a_dataset_has_its_classes_and_a_prompt_for_each(name, classes):
    cfg = study(name)
    assert len(cfg.dataset.classes) == classes
    assert cfg.tasks[cfg.main_task].classes == cfg.dataset.classes
    assert set(cfg.dataset.classes) <= set(cfg.texts("words"))
