"""Where models err: on photos of which kind, together or apart, and which photos show it.

An error here is a wrong majority vote of a model's runs (`comparisons.votes`). What goes with
errors need not cause them: sizes, numbers and places of people go with each other and with the
classes.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image
from scipy import stats
from statsmodels.stats.proportion import confint_proportions_2indep

from stillact.data.manifest import parse_boxes
from stillact.data.preprocess import square
from stillact.evaluation.comparisons import holm, votes
from stillact.evaluation.hypothesis_tests import p_in_words, wilson
from stillact.evaluation.predictions import Answers


@dataclass(frozen=True)
class Factor:
    """What may make a photo hard.

    title: with its unit. first, last: what is said of the photos of the first and the last bin,
    after "photos".
    """

    title: str
    first: str
    last: str


FACTORS = {
    "person_size": Factor(
        "size of the person (share of the photo)", "with the smallest people", "with the largest"
    ),
    "people": Factor("number of people", "with the fewest people", "with the most"),
    "position": Factor(
        "distance from the middle (0) to a corner (1)",
        "with the person nearest to the middle",
        "with the person farthest from it",
    ),
    "resolution": Factor("resolution (megapixels)", "with the fewest pixels", "with the most"),
    "brightness": Factor("brightness (0 black, 1 white)", "that are darkest", "that are brightest"),
    "overlap": Factor(
        "share of the person under others' boxes",
        "where others' boxes cover the person least",
        "where they cover it most",
    ),
    "cut_off": Factor(
        "person cut off by the edge", "with the whole person", "with a person cut off by the edge"
    ),
}
# In words: a column of numbers would not be read back as text.
PEOPLE = {"one": "with one person", "two or three": "with two or three"}
PEOPLE |= {"four or more": "with four or more"}
NAMES = {"people": tuple(PEOPLE), "cut_off": ("no", "yes")}  # of bins that are not of equal mass
UNKNOWN = "unknown"  # the bin of photos without boxes
BINS = 3  # of equal mass, for what is continuous
EDGE = 0.01  # of a side: a box that comes so near to the edge reaches it
LUMA_SIDE = 64  # pixels: what brightness is averaged over
LEVEL = 0.05  # below it a difference counts as shown

NO_BOXES = "no photo has person boxes"
ONE_BIN = "too many photos are alike in it to be divided"
CONSTANT = "both give one and the same answer to every photo: kappa is undefined"
APART = "the two judge no photo in common"

MOST_CONFIDENT, CLOSEST_CALL = "most confident", "closest call"

CONTRAST = ["model", "factor", "first", "first_photos", "first_errors", "last", "last_photos"]
CONTRAST += ["last_errors", "difference", "ci_low", "ci_high", "p", "p_holm", "unknown", "note"]
AGREEMENT = ["model_a", "model_b", "photos", "same", "kappa", "ci_low", "ci_high", "note"]
FAILURE = ["rule", "model", "class", "image_id", "answer", "probability", "probability_of_truth"]

Box = tuple[float, float, float, float]  # left, top, right, bottom, in pixels


def mean_luma(path: Path) -> float:
    """How bright a photo is: its mean luma (ITU-R 601), 0 black to 1 white."""
    with Image.open(path) as image:
        image.draft("RGB", (2 * LUMA_SIDE, 2 * LUMA_SIDE))  # a large JPEG, at a fraction of it
        small = square(image, LUMA_SIDE, "squash").convert("L")
    return float(np.mean(small)) / 255


def factors(
    manifest: pd.DataFrame, images: pd.DataFrame, brightness: Mapping[str, float]
) -> pd.DataFrame:
    """What may make each photo hard.

    The person is the one with the largest box, each box cut to the photo.

    Args:
        manifest: of `manifest.load`: id, person_boxes.
        images: images.csv: id, status, width and height in pixels of the upright photo.
        brightness: of `mean_luma`, by id.

    Returns:
        A row a photo that could be had, in the order of `images`: image_id; person_size, the share
        of the photo's area, (0, 1]; people, the number of boxes; position, the distance of the
        person's centre from the photo's over half the diagonal, [0, 1]; resolution, megapixels;
        brightness, [0, 1]; overlap, the share of the person's box under other boxes, [0, 1], which
        stands for occlusion: boxes do not say who is in front, nor what things hide a person;
        cut_off, yes or no, whether the box comes within 1 % of a side of the photo's edge. Without
        a box on the photo what hangs on boxes is NaN.
    """
    had = images.loc[images["status"] == "ok", ["id", "width", "height"]]
    boxes = manifest.set_index("id")["person_boxes"]
    rows = []
    for photo in had.itertuples():
        of_boxes = _of_boxes(boxes[photo.id], photo.width, photo.height)
        resolution = photo.width * photo.height / 1e6
        known = {"resolution": resolution, "brightness": brightness[photo.id]}
        rows.append({"image_id": photo.id, **known, **of_boxes})
    return pd.DataFrame(rows, columns=["image_id", *FACTORS])


def _of_boxes(text: str, width: int, height: int) -> dict:
    """The factors that hang on boxes; none without a box that lies on the photo."""
    boxes = [
        (max(x, 0), max(y, 0), min(x + across, width), min(y + down, height))
        for x, y, across, down in parse_boxes(text)
    ]
    boxes = sorted((box for box in boxes if _area(box) > 0), key=_area, reverse=True)
    if not boxes:
        return {}
    left, top, right, bottom = person = boxes[0]
    off_centre = math.hypot((left + right - width) / 2, (top + bottom - height) / 2)
    across, down = EDGE * width, EDGE * height
    cut = left <= across or top <= down or right >= width - across or bottom >= height - down
    return {
        "person_size": _area(person) / (width * height),
        "people": len(boxes),
        "position": off_centre / (math.hypot(width, height) / 2),
        "overlap": _covered(person, boxes[1:]),
        "cut_off": "yes" if cut else "no",
    }


def _area(box: Box) -> float:
    left, top, right, bottom = box
    return max(right - left, 0) * max(bottom - top, 0)


def _covered(box: Box, others: Sequence[Box]) -> float:
    """The share of a box that lies under any of the others, [0, 1].

    The sides of all boxes divide it into cells, each of which is under a box wholly or not at all.
    """
    sides = np.array([box, *others])
    x = np.unique(np.clip(sides[:, [0, 2]], box[0], box[2]))
    y = np.unique(np.clip(sides[:, [1, 3]], box[1], box[3]))
    under = np.zeros((len(y) - 1, len(x) - 1), bool)
    for left, top, right, bottom in others:
        under |= np.outer((y[:-1] >= top) & (y[1:] <= bottom), (x[:-1] >= left) & (x[1:] <= right))
    return float((np.outer(np.diff(y), np.diff(x)) * under).sum() / _area(box))


def verdicts(given: Answers) -> pd.DataFrame:
    """What a model says of each photo that it judges, by image_id.

    Returns:
        label, the true class; answer, the majority vote of its runs; probability (of the answer)
        and probability_of_truth, means over the runs that judge the photo, [0, 1].
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


