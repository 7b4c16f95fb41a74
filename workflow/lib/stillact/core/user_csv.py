"""CSV files of users, in the dialects and with the column names that other programs write.

It uses only the standard library, because the workflow imports it before any job runs.
"""

import codecs
import csv
import io
from collections.abc import Iterable
from pathlib import Path

DELIMITERS = ",;\t"
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # first characters of a spreadsheet formula
OFTEN = {  # other names of columns
    "url": ("path", "file", "filename", "file_name", "image", "image_path", "photo", "img", "link"),
    "label": ("class", "category", "target", "activity", "labels", "choice", "y"),
    "votes": ("caption_votes",),
}


def rows(path: str | Path) -> list[list[str]]:
    """All rows, the header first; cells are stripped of white space.

    The text is UTF-8, or UTF-16 with a byte order mark. The delimiter is the most frequent one of
    comma, semicolon and tab in the header.

    Raises:
        OSError: the file cannot be read.
        UnicodeDecodeError: it has another encoding.
        csv.Error: it is no CSV.
    """
    text, _, delimiter = _read(Path(path))
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    return [[cell.strip() for cell in row] for row in reader]


def encoded(table: Iterable[Iterable[str]], like: str | Path) -> bytes:
    """Rows as CSV with the encoding and the delimiter of another file, which `rows` reads."""
    _, encoding, delimiter = _read(Path(like))
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter, lineterminator="\n").writerows(table)
    return text.getvalue().encode(encoding)


def _read(path: Path) -> tuple[str, str, str]:
    """The text of a file, its encoding, and its delimiter."""
    content = path.read_bytes()
    encoding = "utf-8-sig" if content.startswith(codecs.BOM_UTF8) else "utf-8"
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16"
    text = content.decode(encoding)
    return text, encoding, max(DELIMITERS, key=text.lstrip().partition("\n")[0].count)


def named(header: Iterable[str]) -> list[str]:
    """The column names in lower case. The column that alone has one of the other names of a column
    of `OFTEN` which is absent is that column."""
    names = [name.lower() for name in header]
    for column, often in OFTEN.items():
        meant = [name for name in names if name in often]
        if column not in names and len(meant) == 1:
            names[names.index(meant[0])] = column
    return names
