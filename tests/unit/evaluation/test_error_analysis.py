import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from stillact.core.tables import read_csv, write_csv
from stillact.evaluation import error_analysis, error_factors
from stillact.evaluation.predictions import Predictions
from support.answers import model, with_probabilities


def kinds(**columns) -> pd.DataFrame:
    """A table of factors, unknown where nothing is given."""
    count = len(next(iter(columns.values())))
    table = {"image_id": [f"p{i}" for i in range(count)]} | dict.fromkeys(
        error_factors.FACTORS, np.nan
    )
    return pd.DataFrame(table | columns, index=range(count))


def half_wrong(wrong_first: int, wrong_last: int, each: int = 10) -> tuple[dict, pd.DataFrame]:
    """One model, so often wrong on dark photos and on bright ones."""
    wrong = [i < wrong_first for i in range(each)] + [i < wrong_last for i in range(each)]
    of = {"a": model([0] * 2 * each, [int(flag) for flag in wrong])}
    return of, kinds(brightness=[0.2] * each + [0.8] * each)


def contrast(*args) -> dict:
    (row,) = (
        error_analysis.contrasts(error_analysis.rates(*half_wrong(*args)))
        .query("factor == 'brightness'")
        .to_dict("records")
    )
    return row


def test_a_verdict_is_the_vote_with_means_over_the_runs_that_judge():
    given = with_probabilities(
        [0, 1, 2],
        [[0.9, 0.1, 0.0], [0.5, 0.4, 0.1], [np.nan] * 3],
        [[0.3, 0.6, 0.1], [np.nan] * 3, [np.nan] * 3],
        [[0.2, 0.5, 0.3], [np.nan] * 3, [np.nan] * 3],
    )
    table = error_analysis.verdicts(given)
    assert table.index.tolist() == ["p0", "p1"]  # none judges p2
    assert table["answer"].tolist() == ["sitting", "walking"]
    assert table["label"].tolist() == ["walking", "sitting"]
    assert table["probability"].tolist() == pytest.approx([0.4, 0.5])
    assert table["probability_of_truth"].tolist() == pytest.approx([1.4 / 3, 0.4])


