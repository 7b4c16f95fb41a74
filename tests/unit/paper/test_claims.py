import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import precision_recall_fscore_support

from stillact.core.tables import read_csv
from stillact.evaluation import error_analysis, metrics
from stillact.evaluation.hypothesis_tests import paired_interval
from stillact.evaluation.predictions import by_model
from stillact.paper import claims, model_claims

DATA = Path(__file__).parents[3] / "data"
BETTER = ("a beats b", "better", "task", "test", "a b")
SAME = ("a and b are the same", "same", "task", "test", "a b")
DIFFER = ("models differ", "differ", "task", "test", "all")


def answers(model, right, *, split="holdout", seed=0, subset="test", first=0):
    """Predictions of one run: right on the images that have a 1 in `right`, wrong at a 0."""
    right = np.array([int(digit) for digit in right])
    first_class = np.arange(len(right)) % 2
    given = np.where(right == 1, first_class, 1 - first_class)
    return pd.DataFrame(
        {
            "task": "task",
            "model": model,
            "split": split,
            "seed": seed,
            "subset": subset,
            "image_id": [f"i{first + place:03d}" for place in range(len(right))],
            "label": np.where(first_class == 1, "x", "y"),
            "prob_x": np.where(given == 1, 0.9, 0.1),
            "prob_y": np.where(given == 1, 0.1, 0.9),
        }
    )


def holdout(**models):
    """A run a seed: model=[right or wrong, an image a digit; ...]."""
    return pd.concat(
        answers(model, right, seed=seed)
        for model, seeds in models.items()
        for seed, right in enumerate(seeds)
    )


def judged(predictions, *rows, names=None, anova=None, photos=None, contrasts=None):
    columns = ["claim", "kind", "task", "subset", "about"]
    return claims.evaluate(
        pd.DataFrame(rows, columns=columns),
        metrics.of_runs(predictions),
        {"task": predictions},
        names=names or {},
        anova=anova or {},
        photos=photos,
        contrasts={} if contrasts is None else {"task": contrasts},
    )


def only(predictions, row, **options):
    """Verdict and evidence of one claim."""
    table, note = judged(predictions, row, **options)
    assert note == ""
    (found,) = table.itertuples(index=False)
    assert found.claim == row[0]
    return found.verdict, found.evidence


GOOD = ["1" * 20, "1" * 19 + "0", "1" * 20]
BAD = ["1" * 8 + "0" * 12, "1" * 10 + "0" * 10, "1" * 9 + "0" * 11]


def test_better_with_seeds_and_photos_is_supported_and_the_other_way_round_not():
    verdict, evidence = only(holdout(a=GOOD, b=BAD), BETTER)
    assert verdict == "supported"
    differences = np.array([12, 9, 11]) / 20
    t = stats.ttest_1samp(differences, 0)
    low, high = t.confidence_interval(0.95)
    # per run: 20, 19 and 20 right against 8, 10 and 9; of an image every pair of runs counts
    right = [np.array([[c == "1" for c in run] for run in runs]).mean(0) for runs in (GOOD, BAD)]
    only_a, only_b = (right[0] * (1 - right[1])).sum(), (right[1] * (1 - right[0])).sum()
    assert evidence == (
        f"a minus b: +53.3 points over 3 seeds (95 % interval +{100 * low:.1f} to "
        f"+{100 * high:.1f}, t(2) = {t.statistic:.3f}, p = {t.pvalue:.3f}), and of 20 test photos "
        f"{only_a:.3g} are right by a run of a alone, {only_b:.3g} by one of b alone (paired p < "
        "0.001)."
    )
    assert only(holdout(a=BAD, b=GOOD), BETTER)[0] == "not supported"


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize(
    ("one", "other", "seeds_agree", "photos_agree"),
    [
        # Three photos more with every seed, nearly: sure over seeds, but 3 of 3 photos is p = .25.
        (["1" * 20] * 3, ["1" * 17 + "000", "1" * 17 + "000", "1" * 16 + "0000"], True, False),
        # Every photo is better in the mean of the runs, but one seed of three is not.
        (["1" * 20, "1" * 20, "0" * 20], ["0" * 20] * 3, False, True),
    ],
)
def test_better_is_undecided_where_seeds_or_photos_say_nothing(
    one, other, seeds_agree, photos_agree, turned
):
    predictions = holdout(a=other, b=one) if turned else holdout(a=one, b=other)
    runs = metrics.of_runs(predictions).pivot(index="seed", columns="model", values="accuracy")
    assert (stats.ttest_rel(runs["a"], runs["b"]).pvalue < 0.05) == seeds_agree
    verdict, evidence = only(predictions, BETTER)
    assert verdict == "undecided"
    p = float(re.search(r"paired p [=<] ([\d.]+)", evidence)[1])
    assert (p < 0.05) == photos_agree


