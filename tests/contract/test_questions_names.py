"""Q17 to Q19, the files of runs: several runs in one answer, names that change their index, names that come twice.

Each class plays every answer that its question names, through whole syncs. `Stage.sync_once` checks after each one:
bounded questions, no token in any file or text, nothing half in `partial/`, no file of anyone touched.
"""

from __future__ import annotations

from typing import ClassVar

import pytest

from tests.contract.ordering import (
    COMPLETED,
    FEBRUARY,
    OPEN,
    OTHER,
    RUNNING,
    SECOND,
    UNKNOWN,
    WHOLE,
    alive_orders,
    asked,
    check_mended,
    file,
    files_of,
    interrupt,
    names_and_bodies,
    run_rows,
)
from tests.contract.questions import (
    BODY,
    PLAYED,
    Stage,
    a_run,
)
from tests.faults.staging import NO_METADATA
from tests.support.scripted import Asked, Reply


class TestQ17SeveralRuns:
    """Q17: several runs in one answer, with other names, with equal names, one of them slow, failed or cancelled."""

    BOTH = run_rows((PLAYED, "complete", 1), (OTHER, "complete", 1))
    FILES: ClassVar[dict[str, tuple[Reply, Reply, list[bytes]]]] = {
        "other names": (WHOLE, file("b.csv", SECOND), [BODY, SECOND]),
        "other names, equal bytes": (WHOLE, file("b.csv"), [BODY, BODY]),
        "equal names, other bytes": (WHOLE, file("a.csv", SECOND), [BODY, SECOND]),
        "equal names and bytes": (WHOLE, WHOLE, [BODY]),
    }

    @pytest.mark.parametrize(("first", "second", "bodies"), FILES.values(), ids=FILES)
    def test_the_files_of_all_are_here(self, stage: Stage, first: Reply, second: Reply, bodies: list[bytes]) -> None:
        """What is the same file is here once, what is another is never overwritten; the next sync asks nothing."""
        stage.play(run=self.BOTH, download=files_of({(PLAYED, "1"): first, (OTHER, "1"): second}))
        ended = stage.sync_once()
        assert (ended.exit_code, ended.outcome, ended.orders) == (0, "done", 1)
        assert [body for _, body in names_and_bodies(stage)] == bodies
        before = len(stage.wire.asked)
        assert stage.sync_once().exit_code == 0
        assert len(stage.wire.asked) == before

    def test_it_is_over_when_every_run_is(self, stage: Stage) -> None:
        """Listed in any order; the slot is taken as long as one of them works."""
        slots: list[int] = []
        half = [(PLAYED, "complete", 1), (OTHER, "data product running", 0)]
        plays = [run_rows(*half, status=202), run_rows(*half[::-1], status=202), self.BOTH]

        def run(one: Asked) -> Reply:
            slots.append(alive_orders(stage))
            assert stage.files() == {}
            return plays.pop(0)

        stage.write(FEBRUARY, NO_METADATA)
        stage.play(run=run, download=files_of({(PLAYED, "1"): WHOLE, (OTHER, "1"): file("b.csv", SECOND)}))
        ended = stage.sync_once()
        assert (ended.exit_code, ended.outcome, ended.orders) == (0, "done", 1)
        assert slots == [1, 1, 1]
        assert stage.files() == {"a.csv": BODY, "b.csv": SECOND}

    @pytest.mark.parametrize(("bad", "orders"), [("error", 1), ("cancelled", 2)])
    @pytest.mark.parametrize("slow", [0, 3], ids=["at once", "the other at work"])
    def test_one_that_ends_badly_is_no_success(self, stage: Stage, bad: str, orders: int, slow: int) -> None:
        """The other's files alone are not what was asked for; the slot is kept until both are over."""
        slots: list[int] = []
        left = [run_rows((PLAYED, bad, 0), (OTHER, "data product running", 0), status=202)] * slow

        def run(one: Asked) -> Reply:
            slots.append(alive_orders(stage))
            if asked(stage, "request") > 1:
                return a_run(1)
            return left.pop() if left else run_rows((PLAYED, bad, 0), (OTHER, "complete", 1))

        stage.write(FEBRUARY, NO_METADATA)
        stage.play(run=run, download=files_of({(PLAYED, "1"): WHOLE, (OTHER, "1"): file("b.csv", SECOND)}))
        ended = stage.sync_once()
        assert (ended.outcome, ended.orders) == ("failed-retryable" if bad == "error" else "done", orders)
        assert slots == [1] * (slow + orders)
        if bad == "error":
            assert "error" in ended.reason
            check_mended(stage, orders=1)
        assert stage.files() == {"a.csv": BODY}


