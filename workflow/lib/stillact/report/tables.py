"""Tables of the report: DataFrames formatted as text cells."""

import re
from collections.abc import Mapping, Sequence

import pandas as pd
from pandas.api.types import is_bool_dtype, is_integer_dtype, is_numeric_dtype

from stillact.core.runs import SUBSETS
from stillact.core.text_tables import figures, percent
from stillact.data.overview import MEASURES, largest_class_rate
from stillact.evaluation.metrics import METRICS
from stillact.evaluation.model_tables import VALUES
from stillact.paper.reported import DIGITS, LARGEST_CLASS
from stillact.report.captions import SHOWN

P_VALUES = {"p", "p_holm", "mcnemar_p", "mcnemar_p_holm"}
AUDIT_ROWS = 200  # maximum; a burst has one per photo
SMALLEST_P = 0.001  # smaller values are shown as "< 0.001"
ZERO = 1e-12  # a smaller number is 0, but for the rounding of a sum
# The section of a table, by its folder, or by its name where that has a section of its own.
SECTIONS = {"selection": "recipes", "statistics": "sure", "explain": "looking", "errors": "errors"}
SECTIONS |= {"robustness": "robustness", "external": "elsewhere"}
SECTIONS |= {"calibration": "calibration", "reliability": "calibration"}
# The keys of a row of the page, for tables with one row per metric.
ONE_ROW = ("task", "model", "method", "answers", "scheme")


def audited(audit: pd.DataFrame) -> list[dict]:
    """The rows of a table of `overview.audit` to show: first groups that are divided between
    subsets, then different labels; at most `AUDIT_ROWS`."""
    order = audit.sort_values(["crosses_split", "labels_differ"], ascending=False, kind="stable")
    return order.head(AUDIT_ROWS).to_dict("records")


def shown_as_they_are(
    tables: Mapping[str, pd.DataFrame], names: Mapping[str, str]
) -> dict[str, list[dict]]:
    """The tables of each section, their cells as text.

    Args:
        tables: by their path under results/ without suffix; those without a caption are skipped.
        names: path or url of each photo, which is shown instead of its id.
    """
    sections = {section: [] for section in SECTIONS.values()}
    for name, table in tables.items():
        folder, *task, kind = name.split("/")
        if kind not in SHOWN:
            continue
        title, caption = SHOWN[kind]
        shown, notes = _numbered(table.dropna(axis=1, how="all"))
        if "image_id" in shown:
            photo = shown["image_id"].map(names)
            shown = shown.assign(image_id=photo).rename(columns={"image_id": "photo"})
        columns = _columns(shown)
        sections[SECTIONS.get(kind, SECTIONS[folder])].append(
            {
                "name": name,
                "id": name.replace("/", "-"),
                "title": ": ".join([title, *task]),
                "caption": caption,
                "columns": [
                    {"label": label.replace("_", " "), "number": number}
                    for label, number, _ in columns
                ],
                "rows": list(zip(*(cells for _, _, cells in columns), strict=True)),
                "notes": notes,
            }
        )
    return sections


def _columns(table: pd.DataFrame) -> list[tuple[str, bool, list[tuple]]]:
    """The columns of a table, as `_column`; a table with one row per metric is pivoted to one
    column per metric, with the interval in its cells."""
    if "metric" not in table or table.empty:
        ends = [label for label in table if re.search("._ci_(low|high)$", str(label))]
        return [_with_ends(str(label), table, ends) for label in table if label not in ends]
    keys = [key for key in ONE_ROW if key in table]
    metrics = table["metric"].unique()
    of = ["value", "ci_low", "ci_high"]
    wide = table.pivot(index=keys, columns="metric", values=of)
    rest = table.drop(columns=["metric", *of]).groupby(keys, sort=False).first()
    wide = wide.reindex(rest.index)
    made = [_column(str(label), values) for label, values in rest.reset_index().items()]
    return made + [
        (metric, True, [_interval(*row) for row in wide.xs(metric, axis=1, level=1)[of].to_numpy()])
        for metric in metrics
    ]


def _with_ends(label: str, table: pd.DataFrame, ends: list) -> tuple[str, bool, list[tuple]]:
    """A column, with its interval in its cells where the table has one."""
    of = [label, f"{label}_ci_low", f"{label}_ci_high"]
    if of[1] not in ends:
        return _column(label, table[label])
    return label, True, [_interval(*row) for row in table[of].to_numpy(float)]


def _interval(value: float, low: float, high: float) -> tuple[str, float]:
    shown = _figures(value, 0)
    if pd.notna(low):
        shown += f" [{_figures(low, 0)}, {_figures(high, 0)}]"
    return shown, value


