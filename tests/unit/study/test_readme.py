import copy
from pathlib import Path

import pytest
import yaml
from snakemake.utils import update_config

from stillact.study.load import load
from stillact.study.readme import MARK, page
from stillact.study.schema import schema

ROOT = Path(__file__).parents[3]
README = (ROOT / "config/README.md").read_text(encoding="utf-8")
SHIPPED = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))


def test_the_readme_is_that_of_the_types_and_of_the_shipped_config():
    assert page(README, SHIPPED) == README, "the types or config.yaml changed; run `make schema`"


def test_a_change_of_the_shipped_config_is_told_and_the_introduction_stays():
    changed = page(README, SHIPPED | {"device": "cuda"})
    assert changed != README
    assert changed.partition(MARK)[0] == README.partition(MARK)[0]
    assert "| `device` | `auto` or `cpu` or `cuda` | `cuda` |" in changed


WHOLE = schema()
BLOCKS = {"Config": WHOLE, **WHOLE["$defs"]}


@pytest.mark.parametrize("block", BLOCKS)
def test_every_key_of_the_schema_occurs(block):
    rows = [
        line.split("|")[1].strip(" `") for line in README.splitlines() if line.startswith("| `")
    ]
    headings = [line.strip("# `") for line in README.splitlines() if line.startswith("## ")]
    told = {row.rpartition(".")[2] for row in rows} | {
        part for h in headings for part in h.split(": ")
    }
    assert set(BLOCKS[block]["properties"]) - told == set()


@pytest.mark.parametrize(
    "row",
    [
        "| `fetch.timeout_s` | number (above 0) | `30` |",
        "| `seeds` | list of integers (at least 0) | `[0, 1, 2, 3, 4]` |",
        "| `tasks.<name>.classes` | list of strings | `required` |",
        "| `resources.fine_tune.threads` | integer (at least 1) or null | `4` |",
        "| `external.name` | name | `required` |",
        "| `models` | mapping of names to mappings with `recipe` | below the table |",
    ],
)
def test_a_key_has_its_type_and_default(row):
    assert row in README


def test_the_config_for_snakedeploy_is_the_shipped_one_in_short():
    short = yaml.safe_load((ROOT / "config/config.yaml").read_text(encoding="utf-8"))
    merged = copy.deepcopy(SHIPPED)
    update_config(merged, short)
    assert short
    assert load(merged) == load(SHIPPED)
