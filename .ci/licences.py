"""Print docs/licences.md: the licences that the installed packages of requirements.lock state."""

import importlib.metadata
import re
from pathlib import Path

HEAD = """\
# Licences of the dependencies

The packages of `requirements.lock` that are installed on Linux, and the licence that each states in
its metadata, or in the first line of its licence file. Written by `make licences`.

| package | licence |
| --- | --- |"""


def licence(package: importlib.metadata.Distribution) -> str:
    metadata = package.metadata
    classifiers = [
        line.split(" :: ")[-1]
        for line in metadata.get_all("Classifier") or []
        if line.startswith("License ::")
    ]
    free_text = metadata.get("License") or ""
    if not free_text or free_text == "UNKNOWN":
        files = [file for file in package.files or [] if "licen" in file.name.lower()]
        free_text = str(files[0].locate().read_text()) if files else "not stated"
    stated = metadata.get("License-Expression") or "; ".join(classifiers) or free_text
    return stated.strip().splitlines()[0]


def main() -> None:
    print(HEAD)
    lock = Path("requirements.lock").read_text()
    for name in sorted(set(re.findall(r"(?m)^([\w.-]+)==", lock))):
        try:
            print(f"| {name} | {licence(importlib.metadata.distribution(name))} |")
        except importlib.metadata.PackageNotFoundError:
            continue  # a package of another platform


if __name__ == "__main__":
    main()
