import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import precision_score, recall_score

from stillact.core.errors import InputError
from stillact.core.runs import Run
from stillact.evaluation import bootstrap, external, external_metrics
from stillact.figures import external as external_figures

CLASSES = ["sitting", "standing"]
MANIFEST = pd.DataFrame(
    {"id": ["a", "b", "c", "d"], "label": ["sitting", "standing", "sitting", "standing"]}
)


def images(**sha256):
    """images.csv: of each id its hash, '' where it could not be had."""
    return pd.DataFrame(
        {
            "id": sha256.keys(),
            "status": ["ok" if digest else "missing" for digest in sha256.values()],
            "sha256": sha256.values(),
        }
    )


def predictions(model, split, seeds, labels, rng, sure=1.0):
    """Rows of a predictions table whose answers are right more often, the surer the model."""
    tables = []
    for seed in range(seeds):
        truth = np.array([CLASSES.index(label) for label in labels])
        shift = rng.normal(sure, 1, len(labels)) * np.where(truth, -1, 1)
        sitting = (1 / (1 + np.exp(-shift))).round(8)
        head = dict(task="t", model=model, split=split, seed=seed, subset="test")
        tables.append(
            pd.DataFrame(
                {
                    **head,
                    "image_id": [f"{split}{i:03}" for i in range(len(labels))],
                    "label": labels,
                    "prob_sitting": sitting,
                    "prob_standing": (1 - sitting).round(8),
                }
            )
        )
    return pd.concat(tables, ignore_index=True)


@pytest.fixture(scope="module")
def judged():
    rng = np.random.default_rng(0)
    there, here = rng.choice(CLASSES, 40), rng.choice(CLASSES, 25)
    both = [
        pd.concat(
            [
                predictions(m, split, 3, labels, rng, sure)
                for m, sure in (("weak", 0.2), ("strong", 1.5))
            ],
            ignore_index=True,
        )
        for split, labels in (("external", there), ("holdout", here))
    ]
    folds = predictions("weak", "cv_0_0", 1, here, rng)
    return both[0], pd.concat([both[1], folds], ignore_index=True)


def right(table):
    return (table["prob_sitting"] > 0.5) == (table["label"] == "sitting")


def copies(*ids: str) -> pd.DataFrame:
    return pd.DataFrame({"image_id_a": "x", "image_id_b": ids, "kind": "near", "distance": 2})


def test_photos_of_the_study_are_left_out_and_counted():
    table, left_out = external.photos(
        MANIFEST, images(a="1" * 64, b="2" * 64, c="", d="3" * 64), copies("b", "b")
    )
    assert table.to_dict("list") == {
        "image_id": ["a", "d"],
        "label": ["sitting", "standing"],
        "sha256": ["1" * 64, "3" * 64],
    }
    assert left_out == 1


def test_a_dataset_that_is_the_study_is_refused():
    with pytest.raises(InputError, match="all 1 available photos are part of the study"):
        external.photos(MANIFEST, images(a="1" * 64), copies("a"))


PHOTOS = pd.DataFrame({"image_id": ["a", "d"], "label": ["sitting", "standing"], "sha256": "1"})
RUNS = [Run("t", "vit", "holdout", seed) for seed in (4, 7)]


def test_predictions_have_the_columns_of_a_predictions_table():
    told = [(np.array([[0.9, 0.1], [0.123456789, 0.876543211]]), ""), (np.full((2, 2), 0.5), "")]
    table = external.table(PHOTOS, told, RUNS, CLASSES)
    assert table.columns.tolist() == [
        "task",
        "model",
        "split",
        "seed",
        "subset",
        "image_id",
        "label",
        "prob_sitting",
        "prob_standing",
    ]
    assert table.to_numpy().tolist() == [
        ["t", "vit", "external", 4, "test", "a", "sitting", 0.9, 0.1],
        ["t", "vit", "external", 4, "test", "d", "standing", 0.5, 0.5],
        ["t", "vit", "external", 7, "test", "a", "sitting", 0.12345679, 0.87654321],
        ["t", "vit", "external", 7, "test", "d", "standing", 0.5, 0.5],
    ]


def test_a_photo_that_cannot_be_read_is_named():
    told = [(np.full((2, 2), 0.5), ""), (None, "damaged image")]
    with pytest.raises(InputError, match="photo d cannot be read from the cache: damaged image"):
        external.table(PHOTOS, told, RUNS, CLASSES)


