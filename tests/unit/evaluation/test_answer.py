"""The answer of a study: what it recommends, and when it recommends nothing."""

import json

import numpy as np
import pandas as pd
import pytest

from stillact.core.errors import InputError
from stillact.evaluation import answer, answer_text, comparisons
from stillact.evaluation.answer import Answer, Geometry, Price
from stillact.evaluation.predictions import Predictions
from stillact.evaluation.selection import candidates, choose
from support import records

CLASSES = ["x", "y", "z"]
PRICE = Price(seconds=1, memory_mb=100, weights_mb=10)


def predictions(right: dict[str, np.ndarray], labels: np.ndarray) -> pd.DataFrame:
    """One repeat of one fold: a model is right on these photos, and else one class off."""
    tables = []
    for model, hits in right.items():
        codes = np.where(hits, labels, (labels + 1) % 3)
        rows = pd.DataFrame(np.eye(3)[codes] * 0.7 + 0.1, columns=[f"prob_{c}" for c in CLASSES])
        head = dict(task="t", model=model, split="cv_0_0", seed=0, subset="test")
        ids = [f"{i:03}" for i in range(len(labels))]
        rows.insert(0, "label", [CLASSES[code] for code in labels])
        tables.append(rows.assign(**head, image_id=ids))
    return pd.concat(tables)


def made(right: dict[str, np.ndarray], labels: np.ndarray, not_judged=()) -> Answer:
    table = predictions(right, labels)
    pairs = comparisons.pairs(table, list(right)).assign(scheme="cv")
    return answer.answer(
        "t",
        candidates(table, list(right)),
        pairs,
        dict.fromkeys(right, "mlp"),
        dict.fromkeys(right, PRICE),
        dict(not_judged),
        pd.Series([CLASSES[code] for code in labels]),
    )


LABELS = np.arange(120) % 3


def hits(share: float, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).random(len(LABELS)) < share


def test_one_best_is_better_than_each_other():
    found = made({"cheap": hits(0.4, 0), "best": hits(0.9, 1)}, LABELS, {"tuned": "no folds"})
    assert (found.verdict, found.model, found.chosen) == (answer.ONE_BEST, "best", "best")
    assert [one.model for one in found.worse] == ["cheap"]
    assert found.equals == []
    (worse,) = found.worse
    gain = hits(0.9, 1).mean() - hits(0.4, 0).mean()
    assert worse.difference == pytest.approx(gain)
    assert worse.low < gain < worse.high
    assert found.chance == pytest.approx(1 / 3)
    assert found.accuracy_low < found.accuracy < found.accuracy_high
    assert [(one.model, one.reason) for one in found.not_judged] == [("tuned", "no folds")]


def test_equals_are_named_the_cheapest_first():
    best = hits(0.8, 1)
    close = best.copy()
    close[np.flatnonzero(best)[0]] = False
    found = made({"cheap": close, "dear": close.copy(), "best": best}, LABELS)
    assert (found.verdict, found.model) == (answer.SEVERAL_EQUAL, "best")
    assert [one.model for one in found.equals] == ["cheap", "dear"]


def test_nothing_is_shown_of_guesses():
    found = made({"a": hits(1 / 3, 5), "b": hits(1 / 3, 6)}, LABELS)
    assert (found.verdict, found.model) == (answer.NOTHING_SHOWN, None)
    assert found.chosen in ("a", "b")
    first, *rest = answer_text.sentences(found)
    assert first == "These photos do not show that any model can distinguish x, y and z."
    assert f"about {found.needed} photos" in " ".join(rest)


def test_nothing_is_shown_of_the_largest_class_alone():
    labels = np.repeat([0, 1, 2], [100, 10, 10])
    constant = labels == 0
    found = made({"constant": constant}, labels)
    assert found.verdict == answer.NOTHING_SHOWN
    assert found.accuracy == pytest.approx(found.chance, abs=0.01)


def test_nothing_is_shown_in_at_most_one_of_twenty_studies_of_shuffled_labels():
    rng = np.random.default_rng(0)
    shown, studies = 0, 100
    for _ in range(studies):
        labels = rng.permutation(np.arange(60) % 3)
        given = {}
        for model in range(6):
            cube = np.eye(3)[rng.integers(0, 3, (1, 60))]
            given[str(model)] = Predictions(np.arange(60), CLASSES, labels, cube)
        shown += answer.is_shown(choose(given, resamples=200), 1 / 3, 3)
    assert shown <= 0.05 * studies


