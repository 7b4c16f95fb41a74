"""The packages that are installed are those that the code imports, everywhere at one version."""

import ast
import functools
import importlib.metadata
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from stillact.core.dependencies import closure
from stillact.recipes.registry import RECIPES

ROOT = Path(__file__).parents[3]
LIB = ROOT / "workflow/lib"
ENVS = sorted((ROOT / "envs").glob("*.yaml"))


def requirements(lines) -> list[Requirement]:
    bare = (re.split(r"#|--hash|\\$", line)[0].strip() for line in lines)
    return [Requirement(line) for line in bare if line]


def named(file: str) -> dict[str, list[Requirement]]:
    found: dict[str, list[Requirement]] = {}
    for requirement in requirements((ROOT / file).read_text().splitlines()):
        found.setdefault(canonicalize_name(requirement.name), []).append(requirement)
    return found


WANTED = named("requirements.in")
LOCKED = named("requirements.lock")


PYTHON_311 = {"python_version": "3.11", "python_full_version": "3.11.0", "sys_platform": "linux"}


def locked_version(name: str) -> str:
    """The version for Python 3.11, which the conda environments have."""
    lines = [r for r in LOCKED[name] if not r.marker or r.marker.evaluate(PYTHON_311)]
    (line,) = lines
    (pin,) = line.specifier
    assert pin.operator == "==", line
    return pin.version


def pinned(env: Path) -> dict[str, str]:
    """Package and version, of all pip packages of a conda environment."""
    dependencies = yaml.safe_load(env.read_text(encoding="utf-8"))["dependencies"]
    (pip,) = (part["pip"] for part in dependencies if isinstance(part, dict))
    return {canonicalize_name(r.name): str(r.specifier) for r in requirements(pip)}


def installed(env: Path) -> dict[str, str]:
    """Those, and what the script that Snakemake runs after it installs."""
    script = env.with_suffix(".post-deploy.sh")
    text = script.read_text(encoding="utf-8") if script.exists() else ""
    pins = requirements(re.findall(r"\S+==\S+", text))
    return pinned(env) | {canonicalize_name(r.name): str(r.specifier) for r in pins}


@pytest.mark.parametrize("env", ENVS, ids=lambda env: env.stem)
def test_an_environment_has_the_locked_versions(env):
    versions = installed(env)
    assert versions
    assert versions == {name: f"=={locked_version(name)}" for name in versions}