def test_metrics_and_their_intervals_are_those_of_the_study_on_other_photos(judged):
    there, study = judged
    table = external_metrics.summary(there, study, left_out=5)
    assert table["model"].tolist() == ["strong", "weak"]
    assert (table[["images", "left_out", "runs"]] == [40, 5, 3]).all(axis=None)
    reference = bootstrap.intervals(there.assign(split="holdout"), scheme="holdout")
    for row in reference.itertuples():
        mine = table.set_index("model").loc[row.model]
        found = [mine[f"{row.metric}{end}"] for end in ("", "_ci_low", "_ci_high")]
        assert found == pytest.approx([row.value, row.ci_low, row.ci_high]), row


def test_the_difference_is_from_the_holdouts_test_photos_alone(judged):
    there, study = judged
    table = external_metrics.summary(there, study, left_out=0).set_index("model")
    for model, row in table.iterrows():
        mine = right(there[there["model"] == model]).mean()
        theirs = right(study.query("model == @model and split == 'holdout'")).mean()
        assert row["holdout_accuracy"] == pytest.approx(theirs)
        assert row["difference"] == pytest.approx(mine - theirs)
        # as wide as the luck of two sets of photos makes it, by their binomial deviations
        deviation = np.sqrt(mine * (1 - mine) / 40 + theirs * (1 - theirs) / 25)
        width = (row["difference_ci_high"] - row["difference_ci_low"]) / (2 * 1.96)
        assert 0.4 * deviation < width < 1.6 * deviation
        assert row["difference_ci_low"] < row["difference"] < row["difference_ci_high"]


def wilson(share, n):
    z = 1.959963984540054
    middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return middle - half, middle + half


def test_recall_and_precision_of_a_class(judged):
    there, _ = judged
    table = external_metrics.by_class(there).set_index(["model", "class"])
    assert len(table) == 4
    for (model, label), row in table.iterrows():
        rows = there[there["model"] == model]
        said = np.where(rows["prob_sitting"] > 0.5, "sitting", "standing")
        options = dict(labels=[label], average=None)
        assert row["recall"] == pytest.approx(recall_score(rows["label"], said, **options)[0])
        assert row["precision"] == pytest.approx(precision_score(rows["label"], said, **options)[0])
        assert row["images"] == (rows["label"] == label).sum() / 3
        assert row["answers"] == pytest.approx((said == label).sum() / 3)
        for metric, of in (("recall", "images"), ("precision", "answers")):
            ends = row[f"{metric}_ci_low"], row[f"{metric}_ci_high"]
            assert ends == pytest.approx(wilson(row[metric], row[of]))


def test_a_class_without_photos_or_answers_has_no_share(judged):
    there, _ = judged
    of_one = there[there["label"] == "sitting"].assign(prob_sitting=0.9, prob_standing=0.1)
    table = external_metrics.by_class(of_one).set_index(["model", "class"]).loc["weak"]
    assert table.loc["sitting", ["recall", "precision"]].tolist() == [1, 1]
    assert table.loc["standing", ["images", "answers"]].tolist() == [0, 0]
    assert table.loc["standing", ["recall", "precision", "recall_ci_low"]].isna().all()


def test_the_figure_shows_both_accuracies_and_each_class(judged):
    there, study = judged
    summary, classes = external_metrics.summary(there, study, 0), external_metrics.by_class(there)
    figure = external_figures.external(summary, classes, "elsewhere")
    figure.canvas.draw()
    left, recalls = figure.axes
    assert [text.get_text() for text in left.get_yticklabels()] == ["strong", "weak"]
    drawn = [line.get_xdata().tolist() for line in left.lines if len(line.get_xdata()) == 2]
    assert summary["holdout_accuracy"].tolist() in drawn
    assert summary["accuracy"].tolist() in drawn
    for line in recalls.lines:
        of = classes[classes["class"] == line.get_label()].set_index("model")["recall"]
        assert line.get_xdata().tolist() == of[["strong", "weak"]].tolist()


def test_many_classes_are_dots_that_no_legend_names(judged):
    there, study = judged
    summary, classes = external_metrics.summary(there, study, 0), external_metrics.by_class(there)
    first = classes.drop_duplicates("model")
    more = [first.assign(**{"class": f"class_{i}"}) for i in range(9)]
    figure = external_figures.external(summary, pd.concat(more), "elsewhere")
    recalls = figure.axes[1]
    assert len(recalls.lines) == 9
    assert recalls.get_legend_handles_labels()[1] == ["one class"]
