"""What corruption costs models that are made up, held against numbers worked out by hand."""

import copy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

from stillact.config.evaluation import CORRUPTIONS, WITHOUT_SEVERITY
from stillact.core.errors import InputError
from stillact.core.tables import read_csv, write_csv
from stillact.evaluation import bootstrap
from stillact.figures import robustness as robustness_figures
from stillact.perturb import robustness
from stillact.study.config import Config
from stillact.study.load import load

ROOT = Path(__file__).parents[3]
IMAGES = ["a", "b", "c", "d"]
LABELS = ["sitting", "standing"] * 2


def asked(corruption, severity, right, sure=0.8, model="vit", images=IMAGES) -> pd.DataFrame:
    """Answers given with confidence `sure`.

    Args:
        right: a list a run: whether it is right on each image.
    """
    rows = []
    for seed, run in enumerate(right):
        for image, hit in zip(images, run, strict=True):
            label = LABELS[IMAGES.index(image)]
            of_truth = sure if hit else 1 - sure
            told = of_truth if label == "sitting" else 1 - of_truth
            rows.append(
                (
                    "posture",
                    model,
                    "holdout",
                    seed,
                    "test",
                    image,
                    label,
                    corruption,
                    severity,
                    told,
                    1 - told,
                )
            )
    columns = ["task", "model", "split", "seed", "subset", "image_id", "label"]
    return pd.DataFrame(
        rows, columns=[*columns, "corruption", "severity", "prob_sitting", "prob_standing"]
    )


CLEAN = [[1, 1, 1, 1], [1, 1, 1, 0]]
FOG = {1: [[1, 1, 0, 1], [1, 1, 1, 0]], 5: [[1, 0, 0, 1], [0, 1, 1, 0]]}
SNOW = {1: [[1, 1, 1, 1], [1, 1, 1, 1]], 5: [[0, 0, 0, 0], [0, 0, 0, 0]]}
COVERED = [[0, 1], [1, 1]]  # of a and d


def table(model="vit") -> pd.DataFrame:
    parts = [asked("clean", 0, CLEAN, model=model)]
    parts += [asked("fog", severity, right, 0.7, model) for severity, right in FOG.items()]
    parts += [asked("snow", severity, right, 0.6, model) for severity, right in SNOW.items()]
    parts.append(asked("person_covered", 0, COVERED, model=model, images=["a", "d"]))
    return pd.concat(parts, ignore_index=True)


def test_photos_of_a_group_are_drawn_together():
    alone = table()
    copies = [
        alone.assign(image_id=alone["image_id"] + name, group=alone["image_id"]) for name in "abcd"
    ]
    one, four = map(robustness.evaluate, (alone, pd.concat(copies)))
    assert (four["photos"] == 4 * one["photos"]).all()
    columns = [f"accuracy_difference{end}" for end in ("", "_ci_low", "_ci_high")]
    pd.testing.assert_frame_equal(four[columns], one[columns])


@pytest.fixture(scope="module")
def summary() -> pd.DataFrame:
    return robustness.evaluate(table())


def row(summary, corruption, severity=None) -> pd.Series:
    same = summary["severity"].isna() if severity is None else summary["severity"] == severity
    (found,) = summary[(summary["corruption"] == corruption) & same].to_dict("records")
    return pd.Series(found)


def test_the_rows_are_the_clean_photos_the_means_and_each_corruption(summary):
    assert summary.columns.tolist() == robustness.COLUMNS
    severities = summary["severity"].astype(object).where(summary["severity"].notna(), None)
    assert list(zip(summary["corruption"], severities, strict=True)) == [
        ("clean", 0),
        ("all", 1),
        ("all", 5),
        ("all", None),
        ("fog", 1),
        ("fog", 5),
        ("fog", None),
        ("snow", 1),
        ("snow", 5),
        ("snow", None),
        ("person_covered", None),
    ]
    assert set(summary["task"]) == {"posture"}
    assert set(summary["runs"]) == {2}
    assert row(summary, "person_covered")["photos"] == 2
    assert set(summary.loc[summary["corruption"] != "person_covered", "photos"]) == {4}


def test_accuracy_stands_beside_that_on_the_same_photos_clean(summary):
    accuracy = {"clean": 7 / 8, "fog": {1: 6 / 8, 5: 4 / 8}, "snow": {1: 1, 5: 0}}
    assert row(summary, "clean", 0)["accuracy"] == accuracy["clean"]
    assert row(summary, "clean", 0)["accuracy_difference"] == 0
    for name in ("fog", "snow"):
        for severity, value in accuracy[name].items():
            found = row(summary, name, severity)
            assert found["accuracy"] == value
            assert found["accuracy_difference"] == value - 7 / 8
        assert row(summary, name)["accuracy"] == np.mean([*accuracy[name].values()])
    covered = row(summary, "person_covered")
    assert covered["accuracy"] == 3 / 4
    assert covered["accuracy_difference"] == 0  # of a and d 3 in 4 were right before, too


