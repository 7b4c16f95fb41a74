"""The version of stillact. tests/unit/core/test_version.py keeps it equal to pyproject.toml's."""

__version__ = "0.2.0"
