"""What each answer about a file of an order means: onc-api.md 3.3, open questions 7, 8, 13, 17, 18 and 20."""

from __future__ import annotations

import pytest

from oncsync.api import EndOfFiles, Expired, FailedRun, NoData, NotReady
from oncsync.engine.pace import Pace
from oncsync.engine.plan import Terms, make_plan
from oncsync.engine.transfers import Answer, Broken, Fetched, Job, Stopped
from oncsync.engine.work import MOST_ANNOUNCED, Again, Fail, Keep, Reaction, Reorder, Settle, Work, react_to_file
from oncsync.errors import (
    FaultError,
    FolderError,
    ForbiddenError,
    OncsyncError,
    RefusedError,
    TokenError,
    UnreachableError,
)
from oncsync.state import State
from tests.support.records import at, make_entry, make_lock, make_request

PACE = Pace(attempts=3, late_file_attempts=4, meta_patience=600, synchronize_patience=3600)
RUN = 56070469
ABSENT: list[EndOfFiles | NoData | Expired] = [EndOfFiles(), NoData(), Expired()]
FETCHED = Fetched("a.csv", "p.part", 1, "0" * 64, False)


def work(count: int | None = 2) -> Work:
    """Gives a chunk whose run is over and announced `count` files."""
    plan = make_plan(make_lock(make_entry("a", make_request())), State(), (), at("2018-01-01"), Terms())
    one = Work(plan.chunks[0], Terms(), {})
    one.counts = {RUN: count}
    return one


def react(one: Work, index: int | str, answer: Answer, tries: int = 1, waited: float = 0.0) -> Reaction:
    return react_to_file(one, Job(one.id, RUN, str(index)), answer, tries, waited, PACE)


def broken(error: OncsyncError) -> Broken:
    return Broken(error)


# --- Files ---------------------------------------------------------------------------------------------------------


def test_an_announced_file_is_kept_and_no_other_follows() -> None:
    for index in (1, 2):
        assert react(work(2), index, FETCHED) == Keep(FETCHED, None)


def test_a_file_beyond_those_announced_is_kept_and_the_next_asked_for() -> None:
    """Open question 8: the count was too low; go on until the end."""
    one = work(2)
    assert react(one, 3, FETCHED) == Keep(FETCHED, Job(one.id, RUN, "4"))


def test_without_a_count_each_file_asks_for_the_next() -> None:
    """Open question 8."""
    one = work(None)
    assert react(one, 1, FETCHED) == Keep(FETCHED, Job(one.id, RUN, "2"))


def test_metadata_ask_for_nothing_more() -> None:
    assert react(work(None), "meta", FETCHED) == Keep(FETCHED, None)


# --- 404, 204 and 410 ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", ABSENT, ids=lambda answer: type(answer).__name__)
def test_beyond_the_count_absence_is_the_end(answer: Answer) -> None:
    """Open question 7: 404, 410 or 204 at an index above `fileCount`."""
    assert react(work(2), 3, answer) == Settle()


@pytest.mark.parametrize(("count", "index"), [(0, 1), (2, 4)])
@pytest.mark.parametrize("answer", ABSENT, ids=lambda answer: type(answer).__name__)
def test_an_end_has_to_be_said_twice_where_the_count_is_no_witness(count: int, index: int, answer: Answer) -> None:
    """Open question 8: no file at all would be "no data" for ever; a count that was too low once says nothing more."""
    one = work(count)
    assert react(one, index, answer) == Again("late")
    assert react(one, index, answer) == Settle()


@pytest.mark.parametrize("index", [1, 2])
@pytest.mark.parametrize("answer", [EndOfFiles(), NoData()], ids=lambda answer: type(answer).__name__)
def test_an_announced_file_that_is_not_there_is_late_then_a_fault(answer: Answer, index: int) -> None:
    """Open question 7: files synchronise late; never the end, never "no data"."""
    for tries in (1, 2, 3):
        assert react(work(2), index, answer, tries) == Again("late")
    failure = react(work(2), index, answer, 4)
    assert failure == Fail(f"the service announced 2 files, but has no file {index}", is_missing=True)


@pytest.mark.parametrize("index", [1, 2])
def test_an_announced_file_that_was_deleted_is_ordered_anew(index: int) -> None:
    """Open questions 7 and 21: 410 at an index up to `fileCount`."""
    assert react(work(2), index, Expired()) == Reorder("the files were deleted at the service", is_loss=True)


@pytest.mark.parametrize("answer", [EndOfFiles(), NoData()], ids=lambda answer: type(answer).__name__)
def test_without_a_count_the_end_is_believed_when_it_is_said_twice(answer: Answer) -> None:
    """Open question 8."""
    one = work(None)
    assert react(one, 3, answer) == Again("late")
    assert react(one, 3, answer) == Settle()


