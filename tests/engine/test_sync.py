"""A whole sync against the service: how many orders live at once, what overlaps, what is taken up again."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from oncsync.engine import orders
from oncsync.engine.pace import Pace, poll_wait
from oncsync.engine.watch import Counts, Notice
from oncsync.state import Stale, Staled, StateStore
from oncsync.timespan import UTC
from tests.support.world import CTD_CSV, TOKEN, World, child_environment, quick_sandbox

DAILY = CTD_CSV.replace("2015-04-01", "2015-01-16") + "    splitDateRange: day\n"


class Recorder:
    """A watcher that remembers."""

    def __init__(self) -> None:
        self.notices: list[Notice] = []
        self.most_alive = 0
        self.overlaps = 0

    def notice(self, notice: Notice) -> None:
        self.notices.append(notice)

    def progress(self, counts: Counts) -> None:
        self.most_alive = max(self.most_alive, counts.alive)
        self.overlaps += bool(counts.alive and counts.files)

    def events(self) -> list[str]:
        return [notice.event for notice in self.notices]


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setenv("ONC_TOKEN", TOKEN)
    with quick_sandbox() as sandbox:
        yield World(tmp_path, sandbox)


def test_never_more_orders_live_than_run_threads_allows(world: World) -> None:
    """R91: 15 chunks, four at a time by default, as the service sees it; and really four, not one."""
    world.write(DAILY)
    recorder = Recorder()
    assert world.sync(watcher=recorder).counts.done == 15
    assert 2 <= world.sandbox.peak_alive_orders <= 4
    assert recorder.most_alive == 4


def test_what_a_chunk_replaces_is_replaced_when_the_chunk_is_done(world: World) -> None:
    """R156: at once, not when the whole sync ends, which may take days."""
    world.write(CTD_CSV, settings="  runThreads: 1\n  metadata: false\n")
    world.sync()
    store = StateStore(world.folder / ".oncsync" / "state.json")
    store.open_journal()
    now = datetime.now(UTC)
    for chunk in store.state.chunks:
        store.record(Staled(at=now, chunk=chunk, stale=Stale(at=now, count=1)))
    store.close()
    first = {
        file.path: (world.folder / file.path).stat().st_ino for one in store.state.chunks.values() for file in one.files
    }
    left: list[int] = []

    class Looking(Recorder):
        def notice(self, notice: Notice) -> None:
            if notice.event == "done":
                left.append(sum((world.folder / path).stat().st_ino == inode for path, inode in first.items()))

    assert world.sync(refresh_outdated=True, watcher=Looking()).counts.done == 3
    assert left == [2, 1, 0]


def test_run_threads_of_one_orders_one_after_the_other(world: World) -> None:
    """R91."""
    world.write(DAILY, settings="  runThreads: 1\n")
    assert world.sync().counts.done == 15
    assert world.sandbox.peak_alive_orders == 1


def test_files_arrive_while_other_orders_run(world: World) -> None:
    """R108, R112: the pools overlap."""
    world.write(DAILY)
    recorder = Recorder()
    world.sync(watcher=recorder)
    assert recorder.overlaps > 0
    events = recorder.events()
    assert events.index("done") < len(events) - 1 - events[::-1].index("ordered")


def test_a_short_queue_makes_orders_wait_and_drops_nothing(world: World) -> None:
    """R96."""
    world.write(DAILY, settings="  downloadQueueSize: 1\n  downloadThreads: 1\n")
    assert world.sync().counts.done == 15
    assert len(world.tree()) == 30


def test_polls_start_from_the_estimate_and_learn_from_the_orders_before(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Architecture, "Polling": the service says one second; its orders take less, and the next run knows that too."""
    expected: list[float | None] = []

    def watched(pace: Pace, elapsed: float, seconds: float | None, draw: float) -> float:
        expected.append(seconds)
        return poll_wait(pace, elapsed, seconds, draw)

    monkeypatch.setattr(orders, "poll_wait", watched)
    world.write(CTD_CSV, settings="  runThreads: 1\n  metadata: false\n")
    assert world.sync().counts.done == 3
    assert expected[0] == 1
    assert 0 < (expected[-1] or 0) < 1
    expected.clear()
    world.write(CTD_CSV.replace("2015-04-01", "2015-05-01"), settings="  runThreads: 1\n  metadata: false\n")
    assert world.sync().counts.done == 1
    assert 0 < (expected[0] or 0) < 1


