"""What the questions about runs and orders play with: answers of `run`, files of several runs, an order left alive."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime

from oncsync.engine.slots import SlotBook, slots_folder
from oncsync.timespan import UTC
from tests.contract.questions import BODY, NO_FILE, PLAYED, WORKING, Ended, Play, Stage, a_run, answerer
from tests.faults.staging import NO_METADATA, Clock
from tests.support.scripted import Asked, Reply
from tests.support.world import CTD_CSV

OTHER = PLAYED + 1
FEBRUARY = CTD_CSV.replace("2015-01-01", "2015-02-01").replace("2015-04-01", "2015-03-01")
WHOLE = Reply.of_file(BODY, "a.csv")
RUNNING = a_run(0, "data product running", 202)
COMPLETED = Reply.of_json({"searchHdrStatus": "COMPLETED"})
OPEN = Reply.of_json({"searchHdrStatus": "OPEN"})
UNKNOWN = Reply.of_errors((127, "Invalid search header ID.", "dpRequestId"))
SYNCHRONIZING = Reply.of_json(
    {"status": "running", "message": "Search complete, waiting on the file system to synchronize (a.csv)"}, 202
)
SECOND = b"second\n" * 100


def file(name: str, body: bytes = BODY) -> Reply:
    """Gives a file."""
    return Reply.of_file(body, name)


def run_rows(*rows: tuple[int, str, int | None], status: int = 200) -> Reply:
    """Gives an answer of `run`: id, state and number of files of each run."""
    return Reply.of_json([{"dpRunId": one, "status": state, "fileCount": count} for one, state, count in rows], status)


def files_of(files: dict[tuple[int, str], Reply], absent: Reply = NO_FILE) -> Callable[[Asked], Reply]:
    """Gives the files of several runs, by run and index."""
    return lambda asked: files.get((int(asked.query["dpRunId"]), asked.query["index"]), absent)


WHOLE_RUN = files_of({(PLAYED, "1"): WHOLE})


def unseen(state: object, status: int, count: int | None = None) -> Reply:
    """Gives an answer of `run` with any state at all, None for no state."""
    row = {"dpRunId": PLAYED, "status": state, "fileCount": count}
    return Reply.of_json([{name: value for name, value in row.items() if value is not None}], status)


def asked(stage: Stage, service: str) -> int:
    """Counts the questions about February to a service."""
    return sum(one.path.endswith(f"/{service}") and stage._is_february(one) for one in stage.wire.asked)


def names_and_bodies(stage: Stage) -> list[tuple[str, bytes]]:
    """Gives what lies in the folder of the files `a` and `b`, sorted by name, with marks cut short."""
    found = [(path.rpartition("/")[2], body) for path, body in stage.tree().items()]
    return sorted((re.sub(r"~[^.]*", "~", name), body) for name, body in found if re.match(r"[aAb][~.]", name))


def alive_orders(stage: Stage) -> int:
    """Counts the orders that hold a slot."""
    return len(SlotBook(slots_folder(), stage.wire.url, stage.folder).alive(datetime.now(UTC)))


def order_february_alone(stage: Stage, settings: str = NO_METADATA) -> None:
    """Writes a manifest of February alone; so whatever is asked of the delivery services is about it."""
    stage.write(FEBRUARY, settings)
    stage._is_february = lambda asked: "dataProductDelivery" in asked.path  # type: ignore[method-assign]


def interrupt(stage: Stage) -> None:
    """Leaves February's order at work at the service: its run is known, and nothing of it is here."""
    clock = Clock()

    def run(asked: Asked) -> Reply:
        clock.jump(hours=1)
        return RUNNING

    stage.write(FEBRUARY, NO_METADATA)
    stage.play(run=run, download=WORKING)
    assert stage.sync_once(max_seconds=1800, tools=clock.tools()).exit_code == 7
    chunk = stage.february()
    assert chunk is not None
    assert chunk.order is not None
    assert chunk.order.run_ids == (PLAYED,)
    assert alive_orders(stage) == 1


def sync_for_days(stage: Stage, service: str, play: Play, **others: Play) -> Ended:
    """Syncs while three days pass after the fourth answer of a service."""
    clock, answer, count = Clock(), answerer(play), 0

    def played(asked: Asked) -> Reply | None:
        nonlocal count
        count += 1
        if count == 4:
            clock.jump(days=3)
        return answer(asked)

    stage.play(**{service: played} | others)
    return stage.sync_once(tools=clock.tools())


def check_mended(stage: Stage, orders: int) -> None:
    """The next sync, of a service that is well, ends with the whole file and so many new orders."""
    stage.deliver({"1": WHOLE})
    ended = stage.sync_once()
    assert (ended.exit_code, ended.outcome, ended.orders) == (0, "done", orders)
    assert stage.files() == {"a.csv": BODY}
    assert alive_orders(stage) == 0
