import pandas as pd
import pytest

from stillact.figures import style, training


def history(*validation):
    epochs = range(1, len(validation) + 1)
    train = [1 / epoch for epoch in epochs]
    return pd.DataFrame({"epoch": epochs, "train_loss": train, "validation_loss": validation})


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_same_input_same_bytes(tmp_path, kind):
    first, second = (tmp_path / f"{i}.{kind}" for i in "ab")
    for path in (first, second):
        style.save(training.learning_curves({"vit": [history(1, 2)]}), path)
    assert first.read_bytes() == second.read_bytes()


def test_learning_curves_have_a_panel_a_model_and_a_dot_at_each_seeds_best_epoch():
    runs = {"vit": [history(1.2, 0.7, 0.9), history(1.1, 1.3)], "cnn_base": [history(1, 1)]}
    panels = [a for a in training.learning_curves(runs).axes if a.axison]
    assert [a.get_title(loc="left") for a in panels] == ["vit", "cnn_base"]
    lines = [[line.get_xydata().tolist() for line in a.lines] for a in panels]
    assert lines[0][1] == [[1, 1.2], [2, 0.7], [3, 0.9]]
    assert lines[0][3] == [[1, 1], [2, 0.5]]
    assert [lines[0][2], lines[0][5], lines[1][2]] == [[[2, 0.7]], [[1, 1.1]], [[1, 1]]]
    assert panels[0].get_ylim() == panels[1].get_ylim()
    assert panels[0].get_ylim()[0] == 0


@pytest.mark.parametrize("models", [1, 2, 3])
def test_learning_curves_of_any_number_of_models(models):
    figure = training.learning_curves({f"m{i}": [history(1, 0.5)] for i in range(models)})
    assert sum(a.axison for a in figure.axes) == models
    words = [text.get_text() for text in figure.legends[0].get_texts()]
    assert words == ["training", "validation", "best epoch"]
