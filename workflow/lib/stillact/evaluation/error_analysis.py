"""Error analysis: error rates by properties of the photos, and examples of errors.

Error rates are of a single run: a photo that two of five runs misclassify counts two fifths. The
examples are photos that the majority vote misclassifies (`comparisons.votes`). Associations are not
causal: sizes, numbers and positions of people correlate with each other and with the classes.
"""

import itertools
import math
from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy import stats
from statsmodels.stats.proportion import confint_proportions_2indep

from stillact.core.text_tables import figures
from stillact.evaluation.comparisons import holm, votes
from stillact.evaluation.error_factors import FACTORS, PEOPLE, UNKNOWN, binned
from stillact.evaluation.hypothesis_tests import format_p
from stillact.evaluation.predictions import Predictions
from stillact.evaluation.proportions import LEVEL, effective_images, wilson

NO_BOXES = "no photo has person boxes"
ONE_BIN = "too many photos are alike in it to be divided"

CONFIDENT, CLOSEST_CALL = "confident", "closest call"

COUNTS = ["photos", "errors", "effective_photos"]  # of a bin
CONTRAST = ["model", "factor"]
CONTRAST += ["first", "first_photos", "first_errors", "first_effective_photos"]
CONTRAST += ["last", "last_photos", "last_errors", "last_effective_photos"]
CONTRAST += ["difference", "ci_low", "ci_high", "p", "p_holm", "unknown", "note"]
FAILURE = ["rule", "model", "class", "image_id", "answer", "probability", "probability_of_truth"]
FAILURE += ["models_wrong"]


def verdicts(given: Predictions) -> pd.DataFrame:
    """A model's prediction for each photo, by image_id.

    Returns:
        label, the true class; answer, the majority vote of its runs; probability (of the predicted
        class) and probability_of_truth, means over the runs that predict the photo, [0, 1].
    """
    voted = votes(given)
    seen = voted >= 0
    truth, answer, names = given.labels[seen], voted[seen], np.array(given.classes)
    runs = given.judged.sum(0)[seen]
    mean = np.nansum(given.probabilities[:, seen], axis=0) / runs[:, None]
    each = np.arange(len(mean))
    table = {
        "label": names[truth],
        "answer": names[answer],
        "probability": mean[each, answer],
        "probability_of_truth": mean[each, truth],
    }
    return pd.DataFrame(table, index=pd.Index(given.image_ids[seen], name="image_id"))


def rates(models: Mapping[str, Predictions], factors: pd.DataFrame) -> pd.DataFrame:
    """Error rate of each model per bin of each factor.

    Continuous factors are divided into three bins of equal mass, or into fewer where ties would
    leave a bin with less than half of its mass. All models share the same bins, computed on the
    photos that any of them predicts.

    Args:
        models: from `predictions.by_model`.
        factors: from `error_factors.factors`; photos that are missing there are unknown.

    Returns:
        model, factor, bin (its name, or "unknown" for photos without a value), low and high (the
        smallest and largest value in it; none for cut_off), photos, errors (the mean number per
        run), effective_photos (their number as far as groups of photos are independent),
        error_rate, and its 95 % Wilson interval ci_low, ci_high, [0, 1], for that number. One row
        per non-empty bin, in ascending order. Without votes in the study, no rows for that factor.
    """
    wrong = {model: _wrong(given) for model, given in models.items()}
    clusters = {
        model: pd.Series(given.clusters, given.image_ids, name="cluster")
        for model, given in models.items()
    }
    predicted = sorted({image for shares in wrong.values() for image in shares.index})
    values = factors.set_index("image_id").reindex(predicted)
    bins = {factor: binned(factor, values[factor]) for factor in FACTORS}
    if values["votes"].isna().all():
        del bins["votes"]  # few studies have votes; a factor without any would say nothing
    counts = [
        _counted(bins[factor], shares, clusters[model]).assign(model=model, factor=factor)
        for model, shares in wrong.items()
        for factor in bins
    ]
    columns = ["model", "factor", "bin", "low", "high", *COUNTS]
    frame = pd.concat(counts) if counts else pd.DataFrame(columns=columns)
    return _with_rate(frame[columns].reset_index(drop=True))


def mean_over_models(rates: pd.DataFrame, name: str) -> pd.DataFrame:
    """The mean error rate over all models, as rows of `rates` for a model called `name`.

    errors is the mean number of errors. The models share the photos, so the interval is that of
    one model, for the fewest effective photos.
    """
    of = ["factor", "bin", "low", "high"]
    groups = rates.groupby(of, sort=False, dropna=False)
    means = groups.agg(
        photos=("photos", "min"),
        errors=("error_rate", "mean"),
        effective_photos=("effective_photos", "min"),
    ).reset_index()
    means["errors"] *= means["photos"]
    return _with_rate(means.assign(model=name)[["model", *of, *COUNTS]])


def _with_rate(counts: pd.DataFrame) -> pd.DataFrame:
    """A table with `COUNTS`, and error_rate, ci_low and ci_high."""
    photos, errors, effective = (counts[column].to_numpy(float) for column in COUNTS)
    low, high = wilson(errors / photos, effective)
    return counts.assign(error_rate=errors / photos, ci_low=low, ci_high=high)


