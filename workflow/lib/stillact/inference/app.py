"""The app: a page that runs an exported model in the browser."""

import json
from collections.abc import Sequence
from pathlib import Path

from stillact.core.errors import InputError
from stillact.figures.style import COLOURS
from stillact.inference.deployed import Record
from stillact.inference.gallery import LIKELIEST, tested
from stillact.report.templates import loaded, with_script

LARGEST = 200_000_000  # bytes of the graphs


def check_size(graphs: Sequence[Path]) -> None:
    """Raise an InputError if the graphs are too large for a browser."""
    size = sum(graph.stat().st_size for graph in graphs)
    if size > LARGEST:
        raise InputError(
            f"app: {' + '.join(one.name for one in graphs)}: {size / 1e6:.0f} MB; the app is made "
            f"for at most {LARGEST / 1e6:.0f} MB, since a browser holds the whole "
            "model in memory and computes on one core. Deploy a smaller model (deploy: in "
            "config.yaml), or use predict.py, which is beside the model"
        )


def build(used: Record, classes: Sequence[str], fetched: Sequence[Path], template: Path) -> str:
    """The page, as text.

    Args:
        used: record of the deployed model.
        classes: in the order of the probabilities.
        fetched: the files that the page loads before it predicts.
        template: app.html.j2; report.css and app.js are in the same folder.
    """
    return loaded(template).render(
        used=used,
        tested=tested(used),
        names=", ".join(classes) if len(classes) <= len(COLOURS) else f"{len(classes)} classes",
        bytes=sum(file.stat().st_size for file in fetched),
        style=json.dumps({"colours": COLOURS, "likeliest": LIKELIEST}),
        **with_script(template.with_name("app.js")),
    )
