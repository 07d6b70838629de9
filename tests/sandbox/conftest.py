"""Fixtures of the sandbox's tests."""

from __future__ import annotations

import pytest

from oncsync.sandbox import Catalogue, read_catalogue
from tests.sandbox.asking import Asked


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    """The catalogue that comes with the package."""
    return read_catalogue()


@pytest.fixture
def ask(catalogue: Catalogue) -> Asked:
    """A sandbox to ask."""
    return Asked(catalogue)
