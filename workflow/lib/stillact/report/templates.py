"""Templates of HTML pages, and their scripts."""

import base64
import hashlib
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template


def environment(folder: Path, html: bool = True) -> Environment:
    """An environment in which a missing value is an error; in HTML values are escaped, and other
    texts keep their last newline."""
    return Environment(
        loader=FileSystemLoader(folder),
        autoescape=html,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=not html,
    )


def loaded(template: Path) -> Template:
    """A template of an HTML page."""
    return environment(template.parent).get_template(template.name)


def with_script(file: Path) -> dict[str, str]:
    """The variables of a page with a script: `script`, and `script_sha256` (base64) for its
    Content-Security-Policy, which allows no other."""
    script = file.read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return {"script": script, "script_sha256": digest}
