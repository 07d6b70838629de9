"""Q24 to Q26, orders: the side services `status` and `cancel`, products that lie in the archive, and estimates.

Each class plays every answer that its question names, through whole syncs. `Stage.sync_once` checks after each one:
bounded questions, no token in any file or text, nothing half in `partial/`, no file of anyone touched.
"""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

from oncsync.api.delivery import parse_seconds
from oncsync.engine.pace import DEFAULT_PACE, poll_wait
from oncsync.engine.watch import Notice
from tests.contract.ordering import (
    COMPLETED,
    FEBRUARY,
    RUNNING,
    SECOND,
    UNKNOWN,
    WHOLE,
    WHOLE_RUN,
    alive_orders,
    asked,
    check_mended,
    file,
    files_of,
    interrupt,
    order_february_alone,
)
from tests.contract.questions import BODY, PLAYED, WORKING, Ended, Stage, a_run
from tests.faults.staging import NO_METADATA, Clock, Recorder, sync
from tests.support.scripted import Asked, Reply
from tests.support.world import TOKEN

JANUARY = FEBRUARY.replace("2015-03-01", "2015-02-01").replace("begin: 2015-02-01", "begin: 2015-01-01")
ONE_AT_A_TIME = f"{NO_METADATA}  runThreads: 1\n"
ARCHIVED: dict[str, Any] = {
    "dpRequestId": 28892270,
    "fileSize": 3072,
    "numFiles": 1,
    "compressedFileSize": 900,
    "downloadTimes": {"10Mb/s": 0.5, "100Mb/s": 0.05},
}


class TestQ24SideServices:
    """Q24: `status` may be missing or say anything, `cancel` may fail; an interrupted sync leaves its runs alive."""

    STATUS: ClassVar[dict[str, Reply]] = {
        "completed": COMPLETED,
        "lower case": Reply.of_json({"searchHdrStatus": "completed"}),
        "open, though it is over": Reply.of_json({"searchHdrStatus": "OPEN"}),
        "another state": Reply.of_json({"searchHdrStatus": "PENDING REVIEW"}),
        "cancelled": Reply.of_json({"searchHdrStatus": "CANCELLED"}),
        "an error": Reply.of_json({"searchHdrStatus": "ERROR"}),
        "no state": Reply.of_json({"searchHdrStatus": None, "description": "x", "modifyDate": "x"}),
        "the other member": Reply.of_json({"status": "complete"}),
        "a number": Reply.of_json({"searchHdrStatus": 7}),
        "a list of one": Reply.of_json([{"searchHdrStatus": "COMPLETED"}]),
        "an empty list": Reply.of_json([]),
        "a text": Reply.of_json("COMPLETED"),
        "null": Reply.of_json(None),
        "the token": Reply.of_json({"searchHdrStatus": TOKEN, "description": TOKEN}),
        "nothing": Reply(200),
        "a page": Reply.of_page(),
        "404": Reply(404),
        "404 page": Reply.of_page("Not Found", 404),
        "400/127": UNKNOWN,
        "403": Reply(403),
        "500": Reply.of_json({}, 500),
        "503": Reply.of_page("Maintenance", 503),
    }

    @pytest.mark.parametrize("status", STATUS.values(), ids=STATUS)
    def test_whatever_status_says_all_files_arrive(self, stage: Stage, status: Reply) -> None:
        """An order that is taken up again when it is over; it is neither placed again nor cancelled."""
        interrupt(stage)
        both = files_of({(PLAYED, "1"): WHOLE, (PLAYED, "2"): file("b.csv", SECOND)})
        stage.play(run=a_run(2), download=both, status=status)
        ended = stage.sync_once()
        assert (ended.exit_code, ended.outcome, ended.orders) == (0, "done", 0)
        assert stage.files() == {"a.csv": BODY, "b.csv": SECOND}
        assert (alive_orders(stage), asked(stage, "cancel"), asked(stage, "restart")) == (0, 0, 0)
        assert asked(stage, "status") <= 4

    @pytest.mark.parametrize("status", STATUS.values(), ids=STATUS)
    def test_status_is_not_asked_where_run_has_said_it(self, stage: Stage, status: Reply) -> None:
        """The main flow does without it."""
        stage.play(run=[RUNNING, a_run(1)], download=WHOLE_RUN, status=status)
        assert stage.sync_once().outcome == "done"
        assert asked(stage, "status") == 0

    CANCEL: ClassVar[dict[str, Reply]] = {
        "cancelled": Reply.of_json([{"dpRunId": PLAYED, "status": "cancelled"}]),
        "nothing to cancel": Reply.of_json([]),
        "an object": Reply.of_json({"status": "cancelled"}),
        "a run that is over": Reply.of_json([{"dpRunId": PLAYED, "status": "complete"}]),
        "400/127": UNKNOWN,
        "400/130": Reply.of_errors((130, "The run is over", "dpRequestId")),
        "400": Reply(400),
        "404": Reply(404),
        "410": Reply(410),
        "409": Reply.of_json({}, 409),
        "500 first": Reply.of_json({}, 500),
        "503 first": Reply.of_page("Maintenance", 503),
    }

    @pytest.mark.parametrize("answer", CANCEL.values(), ids=CANCEL)
    def test_an_order_that_nobody_wants_is_cancelled_whatever_that_says(self, stage: Stage, answer: Reply) -> None:
        """It was interrupted before it ran and holds the only slot: no error of `cancel` keeps the others waiting."""
        self.leave_without_run(stage)
        stage.write(JANUARY, ONE_AT_A_TIME)
        well = self.CANCEL["cancelled"]
        stage.play(cancel=[answer, well] if answer.status >= 500 else answer)
        ended = stage.sync_once()
        assert ended.exit_code == 0
        assert stage.january_is_here()
        assert asked(stage, "cancel") == (2 if answer.status >= 500 else 1)
        assert (asked(stage, "run"), ended.orders) == (1, 0)

    @pytest.mark.parametrize("answer", [Reply.of_json({}, 500), Reply.of_page("Maintenance", 503)], ids=["500", "503"])
    def test_an_outage_of_cancel_is_an_outage(self, stage: Stage, answer: Reply) -> None:
        """Nothing can begin and nothing answers: exit code 5 in time, and the next sync goes on."""
        self.leave_without_run(stage)
        stage.write(JANUARY, ONE_AT_A_TIME)
        stage.play(cancel=answer)
        assert stage.sync_once().exit_code == 5
        assert (asked(stage, "cancel"), alive_orders(stage)) == (4, 1)
        stage.play(cancel=self.CANCEL["cancelled"])
        assert stage.sync_once().exit_code == 0
        assert stage.january_is_here()

    def leave_without_run(self, stage: Stage) -> None:
        """Interrupts a sync after `request`, before `run` has answered."""
        clock = Clock()

        def run(one: Asked) -> Reply:
            clock.jump(hours=1)
            return Reply.of_json({}, 500)

        stage.write(FEBRUARY, ONE_AT_A_TIME)
        stage.play(run=run)
        assert stage.sync_once(max_seconds=1800, tools=clock.tools()).exit_code == 7
        assert alive_orders(stage) == 1

    @pytest.mark.parametrize("event", ["ordered", "file"])
    def test_an_interrupt_leaves_the_run_alive(self, stage: Stage, event: str) -> None:
        """Ctrl-C after the order or in the midst of its files: nothing is cancelled, the next sync takes it up."""
        stage.write(FEBRUARY, NO_METADATA)
        both = files_of({(PLAYED, "1"): WHOLE, (PLAYED, "2"): file("b.csv", SECOND)})
        stage.play(run=a_run(2), download=both, status=COMPLETED)
        with pytest.raises(KeyboardInterrupt):
            sync(stage, watcher=Interrupting(event))
        chunk = stage.february()
        assert chunk is not None
        assert chunk.order is not None
        ended = stage.sync_once()
        assert (ended.exit_code, ended.outcome, ended.orders) == (0, "done", 0)
        assert stage.files() == {"a.csv": BODY, "b.csv": SECOND}
        assert (asked(stage, "request"), asked(stage, "cancel")) == (1, 0)


