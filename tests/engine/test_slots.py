"""The quota: at most so many orders alive, across every oncsync of one user on one machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from oncsync.engine.slots import Slot, SlotBook, is_process_alive
from oncsync.errors import FolderError
from tests.support.records import at
from tests.support.world import child_environment

NOW = at("2026-11-21T12:00")
LIFE = timedelta(hours=48)
SERVER = "https://data.oceannetworks.ca/"

CHILD = """
import json, sys
from datetime import timedelta
from pathlib import Path
from oncsync.engine.slots import SlotBook
from oncsync.timespan import parse_instant

directory, folder, orders, hold = json.loads(sys.argv[1])
now, life = parse_instant("2026-11-21T12:00"), timedelta(hours=48)
book = SlotBook(Path(directory), "https://data.oceannetworks.ca/", Path(folder))
slots = [book.take(f"chunk{number}", 4, now, life) for number in range(len(orders))]
for slot, order in zip(slots, orders):
    if slot is not None and order is not None:
        book.confirm(slot, order, now)
print(json.dumps(slots), flush=True)
if hold:
    sys.stdin.read()
"""

HAMMER = """
import sys
from datetime import timedelta
from pathlib import Path
from oncsync.engine.slots import SlotBook
from oncsync.timespan import parse_instant

now, life = parse_instant("2026-11-21T12:00"), timedelta(hours=48)
book = SlotBook(Path(sys.argv[1]), "https://data.oceannetworks.ca/", Path(sys.argv[2]))
taken = 0
for number in range(40):
    slot = book.take(f"chunk{number}", 2, now, life)
    alive = book.alive(now)
    assert len(alive) <= 2, alive
    if slot is not None:
        taken += 1
        assert any(one.id == slot for one in alive)
        book.confirm(slot, int(sys.argv[3]) + number, now)
        book.free(slot, now)
