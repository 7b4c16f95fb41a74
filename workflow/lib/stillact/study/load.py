"""Validation of the config, and messages for an invalid one."""

from collections.abc import Callable
from typing import Any

from pydantic import ValidationError

from stillact.core.errors import InputError
from stillact.study.config import Config

# Mappings whose entries are removed by null.
REMOVABLE = ("tasks", "models", "backbones", "prompts", "paper.table_3.variants", "sweep.augment")


def load(raw: dict, source: str = "config.yaml") -> Config:
    """Validate the config. Where the block `paper` does not apply to the study, it is None.

    Args:
        raw: merged mapping of all config files. A task, model, backbone, prompt set, augmentation
            variant of the paper's table 3 or augmentation strength of the sweep that is null is
            removed, so that a later file can remove an entry of an earlier one.
        source: the config files, for messages.

    Raises:
        InputError: names every invalid key, its value, and what is allowed.
    """
    for path in REMOVABLE:
        raw = _changed_at(raw, path, _without_nulls)
    try:
        config = Config.model_validate(raw)
    except ValidationError as error:
        lines = [_line(fault, raw) for fault in error.errors()]
        raise InputError(f"{source} is not a valid config:\n" + "\n".join(lines)) from None
    return config if config.of_paper else config.model_copy(update={"paper": None})


def _changed_at(node: Any, path: str, change: Callable[[Any], Any]) -> Any:
    """A copy of nested mappings with one value changed; the same where there is no such key."""
    if not path:
        return change(node)
    key, _, rest = path.partition(".")
    if not isinstance(node, dict) or key not in node:
        return node
    return {**node, key: _changed_at(node[key], rest, change)}


def _without_nulls(blocks: Any) -> Any:
    if not isinstance(blocks, dict):
        return blocks
    return {name: block for name, block in blocks.items() if block is not None}


def _line(fault: Any, raw: dict) -> str:
    where, value = _where(fault, raw), fault["input"]
    shown = f" (got {value!r})" if not isinstance(value, dict | list) else ""
    of_name = fault["type"] == "string_pattern_mismatch"
    message = (
        "a name has lower-case letters, digits and _, a letter first" if of_name else fault["msg"]
    )
    return f"  {where}{': ' if where else ''}{message}{shown}"


def _where(fault: Any, raw: Any) -> str:
    """The path of keys to a fault, without pydantic's own parts (the type of a block)."""
    where, node = [], raw
    for i, part in enumerate(fault["loc"], 1):
        keyed = isinstance(node, dict) and part in node
        there = keyed or (isinstance(node, list) and isinstance(part, int))
        if there or (fault["type"] == "missing" and i == len(fault["loc"])):
            where.append(str(part))
        node = node[part] if there else node
    return ".".join(where)
