"""Runs every measure in `bench_*.py` here and prints its ratio: `python -m tests.bench [WORDS]`.

A module gives its measures in a function `measures()`; words on the command line choose those whose name or module
holds one of them. Exit code 1 when a target is missed.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.bench.measuring import Measure, take

HEAD = f"{'':10}{'ratio':>8}  {'least':>6}..{'most':<8}{'target':<8}{'seconds':>9}{'against':>9}  what"


def find_measures(words: Sequence[str]) -> Iterator[Measure]:
    """Yields the measures of every module, a module at a time, so that what one has made is gone before the next."""
    for path in sorted(Path(__file__).parent.glob("bench_*.py")):
        module = importlib.import_module(f"tests.bench.{path.stem}")
        for measure in module.measures():
            if not words or any(word in f"{path.stem} {measure.name}" for word in words):
                yield measure


def main(words: Sequence[str]) -> int:
    """Prints a line for each measure; gives the exit code."""
    print(HEAD, flush=True)
    missed = 0
    for measure in find_measures(words):
        taken = take(measure)
        missed += not taken.is_met
        print(
            f"{measure.name:10}{taken.ratio:8.2f}  {taken.least:6.2f}..{taken.most:<8.2f}{measure.target:<8g}"
            f"{taken.seconds:9.3f}{taken.against_seconds:9.3f}  {measure.what}{'' if taken.is_met else '  MISSED'}",
            flush=True,
        )
    print(f"{missed} missed" if missed else "all targets met")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
