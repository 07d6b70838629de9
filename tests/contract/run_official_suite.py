"""Runs the published tests of ONC's Python client against the embedded service.

    python tests/contract/run_official_suite.py PATH_TO_CHECKOUT [options of pytest]

The checkout is one of the client's own repository; the client that is tested is the installed one (`onc` of the
requirements for development). Its tests for archive files, delivery, availability and discovery run, unchanged; raw
and scalar data are not part of the embedded service. Exits with the code of pytest, 2 for a path that is no checkout.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import pytest

from oncsync.sandbox import Sandbox

WANTED = ("archive_file", "data_product_delivery", "discover_*")
SERVER_FAULT, BAD_USAGE = 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the wanted folders of a checkout's tests; gives the exit code."""
    parser = argparse.ArgumentParser(description="Run the published tests of ONC's Python client against the sandbox.")
    parser.add_argument("checkout", type=Path, help="a checkout of the client's repository")
    given, options = parser.parse_known_args(arguments)
    checkout: Path = given.checkout.resolve()
    rooms = sorted(str(room) for pattern in WANTED for room in (checkout / "tests").glob(pattern))
    if not rooms or not (checkout / "pyproject.toml").is_file():
        print(
            f"`{checkout}` is no checkout of the client: it has no tests in the folders that are known", file=sys.stderr
        )
        return BAD_USAGE
    with Sandbox() as service:
        with answering(service):
            own = ["-c", str(checkout / "pyproject.toml"), "--rootdir", str(checkout), "-p", "no:cacheprovider"]
            code = int(pytest.main([*own, *options, *rooms]))
        for mistake in service.broken:
            print(f"the sandbox itself failed: {mistake!r}", file=sys.stderr)
        return code or (SERVER_FAULT if service.broken else 0)


@contextmanager
def answering(service: Sandbox) -> Iterator[None]:
    """Gives every client that is made the address and token of a service, and changes nothing else about it.

    A `.env` file in the checkout is not read: the token in it is one for the real service.
    """
    from onc import ONC

    stays_away = ModuleType("dotenv")
    vars(stays_away)["load_dotenv"] = lambda *_, **__: False
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "dont_write_bytecode", True)
        patch.setitem(sys.modules, "dotenv", stays_away)
        patch.setitem(os.environ, "ONC_TOKEN", service.token)
        patch.setattr(ONC, "baseUrl", property(lambda _: service.url, lambda _, __: None), raising=False)
        yield


if __name__ == "__main__":
    raise SystemExit(main())
