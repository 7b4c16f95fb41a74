import copy
from pathlib import Path

import pandas as pd
import pytest
import yaml

from stillact.evaluation import sweep
from stillact.recipes.setups import plan_of
from stillact.study.config import Config
from stillact.study.load import load
from stillact.training import jobs

ROOT = Path(__file__).parents[3]
RAW = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
FLIP = [{"name": "horizontal_flip", "p": 0.5}]
BLOCK = {
    "models": ["clip_ic", "cnn_base"],
    "learning_rate": [0.3, 1],
    "layer_decay": [1.0, 0.8],
    "augment": {"none": [], "flip": FLIP},
}


def study(**changes) -> Config:
    raw = copy.deepcopy(RAW)
    raw["sweep"] = BLOCK | changes
    rates = {"learning_rate": 1e-5, "head_learning_rate": 1e-3, "layer_decay": 1.0}
    raw["recipes"]["fine_tune"] |= rates
    raw["recipes"]["from_scratch"] |= {"learning_rate": 0.002}
    raw["models"]["clip_ic"] = {"recipe": "fine_tune", "backbone": "clip"}
    return load(raw)


def base(cfg: Config, model: str = "clip_ic"):
    return cfg.plan(cfg.main_task, model)


def test_every_combination_is_there_once_in_the_order_of_the_config():
    cfg = study(learning_rate=[1, 0.3, 1])
    points = sweep.combinations(cfg.sweep, "fine_tune")
    assert list(points.itertuples(index=False, name=None)) == [
        (1, 1.0, "none"),
        (1, 1.0, "flip"),
        (1, 0.8, "none"),
        (1, 0.8, "flip"),
        (0.3, 1.0, "none"),
        (0.3, 1.0, "flip"),
        (0.3, 0.8, "none"),
        (0.3, 0.8, "flip"),
    ]
    of_network = sweep.combinations(cfg.sweep, "from_scratch")
    assert of_network.columns.tolist() == ["learning_rate", "augment"]
    assert len(of_network) == 4


def test_values_are_written_in_one_way_in_paths():
    """YAML takes 1e-1 for a text and 1 for an integer."""
    block = study(learning_rate=["1e-1", "3"], layer_decay=[1], augment={"none": []}).sweep
    points = sweep.combinations(block, "fine_tune").to_dict("records")
    assert [sweep.folder_of(point) for point in points] == [
        "learning_rate~0.1+layer_decay~1.0+augment~none",
        "learning_rate~3.0+layer_decay~1.0+augment~none",
    ]


def test_a_null_strength_is_left_out():
    block = study(augment={"none": [], "flip": FLIP, "strong": None}).sweep
    assert list(block.augment) == ["none", "flip"]


def test_a_plan_differs_from_the_models_own_in_the_settings_alone():
    cfg = study()
    point = {"learning_rate": 0.3, "layer_decay": 0.8, "augment": "flip"}
    made, own = sweep.plan(base(cfg), cfg.sweep, point).model_dump(), base(cfg).model_dump()
    assert made.pop("augment") == FLIP
    names = ("learning_rate", "head_learning_rate", "layer_decay")
    rates = [made["training"].pop(name) for name in names]
    assert rates == pytest.approx([3e-6, 3e-4, 0.8])
    own.pop("augment")
    for name in names:
        del own["training"][name]
    assert made == own


def test_a_network_from_scratch_has_no_layer_decay():
    cfg = study()
    made = sweep.plan(base(cfg, "cnn_base"), cfg.sweep, {"learning_rate": 0.5, "augment": "flip"})
    assert (made.training.learning_rate, made.model_dump()["augment"]) == (0.001, FLIP)
    assert "layer_decay" not in made.model_dump()["training"]
    assert sweep.own(base(cfg, "cnn_base"), cfg.sweep) == {"learning_rate": 1.0, "augment": "none"}


def test_a_plan_does_not_hang_on_the_other_points():
    point = {"learning_rate": 0.3, "layer_decay": 0.8, "augment": "flip"}
    few, many = study(), study(learning_rate=[9.0, 0.3], augment={"a": [], "flip": FLIP})
    plans = [sweep.plan(base(cfg), cfg.sweep, point).model_dump() for cfg in (few, many)]
    assert plans[0] == plans[1]
    assert plan_of(plans[0]).training.learning_rate == pytest.approx(3e-6)


