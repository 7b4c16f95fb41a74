"""Locks: held until the file is closed; file systems without them."""

import errno
import fcntl
import os

import pytest

from stillact.core import locks
from stillact.core.errors import InputError


def test_one_at_a_time(tmp_path):
    path = tmp_path / "lock"
    with open(path, "w") as first, open(path, "w") as second:
        assert locks.lock(first.fileno(), path, wait=True)
        assert not locks.lock(second.fileno(), path, wait=False)
        first.close()
        assert locks.lock(second.fileno(), path, wait=False)


@pytest.mark.parametrize("code", ["ENOSYS", "ENOTSUP", "EOPNOTSUPP", "ENOLCK"])
@pytest.mark.parametrize("wait", [False, True])
def test_a_file_system_without_locks_is_named_with_its_mount_option(
    monkeypatch, tmp_path, code, wait
):
    number = getattr(errno, code)

    def flock(file, operation):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", flock)
    with open(tmp_path / "lock", "w") as file, pytest.raises(InputError) as raised:
        locks.lock(file.fileno(), tmp_path / "lock", wait)
    message = str(raised.value)
    assert message.startswith(f"{tmp_path / 'lock'}: ")
    assert os.strerror(number) in message
    assert "-o flock" in message


def test_other_errors_are_not_taken_for_it(monkeypatch, tmp_path):
    def flock(file, operation):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(fcntl, "flock", flock)
    with open(tmp_path / "lock", "w") as file, pytest.raises(OSError, match="Input/output"):
        locks.lock(file.fileno(), tmp_path / "lock", wait=False)
