"""The answer in words: results/answer.md, and the first lines of the report."""

from stillact.core.text_tables import listed, percent
from stillact.evaluation.answer import EQUAL, NOTHING_SHOWN, WORSE, Answer, Compared, Price


def sentences(found: Answer) -> list[str]:
    """The answer in words: what to use, how often it is right, and beside what."""
    classes = listed(found.classes) if len(found.classes) <= 7 else f"{len(found.classes)} classes"
    if found.verdict == NOTHING_SHOWN:
        points = 100 * found.needed_difference
        return [
            f"These photos do not show that any model can distinguish {classes}.",
            found.why,
            f"With about {found.needed} photos a difference of {points:.0f} points from the "
            f"largest class could be shown; with these {found.images}, one of "
            f"{100 * (found.could_show - found.chance):.0f} points. All differences between models "
            "below may be due to chance.",
        ]
    return [
        f"Use {found.model} to distinguish {classes}: it is expected to be right on "
        f"{percent(found.accuracy)} of new photos like these (95\xa0% interval "
        f"{percent(found.accuracy_low)} to {percent(found.accuracy_high)}).",
        f"Estimated on {found.images} photos, each predicted by a model that had not seen it, and "
        f"corrected for choosing the best of {1 + len(found.equals) + len(found.worse)} models. "
        f"Always predicting the largest class is right on {percent(found.chance)}"
        f"{_without_pixels(found)}.",
        *_beside(found),
    ]


def _without_pixels(found: Answer) -> str:
    if found.geometry is None:
        return ""
    text = (
        "; knowing only how many people there are, how large and where, but no pixels, on "
        f"{percent(found.geometry.accuracy)}"
    )
    if found.accuracy_low <= found.geometry.accuracy:
        return f"{text}: that {found.model} uses more than that is not shown"
    return text


def _beside(found: Answer) -> list[str]:
    texts = []
    if found.equals:
        names = listed([one.model for one in found.equals])
        texts.append(
            f"Not shown to be worse, with {found.images} photos: {names}. Of these and "
            f"{found.model}, take the one that costs least, or label more photos."
        )
    if found.worse:
        nearest = min(found.worse, key=lambda one: one.low)
        others = f"{listed([one.model for one in found.worse])}; than {nearest.model}"
        better = nearest.model if len(found.worse) == 1 else others
        texts.append(
            f"It is better than {better} by {100 * nearest.difference:.1f} points (95\xa0% "
            f"interval {100 * nearest.low:.1f} to {100 * nearest.high:.1f})."
        )
    return texts


def as_markdown(found: Answer) -> str:
    """The answer as the text of results/answer.md."""
    rows = [(one, EQUAL) for one in found.equals] + [(one, WORSE) for one in found.worse]
    lines = ["# Answer", "", *(f"{text}\n" for text in sentences(found))]
    if found.chosen is not None:
        head = ["model", "worse", "difference", "training", "memory", "weights"]
        lines += [f"| {' | '.join(head)} |", "| --- | --- | --- | --- | --- | --- |"]
        lines.append(_row(found.chosen, "chosen", "", found.price))
        lines += [_row(one.model, what, behind(one), one.price) for one, what in rows]
        lines.append("")
    for reason in dict.fromkeys(one.reason for one in found.not_judged):
        names = listed([one.model for one in found.not_judged if one.reason == reason])
        lines.append(f"- Not judged: {names}: {reason}.")
    return "\n".join(lines) + "\n"


def behind(one: Compared) -> str:
    """Accuracy of a candidate minus that of the chosen one, in points, and its interval."""
    values = (-100 * one.difference, -100 * one.high, -100 * one.low)
    value, low, high = (f"{number:z.1f}".replace("-", "−") for number in values)
    return f"{value} [{low}, {high}]"


def _row(model: str, what: str, difference: str, price: Price | None) -> str:
    cost = ["", "", ""]
    if price is not None:
        cost = [f"{price.seconds:.1f} s", f"{price.memory_mb:.0f} MB", f"{price.weights_mb:.0f} MB"]
    return f"| {' | '.join([model, what, difference, *cost])} |"
