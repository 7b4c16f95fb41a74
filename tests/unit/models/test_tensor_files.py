import os

import pytest
import torch
from safetensors.torch import load_file, save_file

from stillact.core.errors import InputError
from stillact.models import tensor_files

TENSORS = {
    "a": torch.arange(6.0).reshape(2, 3).T,  # not contiguous
    "b": torch.tensor(3),
    "c": torch.ones(4, dtype=torch.bfloat16),
}


def test_tensors_are_those_written_and_any_reader_reads_them(tmp_path):
    file = tmp_path / "weights.safetensors"
    tensor_files.write(TENSORS, file)
    for found in (tensor_files.read(file), load_file(file)):
        assert found.keys() == TENSORS.keys()
        assert all(torch.equal(found[name], tensor) for name, tensor in TENSORS.items())


@pytest.mark.parametrize("place", [-1, -9, -25])
def test_a_changed_byte_is_an_error_that_names_the_file(tmp_path, place):
    file = tmp_path / "weights.safetensors"
    tensor_files.write(TENSORS, file)
    content = bytearray(file.read_bytes())
    content[place] ^= 1
    file.write_bytes(content)
    with pytest.raises(InputError, match=r"weights.safetensors: damaged, .* delete it"):
        tensor_files.read(file)


def test_a_file_without_a_hash_is_read(tmp_path):
    save_file({"b": TENSORS["b"]}, tmp_path / "theirs.safetensors")
    assert tensor_files.read(tmp_path / "theirs.safetensors") == {"b": TENSORS["b"]}


@pytest.mark.parametrize("umask", [0o022, 0o077])
def test_weights_have_the_permissions_of_other_files(tmp_path, umask):
    before = os.umask(umask)
    try:
        tensor_files.write({"a": torch.zeros(2)}, tmp_path / "weights.safetensors")
        (tmp_path / "other").touch()
    finally:
        os.umask(before)
    modes = {path.stat().st_mode for path in tmp_path.iterdir()}
    assert len(modes) == 1
