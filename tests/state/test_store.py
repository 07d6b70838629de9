"""The state on disk: whatever kills, tears or fills, the last whole record counts, once."""

from __future__ import annotations

import contextlib
import errno
import os
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oncsync.atomic import write_atomic
from oncsync.errors import FolderError, InputError
from oncsync.state import (
    Event,
    Forgotten,
    Ordered,
    Running,
    State,
    StateStore,
    Synced,
    parse_state,
    render_state,
    state_files,
)
from tests.state.events import CHUNK, EVENTS, NOON, OTHER, an_order, ordering, state_after
from tests.support.records import make_file, steady

ORDER = an_order(make_file("a.csv"), make_file("a.xml", index="meta"))
LOST: list[Event] = [ordering(), Forgotten(at=NOON, chunk=CHUNK, reason="410", is_loss=True)]
"""Events that must not be applied twice: they count."""


def opened(folder: Path, **more: Any) -> StateStore:
    """Gives a store that can be written."""
    opened_store = StateStore(folder / "state.json", **more)
    opened_store.open_journal()
    return opened_store


def recorded(folder: Path, *events: Event) -> bytes:
    """Records events and gives the journal's bytes."""
    one = opened(folder)
    for event in events:
        one.record(event)
    one.close()
    return one.journal_path.read_bytes()


def lose(one: StateStore) -> None:
    """Records an order and its loss, which is counted."""
    for event in LOST:
        one.record(event)


def read(folder: Path) -> State:
    return StateStore(folder / "state.json").state


# --- Recording and reading back ------------------------------------------------------------------------------------


def test_there_may_be_no_state(tmp_path: Path) -> None:
    one = StateStore(tmp_path / "state.json")
    assert (one.state, one.recorded) == (State(), 0)
    assert list(tmp_path.iterdir()) == []


@steady(80)
@given(st.lists(EVENTS | st.just(None), max_size=12))
def test_what_is_read_back_is_what_was_live(
    tmp_path_factory: pytest.TempPathFactory, events: list[Event | None]
) -> None:
    """R106: whatever the events, with snapshots in between (None) or without, replaying gives the live state."""
    folder = tmp_path_factory.mktemp("state")
    one = opened(folder)
    for event in events:
        if event is None:
            one.snapshot()
        else:
            one.record(event)
        assert read(folder) == one.state
    one.close()


@steady(80)
@given(st.lists(EVENTS, max_size=12))
def test_a_snapshot_reads_back_as_it_was_written(events: list[Event]) -> None:
    state = state_after(*events)
    text = render_state(state)
    assert parse_state(text, "state.json") == state
    assert render_state(parse_state(text, "state.json")) == text


def test_a_snapshot_does_not_depend_on_the_order_of_the_chunks() -> None:
    """Rule 8."""
    one, two = an_order(chunk=CHUNK, done=False), an_order(chunk=OTHER, done=False)
    assert render_state(state_after(*one, *two)) == render_state(state_after(*two, *one))


def test_a_store_goes_on_where_another_stopped(tmp_path: Path) -> None:
    recorded(tmp_path, *ORDER[:3])
    recorded(tmp_path, *ORDER[3:])
    assert read(tmp_path) == state_after(*ORDER)
    assert StateStore(tmp_path / "state.json").recorded == len(ORDER)


def test_a_reader_sees_what_a_running_sync_has_recorded_and_touches_nothing(tmp_path: Path) -> None:
    one = opened(tmp_path)
    one.record(ORDER[0])
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    assert read(tmp_path) == one.state
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
    one.close()


def test_a_long_journal_becomes_a_snapshot_while_a_sync_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """architecture "The folder and the state": now and then while it runs; nothing of it is lost."""
    monkeypatch.setattr("oncsync.state.store.LONG_JOURNAL", 3)
    one = opened(tmp_path)
    for event in ORDER[:2]:
        one.record(event)
    one.snapshot_if_long()
    assert not (tmp_path / "state.json").exists()
    one.record(ORDER[2])
    one.record(ORDER[3])
    one.snapshot_if_long()
    assert (one.recorded, one.state.generation) == (0, 1)
    for event in ORDER[4:]:
        one.record(event)
    one.close()
    assert msgspec.structs.replace(read(tmp_path), generation=0) == state_after(*ORDER)


