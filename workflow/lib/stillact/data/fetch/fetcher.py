"""Fetching a manifest's photos, from URLs or folders, into the cache, with verification."""

import asyncio
import collections
import contextlib
import dataclasses
import itertools
import random
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pandas as pd

from stillact.config.data import Dataset, Fetch
from stillact.core.errors import InputError
from stillact.core.logs import logger
from stillact.core.urls import shown
from stillact.core.version import __version__
from stillact.data.fetch import local_files, network
from stillact.data.fetch.cache import index, place, sha256_of, sweep, write
from stillact.data.fetch.decode import Photo, look, pillow_limit, read, too_large
from stillact.data.fetch.failures import ADDRESS, PRIVATE, FetchError
from stillact.data.fetch.progress import Progress

USER_AGENT = (
    f"stillact/{__version__} (study of still photos; requests each photo once and caches it)"
)
_DECODERS = 4  # photos decoded concurrently; each takes up to 4 bytes of memory per pixel
_TRY_TIMEOUTS = 20  # limit of a whole attempt, in timeouts: a host may not send bytes endlessly
_COPIES, _COPIES_SHARE = 4, 0.05  # rows that may lead to one and the same photo
_EXAMPLES = 5  # rows shown per kind of failure
_CHANGED = "The file differs from the manifest's: find the right one, or clear its sha256"


def fetch_all(
    manifest: pd.DataFrame, settings: Fetch, dataset: Dataset, base: Path
) -> pd.DataFrame:
    """Fetch every photo of the manifest into the cache, and return their metadata.

    A photo comes from the cache, from `dataset.local_dirs` (`local_files.in_folders`), or from its
    URL.
    A cached photo is used only if its bytes still match its hash: the cache may be old, shared or
    copied, and hashing costs far less than training on a damaged photo. A local file (file: or a
    path) is read again each time, since it may have changed.

    Args:
        manifest: columns id, url, sha256 ('' if unknown), as returned by `manifest.load`.
        settings: limits, timeouts and retries. Memory holds up to `concurrency` bodies of
            `max_bytes` each.
        dataset: cache, local_dirs and on_missing; paths relative to the working directory.
        base: folder to which relative paths in the manifest refer.

    Returns:
        One row per photo, in manifest order: id, url (as `urls.shown`), status ("ok" or "missing"),
        reason, sha256, width, height (pixels, upright), mode (Pillow's), bytes; '' or <NA> if
        missing.

    Raises:
        InputError: photos are missing and `on_missing` is "fail", or all are; the cache cannot be
            written; a folder of local_dirs does not exist, or a file of it has the name of two
            photos; a proxy or certificate of the environment cannot be used. Photos fetched so far
            stay cached.
    """
    for folder in dataset.local_dirs:
        if not Path(folder).is_dir():
            raise InputError(f"dataset.local_dirs in config.yaml: no folder {folder}")
    rows = manifest[["id", "url", "sha256"]].itertuples(index=False, name=None)
    local_files.check_distinct(rows, [Path(folder) for folder in dataset.local_dirs])
    cache = Path(dataset.cache)
    sweep(cache)
    with pillow_limit(settings.max_pixels):
        try:
            loop = None if dataset.allow_private_hosts else network.public_loop
            with asyncio.Runner(loop_factory=loop) as runner:
                outcomes = runner.run(_Fetcher(settings, dataset, base).run(manifest))
        except ExceptionGroup as group:
            raise group.exceptions[0] from None
    missing = sum(isinstance(outcome, FetchError) for outcome in outcomes)
    if missing and (dataset.on_missing == "fail" or missing == len(outcomes)):
        raise InputError(_failures(manifest, outcomes, dataset))
    if missing:
        logger.warning(
            "%d of %d photos (%.0f %%) are missing and left out (dataset.on_missing: drop). To ask "
            "for them again: snakemake --forcerun fetch",
            *(missing, len(outcomes), 100 * missing / len(outcomes)),
        )
    _check_placeholder(manifest, outcomes)
    return _table(manifest, outcomes)