@pytest.mark.parametrize(
    ("changes", "own"),
    [
        ({}, {"learning_rate": 1.0, "layer_decay": 1.0, "augment": "none"}),
        ({"learning_rate": [0.1], "augment": {"flip": FLIP}}, {"layer_decay": 1.0}),
    ],
)
def test_the_models_own_values_are_found_among_the_sweeps(changes, own):
    cfg = study(**changes)
    assert sweep.own(base(cfg), cfg.sweep) == own


def history(*losses: float) -> pd.DataFrame:
    accuracies = [0.5, 0.75, 1.0]
    columns = {"epoch": [1, 2, 3], "validation_loss": losses, "validation_accuracy": accuracies}
    return pd.DataFrame(columns)


@pytest.mark.parametrize(("patience", "kept"), [(2, 2), (None, 3)])
def test_a_training_is_judged_by_the_epoch_whose_weights_are_kept(patience, kept):
    one = history(0.9, 0.4, 0.6)
    assert sweep.evaluated([one], patience) == {
        "validation_loss": one["validation_loss"][kept - 1],
        "validation_accuracy": one["validation_accuracy"][kept - 1],
        "kept_epoch": kept,
        "epochs": 3,
        "runs": 1,
    }


def test_folds_are_averaged():
    found = sweep.evaluated([history(0.9, 0.4, 0.6), history(0.2, 0.4, 0.6)], 2)
    assert found == pytest.approx(
        dict(validation_loss=0.3, validation_accuracy=0.625, kept_epoch=1.5, epochs=3, runs=2)
    )


def points() -> pd.DataFrame:
    rows = [
        (0.3, 1.0, "none", 0.8, 0.5),
        (0.3, 1.0, "flip", 0.6, 0.75),
        (1.0, 1.0, "none", 0.2, 0.75),
        (1.0, 1.0, "flip", 0.7, 1.0),
        (3.0, 1.0, "none", 1.0, 0.25),
    ]
    return pd.DataFrame(rows, columns=[*sweep.SETTINGS, *sweep.METRICS])


def test_the_spread_is_told_over_all_and_for_each_value():
    table = sweep.summary(points())
    rows = {(row.setting, row.value, row.metric): row[4:] for row in table.itertuples(index=False)}
    loss, accuracy = sweep.METRICS
    # combinations; best, median, min, max, distance of the quartiles
    assert table["combinations"].tolist() == [5, 5, 2, 2, 2, 2, 1, 1, 5, 5, 3, 3, 2, 2]
    assert rows["all", "", loss] == pytest.approx((0.2, 0.7, 0.2, 1.0, 0.8 - 0.6))
    assert rows["all", "", accuracy] == pytest.approx((1.0, 0.75, 0.25, 1.0, 0.75 - 0.5))
    assert rows["learning_rate", "1.0", loss] == pytest.approx((0.2, 0.45, 0.2, 0.7, 0.25))
    assert rows["learning_rate", "1.0", accuracy] == (1.0, 0.875, 0.75, 1.0, 0.125)
    assert rows["learning_rate", "3.0", accuracy] == (0.25, 0.25, 0.25, 0.25, 0.0)
    assert rows["augment", "none", loss] == pytest.approx((0.2, 0.8, 0.2, 1.0, 0.9 - 0.5))
    assert rows["layer_decay", "1.0", loss] == rows["all", "", loss]


def test_points_under_way_at_once_do_not_meet_in_the_unfinished(tmp_path, monkeypatch):
    """They are runs of one task, model, split and seed."""
    monkeypatch.chdir(tmp_path)
    cfg = study()

    def stopped(*_):
        raise KeyboardInterrupt

    for rate in (0.3, 1.0):
        point = {"learning_rate": rate, "layer_decay": 1, "augment": "none"}
        plan = sweep.plan(base(cfg), cfg.sweep, point)
        folder = Path(
            f"results/sweep/clip_ic/{sweep.folder_of(point)}/activity3/clip_ic/holdout/seed_0"
        )
        with pytest.raises(KeyboardInterrupt):
            jobs.train_runs(stopped, plan, {}, [folder], Path("unfinished"), "cpu", threads=1)
    left = {path.name: (path / "made_from").read_text() for path in Path("unfinished").iterdir()}
    assert len(left) == len(set(left.values())) == 2


def test_the_spread_of_a_network_is_told_by_the_settings_it_has():
    table = sweep.summary(points().drop(columns="layer_decay"))
    assert table["setting"].unique().tolist() == ["all", "learning_rate", "augment"]
