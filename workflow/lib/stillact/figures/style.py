"""The style of all figures: colours, sizes, and file output.

Output is deterministic: the same figure gives the same bytes. In studies with more classes than
colours, classes are identified only by name.
"""

import textwrap
import warnings
from pathlib import Path

from matplotlib import font_manager, get_cachedir, rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stillact.core.logs import logger
from stillact.core.tables import replacing

# Okabe and Ito's colours, which are safe for colour-blind readers; a class has the colour and the
# marker of its index in the list of classes.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "^", "s", "D", "v", "P")
INK, QUIET = "#222222", "#767676"

# Fonts of the common systems for letters that DejaVu Sans lacks, as in names of classes. Matplotlib
# takes each letter from the first font that has it; it warns of names that are not installed.
OTHER_FONTS = (
    *("Noto Sans CJK SC", "Noto Sans CJK JP", "Source Han Sans SC", "WenQuanYi Zen Hei"),
    *("WenQuanYi Micro Hei", "Microsoft YaHei", "SimHei", "PingFang SC", "Hiragino Sans"),
    *("Malgun Gothic", "Apple SD Gothic Neo", "Noto Sans Devanagari", "Noto Sans Thai"),
    *("Nirmala UI", "Leelawadee UI"),
)


def fonts() -> list[str]:
    """The fonts of all figures: the one that comes with Matplotlib, and installed ones."""
    installed = set(font_manager.get_font_names())
    return ["DejaVu Sans", *(name for name in OTHER_FONTS if name in installed)]


STYLE = {
    "figure.constrained_layout.use": True,
    "savefig.dpi": 160,
    "font.family": fonts(),
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
    "text.parse_math": False,  # "$" in the path of a photo is a character
    "svg.hashsalt": "stillact",
}
# All figures have the width, in inches, at which report.css shows them (39rem), so that text has
# one size in all of them: 11 points, and SMALL for numbers in cells, bins and names of photos. On a
# phone, text of wider figures could not be read.
WIDTH = 6.5
SMALL = 9
SIDE = 280  # pixels: square of an example photo
REACH = 25  # points of accuracy at the ends of the colour scale of differences, in every study


def save(figure: Figure, path: str | Path) -> None:
    """Write `figure` in the format of the path's suffix (.png or .svg), atomically."""
    kind = Path(path).suffix.removeprefix(".")
    undated = {"svg": {"Date": None}, "png": {"Software": None}}
    with warnings.catch_warnings(record=True) as caught, rc_context(STYLE), replacing(path) as part:
        warnings.simplefilter("always")
        figure.savefig(part, format=kind, metadata=undated[kind])
    texts = [str(warning.message) for warning in caught]
    if any(text.startswith("Glyph") and "missing from font" in text for text in texts):
        logger.warning(
            "%s: some letters are drawn as boxes, as no known font that is installed has them; "
            "install one, such as Noto Sans CJK (Debian, Ubuntu: fonts-noto-cjk), and remove "
            "Matplotlib's list of fonts, %s/fontlist*",
            *(Path(path).name, get_cachedir()),
        )
    for text in dict.fromkeys(text for text in texts if not text.startswith("Glyph")):
        logger.warning("%s: %s", Path(path).name, text)


def broken(text: str, letters: int) -> str:
    """Wrap text to lines of at most `letters` characters, preferably at spaces and underscores."""
    return textwrap.fill(text.replace("_", "_ "), letters).replace("_ ", "_")


def shortened(name: str, letters: int) -> str:
    """The path or url of a photo; without its first folders if it is longer than `letters`."""
    if len(name) <= letters:
        return name
    end = name[1 - letters :]
    return f"…{end[max(end.find('/'), 0) :]}"


def sentence(*lines: str) -> Figure:
    """A figure that consists of sentences, when there are no data."""
    text = filled(*lines)
    with rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 0.4 + 0.2 * (text.count("\n") + 1)))
        figure.text(0.01, 0.5, text, va="center")
    return figure


def filled(*lines: str) -> str:
    """Lines of text, wrapped to the width of a figure."""
    return "\n".join(textwrap.fill(line, int(12 * WIDTH)) for line in lines)


def matrix(columns: int) -> tuple[Figure, Axes, float]:
    """A figure for a square matrix with a colour bar, its axes, and the font size of its cells."""
    side = min(0.62, (WIDTH - 2.7) / columns)
    figure = Figure(figsize=(WIDTH, side * columns + 1.9))
    return figure, figure.subplots(), min(SMALL, 24 * side)


def signed(points: float) -> str:
    """A difference in points, with its sign."""
    return f"{round(points):+d}".replace("-", "−").replace("+0", "0")