def test_photos_of_a_group_count_as_often_as_they_differ():
    """Groups of four copies, 20 groups in each bin: about 20 photos, by Kish's design effect with
    unbiased variances (20 - 1) * 80 / (80 - 1)."""
    wrong = np.tile([1, 0, 0, 1, 0, 0, 0, 0, 0, 1], 6)
    wrong[40:] = 0
    wrong[[40, 41]] = 1
    sizes = np.repeat([0.1, 0.3, 0.6], 80)
    given = model([0] * 240, np.repeat(wrong, 4).tolist())
    given = replace(given, groups=np.arange(240) // 4)
    table = error_analysis.rates({"a": given}, kinds(person_size=sizes))
    rows = table[table["factor"] == "person_size"]
    assert rows[["photos", "errors"]].to_numpy().tolist() == [[80, 24], [80, 24], [80, 8]]
    effective = 19 * 80 / 79
    assert rows["effective_photos"].tolist() == pytest.approx([effective] * 3)
    for row in rows.itertuples():
        interval = proportion_confint(row.error_rate * effective, effective, method="wilson")
        assert (row.ci_low, row.ci_high) == pytest.approx(interval)
    contrast = error_analysis.contrasts(table).query("factor == 'person_size'").iloc[0]
    assert contrast["p"] == pytest.approx(stats.fisher_exact([[6, 13], [2, 17]]).pvalue)


def test_rates_by_hand():
    # of a single run, the mean over three: 5 of 9 answers on small people are wrong
    given = model(
        [0] * 9,
        [1, 1, 0, 0, 0, 0, 0, 0, 1],
        [1, 2, 0, 0, 0, 0, 1, 0, 1],
        [0, 1, 0, 1, 0, 0, 0, 0, 1],
    )
    sizes = [0.1, 0.12, 0.2, 0.3, 0.35, 0.4, 0.5, 0.6, 0.9]
    table = error_analysis.rates({"a": given}, kinds(person_size=sizes, brightness=sizes))
    rows = table[table["factor"] == "person_size"]
    assert rows["bin"].tolist() == ["0.1 to 0.2", "0.3 to 0.4", "0.5 to 0.9"]
    assert (rows["low"].tolist(), rows["high"].tolist()) == ([0.1, 0.3, 0.5], [0.2, 0.4, 0.9])
    assert rows["photos"].tolist() == [3, 3, 3]
    assert rows["errors"].tolist() == pytest.approx([5 / 3, 1 / 3, 4 / 3])
    assert rows["error_rate"].tolist() == pytest.approx([5 / 9, 1 / 9, 4 / 9])
    for row in rows.itertuples():
        interval = proportion_confint(row.errors, row.photos, method="wilson")
        assert (row.ci_low, row.ci_high) == pytest.approx(interval)


def test_people_and_edges_have_bins_of_their_own():
    people, cut = [1, 1, 2, 3, 4, 14], ["no", "yes", "no", "no", "no", "yes"]
    table = error_analysis.rates(
        {"a": model([0] * 6, [0, 1, 0, 0, 1, 0])}, kinds(people=people, cut_off=cut)
    )
    of_people = table[table["factor"] == "people"]
    assert of_people["bin"].tolist() == ["one", "two or three", "four or more"]
    assert of_people["photos"].tolist() == [2, 2, 2]
    assert of_people["errors"].tolist() == [1, 0, 1]
    assert of_people["high"].tolist() == [1, 3, 14]
    of_cut = table[table["factor"] == "cut_off"]
    assert of_cut["bin"].tolist() == ["no", "yes"]
    assert of_cut["errors"].tolist() == [1, 1]
    assert of_cut["low"].isna().all()


def test_photos_without_boxes_are_a_bin_of_their_own():
    sizes = [0.1, 0.2, 0.3, math.nan, math.nan]
    table = error_analysis.rates({"a": model([0] * 5, [1, 0, 0, 1, 0])}, kinds(person_size=sizes))
    rows = table[table["factor"] == "person_size"]
    assert rows["bin"].tolist() == ["0.1", "0.2", "0.3", "unknown"]
    assert rows["photos"].tolist() == [1, 1, 1, 2]
    row = error_analysis.contrasts(table).query("factor == 'person_size'").iloc[0]
    assert row["unknown"] == 2
    assert (row["first_photos"], row["last_photos"]) == (1, 1)
    assert error_analysis.contrast_sentence(row).endswith(
        "Photos without person boxes, excluded: 2."
    )


def test_all_models_have_the_same_bins_and_each_its_own_photos():
    few = model([0] * 6, [None, None, 0, None, 1, 1])
    table = error_analysis.rates(
        {"a": model([0] * 6, [0] * 6), "b": few}, kinds(brightness=[0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
    )
    rows = table[table["factor"] == "brightness"]
    a, b = (rows[rows["model"] == name] for name in "ab")
    assert a["photos"].tolist() == [2, 2, 2]
    assert b["bin"].tolist() == ["0.3 to 0.4", "0.5 to 0.6"]
    assert b["photos"].tolist() == [1, 2]


def test_bins_whose_limits_look_alike_are_told_in_more_digits():
    values = [0.5001, 0.5002, 0.5003]
    table = error_analysis.rates({"a": model([0] * 3, [0] * 3)}, kinds(brightness=values))
    bins = table.query("factor == 'brightness'")["bin"]
    assert bins.tolist() == ["0.5001", "0.5002", "0.5003"]
    table = error_analysis.rates(
        {"a": model([0] * 3, [0] * 3)}, kinds(resolution=[99.0, 100.0, 120.0])
    )
    assert table.query("factor == 'resolution'")["bin"].tolist() == ["99", "100", "120"]


def test_no_models_give_empty_tables_with_their_columns():
    rates = error_analysis.rates({}, kinds(people=[1]))
    assert rates.empty
    assert {"error_rate", "ci_low"} <= {*rates.columns}
    for table in (
        error_analysis.contrasts(rates),
        error_analysis.failures({}),
        error_analysis.wrong_by_all({}),
    ):
        assert table.empty
        assert len(table.columns) > 3


def test_a_contrast_from_its_counts():
    row = contrast(8, 1)
    assert (row["first"], row["first_errors"], row["first_photos"]) == ("0.2", 8, 10)
    assert (row["last"], row["last_errors"], row["last_photos"]) == ("0.8", 1, 10)
    assert row["difference"] == pytest.approx(0.7)
    assert row["p"] == pytest.approx(stats.fisher_exact([[8, 2], [1, 9]]).pvalue)
    interval = confint_proportions_2indep(8, 10, 1, 10, method="newcomb")
    assert (row["ci_low"], row["ci_high"]) == pytest.approx(interval)
    # Newcombe's method 10 from the Wilson intervals of both
    (low_a, high_a), (low_b, high_b) = (proportion_confint(n, 10, method="wilson") for n in (8, 1))
    assert row["ci_low"] == pytest.approx(0.7 - math.hypot(0.8 - low_a, high_b - 0.1))
    assert row["ci_high"] == pytest.approx(0.7 + math.hypot(high_a - 0.8, 0.1 - low_b))
    assert row["p_holm"] == row["p"]  # the only factor that is known


def test_the_bin_in_the_middle_is_in_no_contrast():
    given = model([0] * 9, [1, 1, 1, 0, 0, 1, 0, 0, 0])
    table = error_analysis.contrasts(
        error_analysis.rates({"a": given}, kinds(brightness=np.arange(9) / 10))
    )
    row = table.query("factor == 'brightness'").iloc[0]
    assert (row["first"], row["last"]) == ("0 to 0.2", "0.6 to 0.8")
    assert (row["first_errors"], row["last_errors"], row["difference"]) == (3, 0, 1)


def test_the_factors_of_a_model_are_adjusted_together_and_models_apart():
    of, table = half_wrong(9, 1)
    table["people"] = [1, 5] * 10
    table["cut_off"] = ["no"] * 12 + ["yes"] * 8
    of["b"] = model([0] * 20, [1] * 10 + [0] * 10)
    found = error_analysis.contrasts(error_analysis.rates(of, table))
    for _, rows in found.groupby("model"):
        known = rows[rows["p"].notna()]
        assert known["factor"].tolist() == ["people", "brightness", "cut_off"]
        adjusted = multipletests(known["p"], method="holm")[1]
        assert known["p_holm"].tolist() == pytest.approx(adjusted.tolist())
    assert found["p_holm"].isna().sum() == 2 * 4


def test_a_factor_without_boxes_or_variety_has_a_note_and_no_numbers():
    of, _ = half_wrong(5, 5)
    rows = error_analysis.contrasts(error_analysis.rates(of, kinds(resolution=[0.3] * 20)))
    notes = rows.set_index("factor")["note"]
    assert notes["person_size"] == error_analysis.NO_BOXES
    assert notes["resolution"] == error_analysis.ONE_BIN
    assert rows[["difference", "ci_low", "p", "p_holm"]].isna().all(axis=None)


def test_a_shown_difference_in_words():
    row = {
        "model": "clip_ic",
        "factor": "person_size",
        "first_errors": 14,
        "first_photos": 30,
        "first_effective_photos": 30,
        "last_errors": 5,
        "last_photos": 30,
        "last_effective_photos": 30,
        "difference": 0.3,
        "ci_low": 0.064,
        "ci_high": 0.496,
        "p": 0.01,
        "p_holm": 0.03,
        "unknown": 0,
        "note": "",
    }
    assert error_analysis.contrast_sentence(row) == (
        "clip_ic misclassifies 14 of 30 photos with the smallest people (47 % [30, 64]) and 5 of "
        "30 with the largest (17 % [7, 34]): a difference of 30 points [6, 50], p = 0.030 after "
        "Holm's correction."
    )


def test_a_difference_that_is_not_shown_in_words():
    told = error_analysis.contrast_sentence(contrast(2, 4))
    assert told == (
        "a: no significant difference between photos that are darkest and that are brightest: "
        "error rates 2 of 10 (20 % [6, 51]) and 4 of 10 (40 % [17, 69]), a difference of −20 "
        "points [−52, 19], p = 0.628 after Holm's correction."
    )
    assert "a difference of −1 point [" in error_analysis.contrast_sentence(contrast(50, 51, 100))
    small = error_analysis.contrast_sentence(contrast(10, 0))
    assert small.startswith("a misclassifies 10 of 10 photos that are darkest (100 %")
    assert "p < 0.001" in small


def test_numbers_of_people_in_words():
    of, table = half_wrong(10, 0)
    table["people"] = [1] * 10 + [2] * 10
    told = [
        error_analysis.contrast_sentence(row)
        for row in error_analysis.contrasts(error_analysis.rates(of, table))
        .query("factor == 'people'")
        .to_dict("records")
    ]
    assert "photos with one person (100 %" in told[0]
    assert "0 of 10 with two or three (0 %" in told[0]


def test_missing_boxes_and_alike_photos_in_words():
    of, _ = half_wrong(5, 5)
    rows = error_analysis.contrasts(error_analysis.rates(of, kinds(resolution=[0.3] * 20)))
    told = dict(
        zip(
            rows["factor"],
            map(error_analysis.contrast_sentence, rows.to_dict("records")),
            strict=True,
        )
    )
    assert told["people"] == (
        "a, number of people: unknown, no photo has person boxes (person_boxes, a column of "
        "the manifest)."
    )
    assert told["resolution"] == (
        "a, resolution: not compared, too many photos are alike in it to be divided."
    )


def test_sentences_are_the_same_of_a_table_that_was_written(tmp_path):
    of, table = half_wrong(9, 0)
    table["people"], table["votes"] = [1, 2] * 10, [1, 5] * 10
    rows = error_analysis.contrasts(error_analysis.rates(of, table))
    write_csv(rows, tmp_path / "contrasts.csv")
    read = read_csv(tmp_path / "contrasts.csv")
    told = [
        [error_analysis.contrast_sentence(row) for row in frame.to_dict("records")]
        for frame in (rows, read)
    ]
    assert told[0] == told[1]
    assert len({*told[0]}) == len(error_factors.FACTORS)


def test_the_mean_over_models_stands_for_one_model():
    of = {"a": model([0] * 4, [1, 1, 0, 0]), "b": model([0] * 4, [1, 0, 0, 0])}
    table = error_analysis.mean_over_models(
        error_analysis.rates(of, kinds(cut_off=["no", "no", "yes", "yes"])), "mean"
    )
    rows = table[table["factor"] == "cut_off"]
    assert rows["model"].tolist() == ["mean", "mean"]
    assert rows["photos"].tolist() == [2, 2]
    assert rows["error_rate"].tolist() == [0.75, 0]
    interval = proportion_confint(1.5, 2, method="wilson")
    assert (rows["ci_low"].iloc[0], rows["ci_high"].iloc[0]) == pytest.approx(interval)


def three_wrong() -> Predictions:
    """Wrong on p0, p1 and p2, all walking; right on p3, sitting; wrong on p4, standing."""
    return with_probabilities(
        [0, 0, 0, 1, 2],
        [[0.45, 0.55, 0], [0.02, 0.08, 0.9], [0.1, 0.9, 0], [0.1, 0.9, 0], [0.4, 0.3, 0.3]],
    )


def test_failures_are_chosen_by_rule():
    table = error_analysis.failures({"a": three_wrong()})
    assert table[["rule", "class", "image_id", "answer"]].to_numpy().tolist() == [
        ["confident", "walking", "p1", "standing"],  # as sure as p2, and before it
        ["confident", "standing", "p4", "walking"],
        ["closest call", "walking", "p0", "sitting"],
        ["closest call", "standing", "p4", "walking"],
    ]
    assert table["probability"].tolist() == [0.9, 0.4, 0.55, 0.4]
    assert table["probability_of_truth"].tolist() == [0.02, 0.3, 0.45, 0.3]
    assert table["models_wrong"].tolist() == [1] * 4
    assert table.columns.tolist() == error_analysis.FAILURE


def test_confident_examples_are_on_different_photos_where_there_are_enough():
    def wrong(*sure):
        """Of three photos of one class, those with a number are misclassified that surely."""
        rows = [[0, 1 - (p or 0.4), p or 0.4] if p else [0.9, 0.1, 0] for p in sure]
        return with_probabilities([0] * 3, rows)

    given = {"a": wrong(0.9, 0.8, None), "b": wrong(0.7, 0.6, 0.55), "c": wrong(0.95, None, None)}
    table = error_analysis.failures(given).query("rule == 'confident'")
    # c is the surest of p0, which leaves p1 to a, and p2 to b, which is surer of both others
    assert dict(zip(table["model"], table["image_id"], strict=True)) == {
        "a": "p1",
        "b": "p2",
        "c": "p0",
    }
    assert table["models_wrong"].tolist() == [2, 1, 3]
    shared = error_analysis.failures({"a": wrong(0.9, None, None), "b": wrong(0.7, None, None)})
    assert {*shared["image_id"]} == {"p0"}  # no other photo is left
    assert shared["probability"].tolist() == [0.9, 0.7] * 2


def test_the_closest_call_is_nearest_to_the_truth_from_either_side():
    # two runs of three are wrong, though the truth of p0 has the higher mean, by 0.3 or 0.02
    wrong = [[0.48, 0.52, 0], [0.4, 0.6, 0]]
    far = with_probabilities([0, 0], wrong, wrong, [[0.99, 0.01, 0], [0.4, 0.6, 0]])
    near = with_probabilities([0, 0], wrong, wrong, [[0.57, 0.43, 0], [0.4, 0.6, 0]])
    closest = error_analysis.failures({"far": far, "near": near}).query("rule == 'closest call'")
    assert closest["image_id"].tolist() == ["p1", "p0"]
    row = closest.iloc[1]
    assert row["answer"] == "sitting"
    assert row["probability"] < row["probability_of_truth"]


def test_a_class_without_an_error_has_no_row():
    table = error_analysis.failures({"a": three_wrong(), "b": model([0] * 5, [0] * 5)})
    assert {*table["model"]} == {"a"}
    assert "sitting" not in {*table["class"]}


def test_wrong_by_all_is_what_no_model_gets_right():
    labels = [0, 0, 1, 2]
    given = {
        "a": model(labels, [1, 2, 1, 0], sure=0.6),
        "b": model(labels, [2, 2, 0, 0], sure=0.9),
        "c": model(labels, [2, 1, 0, 1], sure=0.9),
    }
    given["c"].probabilities[0, 3] = [0.01, 0.98, 0.01]
    table = error_analysis.wrong_by_all(given)
    assert table["image_id"].tolist() == ["p3", "p0", "p1"]  # the hardest first, ties by id
    assert table["label"].tolist() == ["standing", "walking", "walking"]
    assert table["answer"].tolist() == ["walking", "standing", "standing"]
    assert table["answer_c"].tolist() == ["sitting", "standing", "sitting"]
    truth = [(0.2 + 0.05 + 0.01) / 3, 0.1, 0.1]
    assert table["probability_of_truth"].tolist() == pytest.approx(truth)
    assert error_analysis.wrong_by_all_sentence(table, 3, 4) == (
        "All 3 models misclassify 3 of 4 photos."
    )


def test_a_photo_that_a_model_does_not_judge_is_not_wrong_by_all():
    given = {"a": model([0, 0], [1, 1], [1, 1]), "b": model([0, 0], [1, None])}
    assert error_analysis.wrong_by_all(given)["image_id"].tolist() == ["p0"]


def test_no_photo_wrong_by_all_and_one_model_alone_are_empty_tables_with_a_sentence():
    given = {"a": model([0, 1], [0, 2]), "b": model([0, 1], [1, 1])}
    none, alone = error_analysis.wrong_by_all(given), error_analysis.wrong_by_all({"a": given["a"]})
    assert none.empty
    assert alone.empty
    assert none.columns.tolist()[-2:] == ["answer_a", "answer_b"]
    told = error_analysis.wrong_by_all_sentence(none, 2, 2)
    assert told == "None of 2 photos is misclassified by all 2 models."
    assert "require at least two models" in error_analysis.wrong_by_all_sentence(alone, 1, 2)


def test_votes_are_a_factor_only_where_there_are_any():
    of = {"a": model([0] * 6, [1, 1, 1, 0, 0, 0])}
    without = error_analysis.rates(of, kinds(brightness=range(6)))
    assert "votes" not in set(without["factor"])
    given = error_analysis.rates(of, kinds(votes=[1, 1, 1, 5, 5, np.nan])).query(
        "factor == 'votes'"
    )
    assert given["bin"].tolist() == ["1", "5", "unknown"]
    assert given["error_rate"].tolist() == [1, 0, 0]
    (row,) = error_analysis.contrasts(given).to_dict("records")
    sentence = error_analysis.contrast_sentence(row)
    assert "photos whose label has the fewest votes" in sentence
    assert sentence.endswith("Photos without votes, excluded: 1.")
