"""The sentences of the report's first level, beside the answer: what is mistaken, whether models
look at people, and what to do next."""

import shlex

import pandas as pd

from stillact.core.text_tables import listed, percent
from stillact.evaluation.answer import NOTHING_SHOWN, Answer, Compared, Price
from stillact.evaluation.error_analysis import contrast_words
from stillact.evaluation.proportions import LEVEL
from stillact.evaluation.shown import Shown


def on_confusion(rows: pd.DataFrame | None, chosen: str | None) -> str:
    """The most frequent mistake: of the chosen model where it is known, or else of all, on average.

    Args:
        rows: from `metrics.confusion_rows`.
        chosen: the model of the answer.
    """
    if rows is None or rows.empty:
        return ""
    models = rows["model"].unique()
    known = chosen in models
    counts = rows[rows["model"] == chosen] if known else rows
    cells = counts.groupby(["label", "predicted"])["photos"].sum() / (1 if known else len(models))
    on = f"{cells.sum():.0f} {'photos' if rows['scheme'].iloc[0] == 'cv' else 'test photos'}"
    who = chosen if known else f"the {len(models)} models below, on average,"
    wrong = cells[cells.index.get_level_values(0) != cells.index.get_level_values(1)]
    if not wrong.max() > 0:
        return f"On the {on}, {who} {'makes' if known else 'make'} no mistake."
    label, predicted = wrong.idxmax()
    of_label = cells[label].sum()
    return (
        f"On the {on}, {who} most often {'takes' if known else 'take'} {label} for {predicted}: "
        f"{percent(wrong.max() / of_label)} of the {of_label:.0f} "
        f"photo{'s' * bool(of_label > 1)} of {label}."
    )


def on_mistakes(of: Shown, contrasts: pd.DataFrame, chosen: str | None) -> tuple[str, bool]:
    """When the chosen model, or else the most accurate one, is wrong, and whether a difference is
    shown.

    Args:
        of: what is shown of the task.
        contrasts: from `error_analysis`, with their scheme.
        chosen: the model of the answer.
    """
    model = of.one(chosen)
    rows = of.of(contrasts)
    rows = rows[rows["model"] == model]
    shown = rows[rows["p_holm"] < LEVEL].sort_values("p_holm", kind="stable").to_dict("records")
    if shown:
        told = "; ".join(contrast_words(row) for row in shown)
        return f"{model} is wrong more often on some photos ({of.over}): {told}.", True
    tested = int(rows["p"].notna().sum())
    if not tested:
        return "", False
    return (
        f"Of {tested} properties of the photos, such as the size of the person and the brightness, "
        f"none is shown to change how often {model} is wrong ({of.over}).",
        False,
    )


def on_wrong(of: Shown, wrong: int, found: Answer | None) -> str:
    """The number of photos that all models shown misclassify, and what it says of these photos; ""
    if there are none."""
    if not wrong:
        return ""
    photos = f"{wrong} of {of.images} photos {'is' if wrong == 1 else 'are'}"
    text = f"{photos} misclassified by each of the {len(of.models)} models"
    if found is not None and found.verdict == NOTHING_SHOWN:
        return f"{text}. As none is shown to distinguish the classes, that may be chance."
    return f"{text}: hard, or mislabelled."


def on_people(
    localisation: pd.DataFrame | None, covered: pd.DataFrame | None, chosen: str | None
) -> list[str]:
    """Whether models look at people: where their saliency lies, and what covering people does.

    Args:
        localisation: from `localisation_summary.summarise`.
        covered: from `occlusion_summary.evaluate`.
        chosen: the model of the answer.
    """
    texts = []
    if localisation is not None:
        texts.append(_on_saliency(localisation))
    if covered is not None:
        texts.append(_on_covered(covered, chosen))
    return [*filter(None, texts)]


def _on_saliency(summary: pd.DataFrame) -> str:
    """The saliency on people of each model beside that of a blob in the middle."""
    rows = summary.query("answers == 'all' and metric == 'energy'")
    found: dict[str, list[str]] = {"more": [], "less": [], "neither more nor less": []}
    for model, of_model in rows.groupby("model", sort=False):
        first = of_model.iloc[0]
        more, less = first["ci_low"] > first["centre"], first["ci_high"] < first["centre"]
        how = "more" if more else "less" if less else "neither more nor less"
        here, there = (f"{100 * first[key]:.0f}\xa0%" for key in ("value", "centre"))
        found[how].append(f"{model} ({here} against {there})")
    told = [f"{how} for {listed(models)}" for how, models in found.items() if models]
    if not told:
        return ""
    verdict = (
        "Only models with more are shown to look at people."
        if found["more"]
        else "The maps do not show that any model looks at people."
    )
    return (
        "The share of the saliency, the parts of a photo that drive the prediction, on people, "
        f"against that of a blob in the middle: {'; '.join(told)}. {verdict}"
    )