def test_without_candidates_it_says_what_to_set():
    found = answer.answer(
        "t", {}, pd.DataFrame({"scheme": []}), {}, {}, {"m": "no folds"}, pd.Series(CLASSES * 5)
    )
    assert (found.verdict, found.model, found.accuracy) == (answer.NOTHING_SHOWN, None, None)
    assert "cross_validation" in found.why
    assert answer_text.sentences(found)
    assert "Not judged: m: no folds." in answer_text.as_markdown(found)


def test_it_is_read_as_it_is_written(tmp_path):
    found = made({"cheap": hits(0.4, 0), "best": hits(0.9, 1)}, LABELS)
    path = tmp_path / "answer.json"
    path.write_text(found.model_dump_json())
    assert Answer.read(path) == found
    path.write_text(json.dumps({"verdict": "one_best"}))
    with pytest.raises(InputError, match=r"answer\.json is damaged"):
        Answer.read(path)


def test_the_words_hold_the_numbers():
    found = made({"cheap": hits(0.4, 0), "best": hits(0.9, 1)}, LABELS)
    first, second, beside = answer_text.sentences(found)
    assert first.startswith("Use best to distinguish x, y and z")
    for value in (found.accuracy, found.accuracy_low, found.accuracy_high):
        assert f"{100 * value:.1f}\xa0%" in first
    assert "120 photos" in second
    assert f"{100 * found.chance:.1f}\xa0%" in second
    assert f"{100 * found.worse[0].low:.1f}" in beside
    text = answer_text.as_markdown(found)
    assert first in text
    assert "| best | chosen |" in text


def test_a_difference_in_few_photos_is_not_shown():
    best, other = np.ones(120, bool), np.ones(120, bool)
    other[:5] = False
    table = predictions({"best": best, "other": other}, LABELS)
    fold = table["image_id"].astype(int) // 24
    table["split"] = "cv_0_" + fold.astype(str)
    pairs = comparisons.pairs(table, ["best", "other"]).assign(scheme="cv")
    (pair,) = pairs.to_dict("records")
    assert pair["mcnemar_p_holm"] > 0.05
    recipes = dict.fromkeys(("best", "other"), "mlp")
    prices = dict.fromkeys(recipes, PRICE)
    given = candidates(table, list(recipes))
    labels = pd.Series([CLASSES[code] for code in LABELS])
    found = answer.answer("t", given, pairs, recipes, prices, {}, labels)
    (equal,) = found.equals
    assert (equal.model, equal.p) == ("other", pair["mcnemar_p_holm"])


def test_the_price_of_a_derived_model_has_the_training_of_its_base(tmp_path):
    def meta(name, seconds, memory):
        path = tmp_path / f"{name}.json"
        records.run(seconds=seconds, peak_memory_mb=memory, parameters=250_000).write(path)
        return path

    metas = {"views": [meta("v", 1, 900)], "probe": [meta("a", 10, 500), meta("b", 20, 600)]}
    found = answer.prices(metas, {"views": []}, {"views": ["probe"]}, {})
    assert found == {"views": Price(seconds=16, memory_mb=900, weights_mb=1)}


def test_the_price_of_an_ensemble_has_the_training_and_weights_of_its_members(tmp_path):
    metas = {}
    for model, seconds, parameters in (("both", 1, 0), ("tta", 2, 500_000), ("probe", 10, 500_000)):
        of = {"seconds": seconds, "peak_memory_mb": 500 + seconds, "parameters": parameters}
        metas[model] = [tmp_path / f"{model}.json"]
        records.run(**of).write(metas[model][0])
    backbones = []
    for name, parameters in (("a", 1_000_000), ("b", 2_000_000)):
        path = tmp_path / f"{name}.json"
        backbones.append(records.write(path, name, image_parameters=parameters))
    made_of, members = {"both": ["tta", "probe"]}, {"both": ["tta"]}  # probe: the base of tta
    found = answer.prices(metas, {"both": backbones}, made_of, members)
    assert found == {"both": Price(seconds=13, memory_mb=510, weights_mb=3.5 * 4)}


@pytest.mark.parametrize(("accuracy", "more"), [(0.5, False), (0.9, True)])
def test_the_answer_states_what_the_boxes_alone_say(accuracy, more):
    found = made({"cheap": hits(0.4, 0), "best": hits(0.9, 1)}, LABELS)
    assert "no pixels" not in answer_text.as_markdown(found)
    baseline = Geometry(accuracy=accuracy, low=0.4, high=0.95, with_boxes=100)
    text = answer_text.as_markdown(found.model_copy(update={"geometry": baseline}))
    assert f"but no pixels, on {100 * accuracy:.1f}\xa0%" in text
    assert ("that best uses more than that is not shown" in text) == more
