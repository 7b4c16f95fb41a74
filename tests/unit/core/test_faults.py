"""Every row of docs/faults.md names the tests that hold it, and they exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
ROWS = [
    [cell.strip() for cell in line.strip("| ").split(" | ")]
    for line in (ROOT / "docs/faults.md").read_text().splitlines()
    if line.startswith("| ") and not line.startswith(("| failure", "| ---"))
]
BY_HAND = ["`results/` is not writable"]  # Snakemake's own check, which the tests' root user passes


def test_the_table_is_found():
    assert len(ROWS) > 40
    assert {len(row) for row in ROWS} == {4}
    assert [row[0] for row in ROWS if row[3] == "by hand"] == BY_HAND


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0][:40])
def test_the_tests_of_a_row_exist(row):
    named = re.findall(r"`([^`]+)`", row[3])
    assert named or row[0] in BY_HAND
    for name in named:
        file, _, test = name.partition("::")
        if name.startswith("make "):
            assert re.search(rf"(?m)^{name[5:]}:", (ROOT / "Makefile").read_text()), name
        elif file.startswith("tests/"):
            assert (ROOT / file).is_dir(), name
        else:
            (found,) = (ROOT / "tests").rglob(file)
            assert not test or f"\ndef {test}(" in found.read_text(encoding="utf-8"), name
