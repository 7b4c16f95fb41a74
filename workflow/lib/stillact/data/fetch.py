"""Photos by URL to verified files in a cache that outlives the results.

Layout of the cache: `{sha256[:2]}/{sha256}` holds the bytes of a photo as they came, and
`urls/{sha256 of a url}` the SHA-256 of what that url gave. Each file is written to `parts/`,
synced and renamed, so a file under its final name is whole, whatever ended the process.
"""

import asyncio
import collections
import contextlib
import dataclasses
import hashlib
import io
import ipaddress
import itertools
import os
import random
import re
import socket
import sys
import time
import urllib.request
import uuid
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from email.utils import parsedate_to_datetime
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

import httpx
import pandas as pd
from PIL import ExifTags, Image, UnidentifiedImageError
from tqdm import tqdm

from stillact.config import study as config
from stillact.core.errors import InputError
from stillact.core.logs import logger

USER_AGENT = "stillact/0.1 (study of still photos; asks for each photo once and keeps it)"
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")

_RETRIED = {408, 425, 429}  # and all of 5xx
_TURNED = {5, 6, 7, 8}  # EXIF orientations that swap width and height
_DECODERS = 4  # photos decoded at once; each takes up to 4 bytes a pixel of memory
_TRY_TIMEOUTS = 20  # a whole try may last this many timeouts: no host may drip bytes for ever
_STALE_S = 3600.0  # a part lives for milliseconds; one this old was left by a killed process
_LINE_S = 10.0  # between two log lines of progress
_EXAMPLES = 5  # rows shown of each kind of failure

# What a user can do about a failure.
_AGAIN = "Try again: what has been fetched is kept"
_ADDRESS = "Correct the url in the manifest, or remove the row"
_CHANGED = "The file is not the one the manifest means: find the right one, or clear its sha256"
_NEEDED = f"Open it in a browser; the url must give a photo ({', '.join(FORMATS)})"
_DAMAGED = "Try again, or replace the file at the source"
_LIMIT = "Raise the limit in config.yaml, or remove the row"
_OFFLINE = f"{_AGAIN}. Where a proxy leads out, set HTTPS_PROXY and HTTP_PROXY"
_PROXY = "HTTPS_PROXY or HTTP_PROXY names a proxy that refuses: correct it, with user:password@"
_CERTIFICATE = "Where your network signs for others, name its certificates in SSL_CERT_FILE"
_PRIVATE = "Remove the row; or, if you trust the manifest, dataset.allow_private_hosts: true"
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


@dataclasses.dataclass(frozen=True)
class Photo:
    """Facts about a photo in the cache; width and height in pixels, of the upright photo."""

    sha256: str
    width: int
    height: int
    mode: str
    bytes: int


class Missing(Exception):
    """A photo cannot be had. What it says is the same at each run: no addresses, no times."""

    def __init__(self, kind: str, advice: str, detail: str = "", wait_s: float | None = None):
        super().__init__(f"{kind} ({detail})" if detail else kind)
        self.kind, self.advice, self.detail = kind, advice, detail
        self.wait_s = wait_s  # shortest wait before another try; None: another try is no use


