"""Validation of the config, and messages for an invalid one."""

from typing import Any

from pydantic import ValidationError

from stillact.core.errors import InputError
from stillact.study.config import Config


def load(raw: dict, source: str = "config.yaml") -> Config:
    """Validate the config.

    Args:
        raw: merged mapping of all config files. A task, model, backbone, prompt set, variant or
            augmentation strength of the sweep that is null is removed, so that a later file can
            remove an entry of an earlier one.
        source: the config files, for messages.

    Raises:
        InputError: names every invalid key, its value, and what is allowed.
    """
    removable = [key for key in ("tasks", "models", "backbones", "prompts") if key in raw]
    raw = {**raw, **{key: _without_nulls(raw[key]) for key in removable}}
    for block, key in (("augmentation_study", "variants"), ("sweep", "augment")):
        if isinstance(raw.get(block), dict):
            raw[block] = {**raw[block], key: _without_nulls(raw[block].get(key))}
    try:
        return Config.model_validate(raw)
    except ValidationError as error:
        lines = [_line(fault, raw) for fault in error.errors()]
        raise InputError(f"{source} is not a valid config:\n" + "\n".join(lines)) from None


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
