"""Q13 to Q16, runs: how a run may fail, what it may call itself, and when it may be begun again.

Each class plays every answer that its question names, through whole syncs. `Stage.sync_once` checks after each one:
bounded questions, no token in any file or text, nothing half in `partial/`, no file of anyone touched.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import pytest

from tests.contract.ordering import (
    COMPLETED,
    FEBRUARY,
    OPEN,
    OTHER,
    RUNNING,
    SYNCHRONIZING,
    UNKNOWN,
    WHOLE,
    WHOLE_RUN,
    alive_orders,
    asked,
    check_mended,
    files_of,
    interrupt,
    run_rows,
    sync_for_days,
    unseen,
)
from tests.contract.questions import (
    BODY,
    NO_FILE,
    PLAYED,
    WORKING,
    Play,
    Stage,
    a_run,
    answerer,
)
from tests.faults.staging import NO_METADATA
from tests.support.scripted import Asked, Reply


class TestQ13HowARunFails:
    """Q13: a failed run is a state in the run list (200 or 202), or in the body of a 202 download, or an HTTP error."""

    FAILED: ClassVar[dict[str, Reply]] = {
        f"{state} {status}": a_run(0, state, status)
        for state in ("error", "Error", "ERROR", "failed", "FAILED: out of memory", "data product error")
        for status in (200, 202)
    } | {
        "with a message": a_run(0, "error", message="out of memory"),
        "an object": Reply.of_json({"dpRunId": PLAYED, "status": "error"}, 202),
        "no run named": Reply.of_json({"status": "error", "message": "out of memory"}, 202),
        "no run named, a list": Reply.of_json([{"status": "Failed", "message": "out of memory"}]),
    }

    @pytest.mark.parametrize("answer", FAILED.values(), ids=FAILED)
    def test_a_state_in_the_run_list_ends_the_run(self, stage: Stage, answer: Reply) -> None:
        """Asked once, ordered once, told in the service's words; only the next sync orders again."""
        stage.play(run=answer, download=WORKING)
        ended = stage.sync_once()
        assert (ended.exit_code, ended.outcome, ended.orders) == (3, "failed-retryable", 1)
        assert asked(stage, "run") == 1
        words = "out of memory" if b"memory" in answer.body else "error" if b"rror" in answer.body.lower() else "failed"
        assert words in ended.reason.lower()
        assert stage.files() == {}
        assert stage.january_is_here()
        check_mended(stage, orders=1)

    IN_A_DOWNLOAD: ClassVar[dict[str, Reply]] = {
        "error": Reply.of_json({"status": "error", "message": "disk full"}, 202),
        "ERROR": Reply.of_json({"status": "ERROR"}, 202),
        "a list": Reply.of_json([{"status": "failed"}], 202),
    }

    @pytest.mark.parametrize("answer", IN_A_DOWNLOAD.values(), ids=IN_A_DOWNLOAD)
    def test_a_state_in_a_download_ends_the_run(self, stage: Stage, answer: Reply) -> None:
        stage.deliver({"1": answer})
        ended = stage.sync_once()
        assert (ended.exit_code, ended.outcome, ended.orders) == (3, "failed-retryable", 1)
        assert ended.indexes.count("1") == 1
        check_mended(stage, orders=1)

    @pytest.mark.parametrize("answer", IN_A_DOWNLOAD.values(), ids=IN_A_DOWNLOAD)
    def test_a_state_in_a_download_ends_a_run_that_still_calls_itself_running(
        self, stage: Stage, answer: Reply
    ) -> None:
        """An order that is taken up again: not polled for two days because `run` never says it."""
        interrupt(stage)
        stage.play(run=RUNNING, download=answer, status=OPEN)
        ended = stage.sync_once()
        assert (ended.exit_code, ended.outcome, ended.orders) == (3, "failed-retryable", 0)
        check_mended(stage, orders=1)

    CANCELLED: ClassVar[dict[str, dict[str, Reply]]] = {
        f"{state} {status}": {"run": a_run(0, state, status)}
        for state in ("cancelled", "canceled", "CANCELLED", "Canceled")
        for status in (200, 202)
    } | {
        "202 download": {"run": a_run(1), "download": Reply.of_json({"status": "cancelled"}, 202)},
        "400 download": {"run": a_run(1), "download": Reply.of_json({"status": "Canceled", "message": "by user"}, 400)},
        "400 download, no words": {"run": a_run(1), "download": Reply(400)},
    }

    @pytest.mark.parametrize("play", CANCELLED.values(), ids=CANCELLED)
    def test_a_cancelled_run_is_ordered_anew_once(self, stage: Stage, play: dict[str, Reply]) -> None:
        """Two orders in one sync at most, the second is said and comes to its end."""
        whole: dict[str, Play] = {"run": a_run(1), "download": WHOLE_RUN}

        def of_order(service: str) -> Callable[[Asked], Reply | None]:
            return lambda one: answerer(play.get(service, NO_FILE) if asked(stage, "request") < 2 else whole[service])(
                one
            )

        stage.play(run=of_order("run"), download=of_order("download"))
        ended = stage.sync_once()
        assert (ended.exit_code, ended.outcome, ended.orders) == (0, "done", 2)
        assert "placed anew" in ended.said
        assert stage.files() == {"a.csv": BODY}

    @pytest.mark.parametrize("play", CANCELLED.values(), ids=CANCELLED)
    def test_a_run_that_is_cancelled_for_ever_costs_two_orders_in_one_sync(
        self, stage: Stage, play: dict[str, Reply]
    ) -> None:
        stage.play(**{"download": WORKING, **play})
        ended = stage.sync_once()
        assert (ended.exit_code, ended.outcome, ended.orders) == (3, "expired", 2)
        check_mended(stage, orders=1)

    HTTP_ERRORS: ClassVar[dict[str, Reply]] = {
        "500": Reply.of_json({"status": "error"}, 500),
        "500 page": Reply.of_page("Internal Server Error", 500),
        "503": Reply.of_page("Maintenance", 503),
        "404": Reply(404),
        "400 without a code": Reply.of_json({"status": "error"}, 400),
        "403": Reply(403),
    }

    @pytest.mark.parametrize("answer", HTTP_ERRORS.values(), ids=HTTP_ERRORS)
    def test_an_http_error_says_nothing_about_the_run(self, stage: Stage, answer: Reply) -> None:
        """It is asked again in this sync or in the next, and nothing is ordered twice."""
        stage.play(run=[RUNNING, answer, a_run(1)], download=WHOLE_RUN, status=OPEN)
        ended = stage.sync_once()
        if ended.outcome != "done":
            assert (ended.exit_code, ended.outcome) == (3, "failed-retryable")
            ended = stage.sync_once()
            assert (ended.exit_code, ended.outcome, ended.orders) == (0, "done", 0)
        assert stage.files() == {"a.csv": BODY}
        assert asked(stage, "request") == 1

    def test_an_http_error_that_stays_ends_with_the_orders_life(self, stage: Stage) -> None:
        stage.write(FEBRUARY, NO_METADATA)
        ended = sync_for_days(stage, "run", Reply.of_json({"status": "error"}, 500), download=WORKING)
        assert (ended.exit_code, ended.outcome, ended.orders) == (3, "failed-retryable", 1)
        assert asked(stage, "run") <= 5
        check_mended(stage, orders=1)


