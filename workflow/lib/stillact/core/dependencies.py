"""The project files that a script depends on, and a digest of their code."""

import ast
import contextlib
import functools
import hashlib
import importlib.util
import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path

# Modules of user-facing messages only: no result depends on them.
MESSAGES_ONLY = frozenset({"core/errors.py", "core/logs.py", "core/version.py"})
_LOGGERS = {"logger", "logging", "warnings", "fault"}  # `fault` raises, of a config
_NO_RESULT = {"annotation", "returns", "type_comment", "ctx"}  # fields of a syntax node


def source_digest(starts: Iterable[Path], lib: Path) -> str:
    """Digest of the code of some files and their imports (`closure`), 16 hexadecimal digits.

    It covers the syntax of each file except what changes no result: layout, comments, docstrings,
    annotations, descriptions of config keys, texts of raised errors and of log calls, and the
    modules of `MESSAGES_ONLY`.

    Args:
        starts: a script, and the modules that it imports by name at run time.
        lib: folder in which imports are resolved.
    """
    files = {file for start in starts for file in closure(start, lib)}
    digests = sorted(_summary(file)[1] for file in files if not _holds_messages(file))
    return hashlib.sha256("".join(digests).encode()).hexdigest()[:16]


def _holds_messages(file: Path) -> bool:
    return "/".join(file.parts[-2:]) in MESSAGES_ONLY


def closure(script: Path, lib: Path) -> list[Path]:
    """The script and every module under `lib` that it imports, directly or indirectly.

    Imports anywhere in a file are read with `ast`, without executing it. A package counts as its
    `__init__.py`; imports from outside `lib` are ignored.

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


@functools.cache
def imports(file: Path, lib: Path) -> frozenset[Path]:
    """Files under `lib` that a file imports directly."""
    return frozenset(module for name in _summary(file)[0] for module in _modules(name, lib))


@functools.cache  # many scripts share dependencies
def _summary(file: Path) -> tuple[list[str], str]:
    """The names that a file imports, and the digest of its code.

    Every start of the workflow needs those of all files, and to parse them takes longer than all
    else it does. So they are kept beside Python's own caches, for the same content of the file and
    of this module; a folder that cannot be written to is no error, as it is none for Python.
    """
    source = file.read_bytes()
    made_from = hashlib.sha256(_own_source() + b"\0" + source).hexdigest()
    kept = Path(importlib.util.cache_from_source(str(file))).with_suffix(".digest.json")
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        found = json.loads(kept.read_bytes())
        if found["made_from"] == made_from:
            return found["imported"], found["digest"]
    tree = ast.parse(source)
    summary = sorted(_imported(tree)), _digest(tree)
    if not sys.dont_write_bytecode:
        _keep(kept, {"made_from": made_from, "imported": summary[0], "digest": summary[1]})
    return summary


@functools.cache
def _own_source() -> bytes:
    return Path(__file__).read_bytes()


def _keep(file: Path, content: dict) -> None:
    part = file.with_name(f"{file.name}.{os.getpid()}")
    with contextlib.suppress(OSError):
        file.parent.mkdir(exist_ok=True)
        part.write_text(json.dumps(content), encoding="utf-8")
        part.replace(file)


def _imported(tree: ast.Module) -> set[str]:
    """Imported names: modules, and attributes that may be modules."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


@functools.cache
def _modules(name: str, lib: Path) -> list[Path]:
    """Files executed by importing `name`: each parent package, and the module itself."""
    files = []
    path = lib
    for part in name.split("."):
        path = path / part
        files += [f for f in (path / "__init__.py", path.with_suffix(".py")) if f.is_file()]
    return files


def _digest(tree: ast.Module) -> str:
    parts: list[str] = []
    _write(tree, parts)
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _write(node: object, parts: list[str], in_message: bool = False) -> None:
    """Append a canonical form of a syntax tree to `parts`, without what changes no result; equal
    for all Python versions that parse it alike.

    Args:
        in_message: whether the node is part of a message, in which strings are ignored.
    """
    if isinstance(node, ast.Constant):
        is_text = in_message and isinstance(node.value, str)
        parts.append("text" if is_text else repr(node.value))
    elif isinstance(node, ast.AST):
        in_message = in_message or _is_message(node)
        parts.append(type(node).__name__)
        for name in node._fields:
            value = getattr(node, name, None)
            if name in _NO_RESULT or value is None or value == []:
                continue
            parts.append(name)
            _write(_counted(node, name, value), parts, in_message)
    elif isinstance(node, list):
        parts.append(str(len(node)))
        for item in node:
            _write(item, parts, in_message)
    else:
        parts.append(repr(node))


def _counted(node: ast.AST, name: str, value: object) -> object:
    """A field of a node without docstrings and descriptions."""
    if name == "body" and isinstance(value, list):
        return [child for child in value if not _is_text(child)]
    if name == "keywords" and isinstance(node, ast.Call) and _called(node) == "Field":
        return [keyword for keyword in node.keywords if keyword.arg != "description"]
    return value


def _is_text(statement: ast.stmt) -> bool:
    """Whether a statement is a bare string, such as a docstring."""
    value = getattr(statement, "value", None)
    return (
        isinstance(statement, ast.Expr)
        and isinstance(value, ast.Constant)
        and isinstance(value.value, str)
    )


def _is_message(node: ast.AST) -> bool:
    """Whether a node raises an error or logs."""
    if isinstance(node, ast.Raise):
        return True
    is_call = isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
    root = node.value.func if is_call else None  # type: ignore[attr-defined]
    while isinstance(root, ast.Attribute):
        root = root.value
        if isinstance(root, ast.Attribute) and root.attr == "logger":
            return True
    return isinstance(root, ast.Name) and root.id in _LOGGERS


def _called(call: ast.Call) -> str | None:
    return getattr(call.func, "id", getattr(call.func, "attr", None))
