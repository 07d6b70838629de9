"""What the fault tests stage: answers in the service's place, clocks that jump, runs that may hang."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import platformdirs

from oncsync.engine.run import Tools
from oncsync.engine.slots import Slot, SlotBook
from oncsync.engine.watch import Counts, Notice
from oncsync.results import SyncResult
from oncsync.sandbox import Content, Reply, Sandbox, content_of, json_reply, page_reply
from oncsync.sandbox.service import Interference
from oncsync.state import ChunkState, StateStore
from oncsync.timespan import UTC
from tests.support.world import CTD_CSV, QUICK_PACE, TOKEN, World

T = TypeVar("T")
Asking = Mapping[str, str]
Answerer = Callable[[Asking], Reply | None]

ONE_MONTH = CTD_CSV.replace("2015-04-01", "2015-02-01")
EIGHT_MONTHS = CTD_CSV.replace("2015-04-01", "2015-09-01")
NO_METADATA = "  metadata: false\n"
BUSY = json_reply({"status": "running", "message": "Running"}, 202)
NO_SUCH_FILE = json_reply({"errors": []}, 404)
AFTER_RUNNING = 4
"""The journal line that holds the first order's run ids: `started`, `ordering`, `ordered`, `running`."""
LONGEST_TEST = 30.0


# --- The service ---------------------------------------------------------------------------------------------------


def answers(**services: Answerer) -> Interference:
    """Gives answers for services by the last part of their path; None leaves the question to the sandbox."""

    def interfere(method: str, path: str, parameters: Asking) -> Reply | None:
        answerer = services.get(path.rstrip("/").rpartition("/")[2])
        return answerer(parameters) if answerer else None

    return interfere


def runs(*rows: tuple[int, str, int | None], is_over: bool) -> Reply:
    """Gives an answer of `run`: id, state and number of files of each run."""
    listed = [{"dpRunId": run_id, "status": status, "fileCount": count} for run_id, status, count in rows]
    return json_reply(
        [{key: value for key, value in row.items() if value is not None} for row in listed], 200 if is_over else 202
    )


def a_file(name: str, body: bytes = b"x,y\n1,2\n") -> Reply:
    """Gives a file, named as the service does it."""
    return Reply(200, "text/csv", content_of(body), (("Content-Disposition", f"attachement; filename={name}"),))


def a_slow_file(name: str, begun: threading.Event, go_on: Callable[[], None]) -> Reply:
    """Gives a file whose first half makes `begun`, and whose second half comes when `go_on` returns."""

    def blocks() -> Iterator[bytes]:
        begun.set()
        yield b"x" * 1000
        go_on()
        yield b"y" * 1000

    header = ("Content-Disposition", f"attachement; filename={name}")
    return Reply(200, "text/csv", Content(2000, blocks), (header,))


def refused(status: int, code: int | None = None, text: str = "no", parameter: str = "x") -> Reply:
    """Gives the service's error body."""
    errors = [] if code is None else [{"errorCode": code, "errorMessage": text, "parameter": parameter}]
    return json_reply({"errors": errors}, status)


def down() -> Reply:
    """Gives the answer of an outage."""
    return page_reply(503, "Service Unavailable")


def asked_of(sandbox: Sandbox, service: str) -> list[dict[str, str]]:
    """Gives the parameters of every question to a service, in order."""
    return [dict(one.parameters) for one in sandbox.asked if one.path.endswith(f"/{service}")]


def real_answer(sandbox: Sandbox, service: str, asked: Asking) -> Any:
    """Gives what the sandbox itself says to a question, read from JSON; a refusal of it stays one."""
    reply = sandbox._answer(f"/api/{service}", TOKEN, asked)
    return json.loads(b"".join(reply.content.blocks()))


# --- Here ----------------------------------------------------------------------------------------------------------


class Recorder:
    """A watcher that remembers."""

    def __init__(self) -> None:
        self.notices: list[Notice] = []
        self.most_alive = 0

    def notice(self, notice: Notice) -> None:
        """Keeps what happened."""
        self.notices.append(notice)

    def progress(self, counts: Counts) -> None:
        """Keeps the most orders that were alive at once."""
        self.most_alive = max(self.most_alive, counts.alive)

    def texts(self, event: str) -> list[str]:
        """Gives the texts of one kind of notice."""
        return [notice.text for notice in self.notices if notice.event == event]


class Clock:
    """The date and the seconds of a run, which a test sets."""

    def __init__(self, now: datetime | None = None) -> None:
        self._now = now
        self._ahead = 0.0

    def now(self) -> datetime:
        """Gives the date."""
        return (self._now or datetime.now(UTC)) + timedelta(seconds=self._ahead)

    def monotonic(self) -> float:
        """Gives seconds that only grow."""
        return time.monotonic() + self._ahead

    def jump(self, **step: float) -> None:
        """Lets time pass at once."""
        self._ahead += timedelta(**step).total_seconds()

    def tools(self) -> Tools:
        """Gives a run this clock."""
        return Tools(pace=QUICK_PACE, now=self.now, monotonic=self.monotonic, jitter=lambda: 0.0)


def in_time(call: Callable[[], T], seconds: float = LONGEST_TEST) -> T:
    """Makes a call that must not hang: gives its answer, raises what it raised."""
    ended: list[T] = []
    raised: list[BaseException] = []

    def run() -> None:
        try:
            ended.append(call())
        except BaseException as error:  # noqa: BLE001  raised again below
            raised.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    assert not thread.is_alive(), f"it hangs: no end within {seconds:.0f} s"
    if raised:
        raise raised[0]
    return ended[0]


def sync(world: World, **flags: Any) -> SyncResult:
    """Syncs, and fails when that does not end."""
    tools = flags.pop("tools", None) or Tools(pace=QUICK_PACE)
    return in_time(lambda: world.project().sync(tools=tools, **flags))


def chunks_of(world: World) -> list[ChunkState]:
    """Gives what the state on disk says, in the order of the chunks' begins."""
    states = StateStore(world.folder / ".oncsync" / "state.json").state.chunks.values()
    return sorted(states, key=lambda chunk: chunk.begin)


def the_chunk(world: World) -> ChunkState:
    """Gives the only chunk of the state."""
    (chunk,) = chunks_of(world)
    return chunk


def slot_book(world: World, folder: Path | None = None) -> SlotBook:
    """Gives the slots of the service, as an oncsync in some folder sees them."""
    directory = Path(platformdirs.user_state_dir("oncsync", appauthor=False)) / "slots"
    return SlotBook(directory, world.sandbox.url, folder or world.folder)


def taken_slots(world: World, now: datetime | None = None) -> list[Slot]:
    """Gives the slots that are taken."""
    return slot_book(world).alive(now or datetime.now(UTC))


def kill_after(world: World, line: int) -> None:
    """Syncs in a process that kills itself after a journal line."""
    world.project().resolve()
    assert world.sync_in_child(kill_after=line) == -9


def leave_at_work(world: World) -> None:
    """Syncs until the time is over, with orders at work; each of them is run 1."""
    clock = Clock()

    def run(asked: Asking) -> Reply:
        clock.jump(hours=1)
        return runs((1, "data product running", 0), is_over=False)

    world.sandbox.interfere = answers(run=run)
    assert sync(world, tools=clock.tools(), max_seconds=1800).exit_code == 7
