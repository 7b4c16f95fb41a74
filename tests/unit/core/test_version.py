"""One version, wherever it is written. pyproject.toml is the place to change it first."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

from stillact.core.dependencies import source_digest
from stillact.core.version import __version__

ROOT = Path(__file__).parents[3]
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
HEADING = re.compile(r"^## \[(?P<name>[^]]+)\](?: - (?P<date>\d{4}-\d{2}-\d{2}))?$", re.MULTILINE)
UNRELEASED, *RELEASES = HEADING.finditer((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("where", "version"),
    [
        ("workflow/lib/stillact/core/version.py", __version__),
        ("CITATION.cff", CITATION["version"]),
        ("the newest release of CHANGELOG.md", RELEASES[0]["name"]),
    ],
)
def test_the_version_is_that_of_pyproject(where, version):
    assert version == VERSION, f"{where} differs from pyproject.toml"


def test_the_date_of_the_citation_is_that_of_the_release():
    assert str(CITATION["date-released"]) == RELEASES[0]["date"]


def test_releases_stand_from_the_newest_to_the_oldest():
    assert UNRELEASED["name"] == "Unreleased"
    versions = [tuple(map(int, release["name"].split("."))) for release in RELEASES]
    assert versions == sorted(versions, reverse=True)
    dates = [release["date"] for release in RELEASES]
    assert dates == sorted(dates, reverse=True)


def test_a_release_reruns_nothing(tmp_path):
    """The version is in the User-Agent header of fetches, which changes no result."""
    script = tmp_path / "fetch.py"
    script.write_text("from stillact.core.version import __version__\n")
    digests = []
    for version in ("0.2.0", "0.3.0"):
        folder = tmp_path / version / "stillact/core"
        folder.mkdir(parents=True)
        (folder / "version.py").write_text(f'__version__ = "{version}"\n')
        digests.append(source_digest([script], tmp_path / version))
    assert digests[0] == digests[1]