class TestQ14OtherStates:
    """Q14: states nobody has seen: with 202 still working, with 200 worth a download, both only for so long."""

    STATES = ("crunching numbers", "PENDING REVIEW", "", None, 7, "errand", "in completion", "uncancelled")

    @pytest.mark.parametrize("state", STATES)
    def test_with_202_it_still_works(self, stage: Stage, state: object) -> None:
        stage.play(run=[*[unseen(state, 202)] * 4, a_run(1)], download=WHOLE_RUN)
        ended = stage.sync_once()
        assert (ended.exit_code, ended.outcome, ended.orders) == (0, "done", 1)
        assert (asked(stage, "run"), stage.files()) == (5, {"a.csv": BODY})

    @pytest.mark.parametrize("state", STATES)
    def test_with_202_for_days_it_is_given_up_and_ordered_by_the_next_sync(self, stage: Stage, state: object) -> None:
        stage.write(FEBRUARY, NO_METADATA)
        ended = sync_for_days(stage, "run", unseen(state, 202), download=WORKING)
        assert (ended.exit_code, ended.outcome, ended.orders) == (3, "failed-retryable", 1)
        assert asked(stage, "run") <= 5
        assert "given up" in ended.reason
        check_mended(stage, orders=1)

    @pytest.mark.parametrize("count", [1, 0, None, 3])
    @pytest.mark.parametrize("state", ["ready", "data product running", "queued", "", None])
    def test_with_200_the_files_are_tried(self, stage: Stage, state: object, count: int | None) -> None:
        """What was announced has to come: with three announced and one here it is no success."""
        stage.play(run=unseen(state, 200, count), download=WHOLE_RUN)
        ended = stage.sync_once()
        assert stage.files() == {"a.csv": BODY}
        assert ended.orders == 1
        assert (ended.exit_code, ended.outcome) == ((3, "failed-retryable") if count == 3 else (0, "done"))

    @pytest.mark.parametrize("answer", [NO_FILE, Reply(204)], ids=["404", "204"])
    def test_with_200_and_no_file_it_is_asked_again(self, stage: Stage, answer: Reply) -> None:
        """Before the run is `complete` there is no end of files (question 7)."""

        def download(one: Asked) -> Reply:
            return WHOLE_RUN(one) if asked(stage, "run") == 3 else answer

        stage.play(run=[unseen("ready", 200), unseen("ready", 200), a_run(1)], download=download)
        ended = stage.sync_once()
        assert (ended.exit_code, ended.outcome, ended.orders) == (0, "done", 1)
        assert stage.files() == {"a.csv": BODY}

    @pytest.mark.parametrize("answer", [NO_FILE, Reply(204)], ids=["404", "204"])
    def test_with_200_and_never_a_file_it_is_given_up_and_not_empty(self, stage: Stage, answer: Reply) -> None:
        stage.write(FEBRUARY, NO_METADATA)
        ended = sync_for_days(stage, "run", unseen("ready", 200), download=answer)
        assert (ended.exit_code, ended.outcome, ended.orders) == (3, "failed-retryable", 1)
        assert asked(stage, "run") <= 5
        check_mended(stage, orders=1)

    def test_with_200_and_an_endless_202_the_order_is_kept_for_the_next_sync(self, stage: Stage) -> None:
        stage.write(FEBRUARY, NO_METADATA)
        ended = sync_for_days(stage, "download", WORKING, run=unseen("ready", 200))
        assert (ended.exit_code, ended.outcome, ended.orders) == (3, "failed-retryable", 1)
        check_mended(stage, orders=0)

    def test_complete_after_an_unseen_state_is_believed(self, stage: Stage) -> None:
        """The counterpart: `complete`, no file announced and none there is the service's word for no data."""
        stage.play(run=[unseen("ready", 200), a_run(0)], download=NO_FILE)
        ended = stage.sync_once()
        assert (ended.exit_code, ended.outcome, ended.orders) == (0, "empty", 1)
        assert asked(stage, "run") == 2


