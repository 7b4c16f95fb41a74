"""Tables for readers, as Markdown and as LaTeX.

pandas' own writers are not used: they need two more packages in the environment of Table 1, and
support neither a note below the table nor a rule between its parts.
"""

import re
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from stillact.core.tables import replacing

MARKDOWN = str.maketrans({"\\": r"\\", "|": r"\|", "*": r"\*", "<": "&lt;", "\n": " "})
# The project's own texts become plain ASCII, which compiles under any encoding and font.
LATEX = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        **{character: "\\" + character for character in "&%$#_{}"},
        "<": "$<$",
        ">": "$>$",
        "|": "$|$",
        "±": r"$\pm$",
        "−": "$-$",
        "†": r"$^{\dagger}$",
        "\xa0": "~",
        "–": "--",
        "\n": " ",
        "[": "{[}",  # a row that starts with [ would be an option
    }
)


def write(
    path: str | Path, table: pd.DataFrame, *, caption: str, note: str, words: int = 1
) -> None:
    """Write a table to a file atomically, as Markdown (.md) or LaTeX (.tex).

    LaTeX is for \\input, with \\usepackage{booktabs}; the file's name is the table's label, as in
    \\ref{tab:table_2}. LaTeX numbers tables itself; in Markdown the name gives the number
    ("Table 2").

    Args:
        table: formatted text. If the first column has empty cells, each non-empty one begins a
            part of the table, which LaTeX separates by a rule.
        caption, note: plain text above and below the table.
        words: number of columns, from the left, that hold words; the others hold numbers.
    """
    path = Path(path)
    how = {".md": _markdown, ".tex": _latex}[path.suffix]
    with replacing(path) as part:
        part.write_text(how(table, caption, note, words, path.stem), encoding="utf-8")


def _markdown(table: pd.DataFrame, caption: str, note: str, words: int, name: str) -> str:
    rules = ["---" if place < words else "--:" for place in range(table.shape[1])]
    rows = [table.columns, *table.itertuples(index=False)]
    head, *body = [f"| {' | '.join(_cells(row, MARKDOWN))} |" for row in rows]
    number = re.match(r"table_(\d+)$", name)
    title = (f"Table {number[1]}. " if number else "") + caption.translate(MARKDOWN)
    rule = f"| {' | '.join(rules)} |"
    return "\n".join([f"**{title}**", "", head, rule, *body, "", note.translate(MARKDOWN), ""])


def _latex(table: pd.DataFrame, caption: str, note: str, words: int, name: str) -> str:
    parts = (table.iloc[:, 0] == "").any()
    body = []
    for row in table.itertuples(index=False):
        if parts and row[0] and body:
            body.append(r"\midrule")
        body.append(" & ".join(_cells(row, LATEX)) + r" \\")
    lines = [
        r"\begin{table}[htbp]",
        r"\centering\footnotesize\setlength{\tabcolsep}{4pt}",  # to fit LaTeX's own narrow page
        rf"\caption{{{caption.translate(LATEX)}}}",
        rf"\label{{tab:{name}}}",
        rf"\begin{{tabular}}{{{'l' * words}{'r' * (table.shape[1] - words)}}}",
        r"\toprule",
        " & ".join(_cells(table.columns, LATEX)) + r" \\",
        r"\midrule",
        *body,
        r"\bottomrule",
        r"\end{tabular}",
        rf"\par\medskip\parbox{{\linewidth}}{{\footnotesize {note.translate(LATEX)}}}",
        r"\end{table}",
    ]
    return "\n".join([*lines, ""])


def _cells(row, escapes: dict) -> list[str]:
    return [str(cell).translate(escapes) for cell in row]


def figures(value: float) -> str:
    """Three significant digits; all digits before the decimal point."""
    text = f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return text.replace("-", "−")


def percent(share: float) -> str:
    """A share (0 to 1) in per cent, with a non-breaking space before the sign."""
    return f"{100 * share:.1f}\xa0%"


def listed(words: Sequence[str]) -> str:
    """'a', 'a and b' or 'a, b and c'."""
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))
