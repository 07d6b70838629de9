"""Runs a long proof: `python -m tests.soak [soak|kills|machine|weeks|archive] [--chunks N --minutes N ...]`.

Prints every figure, and for each promise whether it was kept; exit code 1 when one was broken.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.soak.archived import fetch_many
from tests.soak.kills import kill_often
from tests.soak.machine import walk
from tests.soak.soak import Report, soak
from tests.soak.weeks import pass_weeks

PROOFS = ("soak", "kills", "machine", "weeks", "archive")


def read_words(words: Sequence[str]) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("proofs", nargs="*", choices=[*PROOFS, []], help="which to run; `soak` unless given")
    parser.add_argument("--chunks", type=int, help="chunks in all (soak 2000, kills 200, archive 20000)")
    parser.add_argument("--minutes", type=float, default=60.0, help="the longest that a proof may take")
    parser.add_argument("--kill-every", type=float, nargs=2, default=(2.0, 6.0), metavar=("LEAST", "MOST"))
    parser.add_argument("--kills", type=int, default=1000, help="how many kills (F1)")
    parser.add_argument("--examples", type=int, default=1000, help="walks of the state machine (F8)")
    parser.add_argument("--steps", type=int, default=50, help="steps of each")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--keep", type=Path, help="a new directory to keep the folders in")
    return parser.parse_args(words)


def run(proof: str, given: argparse.Namespace, directory: Path, report: Report) -> None:
    """Runs one proof."""
    if proof == "soak":
        kill_every = (given.kill_every[0], given.kill_every[1])
        soak(directory, chunks=given.chunks or 2000, minutes=given.minutes, kill_every=kill_every, seed=given.seed,
             report=report)  # fmt: skip
    elif proof == "kills":
        kill_often(directory, chunks=given.chunks or 200, kills=given.kills, minutes=given.minutes, seed=given.seed,
                   report=report)  # fmt: skip
    elif proof == "archive":
        kill_every = (given.kill_every[0], given.kill_every[1])
        fetch_many(directory, files=given.chunks or 20_000, minutes=given.minutes, kill_every=kill_every,
                   seed=given.seed, report=report)  # fmt: skip
    elif proof == "machine":
        walk(examples=given.examples, steps=given.steps, report=report)
    else:
        pass_weeks(directory, minutes=given.minutes, seed=given.seed, report=report)


def main(words: Sequence[str]) -> int:
    """Runs what was asked for; gives the exit code."""
    given, report = read_words(words), Report()
    for proof in given.proofs or ["soak"]:
        report.tell(f"== {proof}, seed {given.seed}")
        with tempfile.TemporaryDirectory() as temporary:
            run(proof, given, (given.keep or Path(temporary)) / proof, report)
    report.tell(f"{len(report.broken)} promises broken" if report.broken else "every promise kept")
    return 1 if report.broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
