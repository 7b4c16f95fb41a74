"""Fetching photos from a slow server: the workflow, curl and img2dataset.

A local server waits 50 ms before each response. Eight concurrent requests, the default of
`fetch.per_host`. The workflow also decodes each photo, to check that it is complete, and stores it
by its hash; curl only writes files; img2dataset, set to change no photo, starts a process with its
imports. `clock_s` is the wall-clock time in seconds.
"""

import argparse
import functools
import http.server
import multiprocessing
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import side_by_side

AT_ONCE, WAIT_S = 8, 0.05


class Slow(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # connections stay open

    def do_GET(self) -> None:
        time.sleep(WAIT_S)
        super().do_GET()

    def log_message(self, *_) -> None:
        pass


def workflow(urls: list[str], folder: Path) -> Callable[[], None]:
    import pandas as pd
    import yaml

    from stillact.data.fetch.fetcher import fetch_all
    from stillact.study.load import load

    table = pd.DataFrame({"url": urls}).assign(id=range(len(urls)), sha256="")
    of = load(yaml.safe_load((side_by_side.REPO / "config.yaml").read_text()))
    settings = of.fetch.model_copy(update={"per_host": AT_ONCE})
    dataset = of.dataset.model_copy(update={"cache": str(folder / "cache")})
    return lambda: fetch_all(table, settings, dataset, folder)


def curl(urls: list[str], folder: Path) -> Callable[[], None]:
    told = "".join(f'url = "{url}"\noutput = "{folder}/{i}.jpg"\n' for i, url in enumerate(urls))
    (folder / "urls").write_text(told)
    command = ["curl", "--no-progress-meter", "--fail", "--parallel"]
    command += ["--parallel-max", str(AT_ONCE), "--config", str(folder / "urls")]
    return lambda: subprocess.run(command, check=True)


def img2dataset(urls: list[str], folder: Path) -> Callable[[], None]:
    import img2dataset

    (folder / "urls.txt").write_text("\n".join(urls))
    return lambda: img2dataset.download(
        url_list=str(folder / "urls.txt"),
        input_format="txt",
        output_folder=str(folder / "photos"),
        output_format="files",
        resize_mode="no",
        processes_count=1,
        thread_count=AT_ONCE,
    )


def measured(way: Callable[[list[str], Path], Callable[[], None]]) -> side_by_side.Way:
    def measure(options: argparse.Namespace) -> float:
        with tempfile.TemporaryDirectory() as served, tempfile.TemporaryDirectory() as folder:
            paths = side_by_side.photos(Path(served), options.count, options.photos)
            serve = functools.partial(Slow, directory=paths[0].parent)
            with http.server.ThreadingHTTPServer(("127.0.0.1", 0), serve) as server:
                serving = multiprocessing.get_context("fork").Process(target=server.serve_forever)
                serving.start()
                host = f"http://127.0.0.1:{server.server_address[1]}"
                work = way([f"{host}/{path.name}" for path in paths], Path(folder))
                start = time.perf_counter()
                work()
                seconds = time.perf_counter() - start
                serving.terminate()
        return seconds

    return measure


WAYS = {"workflow": workflow, "curl --parallel": curl, "img2dataset": img2dataset}
WAYS = {name: measured(way) for name, way in WAYS.items()}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    side_by_side.photo_options(parser, 100)
    side_by_side.run(
        "fetch", WAYS, parser, lambda options, _: (options.count, "images"), counted="clock_s"
    )
