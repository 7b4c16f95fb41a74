"""Reading of photos in batches, decoded ahead of what is computed on them."""

import collections
import itertools
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from stillact.config.data import Fetch
from stillact.core.logs import logger
from stillact.data import preprocess
from stillact.data.boxes import Box
from stillact.data.fetch.decode import opened, pillow_limit, upright_size
from stillact.data.fetch.failures import FetchError
from stillact.data.pixels import upright
from stillact.data.preprocessing import Preprocessing

BATCH = 64  # photos per batch; the same number is decoded ahead
PROGRESS_EVERY_S = 10.0

Item = TypeVar("Item")
Made = TypeVar("Made")


@dataclass(frozen=True)
class Seen:
    """A photo as models take it.

    views: uint8 (size, size, 3), RGB, one per preprocessing.
    size: width and height of the photo, pixels, upright.
    """

    views: list[np.ndarray]
    size: tuple[int, int]


def seen(
    path: Path, sees: Sequence[Preprocessing], settings: Fetch, people: Sequence[Box] = ()
) -> Seen:
    """A photo preprocessed for a model; call it within `pillow_limit`.

    Args:
        path: of the photo.
        sees: preprocessing of each view.
        settings: max_bytes and max_pixels.
        people: boxes of the people in the photo, for views that need them.

    Raises:
        FetchError: it cannot be read; states the reason.
    """
    with opened(path, settings) as image:
        size = upright_size(image)
        image = upright(image)  # once for all views
        views = [np.asarray(preprocess.of_upright(image, how, people)) for how in sees]
        return Seen(views, size)


def over(
    photos: Sequence[tuple[str, str]],
    sees: Sequence[Preprocessing],
    settings: Fetch,
    ask: Callable[[list[Seen]], Iterable[Any]],
    threads: int,
    people: Sequence[Sequence[Box]] | None = None,
    done_as: str = "predicted",
) -> Iterator[tuple[Any, str]]:
    """What a function of photos gives for each photo, in order. Memory holds two batches of photos.

    Args:
        photos: file, and '' or why there is none.
        sees: preprocessing of each view of a photo that the function takes.
        settings: max_bytes and max_pixels: larger photos are not decoded.
        ask: maps some photos to one result per photo.
        threads: number of decoding threads, which run during `ask`.
        people: boxes of the people in each photo, for views that need them.
        done_as: for messages.

    Yields:
        The photo's result and '', or None and why it cannot be read.
    """

    def read(photo: tuple[tuple[str, str], Sequence[Box]]) -> tuple[Seen | None, str]:
        (file, reason), boxes = photo
        try:
            return (None, reason) if reason else (seen(Path(file), sees, settings, boxes), "")
        except FetchError as failure:
            return None, str(failure)

    start = last = time.monotonic()
    done = 0
    with pillow_limit(settings.max_pixels), ThreadPoolExecutor(threads) as pool:
        boxes = [()] * len(photos) if people is None else people
        decoded = _ahead(pool, read, zip(photos, boxes, strict=True), BATCH)
        while batch := list(itertools.islice(decoded, BATCH)):
            found = [photo for photo, _ in batch if photo is not None]
            results = iter(ask(found) if found else ())
            yield from ((None if photo is None else next(results), why) for photo, why in batch)
            done += len(batch)
            if time.monotonic() - last > PROGRESS_EVERY_S or done == len(photos):
                last = time.monotonic()
                rate = done / max(last - start, 1e-9)
                logger.info(
                    "%d of %d photos %s, %.1f photos/s, about %.0f s remaining",
                    done,
                    len(photos),
                    done_as,
                    rate,
                    (len(photos) - done) / rate,
                )


def stacked(photos: Sequence[Seen]) -> list[np.ndarray]:
    """The views of some photos, one array uint8 (photos, size, size, 3) per view."""
    return [np.stack(view) for view in zip(*(photo.views for photo in photos), strict=True)]


def _ahead(
    pool: ThreadPoolExecutor, make: Callable[[Item], Made], items: Iterable[Item], most: int
) -> Iterator[Made]:
    """Like `pool.map`, with at most `most` results computed ahead."""
    waiting: collections.deque = collections.deque()
    for item in items:
        waiting.append(pool.submit(make, item))
        if len(waiting) > most:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()
