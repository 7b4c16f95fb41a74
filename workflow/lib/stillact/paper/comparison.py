"""The values reported in arXiv 2506.13458, beside those of the study."""

import pandas as pd

from stillact.core.text_tables import percent
from stillact.evaluation import model_tables
from stillact.evaluation.metrics import METRICS
from stillact.evaluation.model_tables import MARK, VALUES, number
from stillact.paper.reported import DIGITS, LARGEST_CLASS

TITLES = {
    "table_2": "A convolutional and a fully connected network, both trained from scratch",
    "table_3": "The same network trained with each augmentation",
    "table_4": "The convolutional network with and without augmentation, batch norm and dropout",
    "table_5": "Fine-tuned pretrained models",
    "table_6": "An MLP on the features of a pretrained model",
    "table_7": "The paper's models",
}


def beside(table: pd.DataFrame, reported: pd.DataFrame) -> pd.DataFrame:
    """A table of `model_tables.of_models` with the values of the paper.

    Args:
        table: its first column has the names of the rows.
        reported: the rows of paper_results.csv to compare with, by these names; the first per
            model is used.

    Returns:
        After the values of each metric {metric}_paper (NaN where the paper has none), 0 to 1, and
        {metric}_difference (this study's mean minus the paper).
    """
    theirs = reported.drop_duplicates("model").set_index("model")
    columns = list(table.columns[:4])
    made = table.copy()
    for metric in METRICS:
        made[f"{metric}_paper"] = table.iloc[:, 0].map(theirs[metric]).astype(float)
        made[f"{metric}_difference"] = table[f"{metric}_mean"] - made[f"{metric}_paper"]
        columns += [f"{metric}_{value}" for value in (*VALUES, "paper", "difference")]
    return made[columns]


def readable(table: pd.DataFrame, photos: int, rate: float) -> tuple[pd.DataFrame, str]:
    """A table of `beside` as text, and its footnote.

    Args:
        table, photos, rate: as in `model_tables.readable`.

    Returns:
        As `model_tables.readable`, and, where the paper reports any value, paper and difference.
        The paper's accuracies that are not above the baseline on its own photos are marked with †.
        The paper's class counts are known for its test photos only, see LARGEST_CLASS.
    """
    cells, note = model_tables.readable(table, photos, rate)
    if table["accuracy_paper"].isna().all():
        return cells, note
    task, subset = table[["task", "subset"]].iloc[0]
    largest, of = LARGEST_CLASS.get(task, (None, None)) if subset == "test" else (None, None)
    limit = round(largest / of, DIGITS) if of else -1
    cells["paper"] = [
        number(value, DIGITS) + (MARK if metric == "accuracy" and value <= limit else "")
        for metric in METRICS
        for value in table[f"{metric}_paper"]
    ]
    cells["difference"] = [
        _signed(value) for metric in METRICS for value in table[f"{metric}_difference"]
    ]
    theirs = (
        f"On the paper's photos it scores {largest} of {of} ({percent(largest / of)})."
        if of
        else f"The class counts of the paper's {subset} photos are not known; its values are not "
        "marked."
    )
    return cells, (
        f"{note} {theirs} Difference: this study's mean minus the paper's value, which is on "
        "different photos."
    )


def _signed(value: float) -> str:
    return "–" if pd.isna(value) else f"{value:+.3f}".replace("-", "−")
