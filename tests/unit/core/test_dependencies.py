import ast
import os
import sys
import unittest.mock
from pathlib import Path

import pytest

from stillact.core import dependencies
from stillact.core.dependencies import closure, source_digest

ROOT = Path(__file__).parents[3]

FILES = {
    "lib/base/__init__.py": "import base.facts\n",
    "lib/base/facts.py": "import numpy\n",
    "lib/base/tools.py": "from base import facts\nfrom collections import abc\n",
    "lib/base/deep/__init__.py": "",
    "lib/base/deep/leaf.py": "from base.tools import hammer\n",
    "lib/single.py": "",
    "lib/unused.py": "import single\n",
    "lib/ring_a.py": "import ring_b\n",
    "lib/ring_b.py": "import ring_a\n",
}


@pytest.fixture
def imported_by(tmp_path):
    """The files under lib/ that a script of the given text stands on."""
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    script = tmp_path / "scripts" / "job.py"
    script.parent.mkdir()

    def imported(text: str) -> list[str]:
        script.write_text(text)
        first, *modules = closure(script, tmp_path / "lib")
        assert first == script
        return [module.relative_to(tmp_path / "lib").as_posix() for module in modules]

    return imported


BASE = ["base/__init__.py", "base/facts.py"]
LEAF = ["base/__init__.py", "base/deep/__init__.py", "base/deep/leaf.py"]
LEAF += ["base/facts.py", "base/tools.py"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("import base", BASE),
        ("import base as b, single", [*BASE, "single.py"]),
        ("from base import facts", BASE),
        ("from base import tools", [*BASE, "base/tools.py"]),
        ("from base.facts import MILE", BASE),
        ("from base import *", BASE),
        ("import base.deep.leaf as leaf", LEAF),
        ("from base.deep import leaf", LEAF),
        ("from base.deep.leaf import green", LEAF),
        ("def late():\n    if True:\n        import single", ["single.py"]),
        ("try:\n    import single\nexcept ImportError:\n    pass", ["single.py"]),
        ("import numpy as np\nfrom PIL import Image\nimport os.path\n", []),
        ("from numpy import single", []),
        ("single = 'import single'", []),
        ("import ring_a", ["ring_a.py", "ring_b.py"]),
    ],
)
def test_imports_are_followed(imported_by, text, expected):
    assert imported_by(text) == expected


def test_the_library_imports_by_full_names_only():
    """Relative imports are passed over, so a job would not rerun when what they name changes."""
    files = [*ROOT.glob("workflow/lib/**/*.py"), *ROOT.glob("workflow/scripts/**/*.py")]
    assert len(files) > 30
    for file in files:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            assert not (isinstance(node, ast.ImportFrom) and node.level), f"{file}:{node.lineno}"


@pytest.mark.parametrize(
    ("recipe", "on", "not_on"),
    [
        (
            "from_scratch",
            {"training/augment", "models/networks"},
            {"models/backbones/base", "models/prompts", "recipes/mlp/setup"},
        ),
        (
            "fine_tune",
            {"training/augment", "models/backbones/base", "models/prompts", "models/weights"},
            {"models/networks", "models/embed"},
        ),
        (
            "mlp",
            {"models/networks", "models/prompts"},
            {"training/augment", "models/backbones/base", "models/embed", "models/weights"},
        ),
    ],
)
def test_a_recipe_stands_on_what_trains_and_no_more(recipe, on, not_on):
    """Of rules {recipe}_*, code("train.py", f"recipes/{recipe}.py")."""
    lib = ROOT / "workflow/lib"
    starts = [
        ROOT / "workflow/scripts/training/train.py",
        lib / f"stillact/recipes/{recipe}/setup.py",
    ]
    modules = {module for start in starts for module in closure(start, lib)} - {starts[0]}
    names = {module.relative_to(lib / "stillact").with_suffix("").as_posix() for module in modules}
    every = {
        "__init__",
        "training/loop",
        "config/training",
        "core/runs",
        "core/tables",
        "training/jobs",
    }
    assert every | on | {f"recipes/{recipe}/setup", f"recipes/{recipe}/config"} <= names
    assert not names & (
        not_on
        | {
            "figures/style",
            "data/fetch/cache",
            "data/preprocess",
            "report/page",
            "synthetic/rendering",
        }
    )