def rates(models: Mapping[str, Answers], factors: pd.DataFrame) -> pd.DataFrame:
    """How often each model errs on photos of each kind.

    What is continuous is divided into three bins of equal mass, or into fewer where so many photos
    are alike that a bin would have less than half of its mass. All models have the same bins, of
    the photos that any of them judges.

    Args:
        models: of `answers.of_models`.
        factors: of `factors`; a photo that is not in it is unknown.

    Returns:
        model, factor, bin (its name, or "unknown" for photos without boxes), low and high (the
        smallest and largest value in it; none for cut_off), photos, errors, error_rate, and its
        95 % Wilson interval ci_low, ci_high, [0, 1]. A row a bin with photos, in ascending order.
    """
    said = {model: verdicts(given) for model, given in models.items()}
    judged = sorted({image for table in said.values() for image in table.index})
    values = factors.set_index("image_id").reindex(judged)
    bins = {factor: _binned(factor, values[factor]) for factor in FACTORS}
    counts = [
        _counted(bins[factor], table).assign(model=model, factor=factor)
        for model, table in said.items()
        for factor in FACTORS
    ]
    columns = ["model", "factor", "bin", "low", "high", "photos", "errors"]
    frame = pd.concat(counts) if counts else pd.DataFrame(columns=columns)
    return _with_rate(frame[columns].reset_index(drop=True))


def mean_over_models(rates: pd.DataFrame, name: str) -> pd.DataFrame:
    """The mean error rate of all models, as rows of `rates` of a model of that name.

    errors is the mean number of them. The models share the photos, so that these stand in the
    interval as one model's do.
    """
    of = ["factor", "bin", "low", "high"]
    groups = rates.groupby(of, sort=False, dropna=False)
    means = groups.agg(photos=("photos", "min"), errors=("error_rate", "mean")).reset_index()
    means["errors"] *= means["photos"]
    return _with_rate(means.assign(model=name)[["model", *of, "photos", "errors"]])