class Interrupting(Recorder):
    """A watcher during which Ctrl-C is pressed."""

    def __init__(self, event: str) -> None:
        super().__init__()
        self._event = event

    def notice(self, notice: Notice) -> None:
        if notice.event == self._event:
            raise KeyboardInterrupt


class TestQ25ArchivedProducts:
    """Q25: a product that lies in the archive: which members its order has, of which kind; it may be over at once."""

    ORDERS: ClassVar[dict[str, Any]] = {
        "as reconstructed": ARCHIVED,
        "the id alone": {"dpRequestId": 28892270},
        "the id as text": {"dpRequestId": "28892270"},
        "the id with a fraction": {"dpRequestId": 28892270.0},
        "a list of one": [ARCHIVED],
        "numbers as text": ARCHIVED | {"fileSize": "3072", "numFiles": "1", "compressedFileSize": "900"},
        "sizes with units": ARCHIVED | {"fileSize": "3 kB", "compressedFileSize": "0.9 kB"},
        "fractions": ARCHIVED | {"fileSize": 3072.5, "numFiles": 1.0},
        "nulls": dict.fromkeys(ARCHIVED) | {"dpRequestId": 28892270},
        "less than nothing": ARCHIVED | {"fileSize": -1, "numFiles": -1},
        "more than there is": ARCHIVED | {"fileSize": 10**30, "numFiles": 10**9},
        "no file at all": ARCHIVED | {"fileSize": 0, "numFiles": 0},
        "times with units": ARCHIVED | {"downloadTimes": {"10Mb/s": "0.5 s", "DSL": "1 min"}},
        "times in a list": ARCHIVED | {"downloadTimes": [1, 2]},
        "a time for all": ARCHIVED | {"downloadTimes": 5},
        "both kinds at once": ARCHIVED | {"estimatedFileSize": "151 kB", "estimatedProcessingTime": "20 s"},
        "queryPids as a number": ARCHIVED | {"queryPids": 7, "citations": None, "messages": "a default was used"},
        "odd citations": ARCHIVED | {"citations": ["a text", {"citation": 7}, None], "queryPids": ["7", None]},
        "the token": ARCHIVED | {"queryURL": f"https://x/?token={TOKEN}", "messages": [f"token={TOKEN}"]},
    }

    @pytest.mark.parametrize("begins", ["over at once", "queued first"])
    @pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
    def test_only_the_id_is_needed(self, stage: Stage, order: Any, begins: str) -> None:
        """One order, one file, whatever it is called and whatever was said of its size; the next sync asks nothing."""
        order_february_alone(stage)
        run = [a_run(1)] if begins == "over at once" else [a_run(0, "queued", 202), a_run(1)]
        stage.deliver({"1": file("ICLISTENHF1234_20150201T000000.000Z.flac")}, request=Reply.of_json(order), run=run)
        ended = stage.sync_once()
        assert (ended.exit_code, ended.outcome, ended.orders) == (0, "done", 1)
        assert stage.files() == {"ICLISTENHF1234_20150201T000000.000Z.flac": BODY}
        assert asked(stage, "run") == len(run)
        assert stage.sync_once().orders == 0

    WITHOUT: ClassVar[dict[str, Any]] = {
        "without the id": {name: value for name, value in ARCHIVED.items() if name != "dpRequestId"},
        "an id that is none": ARCHIVED | {"dpRequestId": "soon"},
        "null": None,
        "an empty list": [],
        "two orders": [ARCHIVED, ARCHIVED],
        "a text": "28892270",
    }

    @pytest.mark.parametrize("order", WITHOUT.values(), ids=WITHOUT)
    def test_without_an_id_it_is_a_fault_and_no_word_about_data(self, stage: Stage, order: Any) -> None:
        stage.deliver({"1": WHOLE}, request=Reply.of_json(order))
        ended = stage.sync_once()
        assert (ended.exit_code, ended.outcome) == (3, "failed-retryable")
        assert (ended.orders, asked(stage, "run")) == (4, 0)
        assert stage.january_is_here()
        check_mended(stage, orders=1)