def test_better_than_several_has_to_hold_for_each_and_fails_with_one():
    row = ("a beats both", "better", "task", "test", "a b c")
    cases = {
        "supported": dict(a=GOOD, b=BAD, c=BAD[::-1]),
        "undecided": dict(a=GOOD, b=BAD, c=GOOD),
        "not supported": dict(a=BAD, b=["0" * 20] * 3, c=GOOD),
    }
    for verdict, models in cases.items():
        found, evidence = only(holdout(**models), row)
        assert found == verdict
        assert re.findall(r"a minus (\w)", evidence) == ["b", "c"]


def test_better_with_a_single_seed_is_undecided():
    verdict, evidence = only(holdout(a=["1" * 20], b=["0" * 20]), BETTER)
    assert verdict == "undecided"
    assert "+100.0 points with one seed (no interval)" in evidence


def test_better_without_a_seed_in_common_is_undecided():
    predictions = pd.concat([answers("a", "1" * 20, seed=0), answers("b", "0" * 20, seed=1)])
    verdict, evidence = only(predictions, BETTER)
    assert verdict == "undecided"
    assert "no seed in common" in evidence


def test_identical_models_are_not_better_but_the_same():
    predictions = holdout(a=GOOD, b=GOOD)
    verdict, evidence = only(predictions, BETTER)
    assert verdict == "undecided"
    assert "+0.0 points with each of 3 seeds" in evidence
    assert "(paired p = 1.000)" in evidence
    # 20 photos that tell nothing apart do not show that no five in a hundred do
    assert only(predictions, SAME)[0] == "undecided"
    longer = [right * 20 for right in GOOD]
    assert only(holdout(a=longer, b=longer), SAME)[0] == "supported"


def test_models_that_no_seed_changes_are_judged_by_their_photos():
    """As of heads on frozen features trained to the end: the difference has no t."""
    assert only(holdout(a=["1" * 20] * 3, b=BAD[:1] * 3), BETTER)[0] == "supported"
    assert only(holdout(a=BAD[:1] * 3, b=["1" * 20] * 3), BETTER)[0] == "not supported"
    verdict, evidence = only(holdout(a=["1" * 20] * 3, b=["1" * 18 + "00"] * 3), BETTER)
    assert verdict == "undecided"
    assert "+10.0 points with each of 3 seeds" in evidence


def folds(model, right):
    """A repeat of cross-validation, a fold a text."""
    return pd.concat(
        answers(model, digits, split=f"cv_0_{fold}", first=10 * fold)
        for fold, digits in enumerate(right)
    )


A_FOLDS = ["1111111111", "1111111110", "1111111111", "1111111110", "1111111111"]
B_FOLDS = ["1111100000", "1111110000", "1111000000", "1111100000", "1111110000"]


def test_folds_take_the_place_of_seeds_where_all_models_have_them():
    """The holdout, on which b is ahead, is not looked at."""
    on_holdout = holdout(a=BAD, b=GOOD)
    predictions = pd.concat([on_holdout, folds("a", A_FOLDS), folds("b", B_FOLDS)])
    verdict, evidence = only(predictions, BETTER)
    assert verdict == "supported"
    differences = np.array([5, 3, 6, 4, 4]) / 10
    t = differences.mean() / np.sqrt((1 / 5 + 10 / 40) * differences.var(ddof=1))
    p = 2 * stats.t.sf(t, 4)
    assert evidence == (
        f"a minus b: +44.0 points over 5 folds (corrected t-test's p = {p:.3f}), and of 50 photos "
        "22 are right by a run of a alone, 0 by one of b alone (paired p < 0.001)."
    )
    turned = pd.concat([on_holdout, folds("b", A_FOLDS), folds("a", B_FOLDS)])
    assert only(turned, BETTER)[0] == "not supported"
    half = pd.concat([on_holdout, folds("a", A_FOLDS)])
    assert only(half, BETTER) == only(on_holdout, BETTER)


