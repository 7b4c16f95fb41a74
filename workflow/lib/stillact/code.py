"""Which files of this project a script stands on."""

import ast
import functools
from pathlib import Path


def closure(script: Path, lib: Path) -> list[Path]:
    """The script and every module under `lib` that it imports, directly or through another.

    Imports are read with `ast`, wherever they stand in a file, without running anything. A package
    counts as its `__init__.py`; imports of anything that is not under `lib` are passed over.

    Returns:
        The script first, then the modules by name.
    """
    found: set[Path] = set()
    todo = [script]
    while todo:
        for file in _imports(todo.pop(), lib):
            if file not in found:
                found.add(file)
                todo.append(file)
    return [script, *sorted(found)]


@functools.cache  # many scripts stand on the same files, and each start asks for all of them
def _imports(file: Path, lib: Path) -> frozenset[Path]:
    names = _imported(file.read_text(encoding="utf-8"))
    return frozenset(module for name in names for module in _modules(name, lib))


def _imported(source: str) -> set[str]:
    """The names that a file's text imports: modules, and what may be one."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def _modules(name: str, lib: Path) -> list[Path]:
    """The files that importing `name` runs: each package on the way, and the module itself."""
    files = []
    path = lib
    for part in name.split("."):
        path = path / part
        files += [f for f in (path / "__init__.py", path.with_suffix(".py")) if f.is_file()]
    return files
