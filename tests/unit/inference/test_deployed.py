"""The model that is used: chosen by the answer or by name, with what to expect of it; loaded by its
record, calibrated by its temperature."""

import dataclasses
import shutil

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.optimize import brentq, minimize
from scipy.special import betainc, log_softmax, softmax
from scipy.stats import binomtest

from stillact.core.errors import InputError
from stillact.core.runs import ALL, Run
from stillact.core.tables import write_csv
from stillact.data.preprocessing import Preprocessing
from stillact.evaluation import answer, bootstrap, comparisons, selection
from stillact.evaluation.answer import Answer, Price
from stillact.inference import deployed
from stillact.inference.deployed import Record
from stillact.models import weights
from stillact.recipes.from_scratch import setup as from_scratch
from stillact.recipes.from_scratch.config import FromScratchPlan
from stillact.training import jobs
from support import deployments

CLASSES = ["sitting", "standing"]
PLAN = FromScratchPlan(
    recipe="from_scratch",
    network=dict(type="cnn", channels=[4], hidden=8),
    classes=CLASSES,
    matched=None,
    training=dict(
        size=16,
        geometry="letterbox",
        learning_rate=0.01,
        weight_decay=0,
        batch_size=8,
        max_epochs=2,
        patience=2,
    ),
)


@pytest.fixture
def saved(tmp_path):
    """The path of model.json, with the weights of a run beside it, and the blocks of the models."""
    rng = np.random.default_rng(0)
    split = pd.DataFrame({"image_id": [f"{i:02}" for i in range(24)]})
    split["label"] = [CLASSES[i % 2] for i in range(24)]
    split["subset"] = ["train"] * 12 + ["validation"] * 6 + ["test"] * 6
    np.save(tmp_path / "pack.npy", rng.integers(0, 256, (24, 16, 16, 3), np.uint8))
    write_csv(split[["image_id"]], tmp_path / "pack.csv")
    write_csv(split, tmp_path / "split.csv")
    files = dict(array=tmp_path / "pack.npy", index=tmp_path / "pack.csv")
    run = tmp_path / "t/cnn/holdout/seed_0"
    given = files | dict(split=tmp_path / "split.csv")
    jobs.train_runs(from_scratch.setup, PLAN, given, [run], tmp_path / "u", "cpu", threads=1)
    path = tmp_path / "deployed" / deployed.RECORD
    path.parent.mkdir()
    shutil.move(run / jobs.WEIGHTS, path.parent)
    record = deployments.record(model="cnn", recipe="from_scratch", temperature=2.5)
    path.write_text(record.model_dump_json())
    models = {"cnn": {"plan": PLAN.model_dump(), "files": {k: str(v) for k, v in files.items()}}}
    return path, models


def test_it_answers_with_the_temperature_and_says_how_it_looks(saved):
    used = deployed.load(*saved, torch.device("cpu"))
    assert used.classes == CLASSES
    assert used.sees == (Preprocessing(16, "letterbox"),)
    photos = torch.randint(0, 256, (5, 3, 16, 16), dtype=torch.uint8)
    plain = used.trained.probabilities(photos)
    expected = softmax(log_softmax(np.log(plain), axis=1) / 2.5, axis=1)
    np.testing.assert_allclose(used.probabilities(photos), expected, rtol=1e-6)
    assert (used.probabilities(photos).max(1) < plain.max(1)).all()


def test_its_weights_are_those_beside_the_record(saved):
    path, models = saved
    used = deployed.load(path, models, torch.device("cpu"))
    assert used.record == deployments.record(model="cnn", recipe="from_scratch", temperature=2.5)
    found = weights.read(path.with_name("weights.safetensors"))
    state = used.trained.network.state_dict()
    assert state.keys() == found.keys()
    assert all(torch.equal(state[name], found[name]) for name in found)


def test_a_record_is_read_as_it_is_written():
    """A threshold just above 1 is not 1, at which a sure prediction would be answered."""
    record = deployments.record(threshold=np.nextafter(1, 2), chosen={"epoch": 4, "alpha": 0.1})
    assert Record.model_validate_json(record.model_dump_json(indent=1)) == record
    assert record.threshold > 1


# Which model, and what to expect of it


