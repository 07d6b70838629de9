"""One sync in a process of its own, that can be killed: `python -m tests.soak.child MANIFEST`."""

from __future__ import annotations

import sys
from typing import Any

from oncsync import connection
from oncsync.api import RetryPolicy, Session, Timeouts
from oncsync.engine.pace import Pace
from oncsync.engine.run import Tools
from oncsync.errors import OncsyncError
from oncsync.project import Project

PACE = Pace(
    shortest_poll=0.05,
    longest_poll=0.5,
    first_retry=0.05,
    longest_retry=0.5,
    attempts=5,
    late_file_attempts=4,
    meta_patience=2.0,
    synchronize_patience=4.0,
    doubt_patience=2.0,
    busy_retry=0.1,
)
WAITS: dict[str, Any] = {
    "timeouts": Timeouts(connect=2.0, first_byte=2.0, idle=2.0),
    "retry": RetryPolicy(attempts=4, first=0.05, cap=0.5),
}


def hurry() -> None:
    """Has every session of this process wait for tenths of seconds where it waits for minutes."""

    def open_quickly(url: str, token: Any, **rest: Any) -> Session:
        return Session(url, token, **(rest | WAITS))

    vars(connection)["Session"] = open_quickly


def main(manifest: str) -> int:
    """Syncs once, failures of earlier runs included; gives the exit code."""
    hurry()
    try:
        return Project(manifest).sync(retry_failed=True, tools=Tools(pace=PACE)).exit_code
    except OncsyncError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
