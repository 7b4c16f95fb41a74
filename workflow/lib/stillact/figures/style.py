"""The style of all figures: colours, sizes, and how a figure is written.

The same figure gives the same bytes. Where a study has more classes than there are colours, classes
are told by their names alone.
"""

import textwrap
from pathlib import Path

from matplotlib import rc_context
from matplotlib.figure import Figure

from stillact.core.tables import replacing

# Okabe and Ito's colours, told apart by colour-blind readers; a class keeps the colour and the
# marker of its place in the list of classes.
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
WIDTH = 5.6  # inches: letters of 11 points are still read on a phone's screen
SIDE = 280  # pixels of an example's square


def save(figure: Figure, path: str | Path) -> None:
    """Write `figure` in the format of the path's ending (.png or .svg), in one step."""
    kind = Path(path).suffix.removeprefix(".")
    undated = {"svg": {"Date": None}, "png": {"Software": None}}
    with rc_context(STYLE), replacing(path) as part:
        figure.savefig(part, format=kind, metadata=undated[kind])


def broken(text: str, letters: int) -> str:
    """Broken into lines of so many letters, at spaces and underscores where there are any."""
    return textwrap.fill(text.replace("_", "_ "), letters).replace("_ ", "_")