class TestQ15RunAfterCompletion:
    """Q15: `run` after completion tells of the same run, makes a new one, or refuses: the download is asked first."""

    RUNS: ClassVar[dict[str, Play]] = {
        "the same run": a_run(1),
        "a new run": [run_rows((OTHER, "queued", 0), status=202), run_rows((OTHER, "complete", 1))],
        "a refusal": UNKNOWN,
    }
    STATUS: ClassVar[dict[str, Reply]] = {"over": COMPLETED, "not known": Reply(404)}
    BOTH = staticmethod(files_of({(PLAYED, "1"): WHOLE, (OTHER, "1"): WHOLE}))

    @pytest.mark.parametrize("status", STATUS.values(), ids=STATUS)
    @pytest.mark.parametrize("run", RUNS.values(), ids=RUNS)
    def test_an_order_that_is_over_is_fetched_without_run(self, stage: Stage, run: Play, status: Reply) -> None:
        interrupt(stage)
        before = asked(stage, "run")
        stage.play(run=run, download=self.BOTH, status=status)
        ended = stage.sync_once()
        assert (ended.exit_code, ended.outcome, ended.orders) == (0, "done", 0)
        assert (asked(stage, "run"), stage.files()) == (before, {"a.csv": BODY})
        assert alive_orders(stage) == 0

    @pytest.mark.parametrize("status", STATUS.values(), ids=STATUS)
    @pytest.mark.parametrize("run", RUNS.values(), ids=RUNS)
    def test_nor_is_run_asked_while_the_files_synchronize(self, stage: Stage, run: Play, status: Reply) -> None:
        """The service's message says that the work is over before the file is there."""
        interrupt(stage)
        before, waits = asked(stage, "run"), [SYNCHRONIZING] * 3

        def download(one: Asked) -> Reply:
            return waits.pop() if waits else self.BOTH(one)

        stage.play(run=run, download=download, status=status)
        ended = stage.sync_once()
        assert (ended.exit_code, ended.outcome, ended.orders) == (0, "done", 0)
        assert (asked(stage, "run"), stage.files()) == (before, {"a.csv": BODY})

    @pytest.mark.parametrize("run", RUNS.values(), ids=RUNS)
    def test_where_nothing_is_there_run_may_answer_anything(self, stage: Stage, run: Play) -> None:
        """Another id is taken as it comes; only a refusal costs one order, and that is said."""
        interrupt(stage)
        waits = [WORKING]

        def download(one: Asked) -> Reply:
            return waits.pop() if waits else self.BOTH(one)

        play = [run, a_run(1)] if isinstance(run, Reply) else run
        stage.play(run=play, download=download, status=OPEN)
        ended = stage.sync_once()
        refused = run is UNKNOWN
        assert (ended.exit_code, ended.outcome, ended.orders) == (0, "done", int(refused))
        assert ("placed anew" in ended.said) == refused
        assert stage.files() == {"a.csv": BODY}

    @pytest.mark.parametrize("gone", [Reply(410), UNKNOWN], ids=["410", "400"])
    def test_another_id_is_taken_after_the_files_are_gone(self, stage: Stage, gone: Reply) -> None:
        interrupt(stage)
        files = files_of({(OTHER, "1"): WHOLE, (PLAYED, "1"): gone})
        stage.play(run=run_rows((OTHER, "complete", 1)), download=files, status=COMPLETED)
        ended = stage.sync_once()
        assert (ended.exit_code, ended.outcome, ended.orders) == (0, "done", 1)
        assert "placed anew" in ended.said
        assert ended.chunk is not None
        assert ended.chunk.order is not None
        assert ended.chunk.order.run_ids == (OTHER,)
        assert stage.files() == {"a.csv": BODY}

    def test_a_first_file_that_was_seen_and_is_gone_is_not_no_data(self, stage: Stage) -> None:
        interrupt(stage)
        first = answerer([WHOLE, NO_FILE])

        def download(one: Asked) -> Reply:
            return (first(one) or NO_FILE) if one.query["dpRunId"] == str(PLAYED) else self.BOTH(one)

        stage.play(run=run_rows((OTHER, "complete", 1)), download=download, status=COMPLETED)
        ended = stage.sync_once()
        assert (ended.exit_code, ended.outcome, ended.orders) == (0, "done", 1)
        assert "the first file is gone at the service" in ended.said
        assert stage.files() == {"a.csv": BODY}

    def test_a_first_file_that_fails_for_ever_hangs_nobody(self, stage: Stage) -> None:
        """January's orders go on meanwhile, so the service is not down; the order is kept for the next sync."""
        interrupt(stage)
        stage.write(FEBRUARY.replace("2015-02-01", "2015-01-01"), NO_METADATA)
        stage.play(run=RUNNING, download=Reply.of_json({}, 500), status=COMPLETED)
        ended = stage.sync_once()
        assert (ended.exit_code, ended.outcome, ended.orders) == (3, "failed-retryable", 0)
        assert stage.january_is_here()
        check_mended(stage, orders=0)


