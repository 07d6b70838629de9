"""The command line in this process, as in the tests of the commands."""

from tests.cli.conftest import oncsync

__all__ = ["oncsync"]