def _wrong(given: Predictions) -> pd.Series:
    """The share of the runs that misclassify each photo, by image_id."""
    shares = pd.Series(1 - given.right, pd.Index(given.image_ids, name="image_id"), name="wrong")
    return shares.dropna()


def _counted(bins: pd.DataFrame, wrong: pd.Series, clusters: pd.Series) -> pd.DataFrame:
    """`COUNTS` per bin."""
    of = ["place", "bin", "low", "high"]
    joined = bins.join(wrong, how="inner").join(clusters)
    rows = [
        (
            *key,
            len(table),
            table["wrong"].sum(),
            effective_images(table["wrong"].to_numpy(), table["cluster"].to_numpy(int)),
        )
        for key, table in joined.groupby(of, dropna=False)
    ]
    return pd.DataFrame(rows, columns=[*of, *COUNTS])


def contrasts(rates: pd.DataFrame) -> pd.DataFrame:
    """For each model and factor the error rate of the first bin against that of the last.

    Args:
        rates: of `rates`.

    Returns:
        model, factor; first and last, the names of the bins, with their photos and errors
        (first_photos, ...); difference, first minus last, [-1, 1], with Newcombe's 95 % interval
        ci_low, ci_high (Statist. Med. 17, 1998, method 10: from the two Wilson intervals); p of
        Fisher's exact test on the rounded numbers, and p_holm, for all factors of the model; both
        for as many photos as are effective; unknown, photos without a value, which are in neither;
        note, '' or why there are no values.
    """
    rows = []
    for (model, factor), table in rates.groupby(["model", "factor"], sort=False):
        known = table[table["bin"] != UNKNOWN]
        unknown = int(table["photos"].sum() - known["photos"].sum())
        rows.append({"model": model, "factor": factor, "unknown": unknown, **_contrast(known)})
    frame = pd.DataFrame(rows, columns=CONTRAST)
    if rows:
        frame["p_holm"] = frame.groupby("model")["p"].transform(holm)
    return frame


def _contrast(bins: pd.DataFrame) -> dict:
    """The values of one contrast, from the rows of its bins, or the note."""
    if len(bins) < 2:
        return {"note": NO_BOXES if bins.empty else ONE_BIN}
    first, last = bins.iloc[0], bins.iloc[-1]
    effective = [
        (end["error_rate"] * end["effective_photos"], end["effective_photos"])
        for end in (first, last)
    ]
    low, high = confint_proportions_2indep(
        *effective[0], *effective[1], compare="diff", method="newcomb"
    )
    rounded = [(round(errors), round(photos)) for errors, photos in effective]
    table = [[errors, photos - errors] for errors, photos in rounded]
    ends = {
        f"{name}{column}": end[source]
        for name, end in (("first", first), ("last", last))
        for column, source in (
            ("", "bin"),
            ("_photos", "photos"),
            ("_errors", "errors"),
            ("_effective_photos", "effective_photos"),
        )
    }
    return ends | {
        "difference": first["error_rate"] - last["error_rate"],
        "ci_low": low,
        "ci_high": high,
        "p": stats.fisher_exact(table).pvalue,
        "note": "",
    }


def contrast_sentence(contrast: Mapping) -> str:
    """A row of `contrasts` as a sentence; intervals in brackets, in percent."""
    model, about = contrast["model"], FACTORS[contrast["factor"]].title.split(" (")[0]
    if contrast["note"] == NO_BOXES:
        return f"{model}, {about}: unknown, {NO_BOXES} (person_boxes, a column of the manifest)."
    if math.isnan(contrast["p"]):
        return f"{model}, {about}: not compared, {contrast['note']}."
    one, other = _kinds(contrast)
    (first, first_rate), (last, last_rate) = (_errors(contrast, end) for end in ("first", "last"))
    interval = ", ".join(hundredths(contrast[end]) for end in ("ci_low", "ci_high"))
    points = hundredths(contrast["difference"])
    tested = (
        f"a difference of {points} point{'s' * (points not in ('1', '−1'))} [{interval}], "
        f"{format_p(contrast['p_holm'])} after Holm's correction"
    )
    if contrast["p_holm"] < LEVEL:
        text = (
            f"{model} misclassifies {first} photos {one} ({first_rate}) and {last} {other} "
            f"({last_rate}): {tested}."
        )
    else:
        text = (
            f"{model}: no significant difference between photos {one} and {other}: error rates "
            f"{first} ({first_rate}) and {last} ({last_rate}), {tested}."
        )
    unknown = int(contrast["unknown"])
    without = "votes" if contrast["factor"] == "votes" else "person boxes"
    return text + (f" Photos without {without}, excluded: {unknown}." if unknown else "")


def contrast_words(contrast: Mapping) -> str:
    """A row of `contrasts` with a difference, in a few words."""
    kinds, ends = _kinds(contrast), ("first", "last")
    told = [
        f"{hundredths(contrast[f'{end}_errors'] / contrast[f'{end}_photos'])}\xa0% of the "
        f"{contrast[f'{end}_photos']:.0f} {kind}"
        for kind, end in zip(kinds, ends, strict=True)
    ]
    return ", ".join(told)


