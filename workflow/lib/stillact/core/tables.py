"""File input and output: reproducible CSV tables, and atomic writes."""

import contextlib
import hashlib
import os
import platform
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

# Columns whose values may look like numbers but are text.
TEXT = {"id", "image_id", "image_id_a", "image_id_b", "url", "sha256", "manifest_sha256", "group"}
TEXT |= {"task", "model", "split", "subset", "label", "augmentation", "class", "text"}
TEXT |= {"status", "reason", "mode", "person_boxes", "path", "file", "abstain", "prediction_set"}
TEXT |= {"scores", "source", "without"}
TEXT |= {"model_a", "model_b", "answer", "predicted", "second", "novel", "rule", "bin"}
TEXT |= {"first", "last", "copy"}


@contextlib.contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """A temporary file beside `path`, renamed to `path` atomically when the block succeeds, and
    removed when it fails."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # Jobs on other nodes of a shared file system may have the same process number.
    part = path.with_name(f".{path.name}.{platform.node()}.{os.getpid()}")
    try:
        yield part
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def write_csv(frame: pd.DataFrame, path: str | Path) -> None:
    """Write `frame` atomically as UTF-8 CSV with a header and without its index.

    Floats are written with the fewest digits that read back as the same number.
    """
    with replacing(path) as part:
        frame.to_csv(part, index=False, lineterminator="\n", encoding="utf-8")


def read_csv(path: str | Path) -> pd.DataFrame:
    """Read a table of `write_csv`: text columns stay text, and their empty cells are ''."""
    header = pd.read_csv(path, nrows=0, encoding="utf-8").columns
    text = [column for column in header if column in TEXT]
    return pd.read_csv(
        path,
        dtype=dict.fromkeys(text, str),
        keep_default_na=False,
        na_values={column: [""] for column in header if column not in text},
        encoding="utf-8",
    )


def sha256_of(path: str | Path) -> str:
    """SHA-256 of a file's bytes, as 64 hex digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