print(taken)
"""


def book(directory: Path, folder: str = "/data/a", server: str = SERVER, **more: Any) -> SlotBook:
    return SlotBook(directory / "slots", server, Path(folder), **more)


@contextmanager
def child(directory: Path, folder: str, *orders: int | None, hold: bool = True) -> Iterator[list[str | None]]:
    """Runs another oncsync that takes a slot for each order (None: no id yet); it lives as long as the block."""
    arguments = json.dumps([str(directory / "slots"), folder, orders, hold])
    process = subprocess.Popen(
        [sys.executable, "-c", CHILD, arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=child_environment(),
        text=True,
    )
    assert process.stdout is not None
    try:
        yield json.loads(process.stdout.readline())
    finally:
        process.communicate(timeout=30)


# --- One process ---------------------------------------------------------------------------------------------------


def test_no_more_slots_than_the_limit_are_given(tmp_path: Path) -> None:
    """R91."""
    one = book(tmp_path)
    slots = [one.take(f"c{number}", 4, NOW, LIFE) for number in range(6)]
    assert [slot is not None for slot in slots] == [True] * 4 + [False] * 2
    assert len(set(slots[:4])) == 4
    assert [slot.chunk for slot in one.alive(NOW)] == ["c0", "c1", "c2", "c3"]


def test_a_slot_that_is_given_back_is_given_again(tmp_path: Path) -> None:
    one = book(tmp_path)
    slot = one.take("a", 1, NOW, LIFE)
    assert slot is not None
    assert one.take("b", 1, NOW, LIFE) is None
    one.free(slot, NOW)
    assert one.take("b", 1, NOW, LIFE) is not None


def test_freeing_twice_or_what_is_not_there_harms_nobody(tmp_path: Path) -> None:
    one = book(tmp_path)
    slot = one.take("a", 2, NOW, LIFE)
    assert slot is not None
    one.take("b", 2, NOW, LIFE)
    one.free(slot, NOW)
    one.free(slot, NOW)
    one.free("unknown", NOW)
    one.confirm("unknown", 7, NOW)
    assert [(left.chunk, left.order) for left in one.alive(NOW)] == [("b", None)]


def test_a_slot_tells_whose_order_it_is(tmp_path: Path) -> None:
    """Rule 2: host, order, folder, process, since."""
    one = book(tmp_path)
    slot = one.take("chunk", 1, NOW, LIFE)
    assert slot is not None
    one.confirm(slot, 28892270, NOW)
    (record,) = one.alive(NOW)
    assert (record.id, record.chunk, record.folder, record.process) == (slot, "chunk", "/data/a", os.getpid())
    assert (record.order, record.since, record.expires) == (28892270, NOW, NOW + LIFE)


def test_each_service_has_its_own_quota(tmp_path: Path) -> None:
    assert book(tmp_path).take("a", 1, NOW, LIFE)
    assert book(tmp_path, server="https://qa.oceannetworks.ca/").take("a", 1, NOW, LIFE)


def test_an_order_that_lives_already_counts_even_above_the_limit(tmp_path: Path) -> None:
    """R94: re-attached orders count."""
    one = book(tmp_path)
    for number in range(3):
        one.adopt(f"c{number}", number, NOW, LIFE)
    assert len(one.alive(NOW)) == 3
    assert one.take("new", 2, NOW, LIFE) is None
    assert one.take("new", 4, NOW, LIFE) is not None


def test_an_order_that_never_ran_and_has_no_slot_waits_its_turn(tmp_path: Path) -> None:
    """R94: it begins to work only when it is taken up; one that has a slot counts already."""
    one = book(tmp_path)
    slot = one.take("other", 1, NOW, LIFE)
    assert slot is not None
    one.confirm(slot, 6, NOW)
    assert one.adopt("c", 7, NOW, LIFE, limit=1) is None
    assert one.adopt("other", 6, NOW, LIFE, limit=1) == slot
    one.free(slot, NOW)
    assert one.adopt("c", 7, NOW, LIFE, limit=1) is not None


def test_an_order_that_is_adopted_twice_counts_once_and_belongs_to_the_last(tmp_path: Path) -> None:
    """R94: the slot of a dead run is taken over, not doubled."""
    first = book(tmp_path, "/data/a").adopt("c", 7, NOW, LIFE)
    second = book(tmp_path, "/data/b").adopt("d", 7, NOW + LIFE / 2, LIFE)
    assert first == second
    (record,) = book(tmp_path).alive(NOW)
    assert (record.folder, record.chunk, record.expires) == ("/data/b", "d", NOW + LIFE)


def test_a_slot_expires_when_its_order_is_given_up(tmp_path: Path) -> None:
    """Rule 2: after `maxOrderHours`."""
    one = book(tmp_path)
    one.adopt("c", 7, NOW, LIFE)
    assert one.take("new", 1, NOW + LIFE - timedelta(seconds=1), LIFE) is None
    assert one.take("new", 1, NOW + LIFE, LIFE) is not None


# --- Several processes ---------------------------------------------------------------------------------------------


def test_two_processes_share_one_limit(tmp_path: Path) -> None:
    """R91: across every oncsync of this user on this machine."""
    with child(tmp_path, "/data/b", 1, None, 3) as slots:
        assert None not in slots
        mine = book(tmp_path)
        assert [mine.take(f"c{number}", 4, NOW, LIFE) is not None for number in range(2)] == [True, False]


def test_orders_outlive_their_process_and_questions_do_not(tmp_path: Path) -> None:
    """R94: a slot is freed when its order is seen ended, not when its process dies; what got no id never ran."""
    with child(tmp_path, "/data/b", 1, None, None, 4, hold=False) as slots:
        assert len(set(slots)) == 4
    assert [slot.order for slot in book(tmp_path).alive(NOW)] == [1, 4]


def test_the_limit_holds_while_processes_take_and_give_back_at_once(tmp_path: Path) -> None:
    """R91: every process looks after each step and never sees more than two."""
    children = [
        subprocess.Popen(
            [sys.executable, "-c", HAMMER, str(tmp_path / "slots"), f"/data/{number}", str(number * 1000)],
            stdout=subprocess.PIPE,
            env=child_environment(),
        )
        for number in range(3)
    ]
    taken = [int(process.communicate(timeout=60)[0]) for process in children]
    assert [process.returncode for process in children] == [0, 0, 0]
    assert sum(taken) > 0
    assert book(tmp_path).alive(NOW) == []


def test_the_limit_holds_among_threads(tmp_path: Path) -> None:
    """R91."""
    together = threading.Barrier(6, timeout=30)

    def work(number: int) -> bool:
        mine = book(tmp_path, f"/data/{number}")
        together.wait()
        slot = mine.take("c", 3, NOW, LIFE)
        together.wait()
        if slot is not None:
            mine.free(slot, NOW)
        return slot is not None

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(work, range(6))) == 3
    assert book(tmp_path).alive(NOW) == []


# --- Slots of others -----------------------------------------------------------------------------------------------


def write_slot(directory: Path, **members: Any) -> None:
    """Puts one slot into the records, as another process may have left it."""
    mine = book(directory)
    slot = mine.take("c", 1, NOW, LIFE)
    assert slot is not None
    (path,) = (directory / "slots").glob("*.json")
    (record,) = msgspec.json.decode(path.read_bytes(), type=list[Slot])
    path.write_bytes(msgspec.json.encode([msgspec.structs.replace(record, **members)]))


@pytest.mark.parametrize(
    ("members", "minutes", "counts"),
    [
        ({"folder": "/data/b"}, 0, True),
        ({"folder": "/data/b"}, 119, True),
        ({"folder": "/data/b"}, 120, False),
        ({"folder": "/data/b", "process": 2**22 + 1}, 0, False),
        ({"folder": "/data/b", "process": 2**22 + 1, "order": 7}, 1000, True),
        ({"folder": "/data/a"}, 0, False),
        ({"folder": "/data/a", "order": 7}, 1000, True),
        ({"folder": "/data/a", "host": "elsewhere"}, 9, True),
        ({"folder": "/data/a", "host": "elsewhere"}, 10, False),
        ({"folder": "/data/b", "host": "elsewhere", "process": 2**22 + 1}, 9, True),
        ({"folder": "/data/b", "host": "elsewhere", "order": 7}, 1000, True),
    ],
)
def test_a_slot_without_an_id_counts_as_long_as_someone_may_be_asking(
    tmp_path: Path, members: dict[str, Any], minutes: int, counts: bool
) -> None:
    """Rule 2: a process of this machine that lives, or one of another machine a short while ago.

    A process that was here before us in our folder is gone, also when its number is in use again (containers).
    """
    if sys.platform == "win32" and "process" in members:
        pytest.skip("processes cannot be looked for there without harm")
    write_slot(tmp_path, **members)
    assert bool(book(tmp_path).alive(NOW + timedelta(minutes=minutes))) is counts


def test_our_own_question_counts_however_long_it_takes(tmp_path: Path) -> None:
    mine = book(tmp_path)
    mine.take("c", 1, NOW, LIFE)
    assert mine.take("d", 1, NOW + timedelta(hours=5), LIFE) is None


@pytest.mark.parametrize("content", [b"", b"{", b"{}", b"[1]", b"\xff"])
def test_records_that_cannot_be_read_begin_anew(tmp_path: Path, content: bytes) -> None:
    mine = book(tmp_path)
    mine.take("c", 1, NOW, LIFE)
    (path,) = (tmp_path / "slots").glob("*.json")
    path.write_bytes(content)
    assert book(tmp_path).take("d", 1, NOW, LIFE) is not None


# --- Where slots cannot be shared ----------------------------------------------------------------------------------


def test_where_locks_do_not_work_the_limit_holds_for_the_folder_and_it_is_said(tmp_path: Path) -> None:
    """Rule 2: warn, and hold the limit per folder."""
    (tmp_path / "slots").write_bytes(b"a file in place of the directory")
    warnings: list[str] = []
    one = book(tmp_path, warn=warnings.append)
    slots = [one.take(f"c{number}", 2, NOW, LIFE) for number in range(3)]
    assert [slot is not None for slot in slots] == [True, True, False]
    assert len(warnings) == 1
    assert "for this folder alone" in warnings[0]
    first = slots[0]
    assert first is not None
    one.confirm(first, 7, NOW)
    assert [slot.order for slot in one.alive(NOW)] == [7, None]
    one.free(first, NOW)
    assert one.adopt("c9", 9, NOW, LIFE)
    assert one.take("c3", 2, NOW, LIFE) is None
    assert one.take("c3", 2, NOW + LIFE, LIFE) is not None


def test_records_that_cannot_be_opened_are_warned_of(tmp_path: Path) -> None:
    """A disk that fails must not look like a service without orders."""
    book(tmp_path).take("c", 1, NOW, LIFE)
    (path,) = (tmp_path / "slots").glob("*.json")
    path.unlink()
    path.mkdir()
    warnings: list[str] = []
    one = book(tmp_path, warn=warnings.append)
    assert one.take("d", 1, NOW, LIFE) is not None
    assert one.take("e", 1, NOW, LIFE) is None
    assert "cannot be read" in warnings[0]


def test_a_lock_that_cannot_be_had_is_warned_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import portalocker

    class Unlockable:
        def __init__(self, *arguments: Any, **more: Any) -> None:
            pass

        def acquire(self) -> None:
            raise portalocker.LockException("no locks here")

    monkeypatch.setattr(portalocker, "Lock", Unlockable)
    warnings: list[str] = []
    one = book(tmp_path, warn=warnings.append)
    assert one.take("c", 1, NOW, LIFE) is not None
    assert one.take("d", 1, NOW, LIFE) is None
    assert "no locks here" in warnings[0]


def test_a_disk_that_fills_in_between_keeps_the_slots_that_are_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R91: the orders that live already go on counting."""
    warnings: list[str] = []
    one = book(tmp_path, warn=warnings.append)
    first = one.take("a", 2, NOW, LIFE)
    assert first is not None

    def full(*arguments: Any, **more: Any) -> None:
        raise FolderError("Cannot write: no space left on device")

    monkeypatch.setattr("oncsync.engine.slots.write_atomic", full)
    assert one.take("b", 2, NOW, LIFE) is not None
    assert one.take("c", 2, NOW, LIFE) is None
    one.free(first, NOW)
    assert [slot.chunk for slot in one.alive(NOW)] == ["b"]
    assert len(warnings) == 1


# --- Processes -----------------------------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform == "win32", reason="asking could harm a process there")
def test_a_process_is_alive_until_it_ends() -> None:
    process = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
    assert is_process_alive(process.pid)
    process.communicate(timeout=30)
    assert not is_process_alive(process.pid)
    assert is_process_alive(os.getpid())
    assert not is_process_alive(2**40)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="nothing tells of zombies there")
def test_a_process_that_has_ended_holds_nothing_though_nobody_has_looked_at_it() -> None:
    """A zombie answers signals: the slots and the folder of a child that was killed are free at once."""
    process = subprocess.Popen([sys.executable, "-c", ""], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.read()  # ends with the process, which is not waited for
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    try:
        assert not is_process_alive(process.pid)
    finally:
        process.communicate(timeout=30)