def test_all_is_the_mean_over_what_comes_at_severities(summary):
    for severity, accuracy in ((1, 7 / 8), (5, 1 / 4), (None, 9 / 16)):
        found = row(summary, "all", severity)
        assert found["accuracy"] == pytest.approx(accuracy)
        assert found["accuracy_difference"] == pytest.approx(accuracy - 7 / 8)


def test_the_interval_is_over_paired_differences(summary):
    lost = np.mean([np.subtract(of, CLEAN) for of in FOG.values()], axis=0)
    found = row(summary, "fog")
    ends = [found[f"accuracy_difference_ci_{end}"] for end in ("low", "high")]
    assert (found["accuracy_difference"], *ends) == pytest.approx(bootstrap.mean(lost))
    clean = row(summary, "clean", 0)
    assert clean["accuracy_difference_ci_low"] == clean["accuracy_difference_ci_high"] == 0


def test_log_loss_and_calibration_are_means_over_runs_and_differ_from_clean(summary):
    def loss(sure, right):
        return -(right * np.log(sure) + (1 - right) * np.log(1 - sure))

    clean = loss(0.8, 7 / 8)
    fog = {severity: loss(0.7, value) for severity, value in ((1, 6 / 8), (5, 4 / 8))}
    for severity, value in fog.items():
        assert row(summary, "fog", severity)["log_loss"] == pytest.approx(value)
        assert row(summary, "fog", severity)["log_loss_difference"] == pytest.approx(value - clean)
    assert row(summary, "fog")["log_loss"] == pytest.approx(np.mean([*fog.values()]))
    # all confidences of a version are alike, so that its ece is |right - sure|, a run
    ece = {"clean": (0.2 + 0.05) / 2, "fog": (0.05 + 0.05) / 2, "snow": 0.4}
    assert row(summary, "clean", 0)["ece"] == pytest.approx(ece["clean"])
    assert row(summary, "fog", 1)["ece"] == pytest.approx(ece["fog"])
    found = row(summary, "snow", 1)
    assert found["ece"] == pytest.approx(ece["snow"])
    assert found["ece_difference"] == pytest.approx(ece["snow"] - ece["clean"])
    covered = row(summary, "person_covered")  # on a and d clean: right on both, and on one
    assert covered["log_loss_difference"] == pytest.approx(0)
    assert covered["ece_difference"] == pytest.approx(0)


def test_models_are_judged_each_by_itself():
    other = table("cnn")
    other.loc[other["corruption"] == "snow", ["prob_sitting", "prob_standing"]] = 0.5
    both = robustness.evaluate(pd.concat([table(), other]))
    alone = pd.concat([robustness.evaluate(table()), robustness.evaluate(other)], ignore_index=True)
    pd.testing.assert_frame_equal(both, alone)
    assert both["model"].unique().tolist() == ["vit", "cnn"]


def test_without_severities_there_is_no_mean():
    some = table()
    some = some[some["corruption"].isin(["clean", "person_covered"])]
    assert robustness.evaluate(some)["corruption"].tolist() == ["clean", "person_covered"]


def test_the_table_reads_back(summary, tmp_path):
    write_csv(summary, tmp_path / "corrupted.csv")
    lines = (tmp_path / "corrupted.csv").read_text().splitlines()
    assert lines[1].startswith("posture,vit,clean,0,4,2,0.875,0.0,")
    assert lines[4].startswith("posture,vit,all,,4,2,")
    again = read_csv(tmp_path / "corrupted.csv")
    assert texts(robustness_figures.robustness(again)) == texts(
        robustness_figures.robustness(summary)
    )


def texts(drawn) -> list[str]:
    return [text.get_text() for text in drawn.findobj(Text) if text.get_text()]


def several(models) -> pd.DataFrame:
    """The table of models of which each loses a point more than the one before it."""
    of_severity = [name for name in CORRUPTIONS if name not in WITHOUT_SEVERITY]
    rows = [("clean", 0), *((name, of) for name in ("all", *of_severity) for of in (1, 3, 5, None))]
    rows += [(name, None) for name in WITHOUT_SEVERITY]
    made = [
        ("posture", model, *row, 29, 5, 0.9 - 0.01 * place, -0.01 * place, -0.05, 0.01, 1, 0, 0, 0)
        for place, model in enumerate(models)
        for row in rows
    ]
    return pd.DataFrame(made, columns=robustness.COLUMNS).astype({"severity": "Int64"})


