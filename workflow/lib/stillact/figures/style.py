"""The style of all figures: colours, sizes, and file output.

Output is deterministic: the same figure gives the same bytes. In studies with more classes than
colours, classes are identified only by name.
"""

import textwrap
from pathlib import Path

from matplotlib import rc_context
from matplotlib.figure import Figure

from stillact.core.tables import replacing

# Okabe and Ito's colours, which are safe for colour-blind readers; a class has the colour and the
# marker of its index in the list of classes.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "^", "s", "D", "v", "P")
INK, QUIET = "#222222", "#767676"

STYLE = {
    "figure.constrained_layout.use": True,
    "savefig.dpi": 160,
    "font.family": "DejaVu Sans",  # comes with Matplotlib
    "font.size": 11,
    "axes.titlesize": 11,
    "axes.labelsize": 11,
    "axes.edgecolor": QUIET,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
    "svg.hashsalt": "stillact",
}
WIDTH = 5.6  # inches: 11-point text remains legible on a phone
SIDE = 280  # pixels: square of an example photo


def save(figure: Figure, path: str | Path) -> None:
    """Write `figure` in the format of the path's suffix (.png or .svg), atomically."""
    kind = Path(path).suffix.removeprefix(".")
    undated = {"svg": {"Date": None}, "png": {"Software": None}}
    with rc_context(STYLE), replacing(path) as part:
        figure.savefig(part, format=kind, metadata=undated[kind])


def broken(text: str, letters: int) -> str:
    """Wrap text to lines of at most `letters` characters, preferably at spaces and underscores."""
    return textwrap.fill(text.replace("_", "_ "), letters).replace("_ ", "_")
