"""Which labels may be wrong: photos in the order in which to check them."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from stillact.core.probabilities import classes_of, most_probable, prob_column, prob_columns
from stillact.core.runs import FOLD


def suspects(predictions: pd.DataFrame, models: Sequence[str]) -> pd.DataFrame:
    """The photos, those first whose label has the lowest probability by models that were not
    trained on them: self-confidence (Northcutt et al., "Confident learning", JAIR 2021), averaged
    over the models, each over its runs.

    Args:
        predictions: the predictions table of a task.
        models: names; that of at least one with predictions.

    Returns:
        image_id, label; predicted, the class with the highest mean probability; self_confidence,
        the mean probability of the label, [0, 1]; disagree, the number of models that predict
        another class than the label, and models, the number of models; prob_<class>, the means. A
        photo in no fold (of a test set of the user's) is predicted by the runs on the holdout.
    """
    columns = prob_columns(classes_of(predictions))
    rows = predictions[predictions["model"].isin(models) & (predictions["subset"] == "test")]
    folds = rows["split"].str.fullmatch(FOLD)
    rows = rows[folds | ~rows["image_id"].isin(rows.loc[folds, "image_id"])]
    photo = ["image_id", "label"]
    of_models = rows.groupby([*photo, "model"])[columns].mean()
    wrong = most_probable(of_models) != of_models.index.get_level_values("label")
    means = of_models.groupby(level=photo).mean().reset_index()
    label = [columns.index(prob_column(name)) for name in means["label"]]
    table = pd.DataFrame(
        {
            "image_id": means["image_id"],
            "label": means["label"],
            "predicted": most_probable(means),
            "self_confidence": means[columns].to_numpy()[np.arange(len(means)), label],
            "disagree": wrong.groupby(level=photo).sum().to_numpy(),
            "models": wrong.groupby(level=photo).size().to_numpy(),
        }
    ).join(means[columns])
    return table.sort_values(["self_confidence", "image_id"], ignore_index=True)