def _kinds(contrast: Mapping) -> tuple[str, str]:
    """Descriptions of the photos of the two bins."""
    if contrast["factor"] == "people":
        return PEOPLE[contrast["first"]], PEOPLE[contrast["last"]]
    factor = FACTORS[contrast["factor"]]
    return factor.first, factor.last


def _errors(contrast: Mapping, end: str) -> tuple[str, str]:
    """Errors and photos in a bin, and the error rate with its interval."""
    errors, photos = float(contrast[f"{end}_errors"]), int(contrast[f"{end}_photos"])
    low, high = wilson(errors / photos, float(contrast[f"{end}_effective_photos"]))
    rate = f"{hundredths(errors / photos)} % [{hundredths(low)}, {hundredths(high)}]"
    return f"{figures(errors)} of {photos}", rate


def hundredths(share: float) -> str:
    return f"{round(100 * share)}".replace("-", "−")


def failures(models: Mapping[str, Predictions]) -> pd.DataFrame:
    """Example photos of each model's errors on each class, selected by rule.

    "confident": the errors of all models on a class are taken by descending probability, and each
    is assigned if neither its model nor its photo has an example yet. Photos so differ between
    models where possible; a model that is left has the error with its highest probability, on a
    photo that another model has too. "closest call": the error whose probability is nearest to that
    of the true class; a majority of runs can be wrong where the mean is right. Ties are broken by
    image_id, then by the order of the models.

    Args:
        models: from `predictions.by_model`.

    Returns:
        rule, model, class (the true one), image_id, answer, probability and probability_of_truth
        (as in `verdicts`), models_wrong (number of the models that misclassify the photo). No row
        for a class without errors.
    """
    if not models:
        return pd.DataFrame(columns=FAILURE)
    voted = {model: verdicts(given) for model, given in models.items()}
    table = pd.concat(voted, names=["model"]).reset_index().rename(columns={"label": "class"})
    wrong = table[table["answer"] != table["class"]].sort_values("image_id", kind="stable")
    wrong = wrong.assign(
        models_wrong=wrong.groupby("image_id")["model"].transform("size"),
        margin=(wrong["probability"] - wrong["probability_of_truth"]).abs(),
    )
    rules = {
        CONFIDENT: _on_different_photos(
            wrong.sort_values("probability", ascending=False, kind="stable")
        ),
        CLOSEST_CALL: wrong.sort_values("margin", kind="stable"),
    }
    cells = list(itertools.product(models, next(iter(models.values())).classes))
    chosen = []
    for rule, errors in rules.items():
        first = errors.drop_duplicates(["model", "class"]).set_index(["model", "class"])
        there = [cell for cell in cells if cell in first.index]
        chosen.append(first.loc[there].reset_index().assign(rule=rule))
    return pd.concat(chosen, ignore_index=True)[FAILURE]


def _on_different_photos(wrong: pd.DataFrame) -> pd.DataFrame:
    """The errors, the most confident first, with those that are examples before all others."""
    chosen, taken = [], set()
    for row in wrong.to_dict("records"):
        new = {(row["model"], row["class"]), row["image_id"]}
        chosen.append(taken.isdisjoint(new))
        taken |= new if chosen[-1] else set()
    return pd.concat([wrong[chosen], wrong])


def wrong_by_all(models: Mapping[str, Predictions]) -> pd.DataFrame:
    """The photos that all models misclassify.

    Args:
        models: from `predictions.by_model`.

    Returns:
        image_id; label; probability_of_truth, the mean over models, [0, 1]; answer, the most
        frequent prediction (ties: the first by name); answer_<model>, of each. Lowest probability
        of the true class first. No rows for fewer than two models.
    """
    head = ["image_id", "label", "probability_of_truth", "answer"]
    columns = [*head, *(f"answer_{model}" for model in models)]
    if len(models) < 2:
        return pd.DataFrame(columns=columns)
    voted = {model: verdicts(given) for model, given in models.items()}
    both = pd.concat(voted, axis=1, join="inner").swaplevel(axis=1)
    label = both["label"].iloc[:, 0]
    wrong = both["answer"].ne(label, axis=0).all(axis=1)
    given = both.loc[wrong, "answer"]
    table = pd.DataFrame(
        {
            "label": label[wrong],
            "probability_of_truth": both.loc[wrong, "probability_of_truth"].mean(axis=1),
            "answer": given.mode(axis=1).reindex(columns=[0])[0],
        }
    ).join(given.add_prefix("answer_"))
    order = ["probability_of_truth", "image_id"]
    return table.rename_axis("image_id").reset_index().sort_values(order)[columns]


def wrong_by_all_sentence(table: pd.DataFrame, models: int, photos: int) -> str:
    """Summary of a table of `wrong_by_all`, given the number of models and photos."""
    if models < 2:
        return "Errors common to all models require at least two models."
    if table.empty:
        return f"None of {photos} photos is misclassified by all {models} models."
    return f"All {models} models misclassify {len(table)} of {photos} photos."
