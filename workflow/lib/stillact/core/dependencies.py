"""Which files of this project a script depends on, and a digest of what they do."""

import ast
import functools
import hashlib
from collections.abc import Iterable
from pathlib import Path

# Modules that hold what is shown to people: no result depends on them.
MESSAGES_ONLY = frozenset({"core/errors.py", "core/logs.py", "core/version.py"})
_LOGGERS = {"logger", "log", "warnings", "logging"}


def source_digest(starts: Iterable[Path], lib: Path) -> str:
    """A digest of what the `closure` of some files does, as 16 hexadecimal digits.

    It covers the syntax of each file but for what changes no result: layout, comments, docstrings,
    annotations, the descriptions of config keys, the texts of errors raised and of log calls, and
    the modules of `MESSAGES_ONLY`.

    Args:
        starts: a script, and modules that it is given by name.
        lib: the folder in which imports are looked up.
    """
    files = {file for start in starts for file in closure(start, lib)}
    digests = sorted(_digest(file) for file in files if not _is_message(file))
    return hashlib.sha256("".join(digests).encode()).hexdigest()[:16]


def _is_message(file: Path) -> bool:
    return "/".join(file.parts[-2:]) in MESSAGES_ONLY


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
        for file in imports(todo.pop(), lib):
            if file not in found:
                found.add(file)
                todo.append(file)
    return [script, *sorted(found)]


@functools.cache  # many scripts depend on the same files, and each start asks for all of them
def _parsed(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


@functools.cache
def imports(file: Path, lib: Path) -> frozenset[Path]:
    """The files under `lib` that a file imports itself."""
    names = _imported(_parsed(file))
    return frozenset(module for name in names for module in _modules(name, lib))


def _imported(tree: ast.Module) -> set[str]:
    """The names that a file imports: modules, and what may be one."""
    names: set[str] = set()
    for node in ast.walk(tree):
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


@functools.cache
def _digest(file: Path) -> str:
    return hashlib.sha256(repr(_meaning(_parsed(file))).encode()).hexdigest()


def _meaning(node: object, spoken: bool = False) -> object:
    """A tree as nested tuples, without what changes no result; equal for every version of Python
    that parses it alike.

    Args:
        spoken: whether the node stands in a message, in which strings do not count.
    """
    if isinstance(node, list):
        return [_meaning(item, spoken) for item in node]
    if not isinstance(node, ast.AST):
        return node
    if isinstance(node, ast.Constant):
        return "text" if spoken and isinstance(node.value, str) else repr(node.value)
    spoken = spoken or _speaks(node)
    fields = [
        (name, _meaning(value, spoken))
        for name, value in _fields(node)
        if value is not None and value != []
    ]
    return (type(node).__name__, *fields)


def _fields(node: ast.AST) -> Iterable[tuple[str, object]]:
    """The fields of a node that count."""
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "type_comment", "ctx"):
            continue
        if name == "body" and isinstance(value, list):
            value = [child for child in value if not _is_text(child)]
        if name == "keywords" and isinstance(node, ast.Call) and _called(node) == "Field":
            value = [keyword for keyword in value if keyword.arg != "description"]
        yield name, value


def _is_text(statement: ast.stmt) -> bool:
    """Whether a statement is nothing but a string, as docstrings are."""
    value = getattr(statement, "value", None)
    return (
        isinstance(statement, ast.Expr)
        and isinstance(value, ast.Constant)
        and isinstance(value.value, str)
    )


def _speaks(node: ast.AST) -> bool:
    """Whether a node is an error raised or a log call."""
    if isinstance(node, ast.Raise):
        return True
    root = node.value.func if _is_call(node) else None
    while isinstance(root, ast.Attribute):
        root = root.value
        if isinstance(root, ast.Attribute) and root.attr == "logger":
            return True
    return isinstance(root, ast.Name) and root.id in _LOGGERS


def _is_call(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)


def _called(call: ast.Call) -> str | None:
    return getattr(call.func, "id", getattr(call.func, "attr", None))