class TestQ26Estimates:
    """Q26: how long it may take is told in any form, or not at all: it paces the polls and never ends anything."""

    FORMS: ClassVar[dict[str, tuple[Any, float | None]]] = {
        "seconds": ("20 s", 20),
        "seconds, spelled": ("20 seconds", 20),
        "minutes": ("2 min", 120),
        "minutes, spelled": ("2 Minutes", 120),
        "an hour": ("1 hour", 3600),
        "hours": ("3 hours", 10800),
        "h": ("2 h", 7200),
        "h, close": ("2h", 7200),
        "a fraction": ("1.5 min", 90),
        "days": ("2 days", 172800),
        "a number": (20, 20),
        "a number as text": ("20", 20),
        "nothing yet": (0, 0),
        "less than nothing": (-5, None),
        "rubbish": ("soon", None),
        "another unit": ("3 fortnights", None),
        "iso": ("PT20S", None),
        "blank": ("", None),
        "null": (None, None),
        "a list": (["20 s"], None),
        "an object": ({"seconds": 20}, None),
        "a truth": (True, None),
        "for ever": ("9" * 400 + " h", float("inf")),
    }

    @pytest.mark.parametrize(("form", "seconds"), FORMS.values(), ids=FORMS)
    def test_it_is_read_where_it_can_be_and_bounds_nothing(
        self, stage: Stage, form: Any, seconds: float | None
    ) -> None:
        """The run works on for forty hours after any of them, and is polled at least once a minute or so."""
        assert parse_seconds(form) == seconds
        assert 0.9 <= poll_wait(DEFAULT_PACE, 0.0, seconds, 0.0) <= poll_wait(DEFAULT_PACE, 0.0, seconds, 1.0) <= 66
        self.check(stage, {"estimatedProcessingTime": form, "estimatedFileSize": "151 kB"})

    SIZES: ClassVar[tuple[Any, ...]] = (
        "14 MB",
        "151 kB",
        "151 KiB",
        "2 GB",
        "1 TB",
        "",
        None,
        0,
        -1,
        151,
        1e300,
        "rubbish",
        ["1 kB"],
        {},
    )

    @pytest.mark.parametrize("size", SIZES, ids=str)
    def test_a_size_promises_nothing(self, stage: Stage, size: Any) -> None:
        """Neither a missing estimate nor one of a terabyte: no disk is measured, no file refused."""
        self.check(stage, {"estimatedFileSize": size})

    def check(self, stage: Stage, members: dict[str, Any]) -> Ended:
        clock, working = Clock(), [RUNNING] * 4

        def run(one: Asked) -> Reply:
            clock.jump(hours=10)
            return working.pop() if working else a_run(1)

        stage.write(FEBRUARY, NO_METADATA)
        request = Reply.of_json({"dpRequestId": 28892270} | members)
        stage.deliver({"1": [WORKING, WHOLE]}, request=request, run=run)
        ended = stage.sync_once(tools=clock.tools())
        assert (ended.exit_code, ended.outcome, ended.orders) == (0, "done", 1)
        assert stage.files() == {"a.csv": BODY}
        return ended