class _Fetcher:
    """One pass over a manifest."""

    def __init__(self, settings: Fetch, dataset: Dataset, base: Path):
        self.settings = settings
        self.cache = Path(dataset.cache)
        self.anywhere = dataset.allow_private_hosts
        self.local_dirs = [Path(folder) for folder in dataset.local_dirs]
        self.base = base
        self.slots = asyncio.Semaphore(settings.concurrency)
        self.hosts = collections.defaultdict(lambda: asyncio.Semaphore(settings.per_host))

    async def run(self, manifest: pd.DataFrame) -> list[Photo | FetchError]:
        async with self.connected(manifest["url"]) as self.client:
            with (
                ThreadPoolExecutor(_DECODERS) as self.pool,
                Progress(len(manifest)) as self.progress,
            ):
                async with asyncio.TaskGroup() as group:
                    rows = zip(manifest["url"], manifest["sha256"], strict=True)
                    tasks = [group.create_task(self.photo(url, sha256)) for url, sha256 in rows]
        return [task.result() for task in tasks]

    def connected(self, urls: pd.Series) -> contextlib.AbstractAsyncContextManager:
        """A client; none where all photos are files, whatever the environment says of proxies."""
        if all(local_files.path_of(url, self.base) for url in urls):
            return contextlib.nullcontext()
        most = self.settings.concurrency
        with network.environment():
            return httpx.AsyncClient(
                headers={"User-Agent": USER_AGENT, "Accept-Encoding": "identity"},
                timeout=httpx.Timeout(self.settings.timeout_s),
                limits=httpx.Limits(max_connections=most, max_keepalive_connections=most),
            )

    async def photo(self, url: str, sha256: str) -> Photo | FetchError:
        try:
            source, photo = await self.find(url, sha256)
        except FetchError as failure:
            source, photo = "missing", failure
        self.progress.add(source)
        return photo

    async def find(self, url: str, sha256: str) -> tuple[str, Photo]:
        """The source of the photo (for the log), and its metadata."""
        if path := local_files.path_of(url, self.base):
            return "local", await self.thread(self.named, path, url, sha256)
        if photo := await self.thread(self.from_cache, url, sha256):
            return "cached", photo
        if photo := await self.thread(self.from_folders, url, sha256):
            return "local", photo
        return "fetched", await self.from_network(url, sha256)

    async def thread(self, function: Callable, *args: object) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self.pool, function, *args)

    def from_cache(self, url: str, sha256: str) -> Photo | None:
        """The photo with the manifest's hash, or the one fetched earlier from the url."""
        known = index(self.cache, url)
        with contextlib.suppress(OSError):
            sha256 = sha256 or known.read_text("ascii", errors="replace")
        # a damaged index entry must not become a path
        content = self.stored(sha256) if re.fullmatch("[0-9a-f]{64}", sha256) else None
        return None if content is None else look(content, self.settings, decode=False, url=url)

    def stored(self, sha256: str) -> bytes | None:
        """The cached bytes; None if there are none, or if they do not match their hash."""
        try:
            content = place(self.cache, sha256).read_bytes()
        except OSError:
            return None
        if sha256_of(content) == sha256:
            return content
        logger.warning("photo %s in the cache is damaged; replacing it", sha256)
        return None

    def from_folders(self, url: str, sha256: str) -> Photo | None:
        """A file of `local_dirs` that ends as the URL does. A damaged or different photo is skipped
        with a warning. The index of URLs is not updated, since other hosts may use the same file
        names."""
        for path in local_files.in_folders(url, self.local_dirs):
            try:
                return self.local(path, url, sha256)
            except FetchError as failure:
                logger.warning("skipping %s: %s", path, failure)
        return None

    def named(self, path: Path, url: str, sha256: str) -> Photo:
        """A file that the manifest names; one of others may name only files of its folder."""
        if not self.anywhere and not path.resolve().is_relative_to(self.base.resolve()):
            raise FetchError("a file outside the manifest's folder", PRIVATE)
        return self.local(path, url, sha256)

    def local(self, path: Path, url: str, sha256: str) -> Photo:
        return self.admit(read(path, self.settings), url, sha256)

    def admit(self, content: bytes, url: str, sha256: str) -> Photo:
        """Check a photo completely and cache it."""
        known = self.stored(sha256_of(content)) is not None
        photo = look(content, self.settings, decode=not known, url=url)
        if sha256 not in ("", photo.sha256):
            detail = f"manifest {sha256}, file {photo.sha256}"
            raise FetchError("sha256 differs", _CHANGED, detail)
        if not known:
            write(self.cache, place(self.cache, photo.sha256), content, url)
        return photo

    async def from_network(self, url: str, sha256: str) -> Photo:
        for tries in itertools.count(1):
            try:
                return await self.attempt(url, sha256)
            except FetchError as failure:
                if failure.wait_s is None or tries == self.settings.attempts:
                    raise
                backoff = self.settings.backoff_s * 2 ** (tries - 1) * random.uniform(0.5, 1.5)
                wait_s = min(max(backoff, failure.wait_s), self.settings.max_wait_s)
            await asyncio.sleep(wait_s)
        raise AssertionError("unreachable: the last try returns or raises")

    async def attempt(self, url: str, sha256: str) -> Photo:
        with network.as_missing():
            request = self.client.build_request("GET", url)
        for _ in range(self.settings.max_redirects + 1):
            # the host first: a row that waits for a busy host takes no slot from the others
            async with self.hosts[request.url.host], self.slots:
                result = await self.hop(request)
                if isinstance(result, bytes):  # saved within the slot: few bodies wait in memory
                    return await self.thread(self.keep, result, url, sha256)
            request = result
        most = self.settings.max_redirects
        raise FetchError("too many redirects", ADDRESS, f"over fetch.max_redirects {most}")

    def keep(self, content: bytes, url: str, sha256: str) -> Photo:
        photo = self.admit(content, url, sha256)
        write(self.cache, index(self.cache, url), photo.sha256.encode(), url)
        return photo

    async def hop(self, request: httpx.Request) -> bytes | httpx.Request:
        """The body, or the request of a redirect."""
        # Through a proxy, `PublicLoop` would not see this address.
        if (
            not self.anywhere
            and (given := network.in_numbers(request.url.host))
            and not network.public(given)
        ):
            raise FetchError("private address", PRIVATE)
        with network.as_missing():
            async with network.at_most(self.settings.timeout_s * _TRY_TIMEOUTS):
                response = await self.client.send(request, stream=True)
                async with contextlib.aclosing(response):
                    if response.next_request is None:
                        return await self.body(response)
                    if response.next_request.url.scheme not in ("http", "https"):
                        raise FetchError("redirect to a scheme other than http and https", ADDRESS)
                    return response.next_request

    async def body(self, response: httpx.Response) -> bytes:
        if not response.is_success:
            raise network.http_failure(response)
        content = bytearray()
        async for chunk in response.aiter_bytes():
            content += chunk
            if len(content) > self.settings.max_bytes:
                raise too_large(self.settings)
        return bytes(content)


