"""Templates of HTML pages, and their scripts."""

import base64
import hashlib
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template


def loaded(template: Path) -> Template:
    """A template, in which values are escaped and a missing one is an error."""
    environment = Environment(
        loader=FileSystemLoader(template.parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template.name)


def with_script(file: Path) -> dict[str, str]:
    """The variables of a page with a script: `script`, and `script_sha256` (base64) for its
    Content-Security-Policy, which allows no other."""
    script = file.read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return {"script": script, "script_sha256": digest}