def test_a_store_that_is_not_open_records_nothing(tmp_path: Path) -> None:
    one = StateStore(tmp_path / "state.json")
    with pytest.raises(RuntimeError, match="not open"):
        one.record(Synced(at=NOON))
    one.close()
    assert list(tmp_path.iterdir()) == []


def test_the_state_may_have_another_name_and_place(tmp_path: Path) -> None:
    one = StateStore(tmp_path / "deep" / "progress.json")
    one.open_journal()
    one.record(ORDER[0])
    one.snapshot()
    one.close()
    names = {path.name for path in (tmp_path / "deep").iterdir()}
    assert names == {"progress.journal", "progress.journal.previous", "progress.json"}
    assert names <= {path.name for path in state_files(tmp_path / "deep" / "progress.json")}


# --- Tearing and damage --------------------------------------------------------------------------------------------


def last_line(journal: bytes) -> int:
    """Gives where the journal's last line begins."""
    return journal.rindex(b"\n", 0, -1) + 1


def test_a_journal_torn_at_every_byte_of_its_tail_is_whole_to_its_last_record(tmp_path: Path) -> None:
    """F5, R110: a kill while a line is written costs that line."""
    journal = recorded(tmp_path, *ORDER)
    path = tmp_path / "state.journal"
    for cut in range(last_line(journal), len(journal)):
        path.write_bytes(journal[:cut])
        notices: list[str] = []
        one = StateStore(tmp_path / "state.json", notice=notices.append)
        assert one.state == state_after(*ORDER[:-1])
        torn = cut - last_line(journal)
        assert [f"last {torn} bytes" in notice for notice in notices] == ([True] if torn else [])


def test_every_damaged_byte_of_the_tail_is_noticed(tmp_path: Path) -> None:
    """F5."""
    journal = recorded(tmp_path, *ORDER)
    path = tmp_path / "state.journal"
    begin = last_line(journal)
    for position in range(begin, len(journal)):
        for change in (0x01, 0x20, 0x80, 0xFF):
            damaged = bytearray(journal)
            damaged[position] ^= change
            path.write_bytes(damaged)
            notices: list[str] = []
            assert StateStore(tmp_path / "state.json", notice=notices.append).state == state_after(*ORDER[:-1])
            assert notices == [
                f"The last {len(journal) - begin} bytes of `state.journal` were not whole and were dropped"
            ]


def test_recording_goes_on_after_a_torn_tail(tmp_path: Path) -> None:
    journal = recorded(tmp_path, *ORDER[:3])
    (tmp_path / "state.journal").write_bytes(journal[:-5])
    recorded(tmp_path, *ORDER[2:])
    assert read(tmp_path) == state_after(*ORDER)


def test_damage_in_the_middle_keeps_what_stands_before_it(tmp_path: Path) -> None:
    journal = recorded(tmp_path, *ORDER)
    lines = journal.splitlines(keepends=True)
    lines[3] = lines[3].replace(b"run", b"rum", 1)
    (tmp_path / "state.journal").write_bytes(b"".join(lines))
    assert read(tmp_path) == state_after(*ORDER[:2])


def test_a_damaged_first_line_is_told_and_the_journal_kept(tmp_path: Path) -> None:
    """Without its first line nobody knows whether a journal is part of the snapshot: it is not applied, nor lost."""
    journal = b"?" + recorded(tmp_path, *ORDER)[1:]
    (tmp_path / "state.journal").write_bytes(journal)
    notices: list[str] = []
    one = StateStore(tmp_path / "state.json", notice=notices.append)
    assert one.state == State()
    assert len(notices) == 1
    assert "damaged" in notices[0]
    assert (tmp_path / "state.journal").read_bytes() == journal
    one.open_journal()
    one.record(ORDER[0])
    one.close()
    assert (tmp_path / "state.journal.damaged").read_bytes() == journal
    assert read(tmp_path) == state_after(ORDER[0])


@pytest.mark.parametrize("size", [0, 1, 10])
def test_a_journal_torn_in_its_first_line_begins_anew(tmp_path: Path, size: int) -> None:
    journal = recorded(tmp_path)
    (tmp_path / "state.journal").write_bytes(journal[:size])
    recorded(tmp_path, *ORDER)
    assert read(tmp_path) == state_after(*ORDER)


