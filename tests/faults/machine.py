"""F8: a folder and whoever uses it, at random: edits, syncs, kills, damage, prunes; model and disk agree at each step.

Run short by `test_machine.py`, long by `python -m tests.soak machine`.
"""

from __future__ import annotations

import contextlib
import hashlib
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from oncsync.caretaking import find_unwanted, prune, repair, verify
from oncsync.engine.pace import Pace
from oncsync.engine.run import Tools
from oncsync.errors import OncsyncError
from oncsync.sandbox import Sandbox
from oncsync.state import StateStore
from tests.engine.bench import Killed, death_before
from tests.faults.staging import answers, down
from tests.support.world import TOKEN, World, quick_sandbox

MOST_MONTHS = 4
PACE = Pace(
    shortest_poll=0.001, longest_poll=0.005, first_retry=0.001, longest_retry=0.005, attempts=2, late_file_attempts=2,
    meta_patience=1.0, synchronize_patience=1.0, doubt_patience=0.1, busy_retry=0.005,
)  # fmt: skip
DOWNLOAD = """\
  - name: axis
    locationCode: BACAX
    deviceCategoryCode: CTD
    dataProductCode: TSSD
    extension: csv
    begin: 2015-01-01
    end: 2015-{end:02}-01
    options: {{dpo_resample: average, dpo_average: 86400}}
"""


class Season:
    """What lasts over all walks: the service, and the tree of a sync that nobody disturbed."""

    def __init__(self, sandbox: Sandbox, directory: Path) -> None:
        self.sandbox = sandbox
        world = World(directory, sandbox, DOWNLOAD.format(end=1 + MOST_MONTHS))
        assert world.project().sync(tools=Tools(pace=PACE)).exit_code == 0
        self.oracle = world.tree()

    def wanted(self, months: int) -> dict[str, bytes]:
        """Gives the files of the first so many months."""
        return {
            path: content
            for path, content in self.oracle.items()
            if any(f"_2015{month:02}01T" in path for month in range(1, months + 1))
        }


@contextlib.contextmanager
def season() -> Iterator[Season]:
    """Runs the service, with a token and a user's state directory of its own."""
    with (
        tempfile.TemporaryDirectory() as directory,
        pytest.MonkeyPatch.context() as patch,
        quick_sandbox(job_seconds=(0.0, 0.001), sync_seconds=0.0) as sandbox,
    ):
        patch.setenv("ONC_TOKEN", TOKEN)
        patch.setenv("XDG_STATE_HOME", f"{directory}/state")
        (Path(directory) / "calm").mkdir()
        yield Season(sandbox, Path(directory) / "calm")


