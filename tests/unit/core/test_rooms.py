"""The rooms of the library: each imports only from those before it."""

from pathlib import Path

import pytest

from stillact.core.dependencies import imports

LIB = Path(__file__).parents[3] / "workflow/lib"
ROOMS = ["core", "config", "data", "models", "training", "synthetic", "recipes", "study"]
ROOMS += ["evaluation"]
ROOMS += ["perturb", "saliency", "paper", "figures", "report", "inference", "planning"]
LIBRARY = LIB / "stillact"


def test_every_package_is_a_room():
    assert {path.name for path in LIBRARY.iterdir() if any(path.glob("*.py"))} == set(ROOMS)
    assert [path.name for path in LIBRARY.glob("*.py")] == ["__init__.py"]


def test_packages_are_empty():
    """What is in an `__init__.py` would be part of every module below it."""
    assert not [path for path in LIB.rglob("__init__.py") if path.read_text()]


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_from_rooms_before_it(room):
    allowed = {LIBRARY / name for name in ROOMS[: ROOMS.index(room) + 1]} | {LIBRARY}
    modules = list((LIBRARY / room).rglob("*.py"))
    assert modules
    for module in modules:
        for file in imports(module, LIB):
            place = LIBRARY / file.relative_to(LIBRARY).parts[0]
            assert place in allowed or file.parent == LIBRARY, f"{module} imports {file}"


def test_no_file_is_too_long_to_read():
    long = {
        path.relative_to(LIB).as_posix(): lines
        for path in LIB.rglob("*.py")
        if (lines := len(path.read_text().splitlines())) > 400
    }
    assert long == {}
