"""Progress of a fetch, as a bar or as log lines."""

import collections
import sys
import time

from tqdm import tqdm

from stillact.core.logs import logger

_LINE_S = 10.0  # between two log lines of progress


class Progress:
    """A bar with rate and remaining time on a terminal, otherwise periodic log lines."""

    def __init__(self, total: int):
        self.bar = tqdm(total=total, desc="fetch", unit="photo", disable=not sys.stderr.isatty())
        self.total = total
        self.sources = collections.Counter()
        self.start = self.last = time.monotonic()

    def __enter__(self) -> "Progress":
        return self

    def add(self, source: str) -> None:
        self.sources[source] += 1
        self.bar.update()
        if self.bar.disable and time.monotonic() - self.last >= _LINE_S:
            self.last = time.monotonic()
            done = self.sources.total()
            rate = done / (self.last - self.start)
            logger.info(
                "fetch: %d of %d photos, %.1f photos/s, about %.0f s left",
                done,
                self.total,
                rate,
                (self.total - done) / rate,
            )

    def __exit__(self, *_: object) -> None:
        self.bar.close()
        counts = ", ".join(f"{count} {source}" for source, count in sorted(self.sources.items()))
        seconds = time.monotonic() - self.start
        done = self.sources.total()
        logger.info("fetch: %d of %d photos in %.1f s (%s)", done, self.total, seconds, counts)
