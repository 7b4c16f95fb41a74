"""Summaries of the photos: sizes, class counts, duplicates."""

from collections.abc import Sequence

import pandas as pd

from stillact.core.text_tables import percent

MEASURES = ("width", "height", "aspect_ratio")


def photos(images: pd.DataFrame, manifest: pd.DataFrame) -> pd.DataFrame:
    """The available photos, in the manifest's order.

    Args:
        images: images.csv, with `id`, `status`, `width` and `height`.
        manifest: manifest.csv, with `id` and `label`.

    Returns:
        id, label, width and height in pixels (upright), aspect_ratio (width over height).
    """
    available = images.loc[images["status"] == "ok", ["id", "width", "height"]]
    table = manifest[["id", "label"]].merge(available, on="id")
    return table.assign(aspect_ratio=table["width"] / table["height"])


def table_1(photos: pd.DataFrame, classes: Sequence[str]) -> pd.DataFrame:
    """Counts and sizes per class, in the order of `classes`, then overall.

    Args:
        photos: a table of `photos()`.
        classes: labels, one row each; photos with other labels are not counted.

    Returns:
        label (a class or "Overall"), count, share (of all counted, 0 to 1), and for width and
        height (pixels) and aspect_ratio: mean, median and iqr (third minus first quartile).
        A class without photos has count 0 and no sizes.
    """
    groups = {label: photos[photos["label"] == label] for label in classes}
    groups["Overall"] = photos[photos["label"].isin(classes)]
    rows = []
    for label, group in groups.items():
        share = len(group) / max(len(groups["Overall"]), 1)
        row = {"label": label, "count": len(group), "share": share}
        for measure in MEASURES:
            values = group[measure]
            row[f"{measure}_mean"] = values.mean()
            row[f"{measure}_median"] = values.median()
            row[f"{measure}_iqr"] = values.quantile(0.75) - values.quantile(0.25)
        rows.append(row)
    return pd.DataFrame(rows)


def readable_sizes(table: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """A table of `table_1()` as text, and its footnote."""
    digits = {"width": 0, "height": 0, "aspect_ratio": 2}
    rows = []
    for row in table.to_dict("records"):
        cells = {
            "class": row["label"],
            "photos": str(row["count"]),
            "share": percent(row["share"]),
        }
        for measure, shown in digits.items():
            mean, median, iqr = (
                f"{row[f'{measure}_{value}']:.{shown}f}" if row["count"] else "–"
                for value in ("mean", "median", "iqr")
            )
            unit = "" if measure == "aspect_ratio" else " (px)"
            cells[measure.replace("_", " ") + unit] = f"{mean} ({median}, {iqr})"
        rows.append(cells)
    return pd.DataFrame(rows), "Sizes are mean (median, interquartile range)."


def choose_examples(
    photos: pd.DataFrame, classes: Sequence[str], per_class: int, seed: int
) -> dict[str, list[str]]:
    """Sample the ids of `per_class` photos of each class (all, if there are fewer), by `seed`.

    The result does not depend on the order of the rows of `photos`.
    """
    chosen = {}
    for label in classes:
        group = photos.loc[photos["label"] == label, "id"].sort_values()
        chosen[label] = group.sample(min(per_class, len(group)), random_state=seed).tolist()
    return chosen


def audit(duplicates: pd.DataFrame, manifest: pd.DataFrame, holdout: pd.DataFrame) -> pd.DataFrame:
    """The pairs that connect each group of duplicates, with their labels and subsets.

    Args:
        duplicates: duplicates.csv: image_id_a, image_id_b, kind (exact or near), distance (bits),
            group.
        manifest: manifest.csv, with `id` and `label`.
        holdout: holdout.csv, with `image_id` and `subset`.

    Returns:
        `duplicates` with label_a, label_b, labels_differ (yes or no), subset_a, subset_b (none
        for a photo outside the split) and crosses_split (yes in all rows of a group that is in
        more than one subset, or no).
    """
    table = duplicates[["image_id_a", "image_id_b", "kind", "distance", "group"]].copy()
    label = manifest.set_index("id")["label"]
    subset = holdout.set_index("image_id")["subset"]
    for side in "ab":
        table[f"label_{side}"] = table[f"image_id_{side}"].map(label)
        table[f"subset_{side}"] = table[f"image_id_{side}"].map(subset).fillna("none")
    table["labels_differ"] = _yes_no(table["label_a"] != table["label_b"])
    # Of the group, not of the pair: a photo outside the split may connect two that are in it.
    sides = [
        table[["group", f"subset_{side}"]].set_axis(["group", "subset"], axis=1) for side in "ab"
    ]
    both = pd.concat(sides)
    subsets = both[both["subset"] != "none"].groupby("group")["subset"].nunique()
    table["crosses_split"] = _yes_no(table["group"].map(subsets) > 1)
    return table


def _yes_no(flags: pd.Series) -> pd.Series:
    return flags.map({True: "yes", False: "no"}).astype(str)


def audit_summary(audit: pd.DataFrame) -> str:
    """Summarise a table of `audit()` in a few sentences of plain text."""
    if audit.empty:
        return "No photo is an exact or near-duplicate of another."
    exact = int((audit["kind"] == "exact").sum())
    crossing = audit.loc[audit["crosses_split"] == "yes", "group"].nunique()
    differing = audit.loc[audit["labels_differ"] == "yes", "group"].nunique()
    return " ".join(
        [
            f"{duplicates_of(audit)} in {_groups(audit['group'].nunique())}: {exact} exact, "
            f"{len(audit) - exact} near.",
            f"{_groups(crossing)} {'is' if crossing == 1 else 'are'} divided between subsets, so "
            "that a model is evaluated on photos used to train or select it."
            if crossing
            else "No group is divided between subsets.",
            f"{_groups(differing)} {'has' if differing == 1 else 'have'} different labels, at "
            "least one of them wrong or ambiguous."
            if differing
            else "No group has different labels.",
        ]
    )


def duplicates_of(audit: pd.DataFrame) -> str:
    """'no duplicates', '1 duplicate', ...: the photos after the first of each group."""
    return f"{len(audit) or 'no'} duplicate{'s' * (len(audit) != 1)}"


def _groups(count: int) -> str:
    return f"{count} group" if count == 1 else f"{count} groups"


def largest_class_rate(split: pd.DataFrame, subset: str) -> float:
    """The accuracy (0 to 1) of always predicting the most frequent label of `subset`.

    Args:
        split: holdout.csv, with `label` and `subset`.
        subset: train, validation or test; not empty.
    """
    labels = split.loc[split["subset"] == subset, "label"]
    return labels.value_counts(normalize=True).max()