class TestQ16Crashes:
    """Q16: a crash between `request` and its id leaves an orphan that never runs; between `run` and its id, nothing."""

    @pytest.mark.parametrize(("line", "when", "orders"), [(2, "after", 1), (3, "before", 2), (3, "after", 1)])
    def test_around_request(self, stage: Stage, line: int, when: str, orders: int) -> None:
        """Lines 2 and 3 are `ordering` and `ordered`: at most one order twice, and at most one run."""
        self.check(stage, line, when, orders, a_run(1))
        assert asked(stage, "run") == 1

    @pytest.mark.parametrize(
        "then",
        [a_run(1), [RUNNING, a_run(1)], run_rows((OTHER, "complete", 1)), [run_rows((OTHER, "queued", 0), status=202)]],
        ids=["the same run, over", "the same run, at work", "another run, over", "another run, at work"],
    )
    def test_between_run_and_its_id(self, stage: Stage, then: Play) -> None:
        """Line 4 is `running`: `run` is asked again with the same request, whatever run it tells of."""
        if isinstance(then, list) and len(then) == 1:
            then = [*then, run_rows((OTHER, "complete", 1))]
        self.check(stage, 4, "before", 1, then)

    def check(self, stage: Stage, line: int, when: str, orders: int, then: Play) -> None:
        stage.write(FEBRUARY, NO_METADATA)
        stage.project().resolve()
        stage.play(run=RUNNING, download=WORKING)
        assert stage.sync_in_child(kill_after=line, when=when) == -9
        stage.play(run=then, download=files_of({(PLAYED, "1"): WHOLE, (OTHER, "1"): WHOLE}))
        ended = stage.sync_once()
        assert (ended.exit_code, ended.outcome) == (0, "done")
        assert (asked(stage, "request"), stage.files()) == (orders, {"a.csv": BODY})
        assert alive_orders(stage) == 0
