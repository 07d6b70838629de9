"""Writes the golden locks anew: `python -m tests.resolver.golden`."""

from __future__ import annotations

from tests.resolver.golden import write_locks

if __name__ == "__main__":
    write_locks()