def fetch_all(
    manifest: pd.DataFrame, settings: config.Fetch, dataset: config.Dataset, base: Path
) -> pd.DataFrame:
    """Bring every photo of the manifest into the cache, and tell what each is.

    A photo comes from the cache, from `dataset.local_dirs` (by its file name), or from its URL.
    A cached photo is served only if its bytes still have their hash: the cache is old, perhaps
    shared or copied, and hashing costs far less than training on a damaged photo. A local file
    (file: or a path) is read anew each time, since it may have changed.

    Args:
        manifest: columns id, url, sha256 ('' if unknown), as `manifest.load` gives them.
        settings: limits, timeouts and retries. Memory holds up to `concurrency` bodies of
            `max_bytes` each.
        dataset: cache, local_dirs and on_missing; paths relative to the working directory.
        base: folder that relative paths in the manifest start from.

    Returns:
        One row a photo, in manifest order: id, url, status ("ok" or "missing"), reason, sha256,
        width, height (pixels, upright), mode (Pillow's), bytes; '' or <NA> where missing.

    Raises:
        InputError: photos are missing and `on_missing` is "fail", or all are; the cache cannot be
            written; a folder of local_dirs does not exist. What has been fetched stays cached.
    """
    for folder in dataset.local_dirs:
        if not Path(folder).is_dir():
            raise InputError(f"dataset.local_dirs in config.yaml: no folder {folder}")
    cache = Path(dataset.cache)
    _sweep(cache)
    with pillow_limit(settings.max_pixels):
        try:
            loop = None if dataset.allow_private_hosts else _public_loop
            with asyncio.Runner(loop_factory=loop) as runner:
                outcomes = runner.run(_Fetcher(settings, dataset, base).run(manifest))
        except ExceptionGroup as group:
            raise group.exceptions[0] from None
    missing = sum(isinstance(outcome, Missing) for outcome in outcomes)
    if missing and (dataset.on_missing == "fail" or missing == len(outcomes)):
        raise InputError(_failures(manifest, outcomes, dataset))
    return _table(manifest, outcomes)


def cached(cache: Path, sha256: str) -> Path:
    """Path of a cached photo.

    Raises:
        InputError: the cache has no such photo.
    """
    path = _place(cache, sha256)
    if not path.is_file():
        raise InputError(
            f"the photo cache {cache} (dataset.cache) has no photo {sha256}: it was emptied or "
            "moved after the photos were fetched. Fetch again: snakemake --forcerun fetch"
        )
    return path


@contextlib.contextmanager
def opened(path: Path, settings: config.Fetch) -> Iterator[Image.Image]:
    """The photo of a file, if it is within the limits; to be decoded within `pillow_limit`.

    Args:
        path: a file; it is read whole, and closed.
        settings: max_bytes and max_pixels.

    Raises:
        Missing: it cannot be had, or what is done with it within the block stumbles over its
            content; says why.
    """
    content = _read(path, settings)
    with _sound(content, settings) as image:
        yield image
    _verify(content, settings)