def test_a_claim_about_validation_stays_on_the_holdout():
    rows = pd.concat([holdout(a=GOOD, b=BAD), folds("a", A_FOLDS), folds("b", B_FOLDS)])
    rows = pd.concat([rows, rows.assign(subset="validation")])
    validation = (*BETTER[:3], "validation", "a b")
    assert "20 validation photos" in only(rows, validation)[1]


def test_the_same_difference_in_every_fold_has_no_t():
    predictions = pd.concat([folds("a", ["1" * 10] * 5), folds("b", ["1" * 6 + "0" * 4] * 5)])
    predictions = pd.concat([holdout(a=GOOD, b=GOOD), predictions])
    verdict, evidence = only(predictions, BETTER)
    assert verdict == "supported"
    assert "+40.0 points in each of 5 folds" in evidence


@pytest.mark.parametrize(
    ("b", "verdict"),
    [
        ((500, 505, 495), "supported"),  # 0 +- 1.2 points over seeds, 0 +- .2 over photos
        ((480, 490, 470), "supported"),  # 2 +- 2.5; 2.0 +- .9
        ((480, 540, 450), "undecided"),  # 1 +- 11.4
        ((440, 470, 490), "undecided"),  # 3.3 +- 6.3
        ((440, 460, 470), "not supported"),  # 4.3 +- 3.8; 40 photos by a alone
        ((560, 540, 530), "not supported"),  # -4.3 +- 3.8
        ((480, 480, 480), "not supported"),  # 2 with each seed; 20 photos by a alone
    ],
)
def test_same_takes_both_intervals_within_five_points(b, verdict):
    """t(.975, 2) = 4.303; a has 500 of 1000 photos right with each seed, b as many as given."""
    right = {"a": (500, 500, 500), "b": b}
    texts = {model: ["1" * n + "0" * (1000 - n) for n in seeds] for model, seeds in right.items()}
    assert only(holdout(**texts), SAME)[0] == verdict


@pytest.mark.parametrize("photos", [10, 29])
def test_same_looks_at_photos_as_well_as_at_seeds(photos):
    """Three more photos with every seed: seeds alone would show a difference, the photos do not."""
    a, b = "1" * photos, "0" * 3 + "1" * (photos - 3)
    verdict, evidence = only(holdout(a=[a] * 3, b=[b] * 3), SAME)
    assert verdict == "undecided"
    low, high = paired_interval(3, 0, photos)
    assert f"over photos {100 * low:+.1f} to {100 * high:+.1f} points".replace("-", "−") in evidence


def test_same_takes_folds_where_both_models_have_them():
    predictions = pd.concat([holdout(a=GOOD, b=GOOD), folds("a", A_FOLDS), folds("b", B_FOLDS)])
    verdict, evidence = only(predictions, SAME)
    assert verdict == "not supported"
    assert "over 5 folds" in evidence


EACH = ("a beats b by each metric", "better_by_each", "task", "test", "a b")


@pytest.mark.parametrize("scheme", ["holdout", "cv"])
def test_better_by_each_metric(scheme):
    predictions = holdout(a=GOOD, b=BAD)
    if scheme == "cv":
        turned = holdout(a=BAD, b=GOOD)
        predictions = pd.concat([turned, folds("a", A_FOLDS), folds("b", B_FOLDS)])
    verdict, evidence = only(predictions, EACH)
    assert verdict == "supported"
    unit = "5 folds" if scheme == "cv" else "3 seeds"
    assert re.findall(
        r"(accuracy|precision|recall|F1) \+[\d.]+ points over (\d \w+)", evidence
    ) == [(metric, unit) for metric in ("accuracy", "precision", "recall", "F1")]
    swapped = (*EACH[:4], "b a")
    assert only(predictions, swapped)[0] == "not supported"
    assert only(holdout(a=GOOD, b=GOOD), EACH)[0] == "undecided"


def test_better_by_each_fails_with_one_metric():
    """a is right more often, but always says one class: its precision and F1 are lower."""
    a = "01" * 16
    b = "".join("1" if place % 4 == 0 or place % 8 == 1 else "0" for place in range(32))
    verdict, evidence = only(holdout(a=[a] * 3, b=[b] * 3), EACH)
    assert verdict != "supported"
    assert "accuracy +12.5 points" in evidence


