"""A local HTTP server whose paths misbehave, each in its own way, and that keeps count.

The last part of a path is only a file name: /photo/a.jpg and /photo/b.jpg are two photos.

/photo/NAME                 a photo, different for each name
/given/.../NAME             what `contents[NAME]` holds, or 404
/status/CODE/NAME           that status for ever
/flaky/CODE/TIMES/NAME      that status for the first TIMES requests, then a photo
/busy/SECONDS/NAME          429 with Retry-After: SECONDS at the first request, then a photo
/busy_until/SECONDS/NAME    the same with Retry-After as a date
/slow/NAME                  a photo after 0.1 s
/stall/TIMES/NAME           half a photo and then nothing, TIMES times; then all of it
/drip/NAME                  a byte now and then, for ever
/cut/TIMES/NAME             half of the bytes that Content-Length promises, TIMES times; then all
/cut_unseen/NAME            half a photo, without a Content-Length that would tell
/reset/NAME                 the connection is dropped without a word
/html/NAME                  a page instead of a photo
/endless/NAME               chunks without end
/huge/NAME                  a PNG of a few hundred bytes that says it has 300 megapixels
/loop/NAME                  a redirect to itself
/chain/LENGTH/NAME          that many redirects, then a photo
/to/NAME                    a redirect to `locations[NAME]`
"""

import collections
import email.utils
import hashlib
import io
import struct
import sys
import threading
import time
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from PIL import Image


def photo(name: str, size: tuple[int, int] = (24, 16), **save: object) -> bytes:
    """A JPEG of noise that depends on the name alone."""
    pixels = hashlib.shake_256(name.encode()).digest(size[0] * size[1] * 3)
    with io.BytesIO() as file:
        Image.frombytes("RGB", size, pixels).save(file, "JPEG", **save)
        return file.getvalue()


def huge_png(width: int = 30_000, height: int = 10_000) -> bytes:
    """A PNG whose header tells that size, with next to no pixel data."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        crc = zlib.crc32(kind + body)
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", crc)

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    data = chunk(b"IDAT", zlib.compress(bytes(1000)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + data + chunk(b"IEND", b"")


class _Listener(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that leave in the middle are what the tests are about: nothing to tell."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class FaultServer:
    """Runs as a context manager, on a free port of 127.0.0.1.

    Attributes:
        url: the address without a final slash.
        requests: number of requests by path.
        times: arrival times of the requests by path (time.monotonic).
        agents: the User-Agent headers seen.
        most_at_once: the largest number of /slow requests that were under way together.
        contents: what /given/NAME serves.
        locations: where /to/NAME redirects.
    """

    def __init__(self) -> None:
        self.contents: dict[str, bytes] = {}
        self.locations: dict[str, str] = {}
        self.agents: set[str] = set()
        self.closing = threading.Event()
        self.lock = threading.Lock()
        self.under_way = 0
        self.most_at_once = 0
        self.times: dict[str, list[float]] = collections.defaultdict(list)
        self.http = _Listener(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self.http.server_port}"

    @property
    def requests(self) -> dict[str, int]:
        return {path: len(times) for path, times in self.times.items()}

    def __enter__(self) -> "FaultServer":
        threading.Thread(target=self.http.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self.http.shutdown()
        self.http.server_close()

    def count(self, path: str, agent: str) -> int:
        """The number of this request among those for the path."""
        with self.lock:
            self.times[path].append(time.monotonic())
            self.agents.add(agent)
            return len(self.times[path])

    def pause(self) -> None:
        """Hold a request for 0.1 s, counted among those under way."""
        with self.lock:
            self.under_way += 1
            self.most_at_once = max(self.most_at_once, self.under_way)
        self.closing.wait(0.1)
        with self.lock:
            self.under_way -= 1


def _handler(server: FaultServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path = urlsplit(self.path).path  # of a proxy's request, which names the host too
            kind, *arguments, name = path.strip("/").split("/")
            number = server.count(self.path, self.headers["User-Agent"])
            getattr(self, kind)(name, number, *arguments)

        def log_message(self, *_: object) -> None:
            pass

        def head(self, status: int, **headers: object) -> None:
            self.send_response(status)
            for key, value in headers.items():
                self.send_header(key.replace("_", "-"), str(value))
            self.end_headers()

        def send(self, content: bytes, status: int = 200, **headers: object) -> None:
            self.head(status, Content_Length=len(content), **headers)
            self.wfile.write(content)

        def photo(self, name: str, number: int) -> None:
            self.send(photo(name))

        def given(self, name: str, number: int, *folders: str) -> None:
            there = name in server.contents
            self.send(server.contents.get(name, b"no"), 200 if there else 404)

        def status(self, name: str, number: int, code: str) -> None:
            self.send(b"no", int(code))

        def flaky(self, name: str, number: int, code: str, times: str) -> None:
            self.send(b"no", int(code)) if number <= int(times) else self.send(photo(name))

        def busy(self, name: str, number: int, seconds: str) -> None:
            if number > 1:
                return self.send(photo(name))
            self.send(b"", 429, Retry_After=seconds)

        def busy_until(self, name: str, number: int, seconds: str) -> None:
            date = email.utils.formatdate(time.time() + float(seconds), usegmt=True)
            self.busy(name, number, date)

        def slow(self, name: str, number: int) -> None:
            server.pause()
            self.send(photo(name))

        def stall(self, name: str, number: int, times: str) -> None:
            self.half(name, number > int(times))
            if number <= int(times):
                server.closing.wait()

        def drip(self, name: str, number: int) -> None:
            self.head(200, Content_Length=10**6)
            while not server.closing.wait(0.02):
                self.wfile.write(b".")
            self.close_connection = True

        def cut(self, name: str, number: int, times: str) -> None:
            self.half(name, number > int(times))

        def half(self, name: str, whole: bool) -> None:
            content = photo(name)
            self.head(200, Content_Length=len(content))
            self.wfile.write(content if whole else content[: len(content) // 2])
            self.close_connection = True

        def cut_unseen(self, name: str, number: int) -> None:
            content = photo(name)
            self.head(200, Connection="close")
            self.wfile.write(content[: len(content) // 2])

        def reset(self, name: str, number: int) -> None:
            self.close_connection = True

        def html(self, name: str, number: int) -> None:
            self.send(b"<!DOCTYPE html><title>gone</title>", Content_Type="image/jpeg")

        def endless(self, name: str, number: int) -> None:
            self.head(200, Transfer_Encoding="chunked")
            while not server.closing.is_set():
                self.wfile.write(b"10000\r\n" + bytes(0x10000) + b"\r\n")

        def huge(self, name: str, number: int) -> None:
            self.send(huge_png())

        def loop(self, name: str, number: int) -> None:
            self.send(b"", 302, Location=self.path)

        def chain(self, name: str, number: int, length: str) -> None:
            left = int(length) - 1
            self.send(b"", 301, Location=f"/chain/{left}/{name}" if left else f"/photo/{name}")

        def to(self, name: str, number: int) -> None:
            self.send(b"", 302, Location=server.locations[name])

    return Handler
