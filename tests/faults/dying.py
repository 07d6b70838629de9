"""Commands in a process of their own that dies of SIGKILL before its n-th change of the disk or of the journal."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.support.world import World, child_environment

SCRIPT = "import json, sys; from tests.faults.dying import run_and_die; run_and_die(*json.loads(sys.argv[1]))"


def run_in_child(world: World, *words: str, step: int | None = None) -> int:
    """Runs `oncsync WORDS`, killed before change number `step` (from 0; None: never); gives the exit code."""
    command = [sys.executable, "-c", SCRIPT, json.dumps([step, *words, "-m", str(world.manifest)])]
    return subprocess.run(command, env=child_environment(), check=False, capture_output=True).returncode


def run_and_die(step: int | None, *words: str) -> None:
    """What the child does."""
    from oncsync.cli import main
    from oncsync.engine import pace
    from oncsync.state import StateStore
    from tests.support.world import QUICK_PACE

    changes = 0

    def mortal(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **more: Any) -> Any:
            nonlocal changes
            if changes == step:
                os.kill(os.getpid(), signal.SIGKILL)
            changes += 1
            return real(*arguments, **more)

        return call

    pace.DEFAULT_PACE = QUICK_PACE
    os.link, os.replace = mortal(os.link), mortal(os.replace)
    for name in ("replace", "unlink", "rmdir"):
        setattr(Path, name, mortal(getattr(Path, name)))
    StateStore.record = mortal(StateStore.record)  # type: ignore[method-assign]
    sys.argv = ["oncsync", *words]
    main()