@pytest.fixture
def digest(tmp_path):
    """The digest of a script that imports a module of the given text."""

    def of(text: str, script: str = "import base.module\n") -> str:
        folder = tmp_path / f"{len(list(tmp_path.iterdir()))}"  # files are read once
        (folder / "base").mkdir(parents=True)
        (folder / "base/module.py").write_text(text)
        (folder / "job.py").write_text(script)
        return source_digest([folder / "job.py"], folder)

    return of


MODULE = """\
\"""What it is for.\"""
from dataclasses import dataclass
import logging
from pydantic import Field
logger = logging.getLogger("it")
LIMIT = 3
WIDE = Field(ge=1, description="How wide.")
@dataclass
class Box:
    \"""A box.\"""
    width: int = 1
def area(box: Box, times: int = 2) -> int:
    # the product
    if times < 0:
        raise ValueError(f"times: {times} is below 0")
    logger.info("area of %s", box)
    return box.width * times
"""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("What it is for", "What else it is for"),
        ("A box.", "The box."),
        ("# the product", "# a product"),
        ("    # the product\n", "\n\n"),
        ("width: int", "width: float"),
        (") -> int", ") -> float"),
        ("How wide.", "Width."),
        ("is below 0", "must be at least 0"),
        ("area of %s", "the area of %s"),
        ("LIMIT = 3", "LIMIT = (\n    3\n)"),
    ],
)
def test_what_changes_no_result_leaves_the_digest(digest, old, new):
    assert old in MODULE
    assert digest(MODULE) == digest(MODULE.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("LIMIT = 3", "LIMIT = 4"),
        ("LIMIT = 3", "LIMIT = '3'"),
        ("width: int = 1", "width: int = 2"),
        ("times: int = 2", "times: int = 3"),
        ("box.width * times", "box.width + times"),
        ("ge=1", "ge=2"),
        ("times < 0", "times <= 0"),
        ("import logging", "import logging, math"),
        ("@dataclass\n", ""),
    ],
)
def test_what_may_change_a_result_changes_the_digest(digest, old, new):
    assert old in MODULE
    assert digest(MODULE) != digest(MODULE.replace(old, new))


def test_the_script_and_its_order_of_statements_count(digest):
    assert digest(MODULE) != digest(MODULE, "import base.module\nprint(1)\n")
    assert digest("a = 1\nb = 2\n") != digest("b = 2\na = 1\n")


class TestKept:
    """What is kept of a file from one start of the workflow to the next."""

    @pytest.fixture
    def start(self, tmp_path, monkeypatch):
        """The digest in a new process, as it were, and how many files were parsed for it."""
        monkeypatch.setattr(sys, "dont_write_bytecode", False)
        (tmp_path / "job.py").write_text("import module\n")
        (tmp_path / "module.py").write_text("LIMIT = 3\n")

        def start() -> tuple[str, int]:
            for cached in (dependencies.imports, dependencies._summary):
                cached.cache_clear()
            with monkeypatch.context() as patch:
                parse = unittest.mock.Mock(wraps=ast.parse)
                patch.setattr(ast, "parse", parse)
                return source_digest([tmp_path / "job.py"], tmp_path), parse.call_count

        return start

    def test_a_file_is_parsed_once(self, start):
        digest, parsed = start()
        assert parsed == 2
        assert start() == (digest, 0)

    def test_an_edit_of_the_same_length_and_time_is_seen(self, start, tmp_path):
        digest, _ = start()
        module = tmp_path / "module.py"
        times = module.stat().st_atime_ns, module.stat().st_mtime_ns
        module.write_text("LIMIT = 4\n")
        os.utime(module, ns=times)
        changed, parsed = start()
        assert (changed != digest, parsed) == (True, 1)

    @pytest.mark.parametrize("content", [b"", b"[]", b'{"made_from": ""}', b"\xff"])
    def test_a_damaged_file_is_made_again(self, start, tmp_path, content):
        first = start()
        for kept in (tmp_path / "__pycache__").iterdir():
            kept.write_bytes(content)
        assert start() == first
        assert start() == (first[0], 0)

    def test_a_folder_that_cannot_be_written_to_is_no_error(self, start, tmp_path):
        (tmp_path / "__pycache__").touch()
        assert start()[1] == start()[1] == 2