class _Fetcher:
    """One pass over a manifest."""

    def __init__(self, settings: config.Fetch, dataset: config.Dataset, base: Path):
        self.settings = settings
        self.cache = Path(dataset.cache)
        self.anywhere = dataset.allow_private_hosts
        self.local_dirs = [Path(folder) for folder in dataset.local_dirs]
        self.base = base
        self.slots = asyncio.Semaphore(settings.concurrency)
        self.hosts = collections.defaultdict(lambda: asyncio.Semaphore(settings.per_host))

    async def run(self, manifest: pd.DataFrame) -> list[Photo | Missing]:
        most = self.settings.concurrency
        async with httpx.AsyncClient(
            headers={"User-Agent": USER_AGENT, "Accept-Encoding": "identity"},
            timeout=httpx.Timeout(self.settings.timeout_s),
            limits=httpx.Limits(max_connections=most, max_keepalive_connections=most),
        ) as self.client:
            with (
                ThreadPoolExecutor(_DECODERS) as self.pool,
                _Progress(len(manifest)) as self.progress,
            ):
                async with asyncio.TaskGroup() as group:
                    rows = zip(manifest["url"], manifest["sha256"], strict=True)
                    tasks = [group.create_task(self.photo(url, sha256)) for url, sha256 in rows]
        return [task.result() for task in tasks]

    async def photo(self, url: str, sha256: str) -> Photo | Missing:
        try:
            source, photo = await self.find(url, sha256)
        except Missing as failure:
            source, photo = "missing", failure
        self.progress.add(source)
        return photo

    async def find(self, url: str, sha256: str) -> tuple[str, Photo]:
        """Where the photo came from (for the log), and its facts."""
        if urlsplit(url).scheme not in ("http", "https"):
            return "local", await self.thread(self.local, _local_path(url, self.base), url, sha256)
        if photo := await self.thread(self.from_cache, url, sha256):
            return "cached", photo
        if photo := await self.thread(self.from_folders, url, sha256):
            return "local", photo
        return "fetched", await self.from_network(url, sha256)

    async def thread(self, function: Callable, *args: object) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self.pool, function, *args)

    def from_cache(self, url: str, sha256: str) -> Photo | None:
        """The photo that the manifest's hash names, or that the url gave before."""
        index = _index(self.cache, url)
        with contextlib.suppress(OSError):
            sha256 = sha256 or index.read_text("ascii", errors="replace")
        # an index that holds no hash, of whatever accident, must not become a path
        content = self.stored(sha256) if re.fullmatch("[0-9a-f]{64}", sha256) else None
        return None if content is None else _look(content, self.settings, decode=False)

    def stored(self, sha256: str) -> bytes | None:
        """The cached bytes; None where there are none, or others than their name tells."""
        try:
            content = _place(self.cache, sha256).read_bytes()
        except OSError:
            return None
        if _sha256(content) == sha256:
            return content
        logger.warning("photo %s in the cache is damaged; it is replaced", sha256)
        return None

    def from_folders(self, url: str, sha256: str) -> Photo | None:
        """A file of the URL's file name in `local_dirs`. One that is damaged or another photo is
        passed over, with a warning. The index of URLs does not learn of it: other hosts use the
        same file names."""
        name = PurePosixPath(unquote(urlsplit(url).path)).name
        for path in (folder / name for folder in self.local_dirs):
            if os.path.isfile(path):  # unlike Path.is_file, False for a name that is too long
                try:
                    return self.local(path, url, sha256)
                except Missing as failure:
                    logger.warning("%s is passed over: %s", path, failure)
        return None

    def local(self, path: Path, url: str, sha256: str) -> Photo:
        return self.admit(_read(path, self.settings), url, sha256)

    def admit(self, content: bytes, url: str, sha256: str) -> Photo:
        """Check a photo in full and cache it."""
        known = self.stored(_sha256(content)) is not None
        photo = _look(content, self.settings, decode=not known)
        if sha256 not in ("", photo.sha256):
            detail = f"manifest {sha256}, file {photo.sha256}"
            raise Missing("sha256 differs", _CHANGED, detail)
        if not known:
            _write(self.cache, _place(self.cache, photo.sha256), content, url)
        return photo

    async def from_network(self, url: str, sha256: str) -> Photo:
        for tries in itertools.count(1):
            try:
                return await self.attempt(url, sha256)
            except Missing as failure:
                if failure.wait_s is None or tries == self.settings.attempts:
                    raise
                backoff = self.settings.backoff_s * 2 ** (tries - 1) * random.uniform(0.5, 1.5)
                wait_s = min(max(backoff, failure.wait_s), self.settings.max_wait_s)
            await asyncio.sleep(wait_s)

    async def attempt(self, url: str, sha256: str) -> Photo:
        with _network_failures():
            request = self.client.build_request("GET", url)
        for _ in range(self.settings.max_redirects + 1):
            # the host first: a row that waits for a busy host takes no slot from the others
            async with self.hosts[request.url.host], self.slots:
                answer = await self.hop(request)
                if isinstance(answer, bytes):  # kept within the slot: few bodies wait in memory
                    return await self.thread(self.keep, answer, url, sha256)
            request = answer
        most = self.settings.max_redirects
        raise Missing("too many redirects", _ADDRESS, f"over fetch.max_redirects {most}")

    def keep(self, content: bytes, url: str, sha256: str) -> Photo:
        photo = self.admit(content, url, sha256)
        _write(self.cache, _index(self.cache, url), photo.sha256.encode(), url)
        return photo

    async def hop(self, request: httpx.Request) -> bytes | httpx.Request:
        """The body, or the request that a redirect asks for."""
        # A proxy would be asked for it, and connect on its own.
        if not self.anywhere and (given := _in_numbers(request.url.host)) and not _public(given):
            raise Missing("private address", _PRIVATE)
        with _network_failures():
            async with asyncio.timeout(self.settings.timeout_s * _TRY_TIMEOUTS):
                response = await self.client.send(request, stream=True)
                async with contextlib.aclosing(response):
                    if response.next_request is None:
                        return await self.body(response)
                    if response.next_request.url.scheme not in ("http", "https"):
                        raise Missing("redirect to a scheme other than http and https", _ADDRESS)
                    return response.next_request

    async def body(self, response: httpx.Response) -> bytes:
        if not response.is_success:
            raise _http_failure(response)
        content = bytearray()
        async for chunk in response.aiter_bytes():
            content += chunk
            if len(content) > self.settings.max_bytes:
                raise _too_large(self.settings)
        return bytes(content)