class TestQ18OrderOfNames:
    """Q18: which index has which name may change until the run is complete, and perhaps later."""

    EARLY = files_of({(PLAYED, "1"): file("b.csv", SECOND)})
    LATE = files_of({(PLAYED, "1"): WHOLE, (PLAYED, "2"): file("b.csv", SECOND)})

    @pytest.mark.parametrize("status", [OPEN, Reply(404), COMPLETED], ids=["open", "not known", "completed too soon"])
    def test_it_changes_while_the_run_works(self, stage: Stage, status: Reply) -> None:
        """An order that is taken up shows `b` as its first file, then `a` comes before it: both are here."""
        interrupt(stage)
        looks, polls = 0, asked(stage, "run") + 3

        def download(one: Asked) -> Reply:
            nonlocal looks
            looks += 1
            is_early = asked(stage, "run") < polls if status is OPEN else looks <= 2
            return type(self).EARLY(one) if is_early and one.query["index"] == "1" else type(self).LATE(one)

        stage.play(run=[RUNNING, RUNNING, a_run(2)], download=download, status=status)
        ended = stage.sync_once()
        assert (ended.exit_code, ended.outcome, ended.orders) == (0, "done", 0)
        assert names_and_bodies(stage) == [("a.csv", BODY), ("b.csv", SECOND)]

    def test_it_changes_between_two_syncs(self, stage: Stage) -> None:
        """The first sync brings `b` as the first of two files, the second finds `b` at the second place."""
        stage.write(FEBRUARY, NO_METADATA)
        second = Reply.of_json({}, 500)
        stage.play(run=a_run(2), download=files_of({(PLAYED, "1"): file("b.csv", SECOND), (PLAYED, "2"): second}))
        assert stage.sync_once().outcome == "failed-retryable"
        assert stage.files() == {"b.csv": SECOND}
        stage.play(run=UNKNOWN, download=type(self).LATE)
        ended = stage.sync_once()
        assert (ended.exit_code, ended.outcome, ended.orders) == (0, "done", 0)
        assert names_and_bodies(stage) == [("a.csv", BODY), ("b.csv", SECOND)]

    def test_it_does_not_change(self, stage: Stage) -> None:
        """The counterpart: nothing is asked for twice."""
        stage.play(run=a_run(2), download=type(self).LATE)
        ended = stage.sync_once()
        assert (ended.outcome, ended.indexes) == ("done", ["1", "2", "3"])
        assert stage.files() == {"a.csv": BODY, "b.csv": SECOND}


class TestQ19EqualNames:
    """Q19: names that come twice inside a run, and from two requests with other options."""

    TWICE: ClassVar[dict[str, tuple[list[Reply], list[tuple[str, bytes]]]]] = {
        "equal bytes": ([WHOLE, WHOLE], [("a.csv", BODY)]),
        "other bytes": ([WHOLE, file("a.csv", SECOND)], [("a.csv", BODY), ("a~.csv", SECOND)]),
        "both": ([WHOLE, file("a.csv", SECOND), WHOLE], [("a.csv", BODY), ("a~.csv", SECOND)]),
        "other case": ([WHOLE, file("A.CSV", SECOND)], [("A~.CSV", SECOND), ("a.csv", BODY)]),
        "equal bytes, other names": ([WHOLE, file("b.csv")], [("a.csv", BODY), ("b.csv", BODY)]),
    }

    @pytest.mark.parametrize("count", [0, None, "all"], ids=["too few", "not said", "all"])
    @pytest.mark.parametrize(("replies", "names"), TWICE.values(), ids=TWICE)
    def test_inside_a_run(
        self, stage: Stage, replies: list[Reply], names: list[tuple[str, bytes]], count: object
    ) -> None:
        """Equal bytes are one file, other bytes are kept beside it; names do not depend on which came first."""
        announced = len(replies) if count == "all" else count
        stage.deliver({str(index): reply for index, reply in enumerate(replies, 1)}, announced)
        for orders in (1, 0):
            ended = stage.sync_once()
            assert (ended.exit_code, ended.outcome, ended.orders) == (0, "done", orders)
            assert names_and_bodies(stage) == names

    def test_one_file_for_every_index_ends(self, stage: Stage) -> None:
        stage.play(run=a_run(None), download=WHOLE)
        ended = stage.sync_once()
        assert (ended.exit_code, ended.outcome, stage.files()) == (0, "done", {"a.csv": BODY})
        assert len(ended.indexes) < 10
        assert "again and again" in ended.said

    def test_from_two_requests_with_other_options(self, stage: Stage) -> None:
        """Each has a folder of its own, marked by its options; neither overwrites the other."""
        other = FEBRUARY.replace("name: axis", "name: other").replace("86400", "60")
        stage.write(FEBRUARY + other, NO_METADATA)
        order_of: dict[str, int] = {}

        def run(one: Asked) -> Reply:
            return run_rows((order_of.setdefault(one.query["dpRequestId"], PLAYED + len(order_of)), "complete", 1))

        files = {(PLAYED, "1"): WHOLE, (OTHER, "1"): file("a.csv", SECOND)}
        stage.play(run=run, download=files_of(files))
        assert stage.sync_once().exit_code == 0
        places = {path: body for path, body in stage.tree().items() if path.endswith("/a.csv")}
        assert sorted(places.values()) == sorted([BODY, SECOND])
        assert all("/TSSD_csv~" in path for path in places)
        assert stage.sync_once().orders == 0
