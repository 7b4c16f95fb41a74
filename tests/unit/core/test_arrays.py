import numpy as np
import pytest

from stillact.core import arrays
from stillact.core.errors import InputError


@pytest.mark.parametrize("mode", [None, "r"])
@pytest.mark.parametrize("size", [0, 20, 300])
def test_an_array_that_is_cut_short_is_an_error_that_names_the_file(tmp_path, mode, size):
    given = np.arange(100.0).reshape(10, 10)
    file = tmp_path / "a.npy"
    arrays.save(given, file)
    assert (arrays.load(file, mode) == given).all()
    file.write_bytes(file.read_bytes()[:size])
    with pytest.raises(InputError, match=r"a.npy: damaged or cut short .* delete it"):
        arrays.load(file, mode)


def test_a_saved_array_replaces_in_one_step(tmp_path):
    for value in (1, 2):
        arrays.save(np.full(3, value, np.float32), tmp_path / "made.npy")
    assert np.load(tmp_path / "made.npy").tolist() == [2, 2, 2]
    assert [file.name for file in tmp_path.iterdir()] == ["made.npy"]
