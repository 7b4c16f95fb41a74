"""Check that requirements.lock satisfies requirements.in; offline, as part of `make lint`."""

import re
import sys
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PYTHONS = ("3.11", "3.12", "3.13")


def pins(lock: str) -> tuple[list[Requirement], list[str]]:
    """The pinned packages, and the names of those without a hash."""
    found, unhashed = [], []
    for line in re.sub(r"\\\n", " ", lock).splitlines():
        pin, *hashes = re.split(r"\s--hash=", line.split("#")[0].strip())
        if pin:
            found.append(Requirement(pin))
            unhashed += [] if hashes else [found[-1].name]
    return found, unhashed


def applies(pin: Requirement, python: str) -> bool:
    environment = {
        "python_version": python,
        "python_full_version": f"{python}.0",
        "sys_platform": "linux",
        "platform_machine": "x86_64",
    }
    return not pin.marker or pin.marker.evaluate(environment)


def unsatisfied(wanted: Requirement, found: list[Requirement]) -> list[str]:
    faults = []
    name = canonicalize_name(wanted.name)
    candidates = [pin for pin in found if canonicalize_name(pin.name) == name]
    for python in PYTHONS:
        versions = [
            str(pin.specifier).removeprefix("==") for pin in candidates if applies(pin, python)
        ]
        if not versions:
            faults.append(f"{wanted.name} is missing for Python {python}")
        elif len(versions) > 1 or versions[0] not in wanted.specifier:
            faults.append(f"{wanted} is not satisfied by {', '.join(versions)} (Python {python})")
    return faults


def main(requirements: str, lock: str) -> None:
    lines = (line.split("#")[0].strip() for line in Path(requirements).read_text().splitlines())
    found, unhashed = pins(Path(lock).read_text())
    faults = [fault for line in lines if line for fault in unsatisfied(Requirement(line), found)]
    faults += [f"without a hash: {', '.join(unhashed)}"] if unhashed else []
    if faults:
        sys.exit("\n".join([f"{lock} does not satisfy {requirements}; run `make lock`:", *faults]))


if __name__ == "__main__":
    main(*(sys.argv[1:] or ["requirements.in", "requirements.lock"]))