# --- Snapshots and generations -------------------------------------------------------------------------------------


def test_a_snapshot_starts_an_empty_journal(tmp_path: Path) -> None:
    one = opened(tmp_path)
    for event in ORDER:
        one.record(event)
    assert one.recorded == len(ORDER)
    one.snapshot()
    assert (one.recorded, (tmp_path / "state.journal").read_bytes().count(b"\n")) == (0, 1)
    one.record(Synced(at=NOON))
    one.close()
    expected = state_after(*ORDER, Synced(at=NOON))
    expected.generation = 1
    assert read(tmp_path) == expected


def test_a_kill_between_snapshot_and_journal_applies_nothing_twice(tmp_path: Path) -> None:
    """R110: the old journal that still lies there is already part of the snapshot."""
    journal = recorded(tmp_path, *LOST, *LOST)
    one = opened(tmp_path)
    one.snapshot()
    one.close()
    (tmp_path / "state.journal").write_bytes(journal)
    again = opened(tmp_path)
    assert (again.state.chunks[CHUNK].attempts, again.recorded) == (2, 0)
    lose(again)
    again.close()
    assert read(tmp_path).chunks[CHUNK].attempts == 3


def test_a_snapshot_whose_journal_cannot_be_started_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that fills between the two: the old journal takes no more events, because nobody would read them."""
    one = opened(tmp_path)
    lose(one)
    with monkeypatch.context() as patched:
        patched.setattr("oncsync.state.store.write_atomic", failing_after(1, write_atomic))
        with pytest.raises(FolderError):
            one.snapshot()
    with pytest.raises(RuntimeError):
        one.record(ordering())
    one.open_journal()
    lose(one)
    one.close()
    assert read(tmp_path).chunks[CHUNK].attempts == 2


def test_a_snapshot_that_cannot_be_written_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = opened(tmp_path)
    lose(one)
    with monkeypatch.context() as patched:
        patched.setattr("oncsync.state.store.write_atomic", failing_after(0, write_atomic))
        with pytest.raises(FolderError):
            one.snapshot()
    lose(one)
    one.close()
    assert (read(tmp_path).chunks[CHUNK].attempts, read(tmp_path).generation) == (2, 0)


def failing_after(times: int, real: Callable[..., None]) -> Callable[..., None]:
    """Gives a `write_atomic` that finds a full disk after so many calls."""
    calls = iter(range(times))

    def write(path: Path, content: bytes, **more: Any) -> None:
        if next(calls, None) is None:
            raise FolderError("No space left", hint="free some")
        real(path, content, **more)

    return write


def test_an_older_snapshot_from_a_backup_is_followed_by_the_journal_once(tmp_path: Path) -> None:
    one = opened(tmp_path)
    one.snapshot()
    backup = (tmp_path / "state.json").read_bytes()
    one.record(Synced(at=NOON))
    one.snapshot()
    lose(one)
    one.close()
    (tmp_path / "state.json").write_bytes(backup)
    restored = opened(tmp_path)
    assert (restored.state.chunks[CHUNK].attempts, restored.state.generation) == (1, 3)
    journal = (tmp_path / "state.journal").read_bytes()
    restored.snapshot()
    restored.close()
    (tmp_path / "state.journal").write_bytes(journal)
    assert read(tmp_path).chunks[CHUNK].attempts == 1


# --- A damaged snapshot --------------------------------------------------------------------------------------------

DAMAGE = [b"", b"{", b"\0" * 4096, b'{"version": 1, "chunks": []}']


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("snapshots", [1, 2, 4])
def test_a_damaged_snapshot_is_made_again_from_the_one_before(tmp_path: Path, snapshots: int, damage: bytes) -> None:
    """Issue 6, 4: nothing that was recorded before or after the damaged snapshot is lost."""
    one = opened(tmp_path)
    for _ in range(snapshots):
        lose(one)
        one.snapshot()
    lose(one)
    one.close()
    (tmp_path / "state.json").write_bytes(damage)
    notices: list[str] = []
    looked = StateStore(tmp_path / "state.json", notice=notices.append)
    assert looked.state.chunks[CHUNK].attempts == snapshots + 1
    assert notices == ["`state.json` was damaged; it is made again from the one before it, and nothing is lost"]
    assert (tmp_path / "state.json").read_bytes() == damage
    again = opened(tmp_path)
    again.close()
    assert (tmp_path / "state.json.damaged").read_bytes() == damage
    assert read(tmp_path) == again.state
    (tmp_path / "state.json").write_bytes(damage)
    assert read(tmp_path).chunks[CHUNK].attempts == snapshots + 1


@pytest.mark.parametrize("after", range(6))
def test_a_snapshot_that_is_damaged_by_a_kill_is_made_again_whatever_was_done_by_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    """R110: the power fails after any of the steps of a snapshot, and what stands as `state.json` is torn."""
    one = opened(tmp_path)
    lose(one)
    one.snapshot()
    lose(one)
    steps = iter(range(after))

    def mortal(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **more: Any) -> Any:
            if next(steps, None) is None:
                raise KeyboardInterrupt
            return real(*arguments, **more)

        return call

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", mortal(Path.replace))
        patched.setattr(os, "link", mortal(os.link))
        with contextlib.suppress(KeyboardInterrupt):
            one.snapshot()
    one.close()
    (tmp_path / "state.json").unlink()
    (tmp_path / "state.json").write_bytes(b"{")
    assert read(tmp_path).chunks[CHUNK].attempts == 2


@pytest.mark.parametrize("lost", ["state.journal.previous", "state.json.previous", "state.journal"])
def test_a_snapshot_that_cannot_be_made_again_without_a_gap_is_refused(tmp_path: Path, lost: str) -> None:
    """Half of what happened would have orders placed again (rule 3); without a newer journal there is no gap."""
    one = opened(tmp_path)
    for _ in range(3):
        lose(one)
        one.snapshot()
    one.close()
    for name in ("state.json", lost):
        (tmp_path / name).write_bytes(b"{}\n")
    before = everything(tmp_path)
    with pytest.raises(InputError, match=r"`state\.json` is not a state document"):
        StateStore(tmp_path / "state.json")
    assert everything(tmp_path) == before


@pytest.mark.parametrize("snapshots", [1, 2, 4])
@pytest.mark.parametrize("is_journal_there", [True, False])
def test_a_snapshot_that_is_gone_is_made_again(tmp_path: Path, snapshots: int, is_journal_there: bool) -> None:
    """Issue 6, 4, rule 3: a journal or a copy beside it tells that there was one."""
    one = opened(tmp_path)
    for _ in range(snapshots):
        lose(one)
        one.snapshot()
    one.close()
    (tmp_path / "state.json").unlink()
    if not is_journal_there:
        (tmp_path / "state.journal").unlink()
    notices: list[str] = []
    assert StateStore(tmp_path / "state.json", notice=notices.append).state == one.state
    assert notices == ["`state.json` is gone; it is made again from the one before it, and nothing is lost"]
    again = opened(tmp_path)
    lose(again)
    again.close()
    assert read(tmp_path).chunks[CHUNK].attempts == snapshots + 1


def test_a_snapshot_of_a_backup_under_a_newer_journal_is_made_again(tmp_path: Path) -> None:
    """Rule 3: whatever is between the two would be ordered again."""
    one = opened(tmp_path)
    backups = []
    for _ in range(3):
        lose(one)
        one.snapshot()
        backups.append((tmp_path / "state.json").read_bytes())
    lose(one)
    one.close()
    for backup in backups[:-1]:
        (tmp_path / "state.json").write_bytes(backup)
        notices: list[str] = []
        state = StateStore(tmp_path / "state.json", notice=notices.append).state
        assert state.chunks == one.state.chunks
        assert "older than `state.journal`" in notices[0]
        again = opened(tmp_path)
        assert (tmp_path / "state.json.damaged").read_bytes() == backup
        again.close()
        assert read(tmp_path).chunks[CHUNK].attempts == 4


@pytest.mark.parametrize("backup", [None, b'{"version": 1, "generation": 1, "chunks": {}}'])
def test_a_snapshot_that_lacks_what_its_journal_follows_is_refused(tmp_path: Path, backup: bytes | None) -> None:
    """Rule 3: nothing leads from what is there to the journal, and half a state would have all of it ordered again."""
    one = opened(tmp_path)
    for _ in range(3):
        lose(one)
        one.snapshot()
    one.close()
    for name in ("state.json", "state.json.previous", "state.journal.previous"):
        (tmp_path / name).unlink()
    if backup is not None:
        (tmp_path / "state.json").write_bytes(backup)
    before = everything(tmp_path)
    with pytest.raises(InputError, match="what happened since is not all known") as caught:
        StateStore(tmp_path / "state.json")
    assert "nothing was changed" in (caught.value.hint or "")
    assert everything(tmp_path) == before


def test_a_newer_snapshot_is_never_made_again_from_an_older_one(tmp_path: Path) -> None:
    one = opened(tmp_path)
    one.snapshot()
    one.snapshot()
    one.close()
    (tmp_path / "state.json").write_bytes(b'{"version": 2}')
    with pytest.raises(InputError, match="format version 2"):
        StateStore(tmp_path / "state.json")


# --- Other formats -------------------------------------------------------------------------------------------------


def everything(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_newer_snapshot_is_refused_and_nothing_changes(tmp_path: Path) -> None:
    recorded(tmp_path, *ORDER)
    (tmp_path / "state.json").write_bytes(b'{"version": 2, "chunks": "of another kind"}')
    before = everything(tmp_path)
    with pytest.raises(InputError, match="version 2") as caught:
        StateStore(tmp_path / "state.json")
    assert "newer" in (caught.value.hint or "")
    assert everything(tmp_path) == before


def journal_line(body: bytes) -> bytes:
    """Gives a whole line of a journal, as any version writes it."""
    return body[:-1] + b',"crc":"%08x"}\n' % zlib.crc32(body[:-1])


def test_a_newer_journal_is_refused_and_nothing_changes(tmp_path: Path) -> None:
    (tmp_path / "state.journal").write_bytes(journal_line(b'{"version":2,"generation":0}') + b"???\n")
    before = everything(tmp_path)
    with pytest.raises(InputError, match="version 2"):
        StateStore(tmp_path / "state.json")
    assert everything(tmp_path) == before


@pytest.mark.parametrize(
    "line",
    [
        b'{"event":"teleported","at":"2026-11-01T00:00:00Z"}',
        b'{"event":"moved","at":"2026-11-01T00:00:00Z","chunk":"%s","runId":1,"index":"1","path":"../../x"}'
        % CHUNK.encode(),
    ],
)
def test_a_whole_line_that_means_nothing_is_refused_not_dropped(tmp_path: Path, line: bytes) -> None:
    """It was not torn, so an event would be lost; and no path leads out of the folder (rule 7)."""
    journal = recorded(tmp_path, *ORDER)
    (tmp_path / "state.journal").write_bytes(journal + journal_line(line))
    before = everything(tmp_path)
    with pytest.raises(InputError, match="not a state document"):
        StateStore(tmp_path / "state.json")
    assert everything(tmp_path) == before


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"[]",
        b"{",
        b"\xff\xfe",
        b'{"version": "1"}',
        b'{"version": 1, "chunks": []}',
        b'{"version": 1',
        b"null",
    ],
)
def test_what_is_no_snapshot_is_refused_and_nothing_changes(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "state.json").write_bytes(content)
    with pytest.raises(InputError, match=r"`state\.json` is not a state document") as caught:
        StateStore(tmp_path / "state.json")
    assert "nothing was changed" in (caught.value.hint or "")
    assert everything(tmp_path) == {"state.json": content}


@pytest.mark.parametrize("name", ["state.json", "state.journal"])
def test_a_state_that_cannot_be_read_says_so(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    with pytest.raises(FolderError, match=f"Cannot read .*{name}"):
        StateStore(tmp_path / "state.json")


def test_a_place_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(FolderError):
        StateStore(tmp_path / "file" / "state.json")


def test_a_journal_that_cannot_be_opened_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(descriptor: int, size: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "ftruncate", broken)
    with pytest.raises(FolderError, match="input/output error"):
        StateStore(tmp_path / "state.json").open_journal()


# --- A full disk, and what recording costs -------------------------------------------------------------------------


def full_after(bytes_left: int) -> Callable[[int, bytes], int]:
    """Gives an `os.write` for a disk with so many bytes left."""
    left = [bytes_left]
    real = os.write

    def write(descriptor: int, content: bytes) -> int:
        if left[0] == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = real(descriptor, bytes(content)[: left[0]])
        left[0] -= written
        return written

    return write


@pytest.mark.parametrize("bytes_left", [0, 1, 40])
def test_a_full_disk_leaves_the_journal_whole_and_the_next_record_fits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bytes_left: int
) -> None:
    one = opened(tmp_path)
    one.record(ORDER[0])
    before = (tmp_path / "state.journal").read_bytes()
    with monkeypatch.context() as patched:
        patched.setattr(os, "write", full_after(bytes_left))
        with pytest.raises(FolderError, match="no space left") as caught:
            one.record(ORDER[1])
    assert caught.value.exit_code == 8
    assert (tmp_path / "state.journal").read_bytes() == before
    assert one.state == state_after(ORDER[0])
    one.record(ORDER[1])
    one.close()
    assert read(tmp_path) == state_after(*ORDER[:2])


def test_a_tail_that_could_not_be_cut_off_is_cut_off_before_the_next_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = opened(tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(os, "write", full_after(10))
        patched.setattr(os, "ftruncate", lambda descriptor, size: (_ for _ in ()).throw(OSError(errno.EIO, "I/O")))
        for _ in range(2):
            with pytest.raises(FolderError):
                one.record(ORDER[0])
    one.record(ORDER[0])
    one.close()
    assert read(tmp_path) == state_after(ORDER[0])


def test_an_interrupt_while_recording_leaves_the_journal_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = opened(tmp_path)
    real = os.write

    def interrupted(descriptor: int, content: bytes) -> int:
        real(descriptor, bytes(content)[:20])
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", interrupted)
        with pytest.raises(KeyboardInterrupt):
            one.record(ORDER[0])
    one.record(Synced(at=NOON))
    one.close()
    assert read(tmp_path) == state_after(Synced(at=NOON))


def test_a_disk_that_writes_a_line_in_pieces_gets_all_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, content: real(descriptor, bytes(content)[:7]))
    recorded(tmp_path, *ORDER)
    assert read(tmp_path) == state_after(*ORDER)


def test_what_would_cost_an_order_is_on_disk_before_the_next_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rule 3, open question 16: the events that name an order, and no others, wait for the disk."""
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    one = opened(tmp_path)
    waited = []
    for event in ORDER:
        before = len(synced)
        one.record(event)
        waited += [event] if len(synced) > before else []
    one.close()
    assert [type(event) for event in waited] == [type(ORDER[0]), Ordered, Running]