def test_the_bootstrap_of_metrics_is_scikit_learns_on_the_drawn_photos():
    rng = np.random.default_rng(1)
    predictions = holdout(a=["".join(rng.choice(list("01"), 30)) for _ in range(2)])
    given = by_model(predictions, scheme="holdout")["a"]
    resampled = model_claims._resampled(given)
    draws = np.random.default_rng(0).multinomial(30, np.full(30, 1 / 30), 1)[0]
    drawn = np.repeat(np.arange(30), draws)
    expected = [
        (
            (answers[drawn] == given.labels[drawn]).mean(),
            *precision_recall_fscore_support(
                given.labels[drawn], answers[drawn], average="macro", zero_division=0
            )[:3],
        )
        for answers in given.predicted
    ]
    assert resampled[:, 0] == pytest.approx(np.mean(expected, axis=0))


SIZES = ("no class is larger", "same_sizes", "task", "test", "width height")


def sizes(**widths):
    rows = [(label, width, 480) for label, of in widths.items() for width in of]
    return pd.DataFrame(rows, columns=["label", "width", "height"])


@pytest.mark.parametrize(
    ("x", "y", "verdict"),
    [
        ([640, 630, 620, 640] * 10, [630, 640, 640, 620] * 10, "supported"),
        ([640, 630] * 20, [320, 330] * 20, "not supported"),
        ([640, 300, 500], [300, 640, 520], "undecided"),
        ([640] * 5, [640] * 5, "supported"),
        ([640], [640, 300], "undecided"),  # one class with two photos
    ],
)
def test_sizes_of_classes(x, y, verdict):
    found, evidence = only(holdout(a=GOOD), SIZES, photos=sizes(x=x, y=y))
    assert found == verdict
    if len(x) > 1:
        assert f"width: means of x {np.mean(x):.0f}, y {np.mean(y):.0f} px" in evidence
        assert "height: means of x 480, y 480 px (Kruskal and Wallis's p = 1.000)" in evidence


HARDER = ("small people are hard", "harder_photos", "task", "test", "a")


def contrasted(small, covered, scheme="holdout", model="a"):
    """Errors among 40 photos at either end: (first, last) of person_size and of overlap."""
    rows = []
    for factor, errors in (("person_size", small), ("overlap", covered)):
        low, high = [(f"{factor}{end}", 40, wrong) for end, wrong in zip("ab", errors, strict=True)]
        for name, photos, wrong in (low, high):
            rows.append((model, factor, name, 0, 0, photos, wrong, wrong / photos))
    columns = ["model", "factor", "bin", "low", "high", "photos", "errors", "error_rate"]
    rates = pd.DataFrame(rows, columns=columns)
    found = error_analysis.contrasts(rates.assign(effective_photos=rates["photos"]))
    return found.assign(scheme=scheme)


@pytest.mark.parametrize(
    ("small", "covered", "verdict"),
    [
        ((30, 10), (8, 25), "supported"),
        ((30, 10), (20, 22), "undecided"),
        ((30, 10), (25, 8), "not supported"),  # fewer errors on covered people
        ((10, 30), (8, 25), "not supported"),
    ],
)
def test_errors_on_small_and_covered_people(small, covered, verdict):
    found, evidence = only(holdout(a=GOOD), HARDER, contrasts=contrasted(small, covered))
    assert found == verdict
    assert (
        f"a: {small[0]} of 40 photos with the smallest people are wrong, {small[1]} of 40 photos "
        "with the largest are wrong (p < 0.001)"
    ) in evidence


def test_errors_of_folds_are_taken_where_there_are_any():
    both = pd.concat([contrasted((10, 30), (25, 8)), contrasted((30, 10), (8, 25), scheme="cv")])
    assert only(holdout(a=GOOD), HARDER, contrasts=both)[0] == "supported"


def test_errors_of_photos_without_boxes_are_undecided():
    table = contrasted((30, 10), (8, 25))
    table.loc[table["factor"] == "overlap", ["p", "note"]] = [np.nan, "no boxes"]
    found, evidence = only(holdout(a=GOOD), HARDER, contrasts=table)
    assert found == "undecided"
    assert "a, share of the person under others' boxes: no boxes" in evidence


