"""Two runs on one folder: one works, the others are told so (F10, R155); where locks lie, the tree is right anyway."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from oncsync.engine.folder import OWN_FOLDER, prepare_folder
from tests.support.world import World, child_environment

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="starts many processes at once by forking"),
]

START_MANY = """\
import json, os, sys, time
from pathlib import Path
import portalocker
from oncsync.engine.folder import FolderLock
from oncsync.errors import FolderBusyError

folder, starts, patience = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
inside, go = folder / "inside", time.time() + 0.5

def start():
    time.sleep(max(0.0, go - time.time()))
    try:
        with FolderLock(folder, patience=patience):
            try:
                os.close(os.open(inside, os.O_CREAT | os.O_EXCL))
            except FileExistsError:
                return 99
            time.sleep(0.005)
            inside.unlink()
    except FolderBusyError as error:
        return error.exit_code
    return 0

children = []
for _ in range(starts):
    child = os.fork()
    if child == 0:
        os._exit(start())
    children.append(child)
print(json.dumps([os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]))
"""


def start_many(folder: Path, starts: int, patience: float) -> list[int]:
    """Has so many processes take a folder in one moment; gives their exit codes, 99 for one that met another."""
    prepare_folder(folder)
    command = [sys.executable, "-c", START_MANY, str(folder), str(starts), str(patience)]
    ended = subprocess.run(command, env=child_environment(), capture_output=True, check=True, timeout=120)
    codes: list[int] = json.loads(ended.stdout)
    return codes


def test_of_two_hundred_starts_at_once_no_two_overlap(tmp_path: Path) -> None:
    """F10: each works alone or ends with 6."""
    codes = start_many(tmp_path / "data", 200, patience=0.0)
    assert set(codes) <= {0, 6}
    assert codes.count(0) >= 1


def test_those_that_may_wait_work_one_after_the_other(tmp_path: Path) -> None:
    """F10: with `--lock-timeout` all of them get their turn."""
    assert start_many(tmp_path / "data", 20, patience=60.0) == [0] * 20


SYNC_WHERE_LOCKS_LIE = """\
import sys
import portalocker
from oncsync.engine.run import Tools
from oncsync.errors import OncsyncError
from oncsync.project import Project
from tests.support.world import QUICK_PACE

portalocker.lock = lambda *given, **more: None
portalocker.Lock.acquire = lambda self, *given, **more: self._get_fh()
try:
    sys.exit(Project(sys.argv[1]).sync(tools=Tools(pace=QUICK_PACE)).exit_code)
except OncsyncError as error:
    sys.exit(error.exit_code)
"""


def test_where_locks_lie_the_tree_is_right_all_the_same(world: World) -> None:
    """F10: some cluster file systems grant every lock. Heartbeats keep the second out; names are never shared."""
    world.project().resolve()
    command = [sys.executable, "-c", SYNC_WHERE_LOCKS_LIE, str(world.manifest)]
    children = [
        subprocess.Popen(command, env=child_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(3)
    ]
    said = [child.communicate(timeout=60)[1] for child in children]
    assert {child.returncode for child in children} <= {0, 3, 6, 8}, said
    assert world.sync().exit_code == 0
    assert len(world.tree()) == 6
    assert not list((world.folder / OWN_FOLDER / "partial").iterdir())
    assert world.sandbox.peak_alive_orders <= 4