def test_two_processes_on_two_folders_stay_within_the_limit_together(world: World, tmp_path: Path) -> None:
    """R91, R94, minimum acceptance 4: the quota holds across processes of one user."""
    world.write(DAILY)
    other_place = tmp_path / "other"
    other_place.mkdir()
    other = World(other_place, world.sandbox, DAILY.replace("BACAX", "NC89"))
    for one in (world, other):
        one.project().resolve()
    script = (
        "import sys; from oncsync.project import Project; from oncsync.engine.run import Tools\n"
        "from tests.support.world import QUICK_PACE\n"
        "sys.exit(Project(sys.argv[1]).sync(tools=Tools(pace=QUICK_PACE)).exit_code)"
    )
    children = [
        subprocess.Popen([sys.executable, "-c", script, str(one.manifest)], env=child_environment())
        for one in (world, other)
    ]
    assert [child.wait(timeout=60) for child in children] == [0, 0]
    assert world.sandbox.peak_alive_orders <= 4
    assert len(world.tree()) == len(other.tree()) == 30


def test_an_order_that_outlives_its_process_counts_and_is_taken_up(world: World) -> None:
    """R94, R109: after a kill its slot is still taken; the next run re-attaches and orders nothing again."""
    world.write(DAILY, settings="  runThreads: 1\n")
    world.project().resolve()
    assert world.sync_in_child(kill_after=4) == -9
    chunks = world.project()._read_state().chunks
    assert next(chunk.order.run_ids for chunk in chunks.values() if chunk.order)
    ordered = world.asked("request")
    recorder = Recorder()
    assert world.sync(watcher=recorder).counts.done == 15
    assert recorder.events()[0] == "attached"
    assert world.asked("request") == ordered + 14
    assert world.sandbox.peak_alive_orders == 1


def test_a_service_that_forgot_the_orders_gets_them_anew_once(world: World) -> None:
    """Open question 21: an id from an earlier life is unknown; the chunk is ordered anew, and it is said."""
    world.project().resolve()
    assert world.sync_in_child(kill_after=5) == -9
    port = int(world.sandbox.url.rstrip("/").rsplit(":", 1)[1])
    world.sandbox.stop()
    with quick_sandbox(port=port) as reborn:
        world.sandbox = reborn
        recorder = Recorder()
        result = world.sync(watcher=recorder)
        assert result.counts.done == 3
        assert "reorder" in recorder.events()
        assert world.asked("request") == 3


def test_a_missing_file_is_fetched_from_the_finished_order(world: World) -> None:
    """R109: missing files are fetched, chunks are not ordered again."""
    world.sync()
    tree = world.tree()
    lost = next(path for path in tree if path.endswith(".csv"))
    (world.folder / lost).unlink()
    ordered = world.asked("request")
    result = world.sync()
    assert (result.plan.counts["fetch"], result.counts.files) == (1, 1)
    assert world.tree() == tree
    assert world.asked("request") == ordered


def test_a_file_that_is_not_ours_is_never_overwritten(world: World, tmp_path: Path) -> None:
    """Rule 1: a foreign file keeps its bytes and its name; ours lies beside it with a mark."""
    world.sync()
    names = [path for path in world.tree() if path.endswith(".csv")]
    second_place = tmp_path / "second"
    second_place.mkdir()
    second = World(second_place, world.sandbox)
    foreign = second.folder / names[0]
    foreign.parent.mkdir(parents=True)
    foreign.write_text("mine")
    assert second.sync().counts.done == 3
    assert foreign.read_text() == "mine"
    marked = [path for path in second.tree() if "~" in path]
    assert len(marked) == 1
    assert second.tree()[marked[0]] == world.tree()[names[0]]
    assert second.sync().counts.total == 0