class Walk(RuleBasedStateMachine):
    """One folder. `theirs` is what people wrote into it, which nothing of ours may ever change or remove."""

    season: Season

    @initialize()
    def begin(self) -> None:
        """Starts with an empty folder."""
        self.kept = tempfile.TemporaryDirectory()
        self.world = World(Path(self.kept.name), self.season.sandbox, DOWNLOAD.format(end=2))
        self.months = 1
        self.theirs: Counter[bytes] = Counter()
        self.marks = 0

    def teardown(self) -> None:
        """Whatever came before, a sync, a repair and a sync end with everything that is wanted, and ask no more."""
        if not hasattr(self, "world"):
            return
        try:
            self.season.sandbox.interfere = None
            self.sync()
            self._repair()
            self.sync()
            held = set(self.world.tree().values())
            wanted = self.season.wanted(self.months)
            assert not [path for path, content in wanted.items() if content not in held]
            asked = len(self.season.sandbox.asked)
            self.sync()
            assert len(self.season.sandbox.asked) == asked
            self.never_loses_what_is_not_ours()
        finally:
            self.kept.cleanup()

    # --- What people do --------------------------------------------------------------------------------------------

    @rule(months=st.integers(1, MOST_MONTHS))
    def edit(self, months: int) -> None:
        """Wants more, or less."""
        self.months = months
        self.world.write(DOWNLOAD.format(end=1 + months))

    @rule(name=st.sampled_from(["notes.txt", "BACAX/notes.csv", "BACAX/CTD/TSSD_csv/2015/mine.csv"]))
    def write_a_file(self, name: str) -> None:
        """Puts a file of one's own into the folder, which may stand where one lay before."""
        self._write(self.world.folder / name, self._own_bytes(20))

    @precondition(lambda self: self._files())
    @rule(number=st.integers(0, 50))
    def delete_a_file(self, number: int) -> None:
        """Removes any file, ours or not."""
        path = self._pick(number)
        self._forget(path)
        path.unlink()

    @precondition(lambda self: self._files())
    @rule(number=st.integers(0, 50), is_same_size=st.booleans())
    def change_a_file(self, number: int, is_same_size: bool) -> None:
        """Writes something else into any file, of the same size or of another."""
        path = self._pick(number)
        size = path.stat().st_size
        self._write(path, self._own_bytes(size if is_same_size and size >= 20 else size + 21))

    # --- What oncsync does -----------------------------------------------------------------------------------------

    @rule()
    def resolve(self) -> None:
        """Makes the lock."""
        self.world.project().resolve()

    @rule()
    def sync(self) -> None:
        """Brings everything that is wanted; what people changed without changing its size is not looked at."""
        result = self.world.project().sync(tools=Tools(pace=PACE))
        assert result.exit_code == 0
        assert result.counts.done == result.counts.total
        assert {one.step for one in self.world.project().plan().chunks} <= {"done"}
        own = self.world.folder / ".oncsync"
        assert self._waiting_for_their_chunk() >= {one.name for one in (own / "partial").iterdir()}
        self._agrees()

    @rule(step=st.integers(0, 60))
    def sync_and_die(self, step: int) -> None:
        """Is killed before any change of the disk or of the journal."""
        self._die(step, lambda: self.world.project().sync(tools=Tools(pace=PACE)))

    @rule()
    def sync_in_an_outage(self) -> None:
        """Ends with an error of the service, or with nothing to do."""
        self.season.sandbox.interfere = answers(request=lambda asked: down(), download=lambda asked: down())
        try:
            with contextlib.suppress(OncsyncError):
                self.world.project().sync(tools=Tools(pace=PACE))
        finally:
            self.season.sandbox.interfere = None

    @rule()
    def verify(self) -> None:
        """Finds every file that is not as it arrived, and no other."""
        if self._has_state():
            self._agrees()

    @rule()
    def repair(self) -> None:
        """Brings back what is damaged."""
        self._repair()

    @rule(step=st.integers(0, 40))
    def repair_and_die(self, step: int) -> None:
        """Is killed on the way."""
        self._die(step, self._repair)

    @rule()
    def prune(self) -> None:
        """Removes what is not wanted any more, if it is ours and unchanged."""
        if self._prune():
            unwanted = self.season.oracle.keys() - self.season.wanted(self.months).keys()
            assert not [path for path, content in self.world.tree().items()
                        if path in unwanted and content == self.season.oracle[path]]  # fmt: skip

    @rule(step=st.integers(0, 20))
    def prune_and_die(self, step: int) -> None:
        """Is killed on the way."""
        self._die(step, self._prune)

    # --- What always holds -----------------------------------------------------------------------------------------

    @invariant()
    def never_loses_what_is_not_ours(self) -> None:
        """Rule 1: whatever people wrote lies in the folder, and besides it whole files alone."""
        if not hasattr(self, "world"):
            return
        tree = self.world.tree() if self.world.folder.exists() else {}
        lost = self.theirs - Counter(tree.values())
        assert not lost
        whole = set(self.season.oracle.values())
        assert not [path for path, content in tree.items() if content not in whole and not self.theirs[content]]

    @invariant()
    def never_asks_for_too_much(self) -> None:
        """Rule 2."""
        assert self.season.sandbox.peak_alive_orders <= 4
        assert not self.season.sandbox.broken

    # --- The means -------------------------------------------------------------------------------------------------

    def _files(self) -> list[Path]:
        folder = self.world.folder
        return [folder / path for path in self.world.tree()] if folder.exists() else []

    def _pick(self, number: int) -> Path:
        files = self._files()
        return files[number % len(files)]

    def _own_bytes(self, size: int) -> bytes:
        self.marks += 1
        return f"theirs {self.marks:012} ".encode().ljust(size, b".")

    def _write(self, path: Path, content: bytes) -> None:
        self._forget(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        self.theirs[content] += 1

    def _forget(self, path: Path) -> None:
        """Notes that people themselves remove what they wrote there."""
        if path.exists() and self.theirs[path.read_bytes()]:
            self.theirs[path.read_bytes()] -= 1

    def _waiting_for_their_chunk(self) -> set[str]:
        """Gives the files of chunks that nobody wants now, which a kill left between arrival and their place."""
        state = StateStore(self.world.folder / ".oncsync" / "state.json").state
        return {file.partial for chunk in state.chunks.values() for file in chunk.arriving}

    def _has_state(self) -> bool:
        return any((self.world.folder / ".oncsync" / name).exists() for name in ("state.json", "state.journal"))

    def _agrees(self) -> None:
        """The findings of `verify` are what the disk says of the files that the state has."""
        project = self.world.project()
        try:
            found = {one.path for one in verify(project).findings}
        except OncsyncError:
            return  # nothing was ever synced here
        sums = {path: hashlib.sha256(content).hexdigest() for path, content in self.world.tree().items()}
        held = {one.path.relative_to(project.folder).as_posix(): one.sha256 for one in project.files()}
        assert found == {path for path, sha256 in held.items() if sums.get(path) != sha256}

    def _repair(self) -> None:
        project = self.world.project()
        try:
            findings = verify(project).findings
            repair(project, findings, tools=Tools(pace=PACE))
        except OncsyncError:
            return

    def _prune(self) -> bool:
        project = self.world.project()
        try:
            prune(project, find_unwanted(project))
        except OncsyncError:  # no lock, or one that is out of date; nothing was ever synced
            return False
        return True

    def _die(self, step: int, act: Callable[[], object]) -> None:
        with (
            pytest.MonkeyPatch.context() as patch,
            contextlib.suppress(Killed, OncsyncError),
            death_before(step, patch),
        ):
            act()
        for thread in threading.enumerate():  # a real kill leaves none behind
            if thread.name.startswith("oncsync-"):
                thread.join(10)


def walk(examples: int, steps: int) -> None:
    """Walks so many times, so many steps; raises what hypothesis found, with the shortest way to it."""
    with season() as everything:
        walk_class = type("SeasonWalk", (Walk,), {"season": everything})
        run_state_machine_as_test(
            walk_class,
            settings=settings(
                max_examples=examples, stateful_step_count=steps, deadline=None, suppress_health_check=list(HealthCheck)
            ),
        )