def test_same_tells_the_t_test():
    predictions = holdout(a=GOOD, b=BAD)
    _, evidence = only(predictions, SAME)
    test = stats.ttest_1samp([12, 9, 11], 0)
    assert f"t(2) = {test.statistic:.3f}, p = {test.pvalue:.3f}" in evidence


def test_same_with_a_single_seed_is_undecided():
    assert only(holdout(a=GOOD[:1], b=GOOD[:1]), SAME)[0] == "undecided"


def test_differ_takes_both_analyses_of_variance():
    anova = {"all": ["a", "b", "c"]}
    predictions = holdout(a=GOOD, b=BAD, c=BAD)
    verdict, evidence = only(predictions, DIFFER, anova=anova)
    assert verdict == "supported"
    f, p = stats.f_oneway([1, 0.95, 1], [0.4, 0.5, 0.45], [0.4, 0.5, 0.45])
    assert p < 0.001
    assert f"F(2, 6) = {f:.2f}, p < 0.001" in evidence
    assert "over 9 seeds of 3 models" in evidence
    alike = holdout(a=BAD, b=BAD[1:] + BAD[:1], c=BAD)
    verdict, evidence = only(alike, DIFFER, anova=anova)
    assert verdict == "undecided"
    assert "F(2, 6) = 0.00, p = 1.000" in evidence


def test_differ_with_unequal_variances_takes_welch_too():
    right = {"a": (20, 19, 20), "b": (5, 10, 14)}
    predictions = holdout(
        **{model: ["1" * n + "0" * (20 - n) for n in seeds] for model, seeds in right.items()}
    )
    assert stats.f_oneway(*right.values()).pvalue == pytest.approx(0.019, abs=5e-4)
    welch = stats.ttest_ind(*right.values(), equal_var=False).pvalue
    verdict, evidence = only(predictions, DIFFER, anova={"all": ["a", "b"]})
    assert verdict == "undecided"
    assert f"p = 0.019, Welch's F(1, 2.066) = 14.52, p = {welch:.3f}" in evidence


def test_differ_without_seed_variance_is_undecided_and_says_why():
    constant = holdout(a=["1" * 20] * 3, b=BAD)
    verdict, evidence = only(constant, DIFFER, anova={"all": ["a", "b"]})
    assert verdict == "undecided"
    assert "a is as accurate with every seed and is left out" in evidence


def test_a_claim_whose_models_the_study_lacks_is_left_out_with_a_note():
    other = ("a beats c", "better", "task", "test", "a c")
    elsewhere = ("a beats b there", "better", "other_task", "test", "a b")
    unknown = ("some differ", "differ", "task", "test", "seven")
    table, note = judged(holdout(a=GOOD, b=BAD), other, BETTER, elsewhere, unknown)
    assert table["claim"].tolist() == ["a beats b"]
    assert note == (
        "Omitted, no runs of c: a beats c. Omitted, no runs of a, b: a beats b there. "
        "Omitted, no runs of seven: some differ."
    )


def test_a_study_with_one_model_has_no_claim_to_judge():
    table, note = judged(holdout(a=GOOD), BETTER, SAME)
    assert table.empty
    assert table.columns.tolist() == ["claim", "verdict", "evidence"]
    assert note.count("no runs of b") == 2


def test_a_class_that_no_test_photo_has():
    predictions = holdout(a=GOOD, b=BAD).assign(prob_z=0.0)
    assert only(predictions, BETTER) == only(holdout(a=GOOD, b=BAD), BETTER)


def test_names_stand_for_models():
    row = ("flips help", "better", "task", "test", "flip none")
    predictions = holdout(a=GOOD, b=BAD)
    assert only(predictions, row, names={"flip": "a", "none": "b"})[0] == "supported"


def test_the_papers_claims_name_models_of_the_paper():
    table, reported = read_csv(DATA / "paper_claims.csv"), read_csv(DATA / "paper_results.csv")
    assert table["claim"].is_unique
    assert set(table["kind"]) == set(claims.KINDS)
    for row in table[~table["kind"].isin(["differ", "same_sizes"])].itertuples():
        known = reported[(reported["task"] == row.task) & (reported["subset"] == row.subset)]
        assert set(row.about.split()) <= set(known["model"]), row.claim
