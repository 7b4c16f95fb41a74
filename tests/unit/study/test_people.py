"""The detector of people in a config, and models that look at a person."""

import copy
from pathlib import Path

import pytest
import yaml

from stillact.config.data import People
from stillact.core.errors import InputError
from stillact.study.load import load

RAW = yaml.safe_load((Path(__file__).parents[3] / "config.yaml").read_text(encoding="utf-8"))
DETECTED = {"detector": "blazepose", "boxes": "detector"}
LOOKING = {
    "of_person": {"recipe": "linear_probe", "backbone": "vit", "sees": ["person"]},
    "of_both": {
        **{"recipe": "mlp", "backbone": "vit", "features": "embedding"},
        "sees": ["whole", "person"],
    },
    "of_joints": {"recipe": "pose", "backbone": "blazepose"},
    "asked": {"recipe": "tta", "of": "clip_probe", "views": ["whole", "person"]},
}
WHOLE = {
    "of_photo": {"recipe": "linear_probe", "backbone": "vit", "mirror": True},
    "of_all": {"recipe": "linear_probe", "backbone": "vit", "sees": ["letterbox", "whole"]},
}


def config(models: dict | None = None, people: dict | None = None, **blocks) -> dict:
    """config.yaml with further models, of the main task too, and other blocks."""
    raw = copy.deepcopy(RAW) | blocks
    raw["models"] |= models or {}
    raw["people"] |= people or {}
    raw["tasks"]["activity3"]["models"] = ["clip_probe", *(models or {})]
    return raw


def message(raw: dict) -> str:
    with pytest.raises(InputError) as error:
        load(raw, "mine.yaml")
    return str(error.value)


@pytest.mark.parametrize(
    ("people", "expected"),
    [
        ({"boxes": "detector"}, "people: boxes: detector needs a detector; name one of"),
        (
            {"detector": "blazepse"},
            "people.detector: unknown name 'blazepse'. Did you mean \"blazepose\"?",
        ),
        ({"boxes": "both"}, "people.boxes: Input should be 'manifest' or 'detector'"),
        ({"min_score": 1.5}, "people.min_score: "),
        ({"most": 0}, "people.most: "),
    ],
)
def test_a_detector_is_one_of_the_detectors(people, expected):
    assert expected in message(config(people=people))


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (
            {"recipe": "pose", "backbone": "clip"},
            "models.mine.backbone: clip finds no joints; name one that does, such as blazepose",
        ),
        ({"recipe": "pose", "backbone": "blaze"}, "models.mine.backbone: unknown name 'blaze'."),
        ({"recipe": "pose"}, "models.mine.backbone: Field required"),
        (
            {"recipe": "linear_probe", "backbone": "blazepose"},
            "models.mine.backbone: blazepose gives the joints of a person, which only the recipe "
            "pose takes",
        ),
        ({"recipe": "fine_tune", "backbone": "blazepose"}, "which only the recipe pose takes"),
        (
            {"recipe": "linear_probe", "backbone": "clip", "sees": ["whole", "person", "whole"]},
            "models.mine: sees: whole is given twice",
        ),
        ({"recipe": "linear_probe", "backbone": "clip", "sees": []}, "models.mine.sees: "),
        (
            {"recipe": "linear_probe", "backbone": "clip", "sees": ["around"]},
            "models.mine.sees.0: ",
        ),
        (
            {
                **{"recipe": "mlp", "backbone": "clip", "features": "similarity"},
                **{"prompts": "words", "sees": ["whole", "person"]},
            },
            "models.mine: sees: similarities are of one view; name one, or set features: embedding",
        ),
    ],
)
def test_models_that_look_at_people_are_checked(model, expected):
    assert expected in message(config({"mine": model}))


def test_similarities_of_one_view_are_right():
    model = {"recipe": "mlp", "backbone": "clip", "features": "similarity", "prompts": "words"}
    model |= {"sees": ["person"], "mirror": True}
    cfg = load(config({"mine": model}))
    assert cfg.plan("activity3", "mine").squares == ("person",)


def test_without_a_detector_the_boxes_are_those_of_the_manifest():
    assert load(RAW).people == People(detector=None, boxes="manifest", min_score=0.5, most=10)
    raw = copy.deepcopy(RAW)
    del raw["people"]
    assert load(raw).people == load(RAW).people


@pytest.mark.parametrize("people", [{}, {"detector": "blazepose"}])
def test_models_that_look_at_people_need_detected_ones_to_be_recommended(people):
    """Those of the manifest are not those that new photos have."""
    cfg = load(config(LOOKING | WHOLE, people))
    assert set(cfg.candidates) == {"clip_probe", *WHOLE}
    assert set(cfg.not_judged) == set(LOOKING)
    for reason in cfg.not_judged.values():
        assert reason.startswith("looks at a person, and the person boxes of the manifest are not")
        assert "people.boxes: detector" in reason
    told = message(config(LOOKING, people, deploy="of_joints"))
    assert "deploy: unknown name 'of_joints'." in told


def test_with_detected_people_they_are_candidates():
    cfg = load(config(LOOKING | WHOLE, DETECTED, deploy="of_joints"))
    assert set(cfg.candidates) == {"clip_probe", *LOOKING, *WHOLE}
    assert cfg.not_judged == {}
    assert cfg.deploy == "of_joints"


def test_which_models_look_at_people():
    cfg = load(config(LOOKING | WHOLE))
    models = cfg.tasks["activity3"].models
    assert [name for name in models if cfg.looks_at_people(name)] == list(LOOKING)
    # people are covered for those that take the whole photo once
    assert cfg.occluded == ["clip_probe", "of_photo"]


def test_models_on_the_same_features_are_asked_at_once():
    """Members of an ensemble take the place of it; views and mirror images are other features."""
    models = {
        **WHOLE,
        "bare": {"recipe": "zero_shot", "backbone": "clip", "prompts": "words"},
        "vote": {"recipe": "ensemble", "members": ["of_photo", "bare"]},
    }
    cfg = load(config(models=models), "mine.yaml")
    assert cfg.asked(["clip_probe", "of_all", "vote", "clip_prolip", "clip_em", "cnn_base"]) == {
        "frozen/clip/whole": ["clip_probe", "bare", "clip_em"],
        "frozen/vit/letterbox-whole": ["of_all"],
        "frozen/vit/whole_mirror": ["of_photo"],
        "frozen/clip/unprojected": ["clip_prolip"],
        "cnn_base": ["cnn_base"],
    }