def test_an_end_is_believed_later_when_the_order_may_not_be_over() -> None:
    """Open question 15."""
    one = work(None)
    one.ends_to_trust = 3
    assert [react(one, 3, EndOfFiles()) for _ in range(3)] == [Again("late"), Again("late"), Settle()]


def test_an_end_that_was_taken_back_does_not_count_for_the_next_index() -> None:
    """Open question 8: a file that came late after all; its successor gets two looks as well."""
    one = work(None)
    assert react(one, 2, EndOfFiles()) == Again("late")
    assert isinstance(react(one, 2, FETCHED), Keep)
    assert react(one, 3, EndOfFiles()) == Again("late")
    assert react(one, 3, EndOfFiles()) == Settle()


def test_without_a_count_a_deletion_is_the_end_only_after_the_first_file() -> None:
    """Open question 7: an old sample used 410 for "no such index"."""
    assert isinstance(react(work(None), 1, Expired()), Reorder)
    one = work(None)
    assert [react(one, 2, Expired()), react(one, 2, Expired())] == [Again("late"), Settle()]


@pytest.mark.parametrize("index", [1, 3, "meta"])
def test_a_web_page_in_place_of_a_404_is_an_outage(index: int | str) -> None:
    """Open questions 9 and 11: never an end, until it stays the same; right after the announced files two suffice."""
    page = EndOfFiles(is_page=True)
    for one in (work(2), work(None)):
        assert react(one, index, page, tries=1) == Again("broken")
        is_expected = index == 3 and one.counts[RUN] == 2
        assert react(one, index, page, tries=2) == (Settle() if is_expected else Again("broken"))
    last = react(work(2), index, page, tries=3)
    assert isinstance(last, Fail if index == 1 else Settle)
    assert isinstance(react(work(2), 4, page, tries=3), Fail)
    assert isinstance(react(work(0), 1, page, tries=3), Fail)
    assert isinstance(react(work(None), 3, page, tries=3), Fail)


# --- 202 -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("index", [1, 2])
def test_a_file_that_is_not_ready_is_waited_for_with_patience(index: int) -> None:
    """onc-api.md 3.3: 202 goes on after `complete`."""
    assert react(work(2), index, NotReady("running", "waiting", 7.0), waited=3600) == Again("not ready", 7.0)
    failure = react(work(2), index, NotReady(), waited=3601)
    assert failure == Fail(f"file {index} was not ready 60 min after its run was complete", is_missing=True)


def test_a_file_nobody_announced_is_not_waited_for_as_long() -> None:
    """All announced files are here: an endless 202 beyond them is worth a note, no failure."""
    assert react(work(2), 3, NotReady(), waited=600) == Again("not ready")
    settled = react(work(2), 3, NotReady(), waited=601)
    assert settled == react(work(1), 3, NotReady(), waited=601)
    assert isinstance(settled, Settle)
    assert settled.note is not None
    assert "file 3" in settled.note


def test_of_a_run_that_announced_nothing_only_absence_means_no_data() -> None:
    """Rule 4, open question 10: an outage, a failure or silence is never "no data"."""
    failure = react(work(0), 1, NotReady(), waited=601)
    assert isinstance(failure, Fail)
    assert react(work(0), 1, NotReady(), waited=600) == Again("not ready")
    assert react(work(0), 1, FailedRun("boom")) == Fail("boom", run_failed=True)
    assert isinstance(react(work(0), 1, FailedRun("", "cancelled")), Reorder)
    unknown = broken(RefusedError("r", status=400, code=127, text="unknown"))
    assert isinstance(react(work(0), 1, unknown), Reorder)
    assert isinstance(react(work(0), 1, broken(FaultError("down")), tries=3), Fail)
    assert isinstance(react(work(0), 1, EndOfFiles(is_page=True), tries=3), Fail)


def test_beyond_the_count_a_failed_run_has_delivered_what_it_announced() -> None:
    assert react(work(2), 3, FailedRun("boom")) == Settle()


def test_a_run_that_failed_is_a_failure_and_a_cancelled_one_is_ordered_anew() -> None:
    """Open question 13."""
    assert react(work(2), 1, FailedRun("out of memory")) == Fail("out of memory", run_failed=True)
    assert react(work(2), 1, FailedRun("")) == Fail("the run failed at the service", run_failed=True)
    assert isinstance(react(work(2), 1, FailedRun("", "cancelled")), Reorder)


# --- Calls that broke ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("index", [1, 3])
@pytest.mark.parametrize("error", [FaultError("x", retry_after=9.0), UnreachableError("x", retry_after=9.0)])
def test_a_broken_transfer_is_tried_again_a_few_times(error: OncsyncError, index: int) -> None:
    """Open question 45."""
    answer = broken(error)
    for tries in (1, 2):
        assert react(work(2), index, answer, tries) == Again("broken", 9.0, answer)
    assert react(work(2), index, answer, 3) == Fail("x", error=answer)