def _with_rate(counts: pd.DataFrame) -> pd.DataFrame:
    """A table with photos and errors, and error_rate, ci_low and ci_high."""
    photos, errors = (counts[column].to_numpy(float) for column in ("photos", "errors"))
    low, high = wilson(errors / photos, photos)
    return counts.assign(error_rate=errors / photos, ci_low=low, ci_high=high)


def _counted(bins: pd.DataFrame, said: pd.DataFrame) -> pd.DataFrame:
    """Photos and errors a bin."""
    wrong = (said["answer"] != said["label"]).rename("wrong")
    groups = bins.join(wrong, how="inner").groupby(["place", "bin", "low", "high"], dropna=False)
    return groups["wrong"].agg(photos="size", errors="sum").reset_index()


def _binned(factor: str, values: pd.Series) -> pd.DataFrame:
    """For each photo the place of its bin, 0 upward and the unknown last, its name and limits."""
    if factor == "cut_off":
        place = values.map({"no": 0, "yes": 1}).astype(float)
        values = pd.Series(np.nan, values.index)  # no limits
    elif factor == "people":
        values = values.astype(float)
        place = pd.cut(values, [0, 1, 3, math.inf], labels=False).astype(float)
    else:
        place = equal_mass(values.astype(float))
    limits = values.astype(float).groupby(place).agg(["min", "max"])
    names = dict(enumerate(NAMES[factor])) if factor in NAMES else _spans(limits)
    frame = {
        "place": place.fillna(math.inf),
        "bin": place.map(names).astype(object).fillna(UNKNOWN),
        "low": place.map(limits["min"]),
        "high": place.map(limits["max"]),
    }
    return pd.DataFrame(frame)


def equal_mass(values: pd.Series) -> pd.Series:
    """The place of each value in up to `BINS` bins of equal mass, 0 upward; NaN for NaN.

    Equal values share the bin in which their mean rank lies. There are fewer bins where one would
    have less than half of its share.
    """
    known = values.dropna()
    middle = (known.rank() - 0.5) / max(len(known), 1)
    for bins in range(BINS, 0, -1):
        place = np.floor(middle * bins)
        if place.value_counts(normalize=True).min() >= 1 / (2 * bins):
            break
    return (place.rank(method="dense") - 1).reindex(values.index)


def _spans(limits: pd.DataFrame) -> dict[float, str]:
    """The name of each bin, from its smallest and largest value, in as few digits (two or more) as
    tell the bins apart."""
    names: list[str] = []
    for digits in range(2, 18):
        ends = [[_rounded(end, digits) for end in bounds] for bounds in limits.to_numpy()]
        names = [low if low == high else f"{low} to {high}" for low, high in ends]
        if len({*names}) == len(names):
            break
    return dict(zip(limits.index, names, strict=True))


def _rounded(value: float, digits: int) -> str:
    return np.format_float_positional(float(f"{value:.{digits}g}"), trim="-")


