import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from fault_server import FaultServer


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv(
        "NO_PROXY", "127.0.0.1,localhost"
    )  # a proxy of the machine must not be asked
    with FaultServer() as server:
        yield server
