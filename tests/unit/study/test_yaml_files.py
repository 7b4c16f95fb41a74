"""Config files that YAML reads otherwise than they seem."""

from pathlib import Path

import pytest

from stillact.core.errors import InputError
from stillact.study import yaml_files


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "dataset:\n  a: 1\ntasks: {}\ndataset:\n  b: 2\n",
            "line 4: 'dataset' is already in line 1",
        ),
        ("a:\n  b: {c: 1,\n      c: 2}\n", "line 3: 'c' is already in line 2"),
        ("a:\n  - {b: 1}\n  - b: 1\n    b: 2\n", "line 4: 'b' is already in line 3"),
        ("classes:\n  - yes\n  - maybe\n", "line 2: yes may be read as true or false"),
        ("classes: [off, on]\n", "write 'off' in quotes"),
        ("off: 1\n", "line 1: off may be"),
        ("seed: 010\n", "line 1: 010 is read as an octal number"),
        ("time: 1:30\n", "line 1: 1:30 is read as a number of base 60"),
    ],
)
def test_what_yaml_reads_otherwise_is_told_with_its_line(tmp_path, text, told):
    path = tmp_path / "study.yaml"
    path.write_text(text)
    with pytest.raises(InputError) as error:
        yaml_files.check(path)
    assert str(error.value).startswith(f"{path} is not a valid config:\n")
    assert told in str(error.value)


@pytest.mark.parametrize(
    "text",
    [
        "classes: ['yes', \"010\"]\nshuffled: true\nsize: 10\nrate: 0.1\nzero: 0\nnull: null\n",
        "one: &one {a: 1}\ntwo: {<<: *one, a: 2}\n",
        "a: {b: 1}\nc: {b: 1}\n",
        "",
        "[broken",
    ],
)
def test_other_files_pass(tmp_path, text):
    path = tmp_path / "study.yaml"
    path.write_text(text)
    yaml_files.check(path)
    yaml_files.check(tmp_path / "none.yaml")


def test_the_shipped_files_pass():
    for path in ["config.yaml", *Path("profiles").rglob("*.yaml")]:
        yaml_files.check(Path(path))
