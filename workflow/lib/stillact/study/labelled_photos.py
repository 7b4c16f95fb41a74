"""The config of a study of labelled photos, from the photos alone."""

import re
import unicodedata
from typing import Any

from stillact.core.errors import InputError
from stillact.data.labelled import source

# Models whose backbone is frozen, which take minutes without a GPU, and those that need one.
FAST = ("clip_zero_photo", "clip_zero_ensemble", "clip_probe", "clip_em")
ON_GPU = ("clip_prolip", "clip_text", "clip_lp_ft")
HINT = (
    f"A GPU can be used: device=cuda after labelled=... adds models that need one "
    f"({', '.join(ON_GPU)})."
)
LARGE = 300  # photos, from which on the fractions and folds of the shipped config are used


def settings(shipped: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """What differs from the shipped config in a study of `labelled`, before a config of its own.

    The classes are its labels, of which one task is made, and the prompts their names. Which models
    it has depends on `device`, and not on the machine, so that a study has the same on all.

    Args:
        shipped: config.yaml.
        given: the config of the user, with the key labelled.

    Raises:
        InputError: as `source.labels`; there is only one class; dataset.manifest is set, too.
    """
    path = str(given["labelled"])
    if "manifest" in (given.get("dataset") or {}):
        raise InputError("labelled and dataset.manifest are both set; remove one")
    counts = source.labels(path)
    if len(counts) < 2:
        raise InputError(
            f"labelled: {path} has {len(counts)} classes ({', '.join(counts)}), and at least two "
            "are needed: one folder per class, or a column label"
        )
    name, classes = slug(source.title(path)), list(counts)
    models = [*FAST, *(ON_GPU if given.get("device", shipped["device"]) == "cuda" else ())]
    changes: dict[str, Any] = {
        "dataset": {"name": name, "manifest": path, "classes": classes},
        "tasks": {
            **dict.fromkeys(shipped["tasks"]),
            name: {"classes": classes, "models": models},
        },
        "prompts": {"words": {label: [spoken(label)] for label in classes}},
    }
    few = counts.total() < LARGE
    most = 5 if few else shipped["splits"]["kfold"]["folds"]
    changes["splits"] = {"kfold": {"folds": min(most, max(3, min(counts.values())))}}
    if few:
        changes["splits"]["fractions"] = {"train": 0.6, "validation": 0.2, "test": 0.2}
    return changes


def slug(name: str) -> str:
    """A name for files: lower-case ASCII letters, digits and _, a letter first."""
    ascii_only = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    plain = re.sub("[^a-z0-9]+", "_", ascii_only.lower()).strip("_")[:50]
    return plain if plain[:1].isalpha() else f"photos_{plain}".strip("_")


def spoken(label: str) -> str:
    """A class name as words: riding_a-bicycle is "riding a bicycle"."""
    return re.sub("[_-]+", " ", label).strip() or label