class _PublicLoop(asyncio.SelectorEventLoop):
    """Connects to public addresses alone. It looks at the address that is connected to, not at the
    name: what a name stands for can change from one look to the next (DNS rebinding), and an
    address has many spellings."""

    proxies: frozenset = frozenset()

    async def sock_connect(self, sock: socket.socket, address: tuple) -> None:
        if address[:2] not in self.proxies and not _public(address[0]):
            raise Missing("private address", _PRIVATE)
        await super().sock_connect(sock, address)


def _public_loop() -> _PublicLoop:
    """With the addresses of proxies, which are private as a rule, as exceptions."""
    loop = _PublicLoop()
    urls = [urlsplit(url) for url in urllib.request.getproxies().values() if "://" in url]
    with contextlib.suppress(OSError):  # a proxy that has no address fails later, by its name
        loop.proxies = frozenset(
            found[4][:2]
            for url in urls
            for found in socket.getaddrinfo(url.hostname, url.port or 80, type=socket.SOCK_STREAM)
        )
    return loop


def _public(address: str) -> bool:
    """Whether it is an address of the internet, also one of IPv4 that is wrapped in IPv6."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if ip.version == 6:
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo and ip.teredo[1])
        if ip in _NAT64:
            inner = ipaddress.ip_address(int(ip) & 0xFFFFFFFF)
        if inner:
            return _public(str(inner))
    return ip.is_global and not ip.is_multicast


def _in_numbers(host: str) -> str | None:
    """The address that a host is, if it is no name; also as 127.1, 0x7f000001 or 2130706433."""
    with contextlib.suppress(ValueError):
        return str(ipaddress.ip_address(host))
    with contextlib.suppress(OSError):
        return socket.inet_ntoa(socket.inet_aton(host))
    return None


class _Progress:
    """A bar with rate and remaining time on a terminal, a log line now and then elsewhere."""

    def __init__(self, total: int):
        self.bar = tqdm(total=total, desc="fetch", unit="photo", disable=not sys.stderr.isatty())
        self.total = total
        self.sources = collections.Counter()
        self.start = self.last = time.monotonic()

    def __enter__(self) -> "_Progress":
        return self

    def add(self, source: str) -> None:
        self.sources[source] += 1
        self.bar.update()
        if self.bar.disable and time.monotonic() - self.last >= _LINE_S:
            self.last = time.monotonic()
            done = self.sources.total()
            rate = done / (self.last - self.start)
            logger.info(
                "fetch: %d of %d photos, %.1f photos/s, about %.0f s to go",
                done,
                self.total,
                rate,
                (self.total - done) / rate,
            )

    def __exit__(self, *_: object) -> None:
        self.bar.close()
        told = ", ".join(f"{count} {source}" for source, count in sorted(self.sources.items()))
        seconds = time.monotonic() - self.start
        logger.info(
            "fetch: %d of %d photos in %.1f s (%s)", self.sources.total(), self.total, seconds, told
        )


def _read(path: Path, settings: config.Fetch) -> bytes:
    if not os.path.isfile(path):
        raise Missing("no such file", _ADDRESS)
    try:
        if path.stat().st_size > settings.max_bytes:
            raise _too_large(settings)
        return path.read_bytes()
    except OSError as error:
        raise Missing(f"file cannot be read: {error.strerror}", _ADDRESS) from None


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _place(cache: Path, sha256: str) -> Path:
    return cache / sha256[:2] / sha256


def _index(cache: Path, url: str) -> Path:
    return cache / "urls" / _sha256(url.encode())


def _local_path(url: str, base: Path) -> Path:
    return Path(unquote(urlsplit(url).path)) if url.lower().startswith("file:") else base / url


def _sweep(cache: Path) -> None:
    """Remove what killed processes left; a part of a live process is younger."""
    for part in (cache / "parts").glob("*"):
        with contextlib.suppress(OSError):  # another process was faster, or it is another user's
            if time.time() - part.stat().st_mtime > _STALE_S:
                part.unlink()


def _write(cache: Path, target: Path, content: bytes, url: str) -> None:
    part = cache / "parts" / uuid.uuid4().hex
    try:
        part.parent.mkdir(parents=True, exist_ok=True)
        target.parent.mkdir(exist_ok=True)
        with open(part, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, target)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink()
        raise InputError(
            f"cannot write to the photo cache {cache} (dataset.cache in config.yaml): "
            f"{error.strerror}, at {url} ({len(content)} bytes). Make room there, or name another "
            "folder; what has been fetched is kept"
        ) from error


@contextlib.contextmanager
def pillow_limit(pixels: int) -> Iterator[None]:
    """Pillow's own guard, at our limit and without its warnings: it raises from twice the limit,
    `_sound` from the limit itself."""
    before = Image.MAX_IMAGE_PIXELS
    Image.MAX_IMAGE_PIXELS = pixels
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            yield
    finally:
        Image.MAX_IMAGE_PIXELS = before


def _look(content: bytes, settings: config.Fetch, decode: bool) -> Photo:
    """The facts of a photo within the limits; with `decode`, only if every pixel decodes."""
    with _sound(content, settings) as image:
        width, height = upright_size(image)
        mode = image.mode
        if decode:
            image.load()
    if decode:
        _verify(content, settings)
    return Photo(_sha256(content), width, height, mode, len(content))


def upright_size(image: Image.Image) -> tuple[int, int]:
    """Width and height of a photo that is open, and not yet decoded, when it is upright."""
    # Pillow gives the size of a TIFF upright, that of all others as stored
    turn = image.format != "TIFF" and image.getexif().get(ExifTags.Base.Orientation)
    return image.size[::-1] if turn in _TURNED else image.size


def _verify(content: bytes, settings: config.Fetch) -> None:
    """Hold checksums against what they are of, which loading does not."""
    with _sound(content, settings) as image:
        image.verify()


@contextlib.contextmanager
def _sound(content: bytes, settings: config.Fetch) -> Iterator[Image.Image]:
    """A photo within the limits; what Pillow raises while it is looked at, as a reason."""
    if len(content) > settings.max_bytes:
        raise _too_large(settings)
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            if image.width * image.height > settings.max_pixels:
                raise _too_many_pixels(settings)
            yield image
    except Missing:
        raise
    except Image.DecompressionBombError:
        raise _too_many_pixels(settings) from None
    except UnidentifiedImageError:
        start = f"starts with {content[:14]!r}".replace("b", "", 1) if content else "empty"
        raise Missing("not an image", _NEEDED, start) from None
    except Exception:  # Pillow raises whatever its parsers stumble over
        raise Missing("damaged image", _DAMAGED, wait_s=0.0) from None


def _too_large(settings: config.Fetch) -> Missing:
    return Missing("too large", _LIMIT, f"over fetch.max_bytes {settings.max_bytes}")


def _too_many_pixels(settings: config.Fetch) -> Missing:
    return Missing("too many pixels", _LIMIT, f"over fetch.max_pixels {settings.max_pixels}")


@contextlib.contextmanager
def _network_failures() -> Iterator[None]:
    """What httpx raises, as a reason that is the same on each platform and at each run."""
    try:
        yield
    except (httpx.TimeoutException, TimeoutError):
        raise Missing("no answer in time", _AGAIN, wait_s=0.0) from None
    except httpx.ConnectError as error:
        if "CERTIFICATE" in str(error):
            raise Missing("certificate is not trusted", _CERTIFICATE) from None
        raise Missing("connection failed", _OFFLINE, wait_s=0.0) from None
    except httpx.ProxyError:
        raise Missing("proxy refused", _PROXY) from None
    except ExceptionGroup as group:
        if isinstance(group.exceptions[0], Missing):  # of _PublicLoop
            raise group.exceptions[0] from None
        # httpx lets pass what an impossible port in a redirect raises further down
        raise Missing("not a valid address", _ADDRESS) from None
    except (httpx.InvalidURL, httpx.UnsupportedProtocol, UnicodeError):
        raise Missing("not a valid address", _ADDRESS) from None
    except httpx.RequestError:
        raise Missing("connection broke off", _AGAIN, wait_s=0.0) from None


def _http_failure(response: httpx.Response) -> Missing:
    code = response.status_code
    kind = f"HTTP {code} {httpx.codes.get_reason_phrase(code)}".rstrip()
    if code in _RETRIED or code >= 500:
        return Missing(kind, _AGAIN, wait_s=_retry_after(response.headers.get("Retry-After", "")))
    return Missing(kind, _ADDRESS)


def _retry_after(value: str) -> float:
    """Seconds asked for, as a number or a date (RFC 9110, 10.2.3); 0 if neither."""
    with contextlib.suppress(ValueError):
        return max(0, int(value))
    with contextlib.suppress(ValueError, OverflowError):
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    return 0.0


def _failures(
    manifest: pd.DataFrame, outcomes: list[Photo | Missing], dataset: config.Dataset
) -> str:
    """One message with all failures: each kind, how many, the first few, what to do."""
    kinds = collections.defaultdict(list)
    for id_, url, outcome in zip(manifest["id"], manifest["url"], outcomes, strict=True):
        if isinstance(outcome, Missing):
            kinds[outcome.kind, outcome.advice].append((id_, url, outcome.detail))
    total = sum(map(len, kinds.values()))
    lines = [f"{total} of {len(outcomes)} photos of {dataset.manifest} cannot be had:"]
    for (kind, advice), rows in sorted(kinds.items(), key=lambda item: (-len(item[1]), item[0])):
        lines.append(f"  {kind}: {len(rows)}. {advice}.")
        lines += [
            f"    {id_}  {url}" + (f"  ({detail})" if detail else "")
            for id_, url, detail in rows[:_EXAMPLES]
        ]
        if len(rows) > _EXAMPLES:
            lines.append(f"    ... and {len(rows) - _EXAMPLES} more")
    if total < len(outcomes):
        lines.append("To go on without them: on_missing: drop, under dataset in config.yaml.")
    return "\n".join(lines)


def _table(manifest: pd.DataFrame, outcomes: list[Photo | Missing]) -> pd.DataFrame:
    rows = [
        {"status": "ok", "reason": "", **dataclasses.asdict(outcome)}
        if isinstance(outcome, Photo)
        else {"status": "missing", "reason": str(outcome), "sha256": "", "mode": ""}
        for outcome in outcomes
    ]
    columns = ["status", "reason", *(field.name for field in dataclasses.fields(Photo))]
    facts = pd.DataFrame(rows, columns=columns)
    numbers = facts.astype(dict.fromkeys(["width", "height", "bytes"], "Int64"))
    return pd.concat([manifest[["id", "url"]].reset_index(drop=True), numbers], axis=1)