def _on_covered(table: pd.DataFrame, chosen: str | None) -> str:
    """Accuracy with people covered, of the chosen model, or else of the most accurate."""
    rows = table[table["fill"] == "mean"]
    if rows.empty:
        return ""
    if chosen in set(rows["model"]):
        rows = rows[rows["model"] == chosen]
    row = rows.loc[rows["accuracy_nothing"].idxmax()]
    text = (
        f"Covering people brings {row['model']} from {percent(row['accuracy_nothing'])} to "
        f"{percent(row['accuracy_person'])} of {row['photos']} photos, covering as much background "
        f"to {percent(row['accuracy_background'])}: "
    )
    if row["difference_ci_low"] > 0:
        return text + "it relies on people."
    if row["difference_ci_high"] < 0:
        return text + "it relies more on the background than on people."
    return text + "that it relies on people is not shown."


def on_next(
    found: Answer, wrong_by_all: int, labelled: str | None, gain: str
) -> list[tuple[str, str]]:
    """What to do next: a heading and a sentence each.

    Args:
        found: the answer.
        wrong_by_all: number of photos that all models misclassify.
        labelled: of the config.
        gain: from `on_gain`.
    """
    steps = [("More photos?", f"{_more_photos(found)} {gain}".rstrip())]
    if found.model and (cheaper := cheapest_equal(found)):
        steps.append(("Another model?", _cheaper(found, cheaper)))
    if wrong_by_all and found.verdict != NOTHING_SHOWN:
        noun = "the photo" if wrong_by_all == 1 else f"the {wrong_by_all} photos"
        text = (
            f"Check the labels of {noun} above, and of others that may be wrong, on review.html "
            "beside this report; it names the command that applies the corrections."
        )
        steps.append(("Labels", text))
    if found.chosen is not None:
        warned = ", with a warning" if found.verdict == NOTHING_SHOWN else ""
        steps.append(
            (
                "New photos",
                f"Run {_predict(labelled)}, with the other options of the study: {found.chosen}, "
                f"trained on all {found.images} labelled photos, predicts them{warned}.",
            )
        )
    return steps


def _predict(labelled: str | None) -> str:
    of_study = f"labelled={shlex.quote(labelled)} " if labelled else ""
    return f"snakemake --cores 2 predict --config {of_study}photos=FOLDER"


def _more_photos(found: Answer) -> str:
    if found.verdict == NOTHING_SHOWN:
        lacking = found.needed - found.images
        if lacking > 0:
            return f"Label about {lacking} more; with fewer, no model may be shown to be of use."
        return "Add photos of the rarest classes; there are enough of the largest."
    assert found.accuracy_low is not None
    assert found.accuracy_high is not None
    half = 50 * (found.accuracy_high - found.accuracy_low)
    text = (
        f"Not needed to show that {found.model} is better than the largest class. The accuracy is "
        f"known to ±{half:.0f} points; to halve that, label about {3 * found.images} more."
    )
    if found.equals:
        text += " More may also show a difference from the models not shown to be worse."
    return text


def on_gain(found: Answer | None, curve: pd.DataFrame | None) -> str:
    """What twice as many photos would bring; '' where there is no curve, or nothing is shown.

    Args:
        found: the answer.
        curve: table of `more_photos.curve`, with the column model.
    """
    if found is None or found.verdict == NOTHING_SHOWN or curve is None or curve.empty:
        return ""
    last = curve.iloc[-1]
    low, high = 100 * last["gain_low"], 100 * last["gain_high"]
    return (
        f"By its learning curve, {last['model']} would gain {100 * last['gain']:.1f} points from "
        f"twice as many photos (95 % interval {low:.1f} to {high:.1f})."
    )


def cheapest_equal(found: Answer) -> Compared | None:
    """The first of the equals, the cheapest first, that costs less than the chosen model: less
    training without larger weights, or smaller weights without more training."""
    if found.price is None:
        return None
    mine = found.price.seconds, found.price.weights_mb
    for one in found.equals:
        theirs = one.price.seconds, one.price.weights_mb
        if theirs != mine and all(a <= b for a, b in zip(theirs, mine, strict=True)):
            return one
    return None


def _cheaper(found: Answer, one: Compared) -> str:
    assert found.price is not None
    return (
        f"{one.model} is not shown to be worse, and costs less: "
        f"{_cost(one.price)}, against {_cost(found.price)}."
    )


def _cost(price: Price) -> str:
    training = f"{price.seconds:.1f} s of training" if price.seconds >= 0.05 else "no training"
    return f"{training} and {price.weights_mb:.0f} MB of weights"
