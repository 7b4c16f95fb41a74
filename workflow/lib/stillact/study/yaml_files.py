"""Faults of config files that YAML accepts: keys given twice, and values read otherwise."""

import re
from collections.abc import Iterator
from pathlib import Path

import yaml

from stillact.core.errors import InputError

_QUOTED = ("'", '"', "|", ">")  # styles in which all is text
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_WORDS = re.compile("yes|no|on|off|y|n", re.IGNORECASE)
_OCTAL = re.compile("[-+]?0[0-9_]+")
_BASE_60 = re.compile("[-+]?[0-9]+(:[0-9]+)+(\\.[0-9]*)?")


def check(path: Path) -> None:
    """Check a config file for what YAML 1.1 reads otherwise than it seems.

    Raises:
        InputError: a key is given twice in one block, of which YAML keeps the last; or a value such
            as yes, 010 or 1:30 is read as true, 8 or 90. Names the file, the lines, and what to
            write.
    """
    try:
        node = yaml.compose(path.read_text(encoding="utf-8"), Loader=_LOADER)
    except (OSError, ValueError, yaml.YAMLError):
        return  # Snakemake, which reads the file, says so
    faults = sorted(_faults(node)) if node else []
    if faults:
        lines = [f"  line {line}: {fault}" for line, fault in faults]
        raise InputError("\n".join([f"{path} is not a valid config:", *lines]))


def _faults(node: yaml.Node) -> Iterator[tuple[int, str]]:
    if isinstance(node, yaml.MappingNode):
        first: dict[str, int] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            seen = first.setdefault(key.value, line) if isinstance(key.value, str) else line
            if seen != line:
                yield line, f"{key.value!r} is already in line {seen}; merge them into one"
            yield from _faults(key)
            yield from _faults(value)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            yield from _faults(value)
    elif isinstance(node, yaml.ScalarNode) and node.style not in _QUOTED:
        yield from ((node.start_mark.line + 1, fault) for fault in _scalar(node.value))


def _scalar(text: str) -> Iterator[str]:
    if _WORDS.fullmatch(text):
        yield f"{text} may be read as true or false; write {text!r} in quotes, or true or false"
    elif _OCTAL.fullmatch(text):
        yield f"{text} is read as an octal number; write it without the 0, or {text!r} in quotes"
    elif _BASE_60.fullmatch(text):
        yield f"{text} is read as a number of base 60; write {text!r} in quotes"