def _failures(manifest: pd.DataFrame, outcomes: list[Photo | FetchError], dataset: Dataset) -> str:
    """One message for all failures: each kind with its count, some examples, and advice."""
    kinds = collections.defaultdict(list)
    for id_, url, outcome in zip(manifest["id"], manifest["url"], outcomes, strict=True):
        if isinstance(outcome, FetchError):
            kinds[outcome.kind, outcome.advice].append((id_, shown(url), outcome.detail))
    total = sum(map(len, kinds.values()))
    lines = [f"could not fetch {total} of {len(outcomes)} photos of {dataset.manifest}:"]
    for (kind, advice), rows in sorted(kinds.items(), key=lambda item: (-len(item[1]), item[0])):
        lines.append(f"  {kind}: {len(rows)}. {advice}.")
        lines += [
            f"    {id_}  {url}" + (f"  ({detail})" if detail else "")
            for id_, url, detail in rows[:_EXAMPLES]
        ]
        if len(rows) > _EXAMPLES:
            lines.append(f"    ... and {len(rows) - _EXAMPLES} more")
    if total < len(outcomes):
        lines.append("To continue without them, set dataset.on_missing: drop in config.yaml.")
    return "\n".join(lines)


def _check_placeholder(manifest: pd.DataFrame, outcomes: list[Photo | FetchError]) -> None:
    """Raise an InputError if many urls lead to one and the same photo: hosts answer so for photos
    that they no longer have."""
    found = pd.Series([getattr(outcome, "sha256", None) for outcome in outcomes])
    counts = found.value_counts()
    if counts.empty or counts.iloc[0] <= max(_COPIES, _COPIES_SHARE * len(found)):
        return
    rows = manifest[(found == counts.index[0]).to_numpy()].head(_EXAMPLES)
    lines = [f"  {id_}  {shown(url)}" for id_, url in zip(rows["id"], rows["url"], strict=True)]
    raise InputError(
        f"{counts.iloc[0]} of {len(found)} photos are one and the same picture (SHA-256 "
        f"{counts.index[0]}), perhaps a placeholder for photos that are gone. Remove their rows, "
        "or correct their urls:\n" + "\n".join(lines)
    )


def _table(manifest: pd.DataFrame, outcomes: list[Photo | FetchError]) -> pd.DataFrame:
    rows = [
        {"status": "ok", "reason": "", **dataclasses.asdict(outcome)}
        if isinstance(outcome, Photo)
        else {"status": "missing", "reason": str(outcome), "sha256": "", "mode": ""}
        for outcome in outcomes
    ]
    columns = ["status", "reason", *(field.name for field in dataclasses.fields(Photo))]
    metadata = pd.DataFrame(rows, columns=columns)
    metadata = metadata.astype(dict.fromkeys(["width", "height", "bytes"], "Int64"))
    names = manifest[["id", "url"]].reset_index(drop=True)
    return pd.concat([names.assign(url=names["url"].map(shown)), metadata], axis=1)