def check_lock(tmp_path, wanted: str, lock: str) -> str:
    """What the check of `make lint` prints; "" where the lock is accepted."""
    (tmp_path / "a.in").write_text(wanted)
    (tmp_path / "a.lock").write_text(lock)
    command = [sys.executable, ROOT / ".ci/check_lock.py", tmp_path / "a.in", tmp_path / "a.lock"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == bool(done.stderr)
    assert "Traceback" not in done.stderr
    return done.stderr


HASH = " \\\n    --hash=sha256:00\n"


def test_the_lock_satisfies_the_requirements(tmp_path):
    files = [(ROOT / name).read_text() for name in ("requirements.in", "requirements.lock")]
    assert check_lock(tmp_path, *files) == ""


@pytest.mark.parametrize(
    ("wanted", "lock", "fault"),
    [
        ("Pillow>=12\ntqdm\n", f"pillow==13.0{HASH}", "tqdm is missing for Python 3.11"),
        ("pillow>=12\n", f"pillow==11.9{HASH}", "pillow>=12 is not satisfied by 11.9"),
        ("pillow>=12\n", "pillow==12.1\n", "without a hash: pillow"),
        (
            "pillow\n",
            f"pillow==12.1 ; python_full_version < '3.13'{HASH}",
            "pillow is missing for Python 3.13",
        ),
    ],
)
def test_a_lock_that_is_out_of_date_is_refused(tmp_path, wanted, lock, fault):
    assert fault in check_lock(tmp_path, wanted, lock)


def test_the_licences_are_of_the_packages_in_the_lock():
    listed = re.findall(r"(?m)^\| (\S+) \| \S", (ROOT / "docs/licences.md").read_text())[1:]
    linux = {"sys_platform": "linux", "platform_machine": "x86_64"}
    here = {
        name
        for name, lines in LOCKED.items()
        if any(not line.marker or line.marker.evaluate(linux | PYTHON_311) for line in lines)
    }
    assert set(listed) - {"---"} == here, "run `make licences`"


def test_the_lock_is_whole():
    """It is installed as it is, and nothing that its packages ask for besides."""
    asked = {
        canonicalize_name(need.name)
        for name in LOCKED
        if name in HERE
        for need in requirements(importlib.metadata.requires(name) or [])
        if not need.marker or need.marker.evaluate({"extra": ""})
    }
    assert len(asked) > 50
    assert asked - set(LOCKED) == {"opencv-python"}  # see the Makefile


def test_the_container_has_the_lock_and_the_python_of_the_environments():
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert "ARG BASE=python:3.11-slim" in dockerfile
    assert "COPY requirements.lock" in dockerfile
    assert "\nUSER 1000" in dockerfile  # not as root
    definition = (ROOT / "stillact.def").read_text()
    assert "From: python:3.11-slim" in definition
    for recipe in (dockerfile, definition):
        assert "--no-deps --require-hashes" in recipe
    assert (ROOT / ".dockerignore").read_text().split() == ["*", "!requirements.lock"]
    for env in ENVS:
        assert "python=3.11" in yaml.safe_load(env.read_text(encoding="utf-8"))["dependencies"]


HERE = {canonicalize_name(of.name) for of in importlib.metadata.distributions()}


@functools.cache
def third_party(file: Path) -> set[str]:
    """Distributions that a file imports, wherever it does, but for what runs it as a script."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    tree.body = [node for node in tree.body if not is_main(node)]
    modules = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            modules.add(node.module)
    roots = {module.split(".")[0] for module in modules} - {"stillact"} - sys.stdlib_module_names
    return {distribution(root) for root in roots}


def is_main(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) == "__name__ == '__main__'"


GIVERS = importlib.metadata.packages_distributions()


def distribution(module: str) -> str:
    """Who gives a module: Pillow gives PIL, scikit-learn gives sklearn."""
    (name,) = set(GIVERS[module])
    # pydantic is made of two packages, and pins the other one
    return {"pydantic-core": "pydantic"}.get(canonicalize_name(name), canonicalize_name(name))


def test_the_names_of_packages_are_found():
    assert third_party(LIB / "stillact/data/preprocess.py") == {"pillow", "numpy", "pandas"}
    assert third_party(LIB / "stillact/evaluation/metrics.py") == {
        "numpy",
        "pandas",
        "scipy",
        "scikit-learn",
    }
    assert third_party(LIB / "stillact/study/load.py") == {"pydantic"}


def test_what_is_imported_is_required():
    files = [*LIB.rglob("*.py"), *(ROOT / "workflow/scripts").rglob("*.py")]
    assert len(files) > 30
    missing = {file.name: third_party(file) - set(WANTED) for file in files}
    assert {name: packages for name, packages in missing.items() if packages} == {}


RULES = ROOT / "workflow/rules"
SCRIPTS = ROOT / "workflow/scripts"


def jobs() -> dict[str, tuple[str, list[Path]]]:
    """For each script, and each recipe of train.py, the environment of its rule and the files it
    stands on; by regex, for Snakemake is no parser."""
    found = {}
    for recipe in (one for one in RECIPES.values() if not one.combines):
        starts = [
            SCRIPTS / "training/train.py",
            LIB / f"stillact/recipes/{recipe.name}/setup.py",
        ]
        files = [file for start in starts for file in closure(start, LIB)]
        found[f"training/train.py, {recipe.name}"] = f"{recipe.env}.yaml", files
    for file in sorted(RULES.glob("*.smk")):
        for rule in re.split(r"(?m)^\s*rule\b.*:$", file.read_text(encoding="utf-8"))[1:]:
            script = re.search(r'script:\s+"\.\./scripts/(\w+/\w+\.py)"', rule)
            assert script, f"{file.name}: a rule without a script:\n{rule}"
            if script[1] == "training/train.py":
                continue
            env = re.search(r'conda:\s+"\.\./\.\./envs/(\w+\.yaml)"', rule)
            assert env, f"{file.name}: the rule of {script[1]} has no conda environment"
            found[script[1]] = env[1], closure(SCRIPTS / script[1], LIB)
    return found


JOBS = jobs()


def test_every_script_belongs_to_a_rule():
    assert {name.split(",")[0] for name in JOBS} == {
        p.relative_to(SCRIPTS).as_posix() for p in SCRIPTS.rglob("*.py")
    }
    assert {env for env, _ in JOBS.values()} == {env.name for env in ENVS}


@pytest.mark.parametrize("job", sorted(JOBS))
def test_the_environment_of_a_script_has_what_it_imports(job):
    env, files = JOBS[job]
    needed = set().union(*(third_party(file) for file in files))
    assert needed - set(installed(ROOT / "envs" / env)) == set()


@pytest.mark.parametrize("env", ENVS, ids=lambda env: env.stem)
def test_an_environment_has_nothing_that_no_script_imports(env):
    files = {file for of, stands_on in JOBS.values() if of == env.name for file in stands_on}
    needed = set().union(*(third_party(file) for file in files))
    assert set(pinned(env)) - needed == set()