def test_an_unknown_run_is_ordered_anew_unless_every_announced_file_is_asked_for_elsewhere() -> None:
    """Open question 21; beyond the count a 400 is only another way to say that there is nothing."""
    answer = broken(RefusedError("r", status=400, code=127, text="Invalid search header ID."))
    assert react(work(2), 1, answer) == Reorder("Invalid search header ID. (code 127)")
    assert react(work(None), 5, answer) == Reorder("Invalid search header ID. (code 127)")
    assert react(work(2), 3, answer) == Settle()


def test_restricted_data_fail_that_chunk_for_good() -> None:
    """Open question 46: 403."""
    answer = broken(ForbiddenError("restricted", status=403))
    assert react(work(2), 1, answer) == Fail("restricted", is_permanent=True, error=answer)


def test_a_transfer_that_was_stopped_is_one_for_later() -> None:
    assert react(work(2), 1, Stopped()) == Again("broken")
    assert react(work(2), "meta", Stopped()) == Again("broken")


# --- Metadata ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer", [*ABSENT, FailedRun("x"), FailedRun("", "cancelled")], ids=lambda answer: type(answer).__name__
)
def test_missing_metadata_are_a_note_and_never_cost_the_data(answer: Answer) -> None:
    """Open question 20."""
    settled = react(work(2), "meta", answer)
    assert isinstance(settled, Settle)
    assert settled.note is not None
    assert settled.note.startswith("no metadata file: ")


def test_metadata_have_a_patience_of_their_own() -> None:
    """Open question 20: they may be 202 on their own after all data files are done."""
    assert react(work(2), "meta", NotReady(retry_after=3.0), waited=600) == Again("not ready", 3.0)
    assert react(work(2), "meta", NotReady(), waited=601) == Settle("no metadata file: it was not ready after 10 min")


@pytest.mark.parametrize(
    "error", [RefusedError("r", status=400, text="unknown"), ForbiddenError("unknown"), FaultError("unknown")]
)
def test_metadata_that_cannot_be_had_are_a_note(error: OncsyncError) -> None:
    assert react(work(2), "meta", broken(error), tries=3) == Settle("no metadata file: unknown")


def test_metadata_are_tried_again_after_a_fault() -> None:
    answer = broken(FaultError("down"))
    assert react(work(2), "meta", answer, tries=2) == Again("broken", None, answer)


@pytest.mark.parametrize("error", [TokenError("t"), FolderError("f"), OncsyncError("bug")])
def test_what_is_wrong_here_is_never_a_note_about_metadata(error: OncsyncError) -> None:
    """A full disk or a refused token is not about one file."""
    assert isinstance(react(work(2), "meta", broken(error)), Fail)


# --- Which files to ask for ----------------------------------------------------------------------------------------


def indexes(one: Work, *settled: str) -> list[str]:
    return [job.index for job in one.jobs_of_runs({(RUN, index) for index in settled})]


def test_announced_files_and_one_beyond_are_asked_for() -> None:
    """Open question 8: one index beyond the count is probed."""
    assert indexes(work(2)) == ["1", "2", "3"]
    assert indexes(work(0)) == ["1"]


def test_files_that_are_here_are_not_asked_for_again() -> None:
    """R109, R110: at most the unfinished part is repeated."""
    assert indexes(work(3), "1", "3", "meta") == ["2", "4"]
    assert indexes(work(2), "1", "2", "3") == ["4"]


def test_without_a_count_the_first_file_that_is_not_here_is_asked_for() -> None:
    assert indexes(work(None)) == ["1"]
    assert indexes(work(None), "1", "2", "meta") == ["3"]
    assert indexes(work(None), "1", "3") == ["2"]


def test_an_absurd_count_is_no_count() -> None:
    """Rule 7: what the service says is untrusted; it fills no memory."""
    one = work(10**15)
    assert indexes(one) == ["1"]
    assert react(one, 1, FETCHED) == Keep(FETCHED, Job(one.id, RUN, "2"))
    assert len(indexes(work(MOST_ANNOUNCED))) == MOST_ANNOUNCED + 1


def test_every_run_of_an_order_is_fetched() -> None:
    """Open question 17: an order may have several runs."""
    one = work(1)
    one.counts = {RUN: 1, RUN + 1: None}
    jobs = one.jobs_of_runs({(RUN, "1")})
    assert [(job.run_id, job.index) for job in jobs] == [(RUN, "2"), (RUN + 1, "1")]
    assert [(job.run_id, job.index) for job in one.meta_jobs({(RUN, "meta")})] == [(RUN + 1, "meta")]


def test_a_chunk_is_called_by_its_codes_and_its_span() -> None:
    assert work().label == "BACAX CTD TSSD csv 2017-05-01..2017-06-01"
