"""The app of an exported model, used as in a browser."""

import contextlib
import csv
import functools
import threading
import time
from collections.abc import Iterator, Sequence
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from support.chromium import Tab


class _Handler(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@contextlib.contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address of a folder, as `python -m http.server` serves it."""
    handler = functools.partial(_Handler, directory=folder)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


def until(tab: Tab, condition: str, seconds: float = 120) -> None:
    """Wait for a JavaScript condition."""
    end = time.monotonic() + seconds
    while not tab.run(condition):
        assert time.monotonic() < end, (condition, tab.run(STATUS), tab.complaints)
        time.sleep(0.05)


STATUS = "document.querySelector('#status').innerText"
READY = "!document.querySelector('#choose').hidden"
DONE = "!document.querySelector('#results').hidden && document.querySelector('#stop').hidden"


def choose(tab: Tab, photos: Sequence[Path]) -> None:
    """Choose photos by the page's field of files."""
    root = tab.send("DOM.getDocument")["root"]["nodeId"]
    node = tab.send("DOM.querySelector", nodeId=root, selector="#files")["nodeId"]
    tab.send("DOM.setFileInputFiles", nodeId=node, files=list(map(str, photos)))


def drop(tab: Tab, files: Sequence[Path]) -> None:
    """Drop files or folders on the page."""
    data = {"items": [], "files": list(map(str, files)), "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        tab.send("Input.dispatchDragEvent", type=kind, x=100, y=200, data=data)


def downloaded(tab: Tab, folder: Path) -> list[dict[str, str]]:
    """The rows of the table that the page offers; `folder`: an empty one."""
    tab.send("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(folder))
    tab.run("document.querySelector('#download').click()")
    file, end = folder / "predictions.csv", time.monotonic() + 30
    while not file.exists():
        assert time.monotonic() < end, list(folder.iterdir())
        time.sleep(0.05)
    with file.open(encoding="utf-8", newline="") as table:
        return list(csv.DictReader(table))