@dataclasses.dataclass(frozen=True)
class Study:
    table: pd.DataFrame
    found: Answer


def rows_of(
    model: str, split: str, seed: int, labels: np.ndarray, share: float, sharp: float = 1.0
) -> pd.DataFrame:
    """Predictions of a run for photos of these classes, of which about a share is right."""
    rng = np.random.default_rng([seed, *model.encode(), *split.encode()])
    right = rng.random(len(labels)) < share
    codes = np.where(right, labels, (labels + 1) % len(CLASSES))
    logits = rng.normal(size=(len(labels), len(CLASSES)))
    logits[range(len(labels)), codes] = logits.max(1) + np.minimum(rng.exponential(1 + right), 6)
    rows = pd.DataFrame(softmax(sharp * logits, axis=1), columns=[f"prob_{c}" for c in CLASSES])
    rows.insert(0, "label", np.array(CLASSES)[labels])
    head = dict(task="t", model=model, split=split, seed=seed, subset="test")
    ids = [f"{i:03}" for i in range(len(labels))]
    return pd.concat([pd.DataFrame(head, rows.index), rows.assign(image_id=ids)], axis=1)


def study(shares: dict[str, float], photos=240, repeats=1, groups_of=1, sharp=1.0) -> Study:
    """A study of models that are right on these shares of the photos, and of `tuned`, which is not
    cross-validated: five folds with their validation photos, and a holdout split of two seeds."""
    labels = np.random.default_rng(0).permutation(np.arange(photos) % len(CLASSES))
    tables = []
    for model, share in shares.items():
        for repeat in range(repeats):
            rows = rows_of(model, f"cv_{repeat}", 0, labels, share, sharp)
            fold = np.arange(photos) % 5
            for subset, shift in (("test", 0), ("validation", 1)):
                splits = [f"cv_{repeat}_{one}" for one in (fold + shift) % 5]
                moved = rows if subset == "test" else as_wrong(rows)
                tables.append(moved.assign(split=splits, subset=subset))
    for model, share in {**shares, "tuned": 0.9}.items():
        for seed in (0, 1):
            rows = rows_of(model, "holdout", seed, labels, share)
            tables.append((rows if model == "tuned" else as_wrong(rows)).iloc[: photos // 5])
    table = pd.concat(tables, ignore_index=True)
    if groups_of > 1:
        table["group"] = (table["image_id"].astype(int) // groups_of).astype(str)
    found = answer.answer(
        "t",
        selection.candidates(table, list(shares)),
        comparisons.pairs(table, list(shares)).assign(scheme="cv"),
        dict.fromkeys(shares, "mlp"),
        dict.fromkeys(shares, Price(seconds=1, memory_mb=100, weights_mb=10)),
        {"tuned": "no folds"},
        pd.Series(np.array(CLASSES)[labels]),
    )
    return Study(table, found)


def as_wrong(rows: pd.DataFrame) -> pd.DataFrame:
    """Sure and wrong, so that a record that read them would be another one."""
    said = rows["label"].to_numpy()[:, None] == np.array(CLASSES)
    return rows.assign(
        **{f"prob_{c}": np.where(said[:, i], 0.01, 0.99) for i, c in enumerate(CLASSES)}
    )


FITTED = dict(images=240, device="cpu: x", chosen={"epoch": 4}, seconds=1.5)


def record_of(one: Study, model: str, accuracy=0.9) -> Record:
    run = Run("t", model, ALL, 3)
    return deployed.record(run, "mlp", one.table, one.found, accuracy, FITTED)


@pytest.fixture(scope="module")
def shown() -> Study:
    made = study({"poor": 0.6, "close": 0.8, "best": 0.85}, repeats=2)
    assert (made.found.verdict, made.found.chosen) == (answer.SEVERAL_EQUAL, "best")
    assert [one.model for one in made.found.worse] == ["poor"]
    return made


@pytest.fixture(scope="module")
def guessed() -> Study:
    made = study({"a": 0.5, "b": 0.5})
    assert (made.found.verdict, made.found.model) == (answer.NOTHING_SHOWN, None)
    return made


@pytest.fixture(scope="module")
def without_candidate() -> Answer:
    labels = pd.Series(CLASSES * 5)
    return answer.answer("t", {}, pd.DataFrame({"scheme": []}), {}, {}, {"tuned": "no"}, labels)


def test_the_chosen_model_is_deployed_unless_one_is_named(shown, guessed, without_candidate):
    assert deployed.which(shown.found, None) == "best"
    assert deployed.which(shown.found, "poor") == "poor"
    assert deployed.which(guessed.found, None) == guessed.found.chosen
    assert deployed.which(without_candidate, "tuned") == "tuned"


def test_without_a_candidate_it_says_what_to_set(without_candidate):
    with pytest.raises(InputError, match=r"cross_validation of a recipe .* deploy: in the config"):
        deployed.which(without_candidate, None)


ACCURACY = ("accuracy", "accuracy_low", "accuracy_high")


@pytest.mark.parametrize("name", ["shown", "guessed"])
def test_the_accuracy_of_the_chosen_model_is_that_of_the_answer(name, request):
    one = request.getfixturevalue(name)
    found, record = one.found, record_of(one, one.found.chosen)
    assert [getattr(record, x) for x in ACCURACY] == [getattr(found, x) for x in ACCURACY]
    assert (record.evaluated, record.scheme) == (240, "cv")
    own = one.table[(one.table["model"] == found.chosen) & (one.table["subset"] == "test")]
    naive = correct(own[own["split"] != "holdout"]).mean()
    assert record.accuracy < naive  # corrected for the choice


@pytest.mark.parametrize(("model", "scheme"), [("close", "cv"), ("tuned", "holdout")])
def test_that_of_another_model_is_its_own(model, scheme, shown):
    record = record_of(shown, model)
    own = shown.table[(shown.table["model"] == model) & (shown.table["subset"] == "test")]
    rows = own[(own["split"] == "holdout") == (scheme == "holdout")]
    assert record.accuracy == pytest.approx(correct(rows).mean())
    assert record.evaluated == rows["image_id"].nunique() == (240 if scheme == "cv" else 48)
    assert record.scheme == scheme
    expected = bootstrap.intervals(own, scheme=scheme).set_index("metric").loc["accuracy"]
    ends = [record.accuracy_low, record.accuracy_high]
    assert ends == pytest.approx(expected[["ci_low", "ci_high"]].tolist())
    assert ends[0] < record.accuracy < ends[1]


def correct(rows: pd.DataFrame) -> np.ndarray:
    codes = rows[[f"prob_{name}" for name in CLASSES]].to_numpy().argmax(1)
    return np.array(CLASSES)[codes] == rows["label"].to_numpy()


def test_a_named_model_without_errors_has_an_interval_all_the_same():
    made = study({"poor": 0.6, "best": 1.0, "perfect": 1.0})
    assert made.found.chosen == "best"
    record = record_of(made, "perfect")
    expected = binomtest(240, 240).proportion_ci(method="wilson")
    assert record.accuracy == 1
    assert (record.accuracy_low, record.accuracy_high) == pytest.approx((expected.low, 1))


def test_what_was_fitted_is_in_the_record(shown):
    record = record_of(shown, "best", accuracy=0.8)
    assert {name: getattr(record, name) for name in FITTED} == FITTED
    found = record.task, record.model, record.recipe, record.seed, record.accuracy_wanted
    assert found == ("t", "best", "mlp", 3, 0.8)


def test_it_warns_where_nothing_is_shown(guessed):
    for model in ("a", "b", "tuned"):
        warning = record_of(guessed, model).warning
        assert warning.startswith("the study shows of no model that it is better than chance: ")
        assert warning.endswith(guessed.found.why.removesuffix("."))  # others add the full stop
        assert not warning.endswith(".")


def test_it_warns_of_a_named_model_that_is_worse(shown):
    (worse,) = shown.found.worse
    points = f"{100 * worse.difference:.1f}"
    expected = f"poor is worse than the recommended best by {points} points"
    assert record_of(shown, "poor").warning == expected
    own = {
        model: correct(rows).mean()
        for model, rows in shown.table[
            (shown.table["subset"] == "test") & (shown.table["split"] != "holdout")
        ].groupby("model")
    }
    assert float(points) == pytest.approx(100 * (own["best"] - own["poor"]), abs=0.05)


@pytest.mark.parametrize("model", ["best", "close", "tuned"])
def test_it_does_not_warn_of_others(model, shown):
    assert record_of(shown, model).warning == ""


@pytest.mark.parametrize(("repeats", "groups_of"), [(1, 1), (2, 1), (1, 3), (2, 3)])
@pytest.mark.parametrize("sharp", [0.5, 1.5])
@pytest.mark.parametrize("accuracy", [0.85, 0.9])
def test_temperature_and_threshold_are_those_of_all_photos(repeats, groups_of, sharp, accuracy):
    """Against scipy on the out-of-fold predictions alone: not those of validation or the holdout,
    which are sure and wrong here."""
    made = study({"poor": 0.6, "best": 0.85}, 240, repeats, groups_of, sharp)
    record = record_of(made, "best", accuracy)
    table = made.table
    tested = (table["subset"] == "test") & table["split"].str.startswith("cv")
    rows = table[tested & (table["model"] == "best")]
    assert len(rows) == 240 * repeats
    # 5e-9: the smallest that a table can tell from 0
    probabilities = rows[[f"prob_{name}" for name in CLASSES]].to_numpy().clip(5e-9)
    logs, labels = np.log(probabilities), rows["label"].map(CLASSES.index).to_numpy()

    def loss(temperature: np.ndarray) -> float:
        return -log_softmax(logs / temperature[0], axis=1)[range(len(rows)), labels].mean()

    fitted = minimize(loss, [1.0], method="Nelder-Mead", options=dict(xatol=1e-9, fatol=1e-12))
    assert record.temperature == pytest.approx(fitted.x[0], rel=1e-3)
    assert abs(np.log(record.temperature)) > 0.2

    confidence = softmax(logs / record.temperature, axis=1).max(1)
    independent = 240 // groups_of / len(rows)  # photos per prediction
    enough = [
        limit
        for limit in confidence
        if lower_end(correct(rows)[confidence >= limit], independent) >= accuracy
    ]
    expected = min(enough, default=np.nextafter(1, 2))
    assert record.threshold == pytest.approx(expected, rel=1e-9)
    assert record.answered == pytest.approx((confidence >= expected).mean())
    assert 0.1 < record.answered < 1 or groups_of > 1
    true = softmax(logs / record.temperature, axis=1)[range(len(rows)), labels]
    below = round(240 // groups_of * (1 - accuracy))  # of the independent photos
    outside = (true < record.set_limit).mean() * 240 // groups_of
    assert outside in (below - 1, below)


def lower_end(right: np.ndarray, share: float) -> float:
    """The one-sided 90 % limit of Clopper and Pearson, each prediction a share of a photo."""
    hits, made = share * right.sum(), share * len(right)
    if hits == 0:
        return 0.0
    found = brentq(lambda rate: betainc(hits, made - hits + 1, rate) - 0.1, 0, 1)
    if share == 1:
        interval = binomtest(int(hits), int(made)).proportion_ci(0.8, method="exact")
        assert found == pytest.approx(interval.low)
    return found


def test_a_model_that_is_never_sure_enough_has_a_threshold_above_1(guessed):
    record = record_of(guessed, "a", accuracy=0.95)
    assert 1 < record.threshold < 1 + 1e-9
    assert record.answered == 0


def test_without_cross_validation_they_are_those_of_the_test_photos(shown):
    record = record_of(shown, "tuned", accuracy=0.75)
    rows = shown.table[shown.table["model"] == "tuned"]
    logs = np.log(rows[[f"prob_{name}" for name in CLASSES]].to_numpy())
    labels = rows["label"].map(CLASSES.index).to_numpy()
    losses = [
        -log_softmax(logs / temperature, axis=1)[range(len(rows)), labels].mean()
        for temperature in record.temperature * np.array([1, 0.9, 1.1])
    ]
    assert losses[0] == min(losses)
    confidence = softmax(logs / record.temperature, axis=1).max(1)
    reached = correct(rows)[confidence >= record.threshold]
    assert lower_end(reached, 48 / 96) >= 0.75
    assert record.answered == len(reached) / 96