def _numbered(table: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """The table with its notes replaced by their numbers, and the notes."""
    if "note" not in table:
        return table, []
    notes = [note for note in table["note"].unique() if pd.notna(note) and note]
    number = {note: str(i) for i, note in enumerate(notes, 1)}
    return table.assign(note=[number.get(note, "") for note in table["note"]]), notes


def _column(label: str, values: pd.Series) -> tuple[str, bool, list[tuple]]:
    """Its label, whether it is numeric, and each cell as shown and, if a number, unrounded."""
    if not is_numeric_dtype(values) or is_bool_dtype(values):
        return label, False, [("" if pd.isna(value) else str(value), "") for value in values]
    if is_integer_dtype(values):
        return label, True, [(f"{value:,}", value) for value in values]
    smallest = SMALLEST_P if label in P_VALUES else 0
    return label, True, [(_figures(value, smallest), value) for value in values]


def _figures(value: float, smallest: float) -> str:
    """Three significant digits, or "< `smallest`"."""
    if pd.isna(value):
        return "–"
    if 0 <= value < smallest:
        return f"< {smallest}"
    return figures(value if abs(value) >= ZERO else 0)


def split(holdout: pd.DataFrame, classes: Sequence[str]) -> dict:
    """Photos of a task by class and subset, with totals."""
    table = pd.crosstab(holdout["label"], holdout["subset"])
    table = table.reindex(index=classes, columns=list(SUBSETS), fill_value=0)
    return {
        "rows": [(label, (*counts, sum(counts))) for label, *counts in table.itertuples()],
        "totals": (*table.sum(), int(table.to_numpy().sum())),
    }


def sizes(table: pd.DataFrame | None) -> list[dict]:
    """The rows of `overview.table_1`, their cells as text."""
    digits = {"width": 0, "height": 0, "aspect_ratio": 2}
    rows = []
    for row in () if table is None else table.to_dict("records"):
        values = [
            _number(row[f"{measure}_{value}"], digits[measure])
            for measure in MEASURES
            for value in ("mean", "median", "iqr")
        ]
        rows.append(
            {
                "label": row["label"],
                "count": row["count"],
                "share": percent(row["share"]),
                "values": values,
            }
        )
    return rows


def results(
    table: pd.DataFrame | None,
    reported: pd.DataFrame | None,
    holdouts: Mapping[str, pd.DataFrame],
) -> dict:
    """A table of results, its cells as text, and the values of its footnote.

    Args:
        table: from `model_tables.of_models`, or from `comparison.beside`; None where there is none.
        reported: rows of paper_results.csv to compare with; None for a table without the paper's
            values.
        holdouts: the holdout.csv of each task.
    """
    theirs = [] if reported is None else reported["model"].tolist()
    if table is None or table.empty:
        return {"rows": [], "absent": theirs}
    task, subset = table["task"].iloc[0], table["subset"].iloc[0]
    photos, rate = constant_answer(holdouts[task], subset)
    known = reported is not None and subset == "test"
    largest, of = LARGEST_CLASS.get(task, (None, None)) if known else (None, None)
    rows = []
    for row in table.to_dict("records"):
        cells = [_cell(row, metric) for metric in METRICS]
        cells[0]["ours_marked"] = row["accuracy_mean"] <= rate
        cells[0]["paper_marked"] = of is not None and row["accuracy_paper"] <= largest / of
        rows.append({"name": next(iter(row.values())), "runs": int(row["runs"]), "cells": cells})
    names = [row["name"] for row in rows]
    return {
        "rows": rows,
        "absent": [model for model in theirs if model not in names],
        "single": [row["name"] for row in rows if row["runs"] < 2],
        "task": task,
        "subset": subset,
        "photos": photos,
        "rate": percent(rate),
        "paper_rate": f"{largest} of {of} ({percent(largest / of)})" if of else None,
        "in_paper": reported is not None and bool(table["accuracy_paper"].notna().any()),
    }


def constant_answer(holdout: pd.DataFrame, subset: str) -> tuple[int, float]:
    """The number of photos, and the accuracy of the majority-class baseline on them."""
    return int((holdout["subset"] == subset).sum()), largest_class_rate(holdout, subset)


def _cell(row: dict, metric: str) -> dict:
    mean, sd, low, high = (row[f"{metric}_{value}"] for value in VALUES)
    spread = pd.notna(sd)
    return {
        "ours": f"{mean:.3f} ± {sd:.3f}" if spread else f"{mean:.3f}",
        "interval": f"[{low:.2f}, {high:.2f}]" if spread else "",
        "paper": _number(row.get(f"{metric}_paper", float("nan")), DIGITS),
        "ours_marked": False,
        "paper_marked": False,
    }


def _number(value: float, digits: int) -> str:
    return "–" if pd.isna(value) else f"{value:.{digits}f}"
