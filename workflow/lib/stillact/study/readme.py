"""The tables of config/README.md, with one row per key; `make schema` writes them."""

import re
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml

from stillact.recipes.registry import RECIPES
from stillact.study.schema import schema

MARK = "<!-- From here on written by `make schema`. -->\n"
HEADER = "\n| key | type | default | description |\n| --- | --- | --- | --- |"
LIMITS = {"minimum": "at least", "exclusiveMinimum": "above", "maximum": "at most"}


def page(before: str, shipped: dict) -> str:
    """The page with updated tables; defaults are those of the shipped config.yaml."""
    whole = schema()
    keys, blocks = (_inlined(whole[part], whole["$defs"]) for part in ("properties", "$defs"))
    kinds = {  # mappings with a key that determines the others
        f"{key}: {of['const']}": block
        for block in blocks.values()
        for key, of in block["properties"].items()
        if "const" in of
    }
    values = shipped | {"resources": {of: asdict(RECIPES[of].resources) for of in RECIPES}}
    parts = [before.partition(MARK)[0] + MARK]
    parts += [_section(key, key, keys[key], values.get(key)) for key in keys]
    parts += [_section(kind, "", kinds[kind], {}) for kind in sorted(kinds)]
    return "\n".join(parts)


def _inlined(node: Any, blocks: dict) -> Any:
    """A schema without references."""
    if isinstance(node, dict):
        block = blocks[node["$ref"].split("/")[-1]] if "$ref" in node else {}
        return {key: _inlined(value, blocks) for key, value in {**block, **node}.items()}
    return [_inlined(one, blocks) for one in node] if isinstance(node, list) else node


def _section(title: str, path: str, node: dict, default: Any) -> str:
    table, long = [f"## `{title}`", HEADER], []
    for key, of, value in _rows(path, node, default):
        text = yaml.safe_dump(value, sort_keys=False, default_flow_style=None, width=95)
        of_keys = any("properties" in block for block in (of, *of.get("anyOf", ())))
        text = "" if of_keys else text.removesuffix("...\n").strip()
        shown = f"`{text}`" if text else ""
        if "\n" in text:
            shown = "below the table"
            long.append(f"\nDefault of `{key}`:\n\n```yaml\n{text}\n```")
        description = " ".join(of.get("description", "").split())
        table.append(f"| `{key}` | {_type(of)} | {shown} | {description} |")
    return "\n".join([*table, *long, ""])


def _rows(path: str, node: dict, default: Any) -> Iterator[tuple[str, dict, Any]]:
    """A key and those below it: path, schema and default."""
    if path and not path.endswith(">") and ("properties" not in node or "description" in node):
        yield path, node, default
    options = () if "discriminator" in node else (*node.get("anyOf", ()), *node.get("oneOf", ()))
    for block in (node, *options):
        for key, of in block.get("properties", {}).items():
            if "const" not in of:
                value = (default or {}).get(key, of.get("default", "required"))
                yield from _rows(f"{path}.{key}".strip("."), of, value)
        if entry := _entry(block):
            yield from _rows(f"{path}.<name>", entry, {})


def _entry(node: dict) -> dict | None:
    """The schema of the values of a mapping whose keys are names."""
    rest = node.get("additionalProperties") or None
    return next(iter(node.get("patternProperties", {}).values()), rest)


def _type(node: dict) -> str:
    if "discriminator" in node:
        return f"mapping with `{node['discriminator']['propertyName']}`"
    if options := node.get("anyOf") or node.get("oneOf"):
        return " or ".join(dict.fromkeys(map(_type, options)))
    if options := node.get("enum", [node["const"]] if "const" in node else []):
        return " or ".join(f"`{one}`" for one in options)
    if of := node.get("items") or _entry(node):
        many = re.sub(r"^\w+", r"\g<0>s", _type(of))
        return f"list of {many}" if "items" in node else f"mapping of names to {many}"
    word = "mapping" if "properties" in node else "name" if "pattern" in node else node["type"]
    limits = [f"{limit} {node[key]}" for key, limit in LIMITS.items() if key in node]
    return f"{word} ({', '.join(limits)})" if limits else word


if __name__ == "__main__":
    file, shipped = Path("config/README.md"), yaml.safe_load(Path("config.yaml").read_text("utf-8"))
    file.write_text(page(file.read_text("utf-8"), shipped), encoding="utf-8")
