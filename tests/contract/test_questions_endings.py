"""Open questions 7 to 9: where the files end. Each answer the contract leaves open is played to its end.

`Stage.sync_once` checks after every play: bounded questions, no token anywhere, nothing half in `partial/`, no file of
anyone touched.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from oncsync.api import Session, open_file, request_product, run_order
from oncsync.errors import ServiceError
from tests.api.conftest import Connect
from tests.contract.questions import FILES, NO_FILE, TRIES, Stage, a_run, cases, names, some
from tests.support.scripted import Reply, Serve
from tests.support.world import TOKEN

PAGE_404 = Reply.of_page(f"Not here token={TOKEN}", 404)
NO_DATA_204 = Reply(204)
GONE_410 = Reply.of_json({}, 410)
ABSENT = {"404": NO_FILE, "404 bare": Reply(404), "204": NO_DATA_204, "410": GONE_410, "404 with a page": PAGE_404}


def check_next_sync_ends_it(stage: Stage, count: int = 1) -> None:
    """The service is itself again: the order that is there is fetched, and no other is placed."""
    stage.deliver(some(count), count)
    ended = stage.sync_once()
    assert (ended.exit_code, ended.outcome, ended.orders) == (0, "done", 0)
    assert stage.files() == names(count)


# --- Q7 ------------------------------------------------------------------------------------------------------------


class TestQ7WhatEndsTheFiles:
    """Q7: 404, 204 and 410 on `download`: an end, a file that is late, an expiry, or "no data", by when and where."""

    @cases(ABSENT)
    def test_before_the_run_is_complete_nothing_is_an_end(self, stage: Stage, answer: Reply) -> None:
        """An order of an earlier sync is at work: asked for its first file, then polled to its end."""
        stage.play(run=[a_run(0, "data product running", 202), Reply.of_errors((1, "no", "x"), status=403)])
        assert stage.sync_once().outcome == "failed-retryable"
        polls = [a_run(0, "data product running", 202)] * 2 + [a_run(2)]
        status = Reply.of_json({"searchHdrStatus": "OPEN"})
        stage.deliver({"1": [answer, FILES["1"]], "2": FILES["2"]}, run=polls, status=status)
        ended = stage.sync_once()
        assert (ended.outcome, ended.orders) == ("done", 0)
        assert stage.files() == names(2)

    @cases({name: ABSENT[name] for name in ("404", "404 bare", "204", "404 with a page")})
    def test_an_announced_file_may_be_late(self, stage: Stage, answer: Reply) -> None:
        stage.deliver({"1": FILES["1"], "2": [answer, answer, FILES["2"]]}, 2)
        ended = stage.sync_once()
        assert (ended.outcome, ended.indexes) == ("done", ["1", "2", "2", "2", "3"])
        assert stage.files() == names(2)

    @cases({name: ABSENT[name] for name in ("404", "404 bare", "204", "404 with a page")})
    def test_an_announced_file_that_never_comes_is_a_fault(self, stage: Stage, answer: Reply) -> None:
        stage.deliver(some(1), 2, absent=answer)
        ended = stage.sync_once()
        assert (ended.exit_code, ended.outcome) == (3, "failed-retryable")
        assert ended.indexes.count("2") == TRIES
        assert stage.files() == names(1)
        check_next_sync_ends_it(stage, 2)

    @pytest.mark.parametrize("index", ["1", "2"])
    def test_an_announced_file_that_was_deleted_is_ordered_again_once(self, stage: Stage, index: str) -> None:
        stage.deliver({**some(2), index: [GONE_410, FILES[index]]}, 2)
        ended = stage.sync_once()
        assert (ended.outcome, ended.orders) == ("done", 2)
        assert stage.files() == names(2)
        assert "ordered anew" in " ".join(ended.chunk.notes if ended.chunk else ())

    def test_files_that_are_always_deleted_are_expired_not_empty(self, stage: Stage) -> None:
        stage.deliver({"1": GONE_410})
        ended = stage.sync_once()
        assert (ended.exit_code, ended.outcome, ended.orders) == (3, "expired", 2)
        stage.deliver(some(1))
        assert stage.sync_once().outcome == "done"

    @cases(ABSENT)
    def test_beyond_the_announced_files_each_is_the_end(self, stage: Stage, answer: Reply) -> None:
        stage.deliver(some(2), 2, absent=answer)
        ended = stage.sync_once()
        assert (ended.exit_code, ended.outcome, ended.orders) == (0, "done", 1)
        assert ended.indexes.count("3") <= TRIES
        assert stage.files() == names(2)
        assert stage.sync_once().indexes == []

    @cases({name: answer for name, answer in ABSENT.items() if name != "404 with a page"})
    def test_of_a_run_that_made_no_file_each_is_no_data(self, stage: Stage, answer: Reply) -> None:
        stage.deliver({}, 0, absent=answer)
        ended = stage.sync_once()
        assert (ended.exit_code, ended.outcome, ended.indexes) == (0, "empty", ["1", "1"])
        assert "no data" in ended.reason
        assert stage.sync_once().indexes == []

    @cases({"a page": PAGE_404, "202 and 503": Reply(503), "a failure": Reply.of_json({"status": "error"}, 202)})
    def test_of_a_run_that_made_no_file_nothing_else_is_no_data(self, stage: Stage, answer: Reply) -> None:
        stage.deliver({}, 0, absent=answer)
        ended = stage.sync_once()
        assert ended.exit_code in (3, 5)
        assert ended.outcome != "empty"
        assert len(ended.indexes) <= TRIES


# --- Q8 ------------------------------------------------------------------------------------------------------------


class TestQ8TheNumberOfFiles:
    """Q8: `fileCount` may be wrong or missing; one index beyond it is always asked for."""

    @cases(
        {"right": 3, "too low": 1, "0 with files": 0, "as text": "3", "null": None, "missing": "missing", "below 0": -1}
    )
    def test_every_file_arrives_whatever_was_announced(self, stage: Stage, answer: int | str | None) -> None:
        stage.deliver(some(3), answer)
        ended = stage.sync_once()
        assert (ended.exit_code, ended.outcome) == (0, "done")
        assert stage.files() == names(3)
        assert ended.indexes.count("4") <= 2

    @cases({"null": None, "missing": "missing"})
    def test_without_a_number_the_end_is_believed_the_second_time(self, stage: Stage, answer: int | str | None) -> None:
        """A 404 that is taken back is no end: the files after it are not lost."""
        stage.deliver({**some(3), "2": [NO_FILE, FILES["2"]]}, answer)
        ended = stage.sync_once()
        assert (ended.outcome, ended.indexes) == ("done", ["1", "2", "2", "3", "4", "4"])
        assert stage.files() == names(3)

    def test_without_a_number_and_a_file_it_is_empty_after_the_second_word(self, stage: Stage) -> None:
        stage.deliver({}, None)
        ended = stage.sync_once()
        assert (ended.outcome, ended.indexes) == ("empty", ["1", "1"])

    def test_without_a_number_a_page_is_no_end(self, stage: Stage) -> None:
        stage.deliver(some(2), None, absent=PAGE_404)
        assert stage.sync_once().outcome == "failed-retryable"
        assert stage.files() == names(2)
        check_next_sync_ends_it(stage, 3)

    def test_fewer_files_than_announced_are_a_fault_and_those_are_kept(self, stage: Stage) -> None:
        stage.deliver(some(2), 4)
        ended = stage.sync_once()
        assert (ended.exit_code, ended.outcome) == (3, "failed-retryable")
        assert "announced 4 files" in ended.reason
        assert stage.files() == names(2)
        stage.deliver(some(4), 4)
        ended = stage.sync_once()
        assert (ended.outcome, ended.orders, ended.indexes) == ("done", 0, ["3", "4", "5"])
        assert stage.files() == names(4)

    def test_an_absurd_number_is_not_counted_out(self, stage: Stage) -> None:
        stage.deliver(some(2), 2_000_000_000)
        assert stage.sync_once().outcome == "failed-retryable"
        assert stage.files() == names(2)


# --- Q9 ------------------------------------------------------------------------------------------------------------


BODIES = {
    "empty": Reply(),
    "HTML": Reply.of_page(f"Sorry token={TOKEN}"),
    "a list": Reply.of_json([{"message": f"no, token={TOKEN}"}]),
    "an object": Reply.of_json({"message": f"no, token={TOKEN}"}),
    "garbage": Reply(200, b"\xff\xfe\x00{" + TOKEN.encode(), {"Content-Type": "application/json"}),
}
OUTCOMES: dict[str, Mapping[int, tuple[str | None, ...]]] = {
    "request": dict.fromkeys((204, 400, 404, 410), ("failed-retryable",)) | {403: ("refused",)},
    "run": dict.fromkeys((204, 400, 403, 404), ("failed-retryable",)) | {410: ("expired",)},
    "download": {204: ("failed-retryable",), 400: ("expired", "failed-retryable"), 403: ("failed-permanent",)}
    | {404: ("failed-retryable",), 410: ("expired",)},
}
OUTAGE = ("failed-retryable", None)
"""What an outage comes to: the chunk fails for now, or, when nothing else works either, the sync ends first."""
STATUSES = (204, 400, 403, 404, 410, 500, 502, 503)


def kind_of(call: Callable[[Session], object], session: Session) -> object:
    """Gives what an answer means, without its words."""
    try:
        return type(call(session))
    except ServiceError as error:
        return type(error), error.status, error.code


class TestQ9BodiesThatSayNothing:
    """Q9: whatever body comes with a status, the status decides; it is never read as "no data".

    Two bodies do say something: a page with 404 or 400 is an answer of somebody else's (question 11).
    """

    @pytest.mark.parametrize("status", STATUSES)
    def test_the_status_decides(self, serve: Serve, connect: Connect, status: int) -> None:
        calls: dict[str, Callable[[Session], object]] = {
            "request": lambda session: request_product(session, {"dataProductCode": "TSSD"}),
            "run": lambda session: run_order(session, 1),
            "download": lambda session: open_file(session, 1, 1),
        }
        for call in calls.values():
            bodies = [BODIES[name] for name in BODIES if status not in (400, 404) or name in ("empty", "a list")]
            session = connect(serve([reply._replace(status=status, close=status == 204) for reply in bodies]))
            kinds = [kind_of(call, session) for _ in bodies]
            assert kinds == kinds[:1] * len(bodies)

    @pytest.mark.parametrize("status", STATUSES)
    @pytest.mark.parametrize("service", OUTCOMES)
    def test_no_body_of_any_status_becomes_no_data(self, stage: Stage, service: str, status: int) -> None:
        """A body of another kind comes at every try."""
        turn = STATUSES.index(status) % len(BODIES)
        bodies = [*BODIES.values()][turn:] + [*BODIES.values()][:turn]
        replies = [reply._replace(status=status, close=status == 204) for reply in bodies]
        stage.deliver({"1": FILES["1"]}, **{service: lambda asked: replies[len(stage.wire.asked) % len(replies)]})
        ended = stage.sync_once()
        assert ended.exit_code in (3, 5)
        assert ended.outcome in (*OUTCOMES[service].get(status, OUTAGE), *(OUTAGE if status == 404 else ()))
        assert ended.orders <= (TRIES if service == "request" else 2)
        assert stage.files() == {}

    @pytest.mark.parametrize("status", [404, 410])
    @pytest.mark.parametrize("body", BODIES)
    def test_beyond_the_announced_files_every_body_is_the_end(self, stage: Stage, body: str, status: int) -> None:
        stage.deliver(some(1), absent=BODIES[body]._replace(status=status))
        ended = stage.sync_once()
        assert (ended.exit_code, ended.outcome) == (0, "done")