def contrasts(rates: pd.DataFrame) -> pd.DataFrame:
    """For each model and factor the error rate of the first bin against that of the last.

    Args:
        rates: of `rates`.

    Returns:
        model, factor; first and last, the names of the bins, with their photos and errors
        (first_photos, ...); difference, first minus last, [-1, 1], with Newcombe's 95 % interval
        ci_low, ci_high (Statist. Med. 17, 1998, method 10: from the two Wilson intervals); p of
        Fisher's exact test, and p_holm, for all factors of the model; unknown, photos without
        boxes, which are in neither; note, '' or why there are no numbers.
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
    """The numbers of one contrast, from the rows of its bins, or the note."""
    if len(bins) < 2:
        return {"note": NO_BOXES if bins.empty else ONE_BIN}
    first, last = bins.iloc[0], bins.iloc[-1]
    counts = first["errors"], first["photos"], last["errors"], last["photos"]
    low, high = confint_proportions_2indep(*counts, compare="diff", method="newcomb")
    table = [[end["errors"], end["photos"] - end["errors"]] for end in (first, last)]
    ends = {
        f"{name}{column}": end[source]
        for name, end in (("first", first), ("last", last))
        for column, source in (("", "bin"), ("_photos", "photos"), ("_errors", "errors"))
    }
    return ends | {
        "difference": first["error_rate"] - last["error_rate"],
        "ci_low": low,
        "ci_high": high,
        "p": stats.fisher_exact(table).pvalue,
        "note": "",
    }


def contrast_sentence(contrast: Mapping) -> str:
    """A row of `contrasts` in words, with its numbers; intervals in brackets, in per cent."""
    model, about = contrast["model"], FACTORS[contrast["factor"]].title.split(" (")[0]
    if contrast["note"] == NO_BOXES:
        return (
            f"{model}, {about}: not known, as {NO_BOXES} (person_boxes, a column of the manifest)."
        )
    if math.isnan(contrast["p"]):
        return f"{model}, {about}: no comparison, as {contrast['note']}."
    one, other = _kinds(contrast)
    (first, first_rate), (last, last_rate) = (_errors(contrast, end) for end in ("first", "last"))
    interval = ", ".join(_hundredths(contrast[end]) for end in ("ci_low", "ci_high"))
    points = _hundredths(contrast["difference"])
    tested = (
        f"a difference of {points} point{'s' * (points not in ('1', '−1'))} [{interval}], "
        f"{p_in_words(contrast['p_holm'])} after Holm's correction"
    )
    if contrast["p_holm"] < LEVEL:
        told = (
            f"{model} is wrong on {first} photos {one} ({first_rate}) and on {last} {other} "
            f"({last_rate}): {tested}."
        )
    else:
        told = (
            f"{model}: no difference is shown between photos {one} and {other}: wrong on {first} "
            f"({first_rate}) and on {last} ({last_rate}), {tested}."
        )
    unknown = int(contrast["unknown"])
    return told + (f" Photos without person boxes, left out: {unknown}." if unknown else "")


def _kinds(contrast: Mapping) -> tuple[str, str]:
    """What is said of the photos of the two bins."""
    if contrast["factor"] == "people":
        return PEOPLE[contrast["first"]], PEOPLE[contrast["last"]]
    factor = FACTORS[contrast["factor"]]
    return factor.first, factor.last


def _errors(contrast: Mapping, end: str) -> tuple[str, str]:
    """Errors of photos in a bin, and their rate with its interval."""
    errors, photos = int(contrast[f"{end}_errors"]), int(contrast[f"{end}_photos"])
    low, high = wilson(errors / photos, photos)
    rate = f"{_hundredths(errors / photos)} % [{_hundredths(low)}, {_hundredths(high)}]"
    return f"{errors} of {photos}", rate


def _hundredths(share: float) -> str:
    return f"{round(100 * share)}".replace("-", "−")


def agreement(
    models: Mapping[str, Answers], *, resamples: int = 2000, seed: int = 0
) -> pd.DataFrame:
    """How far each pair of models gives the same answers (majority votes) to the same photos.

    Cohen's kappa, (same - chance) / (1 - chance), where chance is how often two would agree that
    give each answer as often as these two do, but at random ("A coefficient of agreement for
    nominal scales", Educ. Psychol. Meas. 20, 1960): 1 for the same answers throughout, 0 for no
    more than chance, less for less.

    Args:
        models: of `answers.of_models`.
        resamples: of the bootstrap over photos. seed: of its draws.

    Returns:
        model_a, model_b; photos that both judge; same, the share of equal answers; kappa; ci_low
        and ci_high, from the 2.5th to the 97.5th percentile of the resamples in which it is
        defined, one photo fewer than there are in each (Rao and Wu, JASA 83, 1988); note, '' or
        why there is no kappa. No rows for fewer than two models.
    """
    said = {model: verdicts(given) for model, given in models.items()}
    rows = []
    for a, b in combinations(said, 2):
        answers = pd.concat([said[a]["answer"], said[b]["answer"]], axis=1, join="inner")
        classes = pd.Index(models[a].classes)
        codes = classes.get_indexer(answers.iloc[:, 0]), classes.get_indexer(answers.iloc[:, 1])
        numbers = _agreement(*codes, len(classes), resamples, np.random.default_rng(seed))
        rows.append({"model_a": a, "model_b": b, "photos": len(answers), **numbers})
    return pd.DataFrame(rows, columns=AGREEMENT)


def _agreement(
    a: np.ndarray, b: np.ndarray, classes: int, resamples: int, rng: np.random.Generator
) -> dict:
    """The numbers of one pair, from the codes of their answers to each photo."""
    photos = len(a)
    if not photos:
        return {"note": APART}
    cells = np.eye(classes**2)[a * classes + b]
    drawn = rng.multinomial(max(photos - 1, 1), np.full(photos, 1 / photos), size=resamples)
    kappa = kappas(cells.sum(0).reshape(classes, classes))
    if np.isnan(kappa):
        return {"same": 1.0, "note": CONSTANT}
    draws = kappas((drawn @ cells).reshape(-1, classes, classes))
    known = draws[~np.isnan(draws)]
    low, high = np.percentile(known, [2.5, 97.5]) if len(known) else (np.nan, np.nan)
    same = np.mean(a == b)
    return {"same": same, "kappa": float(kappa), "ci_low": low, "ci_high": high, "note": ""}


def kappas(tables: np.ndarray) -> np.ndarray:
    """Cohen's kappa of each table of counts; NaN where both give one and the same answer only.

    Args:
        tables: (..., classes, classes): how often one gives the row's answer, the other the
            column's.
    """
    photos = tables.sum((-2, -1))
    same = np.trace(tables, axis1=-2, axis2=-1) / photos
    chance = (tables.sum(-1) * tables.sum(-2)).sum(-1) / photos**2
    defined = chance < 1
    return np.where(defined, (same - chance) / np.where(defined, 1 - chance, 1), np.nan)


def agreement_sentence(table: pd.DataFrame) -> str:
    """What a table of `agreement` says: who agree most, and who least."""
    if table.empty:
        return "Agreement takes two models, and here are not so many."
    known = table[table["kappa"].notna()].sort_values("kappa", kind="stable")
    if known.empty:
        return f"No pair of models has a kappa: {'; '.join(table['note'].unique())}."
    least, most = (_agree(known.iloc[place]) for place in (0, -1))
    if len(known) == 1:
        return f"{most}."
    return f"Of {len(known)} pairs of models these agree most: {most}; and these least: {least}."


def _agree(pair: pd.Series) -> str:
    kappa, low, high = (
        f"{pair[number]:z.2f}".replace("-", "−") for number in ("kappa", "ci_low", "ci_high")
    )
    return (
        f"{pair['model_a']} and {pair['model_b']}, kappa {kappa} [{low}, {high}], the same answer "
        f"to {_hundredths(pair['same'])} % of {pair['photos']} photos"
    )


def failures(models: Mapping[str, Answers]) -> pd.DataFrame:
    """The photos that stand for each model's errors on each class, chosen by rule.

    "most confident": the wrong answer with the highest probability. "closest call": the wrong
    answer whose probability is nearest to that of the truth; a majority of runs can be wrong
    where the mean is right. Of equals the first image_id.

    Args:
        models: of `answers.of_models`.

    Returns:
        rule, model, class (the true one), image_id, answer, probability and probability_of_truth
        (as of `verdicts`). No row for a class that a model never gets wrong.
    """
    rows = []
    for model, given in models.items():
        table = verdicts(given)
        wrong = table[table["answer"] != table["label"]]
        margin = (wrong["probability"] - wrong["probability_of_truth"]).abs()
        for label in given.classes:
            of_class = wrong["label"] == label
            if of_class.any():
                surest = wrong.loc[of_class, "probability"].idxmax()
                closest = margin[of_class].idxmin()
                for rule, image in ((MOST_CONFIDENT, surest), (CLOSEST_CALL, closest)):
                    chosen = {"rule": rule, "model": model, "class": label, "image_id": image}
                    rows.append(chosen | wrong.loc[image].to_dict())
    table = pd.DataFrame(rows, columns=FAILURE)
    return table.sort_values("rule", ascending=False, kind="stable", ignore_index=True)


def failures_sentence(failures: pd.DataFrame, models: Sequence[str], classes: Sequence[str]) -> str:
    """Which models make no error on which class."""
    erred = {*zip(failures["model"], failures["class"], strict=True)}
    never = {model: [c for c in classes if (model, c) not in erred] for model in models}
    told = [f"{model} on {', '.join(names)}" for model, names in never.items() if names]
    if told:
        return f"No photo is wrong, and so none is shown, of {'; '.join(told)}."
    return "Every model is wrong on some photo of each class."


def wrong_by_all(models: Mapping[str, Answers]) -> pd.DataFrame:
    """The photos that all models judge and get wrong: hard, or wrongly labelled.

    Args:
        models: of `answers.of_models`.

    Returns:
        image_id; label; probability_of_truth, the mean over models, [0, 1]; answer, the one that
        most models give (of equals the first by name); answer_<model>, of each. Lowest probability
        of the truth first. No rows for fewer than two models.
    """
    head = ["image_id", "label", "probability_of_truth", "answer"]
    columns = [*head, *(f"answer_{model}" for model in models)]
    if len(models) < 2:
        return pd.DataFrame(columns=columns)
    said = {model: verdicts(given) for model, given in models.items()}
    both = pd.concat(said, axis=1, join="inner").swaplevel(axis=1)
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
    """What a table of `wrong_by_all` says, of so many models and photos judged."""
    if models < 2:
        return "To find what all models get wrong takes two models, and here are not so many."
    if table.empty:
        return f"There is no photo, of {photos}, that all {models} models get wrong."
    return (
        f"All {models} models are wrong on {len(table)} of {photos} photos. Such a photo is hard, "
        "or its label is wrong."
    )