def test_recording_costs_the_same_whatever_the_size_of_the_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Architecture, "The folder and the state": one line is appended, no other byte is written or read."""
    written: list[int] = []
    real = os.write

    def counting(descriptor: int, content: bytes) -> int:
        written.append(len(content))
        return real(descriptor, content)

    sizes = []
    for chunks in (1, 3000):
        folder = tmp_path / str(chunks)
        folder.mkdir()
        one = opened(folder)
        many = (f"{number:020x}" for number in range(chunks))
        one.state.chunks.update((key, state_after(ordering()).chunks[CHUNK]) for key in many)
        one.snapshot()
        snapshot = (folder / "state.json").stat()
        others = dict(one.state.chunks)
        written.clear()
        with monkeypatch.context() as patched:
            patched.setattr(os, "write", counting)
            one.record(ordering())
        assert len(written) == 1
        sizes.append(written[0])
        assert (folder / "state.json").stat().st_mtime_ns == snapshot.st_mtime_ns
        assert all(one.state.chunks[key] is chunk for key, chunk in others.items())
        one.close()
    assert sizes[0] == sizes[1]


def test_what_a_killed_writer_left_half_written_goes_when_the_next_one_begins(tmp_path: Path) -> None:
    """The folder's lock is held by then: no other writer is alive. Nothing else is touched."""
    recorded(tmp_path, ordering())
    left = [".state.json.0123456789ab.part", ".state.journal.0123456789ab.part", "state.json.previous.part"]
    others = [".relative.lock.0123456789ab.part", "state.json.part", ".state.json.mine.part"]
    for name in (*left, *others):
        (tmp_path / name).write_bytes(b"half")
    StateStore(tmp_path / "state.json")
    assert {*left, *others} <= {entry.name for entry in tmp_path.iterdir()}, "who only reads removes nothing"
    opened(tmp_path).close()
    assert {entry.name for entry in tmp_path.iterdir()} == {"state.journal", *others}
