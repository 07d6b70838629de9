"""A whole small world for tests: a service on loopback, a manifest, a folder, and engines that hardly wait."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from oncsync.engine.pace import Pace
from oncsync.engine.run import Tools
from oncsync.project import Project
from oncsync.results import SyncResult
from oncsync.sandbox import Sandbox

TOKEN = "5ec7e70c-0000-4000-8000-00c0ffee0001"  # a marker that must never be seen anywhere
QUICK_PACE = Pace(
    shortest_poll=0.02,
    longest_poll=0.05,
    first_retry=0.01,
    longest_retry=0.05,
    attempts=4,
    late_file_attempts=4,
    meta_patience=2.0,
    synchronize_patience=5.0,
    doubt_patience=0.2,
    busy_retry=0.05,
)
CTD_CSV = """\
  - name: axis
    locationCode: BACAX
    deviceCategoryCode: CTD
    dataProductCode: TSSD
    extension: csv
    begin: 2015-01-01
    end: 2015-04-01
    options: {dpo_resample: average, dpo_average: 86400}
"""

AS_IN_A_TERMINAL = """\
import runpy, signal
signal.signal(signal.SIGINT, signal.default_int_handler)
runpy.run_module("oncsync", run_name="__main__")
"""
"""A script that is `oncsync`. A job in the background of a shell ignores SIGINT, and so would its children."""


class World:
    """A running service, a manifest that names it, and a folder."""

    def __init__(self, directory: Path, sandbox: Sandbox, downloads: str = CTD_CSV, settings: str = "") -> None:
        self.directory = directory
        self.sandbox = sandbox
        self.manifest = directory / "oncsync.yaml"
        self.folder = directory / "data"
        self.write(downloads, settings)

    def write(self, downloads: str, settings: str = "") -> None:
        """Writes the manifest."""
        text = f"version: 1\nserver: {self.sandbox.url}\nfolder: data\n"
        text += f"settings:\n{settings}" if settings else ""
        self.manifest.write_text(text + "downloads:\n" + downloads, encoding="utf-8")

    def project(self) -> Project:
        """Gives a fresh view of the manifest, as a new process has it."""
        return Project(self.manifest)

    def sync(self, **flags: Any) -> SyncResult:
        """Syncs in this process, hardly waiting."""
        return self.project().sync(tools=Tools(pace=QUICK_PACE), **flags)

    def tree(self) -> dict[str, bytes]:
        """Gives the files a user sees, by path."""
        return {
            path.relative_to(self.folder).as_posix(): path.read_bytes()
            for path in sorted(self.folder.rglob("*"))
            if path.is_file() and ".oncsync" not in path.parts
        }

    def asked(self, path: str) -> int:
        """Counts the questions at a path below `/api/`."""
        return sum(asked.path.rstrip("/").endswith(path) for asked in self.sandbox.asked)

    def sync_in_child(self, *, kill_after: int | None = None, when: str = "after", frozen: bool = False) -> int:
        """Syncs in a process of its own, which kills itself around its n-th journal line; gives the exit code."""
        script = (
            "import json, sys; from tests.support.world import sync_and_die; sync_and_die(**json.loads(sys.argv[1]))"
        )
        arguments = {"manifest": str(self.manifest), "kill_after": kill_after, "when": when, "frozen": frozen}
        command = [sys.executable, "-c", script, json.dumps(arguments)]
        return subprocess.run(command, env=child_environment(), check=False, capture_output=True).returncode


def child_environment() -> dict[str, str]:
    """Gives the environment of a child process that finds this checkout and has the token."""
    checkout = str(Path(__file__).resolve().parents[2])
    return {**os.environ, "ONC_TOKEN": TOKEN, "PYTHONPATH": checkout, "PYTHONHASHSEED": "0"}


def sync_and_die(manifest: str, kill_after: int | None, when: str, frozen: bool = False) -> None:
    """What the child of `sync_in_child` does."""
    from oncsync.state import StateStore

    recorded = 0
    real_record = StateStore.record

    def record(self: StateStore, event: Any) -> None:
        nonlocal recorded
        recorded += 1
        is_last = recorded == kill_after
        if is_last and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        real_record(self, event)
        if is_last:
            os.kill(os.getpid(), signal.SIGKILL)

    StateStore.record = record  # type: ignore[method-assign]
    result = Project(manifest).sync(tools=Tools(pace=QUICK_PACE), frozen=frozen)
    sys.exit(result.exit_code)


@contextmanager
def quick_sandbox(**options: Any) -> Iterator[Sandbox]:
    """Runs the service with jobs that take no time to speak of."""
    settings: dict[str, Any] = {"token": TOKEN, "job_seconds": (0.01, 0.03), "sync_seconds": 0.01, "seed": 1}
    with Sandbox(**(settings | options)) as sandbox:
        yield sandbox
