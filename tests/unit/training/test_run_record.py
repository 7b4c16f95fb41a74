"""meta.json is read as it is written, or refused by its name."""

import pytest

from stillact.core.errors import InputError
from stillact.training.run_record import RunRecord
from support import records


def test_it_is_read_as_it_is_written(tmp_path):
    path = tmp_path / "meta.json"
    record = records.run(chosen={"epoch": 4, "alpha": 0.1}, config={"training": {"c": [1, 2]}})
    record.write(path)
    found = RunRecord.read(path)
    assert found == record
    assert isinstance(found.chosen["epoch"], int)
    assert [file.name for file in tmp_path.iterdir()] == ["meta.json"]


@pytest.mark.parametrize("content", ["", "{", "{}", '{"run": 1}'])
def test_a_damaged_one_is_named(content, tmp_path):
    path = tmp_path / "meta.json"
    path.write_text(content)
    with pytest.raises(InputError, match=r"meta\.json is damaged; delete it to train the run"):
        RunRecord.read(path)