def test_the_figure_has_a_line_a_model_and_a_cell_a_corruption(summary):
    drawn = robustness_figures.robustness(summary)
    lines, heat = drawn.axes
    (line,) = lines.lines
    assert line.get_xdata().tolist() == [0, 1, 5]
    assert line.get_ydata() == pytest.approx([7 / 8, 7 / 8, 1 / 4])
    assert [label.get_text() for label in lines.get_xticklabels()] == ["clean", "1", "5"]
    rows = [label.get_text() for label in heat.get_yticklabels()]
    assert rows == ["all with severities", "snow", "fog", "person_covered"]
    cells = {text.get_position()[1]: text.get_text() for text in heat.texts}
    points = {"all": -31, "snow": -38, "fog": -25, "person_covered": 0}
    for place, (name, value) in enumerate(points.items()):
        found = row(summary, name)
        ends = [found[f"accuracy_difference_ci_{end}"] for end in ("low", "high")]
        star = "*" if ends[0] > 0 or ends[1] < 0 else ""
        sign = "+" if value > 0 else ""
        assert cells[place] == f"{sign}{value}{star}".replace("-", "−")
    assert "over 4 test photos and 2 seeds" in texts(drawn)


def test_models_that_lose_least_come_first_and_stars_mark_what_luck_does_not_explain():
    table = several(["bad", "worse"]).iloc[::-1]
    fog = (table["corruption"] == "fog") & (table["model"] == "worse")
    table.loc[fog, ["accuracy_difference", "accuracy_difference_ci_high"]] = -0.2, -0.1
    heat = robustness_figures.robustness(table).axes[1]
    assert [label.get_text() for label in heat.get_xticklabels()] == ["bad", "worse"]
    assert [label.get_text() for label in heat.get_yticklabels()][:2] == [
        "all with severities",
        "fog",
    ]
    cells = {text.get_position(): text.get_text() for text in heat.texts}
    assert (cells[0, 0], cells[1, 0], cells[0, 1], cells[1, 1]) == ("0", "−1", "0", "−20*")


def test_eight_models_and_every_corruption_have_room():
    drawn = robustness_figures.robustness(several([f"longest_name_{i}" for i in range(8)]))
    FigureCanvasAgg(drawn).draw()
    boxes = [
        text.get_window_extent()
        for text in drawn.findobj(Text)
        if text.get_text() and text.get_visible() and text.get_rotation() == 0
    ]
    assert len(boxes) > 8 * 20
    for i, box in enumerate(boxes):
        assert box.x0 >= -1
        assert box.y0 >= -1
        assert box.x1 <= drawn.bbox.width + 1
        assert box.y1 <= drawn.bbox.height + 1
        for other in boxes[:i]:
            across = min(box.x1, other.x1) - max(box.x0, other.x0)
            up = min(box.y1, other.y1) - max(box.y0, other.y0)
            assert min(across, up) <= 1
    leaning = [text for text in drawn.findobj(Text) if text.get_rotation() == 45]
    assert all(text.get_window_extent().y0 >= -1 for text in leaning)


def test_without_severities_the_heat_map_is_alone():
    some = pd.concat([asked("clean", 0, CLEAN), asked("grey", 0, FOG[1])])
    (heat,) = robustness_figures.robustness(robustness.evaluate(some)).axes
    assert [label.get_text() for label in heat.get_yticklabels()] == ["grey"]


RAW = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))


def settings(**changes) -> Config:
    raw = copy.deepcopy(RAW)
    raw["robustness"] |= changes
    return load(raw)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (
            dict(corruptions=["fogg"]),
            "robustness: corruptions: unknown name 'fogg'. Did you mean "
            '"fog"? Known: gaussian_noise, ',
        ),
        (dict(corruptions=["fog", "fog"]), "robustness: corruptions: fog is given twice"),
        (dict(corruptions=[]), "robustness.corruptions: "),
        (dict(severities=[1, 1]), "robustness: severities: 1 is given twice"),
        (dict(severities=[6]), "robustness.severities.0: "),
        (dict(severities=[]), "robustness.severities: "),
    ],
)
def test_a_mistake_in_the_config_is_told(changes, told):
    with pytest.raises(InputError) as error:
        settings(**changes)
    assert told in str(error.value)


def test_models_that_the_main_task_lacks_are_left_out_and_views_too():
    assert settings().robustness_models == RAW["robustness"]["models"]
    given = ["clip_ic", "clip_views", "of_another_study"]
    assert settings(models=given).robustness_models == ["clip_ic"]
    assert settings(models=[]).robustness_models == []
