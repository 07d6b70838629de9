"""Folders that are synced by processes which are killed and started again until they are done."""

from __future__ import annotations

import contextlib
import random
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

from tests.soak.weather import FAR, NEAR, ODD
from tests.support.world import child_environment

SETTINGS = """\
settings:
  maxOrderHours: 0.015
"""
DOWNLOAD = """\
  - name: {name}
    locationCode: {place}
    deviceCategoryCode: CTD
    dataProductCode: TSSD
    extension: csv
    begin: {begin}
    end: {end}
    splitDateRange: day
    options: {{dpo_resample: average, dpo_average: 3600}}
"""
SHARES = {NEAR: 0.45, FAR: 0.45, ODD: 0.1}
"""How the chunks are spread over the places."""


@dataclass
class Driven:
    """How the processes of one folder came out."""

    kills: int = 0
    ends: Counter[int] = field(default_factory=Counter)
    """Exit codes of those that ended by themselves."""
    peak_kib: int = 0
    """The most memory that one of them held at an instant."""
    lost_lines: list[str] = field(default_factory=list)
    """Journals of which something that was written before a kill was gone after it."""
    said: list[str] = field(default_factory=list)
    is_done: bool = False


class Site:
    """One manifest and its folder; `first` is the first day of its chunks, which no other site shares."""

    def __init__(self, directory: Path, server: str, chunks: int, first: date) -> None:
        directory.mkdir(parents=True)
        self.directory, self.manifest, self.folder = directory, directory / "oncsync.yaml", directory / "data"
        self.chunks = chunks
        text = f"version: 1\nserver: {server}\nfolder: data\n{SETTINGS}downloads:\n"
        for place, share in SHARES.items():
            end = first + timedelta(days=max(1, round(chunks * share)))
            text += DOWNLOAD.format(name=place.lower(), place=place, begin=first, end=end)
        self.manifest.write_text(text, encoding="utf-8")

    @property
    def state_path(self) -> Path:
        """Where the folder's state lies."""
        return self.folder / ".oncsync" / "state.json"

    def take_lock(self, other: Site) -> None:
        """Takes the lock of a site with the same manifest: what is asked here is how a sync fares, not a resolve."""
        shutil.copy(other.directory / "oncsync.lock", self.directory / "oncsync.lock")

    def start(self, state_home: Path) -> subprocess.Popen[str]:
        """Starts a sync in a process of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "tests.soak.child", str(self.manifest)],
            env=child_environment() | {"XDG_STATE_HOME": str(state_home)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    def tree(self) -> dict[str, bytes]:
        """Gives the files a person sees, by path."""
        return {
            path.relative_to(self.folder).as_posix(): path.read_bytes()
            for path in sorted(self.folder.rglob("*"))
            if path.is_file() and ".oncsync" not in path.relative_to(self.folder).parts
        }

    def journal(self) -> bytes:
        """Gives the journal as it is on disk."""
        with contextlib.suppress(OSError):
            return (self.folder / ".oncsync" / "state.journal").read_bytes()
        return b""


def drive(
    site: Site,
    state_home: Path,
    *,
    kill_every: tuple[float, float] | None,
    until: float,
    rng: random.Random,
    on_kill: Callable[[], None] = lambda: None,
    most_kills: int | None = None,
) -> Driven:
    """Starts syncs until one ends with nothing left, or until the time is over; kills each after a while."""
    driven = Driven()
    while time.monotonic() < until and not (most_kills is not None and driven.kills >= most_kills):
        child = site.start(state_home)
        life = rng.uniform(*kill_every) if kill_every else until - time.monotonic()
        if _await(child, time.monotonic() + life, driven):
            said = child.communicate()[1].strip()
            driven.ends[child.returncode] += 1
            driven.said += [said] if said else []
            if child.returncode == 0:
                driven.is_done = True
                return driven
        else:
            _kill(site, child, driven, on_kill)
    return driven


def _await(child: subprocess.Popen[str], until: float, driven: Driven) -> bool:
    """Waits for the end of a process while looking at its memory; False when the time is over first."""
    while child.poll() is None:
        driven.peak_kib = max(driven.peak_kib, peak_memory(child.pid))
        if time.monotonic() >= until:
            return False
        time.sleep(0.05)
    return True


def _kill(site: Site, child: subprocess.Popen[str], driven: Driven, on_kill: Callable[[], None]) -> None:
    """Kills a process; nothing of the journal that was there before may be gone after it, but by a snapshot."""
    before = site.journal()
    on_kill()
    child.kill()
    child.communicate()
    driven.kills += 1
    after = site.journal()
    first = before.partition(b"\n")[0]
    if after.partition(b"\n")[0] == first and not after.startswith(before):
        driven.lost_lines.append(f"{len(before)} bytes before, {len(after)} after")


def peak_memory(process: int) -> int:
    """Gives the most memory that a process held so far, in KiB; 0 where nothing tells."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{process}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1])
    return 0