def test_two_option_sets_in_one_place_lie_apart(world: World) -> None:
    """P19: the service gives both the same name; neither is lost."""
    raw = CTD_CSV.replace("axis", "raw").replace("dpo_average: 86400", "dpo_average: 900")
    world.write(CTD_CSV + raw)
    assert world.sync().counts.done == 6
    folders = {path.split("/")[2] for path in world.tree()}
    assert len(folders) == 2
    assert all(folder.startswith("TSSD_csv~") for folder in folders)
    world.write(CTD_CSV)
    world.sync()
    assert (world.folder / "BACAX/CTD/TSSD_csv/2015").is_dir()


def test_changing_the_path_moves_files_and_orders_nothing(world: World) -> None:
    world.sync()
    before = sorted(world.tree().values())
    ordered = world.asked("request")
    world.write(CTD_CSV + "    path: '{dataProductCode}/{locationCode}'\n")
    result = world.sync()
    assert result.moved == 6
    assert world.asked("request") == ordered
    assert sorted(world.tree().values()) == before
    assert {path.split("/")[0] for path in world.tree()} == {"TSSD"}


def test_changing_the_split_of_a_finished_folder_orders_nothing(world: World) -> None:
    """The same data cut in another way are covered."""
    world.sync()
    ordered = world.asked("request")
    world.write(CTD_CSV + "    splitDateRange: day\n")
    result = world.sync()
    assert result.plan.counts["covered"] == 90
    assert world.asked("request") == ordered


def test_without_metadata_only_the_data_are_fetched(world: World) -> None:
    world.write(CTD_CSV, settings="  metadata: false\n")
    world.sync()
    assert len(world.tree()) == 3
    assert all(path.endswith(".csv") for path in world.tree())


def test_what_a_lost_order_left_in_partial_goes_when_the_sync_ends(world: World) -> None:
    """Found by the soak: until the next sync it would take its room."""

    class Leaver(Recorder):
        """Leaves a file of an order that is lost, once the sync has begun."""

        def notice(self, notice: Notice) -> None:
            name = f"{'0' * 20}-7-1.0123abcd.part"
            (world.folder / ".oncsync" / "partial" / name).write_bytes(b"x")

    assert world.sync(watcher=Leaver()).counts.done == 3
    assert not list((world.folder / ".oncsync" / "partial").iterdir())


def test_the_folder_follows_the_umask_and_holds_only_whole_files(world: World) -> None:
    before = os.umask(0o027)
    try:
        world.sync()
    finally:
        os.umask(before)
    modes = {path.stat().st_mode & 0o777 for path in world.folder.rglob("*.csv")}
    assert modes == {0o640}
    assert not list((world.folder / ".oncsync" / "partial").iterdir())


def test_python_gives_the_same_as_records(world: World) -> None:
    """R10: everything is importable."""
    import oncsync

    project = oncsync.Project(world.manifest)
    project.resolve()
    world.sync()
    files = project.files()
    assert [file.is_metadata for file in files].count(True) == 3
    assert {file.path.read_bytes() for file in files} == set(world.tree().values())


def test_a_long_sync_writes_its_state_now_and_then(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """architecture "The folder and the state": the journal of weeks does not only grow; the end is recorded."""
    monkeypatch.setattr("oncsync.state.store.LONG_JOURNAL", 1)
    monkeypatch.setattr("oncsync.state.store.EVENTS_PER_CHUNK", 0)
    world.write(DAILY)
    assert world.sync().counts.done == 15
    state = StateStore(world.project().state_path).state
    assert state.generation > 2
    assert state.synced_at is not None
