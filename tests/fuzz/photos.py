"""Feed damaged photos to what fetches, packs and predicts photos.

    .venv/bin/python tests/fuzz/photos.py [--images 16400] [--seconds 0] [--seed 0] [--image N]

Small photos of nine formats are changed at random, and each is looked at as `fetch` does. It is
refused with a FetchError, or every use of it succeeds and sees the size that `fetch` states.
Anything else is a finding: another exception, a crash, `TIME_S` seconds, `MEMORY` bytes above what
a worker has at its start. Exit status 1 if there is one; `--image` repeats one image of a seed.
"""

import argparse
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "workflow/lib"))

IMAGES = 16_400
TIME_S = 10.0  # for an image
MEMORY = 400_000_000  # bytes for an image, of up to 4 million pixels
CHUNK = 200  # images of a worker
LINE = "\x1f"  # between lines of a traceback, which a worker prints as one line


def uses(content: bytes, folder: Path) -> str:
    """What becomes of a photo: "photo", or the reason of the refusal."""
    from stillact.config.data import Fetch
    from stillact.data import pixels
    from stillact.data.duplicates import find
    from stillact.data.fetch.decode import look, pillow_limit
    from stillact.data.fetch.failures import FetchError
    from stillact.data.preprocess import pack
    from stillact.data.preprocessing import Preprocessing
    from stillact.data.reading import seen
    from stillact.report.thumbnails import thumbnail

    settings, how = Fetch(max_pixels=4_000_000), Preprocessing(32, "resize_crop")
    file = folder / "photo"
    file.write_bytes(content)
    with pillow_limit(settings.max_pixels):
        try:
            photo = look(content, settings, decode=True, url="photo")
        except FetchError as refusal:
            return refusal.kind
    size = photo.width, photo.height
    with pixels.stored(file) as image:
        upright = pixels.upright(image)
        assert (upright.mode, upright.size) == ("RGB", size), f"{upright} has not the size {size}"
    pack([file], how, folder / "pack.npy")
    find(_table(photo), [file], 8)
    thumbnail(file)
    with pillow_limit(settings.max_pixels):  # last: it states any error as a damaged image
        assert seen(file, [how], settings).size == size, "predict states another size"
    return "photo"


def _table(photo):
    import pandas as pd

    return pd.DataFrame({"id": ["photo"], "sha256": [photo.sha256]})


def made(seed: int, number: int) -> tuple[str, bytes]:
    """The name of the sample that an image is made of, and its content."""
    from samples import mutated, samples

    known = samples()
    name, content = known[number % len(known)]
    return name, mutated(content, random.Random(f"{seed} {number}"))


def worker(seed: int, first: int, end: int) -> None:
    """Try images, and print a line before and after each: its number, and what became of it."""
    import logging

    from samples import samples

    logging.disable()
    signal.signal(signal.SIGALRM, signal.SIG_DFL)  # ends the process, also within a decoder
    with tempfile.TemporaryDirectory() as folder:
        uses(samples()[0][1], Path(folder))  # imports all there is
        held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (held + MEMORY,) * 2)
        for number in range(first, end):
            name, content = made(seed, number)
            print(f"{number}\t{name}", flush=True)
            signal.setitimer(signal.ITIMER_REAL, TIME_S)
            try:
                became = uses(content, Path(folder))
            except BaseException:
                became = "FINDING " + traceback.format_exc().replace("\n", LINE)
            signal.setitimer(signal.ITIMER_REAL, 0)
            print(became, flush=True)


def chunk(seed: int, first: int, end: int) -> tuple[Counter, list[str]]:
    """What became of a range of images, by count, and the findings; a worker that dies is replaced
    by another, for the images after the one that it died of."""
    outcomes: Counter = Counter()
    findings = []
    while first < end:
        command = [sys.executable, __file__, "--worker", *map(str, (seed, first, end))]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            told, errors = process.communicate()
        lines = told.decode().split("\n")[:-1]
        for begun, became in zip(lines[::2], lines[1::2], strict=False):
            if became.startswith("FINDING "):
                findings.append(f"{begun}\n{became.replace(LINE, os.linesep)}")
            outcomes["FINDING" if became.startswith("FINDING ") else became] += 1
        if len(lines) % 2:
            outcomes["FINDING"] += 1
            findings.append(f"{lines[-1]}\nFINDING {_death(process.returncode)}")
        elif process.returncode:
            sys.exit(f"a worker failed:\n{errors.decode()}")
        first = int(lines[-1].split("\t")[0]) + 1 if len(lines) % 2 else end
    return outcomes, findings


def _death(status: int) -> str:
    if status == -signal.SIGALRM:
        return f"took over {TIME_S:g} s"
    return signal.Signals(-status).name if status < 0 else f"ended with status {status}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--images", type=int, default=IMAGES)
    parser.add_argument("--seconds", type=float, default=0, help="end then; 0: after all images")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--image", type=int, help="only this one")
    parser.add_argument("--worker", type=int, nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.worker:
        worker(*given.worker)
        return 0
    first, end = (0, given.images) if given.image is None else (given.image, given.image + 1)
    start, outcomes, findings = time.monotonic(), Counter(), 0

    def run(at: int) -> tuple[Counter, list[str]]:
        if given.seconds and time.monotonic() - start > given.seconds:
            return Counter(), []
        return chunk(given.seed, at, min(at + CHUNK, end))

    with ThreadPoolExecutor(given.workers) as pool:
        for counts, found in pool.map(run, range(first, end, CHUNK)):
            outcomes += counts
            findings += len(found)
            for one in found:
                print(f"seed {given.seed}, image {one}", flush=True)
    print(f"{outcomes.total()} images in {time.monotonic() - start:.0f} s, {findings} findings")
    for became, count in outcomes.most_common():
        print(f"{count:8}  {became}")
    return int(findings > 0)


if __name__ == "__main__":
    sys.exit(main())
