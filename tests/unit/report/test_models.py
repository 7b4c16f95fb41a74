import pytest

from stillact.recipes.linear_probe.config import LinearProbeModel
from stillact.recipes.registry import RECIPES
from support.reports import page


def test_each_model_is_explained_from_the_config(study):
    text = page(study).cells("The models")
    assert "fnn_base A fully connected network, trained from random weights." in text
    assert "cnn_gen A convolutional network with augmentation, batch norm and dropout, " in text
    assert "vit The pretrained vit, trained further together with a new last layer." in text
    assert (
        "clip_em A fully connected network, trained on the embeddings of the pretrained clip"
        in text
    )
    assert "to each class's prompts; clip is frozen." in text
    backbone = study.config.backbones["siglip2"].weights.removeprefix("hub:")
    assert f"siglip2: {backbone}" in page(study).text
    head = study.config.models["clip_ic"].model_copy(update={"head": "text", "prompts": "words"})
    models = {**study.config.models, "clip_ic": head}
    changed = study.config.model_copy(update={"models": models})
    assert "a new last layer, which starts from the classes' prompts." in page(
        study, config=changed
    ).cells("The models")


@pytest.mark.parametrize(
    ("views", "words"),
    [
        ({}, "the pretrained clip."),
        ({"sees": ["person"]}, "the pretrained clip, those of the largest person."),
        (
            {"mirror": True},
            "the pretrained clip, those of the photo's centre and of its mirror image, averaged.",
        ),
        (
            {"sees": ["letterbox", "person"]},
            "the pretrained clip, those of the entire photo and the largest person.",
        ),
    ],
)
def test_the_views_of_a_probe_are_named(views, words):
    model = LinearProbeModel(recipe="linear_probe", backbone="clip", **views)
    assert RECIPES["linear_probe"].describe(model).endswith(words)
