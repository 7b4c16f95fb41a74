import zlib

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


@pytest.mark.parametrize("mode", [None, "r"])
@pytest.mark.parametrize("place", [60, 128, 500, -10, -1])
def test_a_changed_byte_is_an_error_that_names_the_file(tmp_path, mode, place):
    file = tmp_path / "a.npy"
    arrays.save(np.arange(100.0), file)
    content = bytearray(file.read_bytes())
    content[place] ^= 1
    file.write_bytes(content)
    with pytest.raises(InputError, match=r"a.npy: damaged .*content changed after it was written"):
        arrays.load(file, mode)


@pytest.mark.parametrize("array", [np.empty((0, 3)), np.float32(1), np.arange(400_000)])
def test_others_read_the_file_and_theirs_is_read(tmp_path, array):
    file = tmp_path / "a.npy"
    arrays.save(array, file)
    for read in (np.load(file), arrays.load(file)):
        assert read.dtype == array.dtype
        np.testing.assert_array_equal(read, array)
    assert file.read_bytes()[:-4].endswith(b"CRC32")
    assert int.from_bytes(file.read_bytes()[-4:]) == zlib.crc32(file.read_bytes()[:-9])
    np.save(file, array)
    np.testing.assert_array_equal(arrays.load(file), array)


def test_a_saved_array_replaces_in_one_step(tmp_path):
    for value in (1, 2):
        arrays.save(np.full(3, value, np.float32), tmp_path / "made.npy")
    assert np.load(tmp_path / "made.npy").tolist() == [2, 2, 2]
    assert [file.name for file in tmp_path.iterdir()] == ["made.npy"]
