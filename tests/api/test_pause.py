"""One wait for all workers: what a 429 or 503 says to one thread holds for every thread (open question 44)."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from oncsync.api import (
    Session,
    get_locations,
    list_archive_files,
    open_archive_file,
    open_file,
    request_product,
    run_order,
)
from oncsync.api.pause import SharedPause
from oncsync.api.retry import LONGEST_RETRY_AFTER, RetryPolicy
from oncsync.errors import FaultError, RefusedError, UnreachableError
from tests.api.conftest import NOW, Connect
from tests.support.scripted import Asked, Reply, Serve

LIMIT = 20.0
"""Seconds after which a thread that should move is taken to hang."""


class FakeTime:
    """A clock that the test moves, and on which any number of threads sleep."""

    def __init__(self) -> None:
        self._moved = threading.Condition()
        self._now = 1000.0
        self._asleep = 0
        self.naps: Counter[str] = Counter()

    def clock(self) -> float:
        """Gives the time."""
        return self._now

    def sleep(self, seconds: float) -> None:
        """Sleeps until the test has moved the clock that far."""
        with self._moved:
            until = self._now + seconds
            self.naps[threading.current_thread().name] += 1
            self._asleep += 1
            self._moved.notify_all()
            assert self._moved.wait_for(lambda: self._now >= until, LIMIT)
            self._asleep -= 1
            self._moved.notify_all()

    def await_sleepers(self, number: int) -> None:
        """Waits until exactly so many threads sleep."""
        with self._moved:
            assert self._moved.wait_for(lambda: self._asleep == number, LIMIT)

    def await_naps(self, number: int) -> None:
        """Waits until somebody has gone to sleep so many times in all."""
        with self._moved:
            assert self._moved.wait_for(lambda: self.naps.total() == number, LIMIT)

    def move(self, seconds: float) -> None:
        """Moves the clock."""
        with self._moved:
            self._now += seconds
            self._moved.notify_all()


@pytest.fixture
def staged() -> FakeTime:
    """Gives the clock of a test, which the test moves."""
    return FakeTime()


ASKS: list[Callable[[Session], Any]] = [
    lambda session: session.get_json("api/x", {}, attempts=1),
    lambda session: session.get_json("api/x", {}, attempts=5),
    lambda session: session.open_stream("api/x", {}).close(),
    lambda session: open_file(session, 1, 1),
    lambda session: open_archive_file(session, "a.txt"),
    lambda session: request_product(session, {}),
    lambda session: run_order(session, 1),
    lambda session: list_archive_files(session, device_code="D"),
    get_locations,
]
"""Every way to ask, those that schedule their own next attempt included."""
ANSWER = Reply.of_json({"files": [], "next": None, "dpRequestId": 1, "dpRunId": 1, "locationCode": "A"})


def answers_once(first: Reply) -> Callable[[Asked], Reply]:
    """Turns the first question away and answers all others."""
    turned_away = threading.Event()

    def answer(asked: Asked) -> Reply:
        if turned_away.is_set():
            return ANSWER
        turned_away.set()
        return first

    return answer


FORMS = {
    "429, seconds": Reply(429, headers={"Retry-After": "30"}),
    "503, seconds": Reply(503, headers={"Retry-After": "30"}),
    "429, date": Reply(429, headers={"Retry-After": format_datetime(NOW + timedelta(seconds=30), usegmt=True)}),
    "503, page": Reply.of_page("Maintenance", 503, headers={"Retry-After": "30"}),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_thread_waits_whoever_was_turned_away_and_however_it_asks(
    serve: Serve, connect: Connect, staged: FakeTime, form: str
) -> None:
    answer, asked_at = answers_once(FORMS[form]), []

    def answer_and_look(asked: Asked) -> Reply:
        asked_at.append(staged.clock())
        return answer(asked)

    service = serve(answer_and_look)
    session = connect(service, sleep=staged.sleep, clock=staged.clock)
    with pytest.raises(FaultError):
        session.get_json("api/x", {}, attempts=1)
    with ThreadPoolExecutor(len(ASKS)) as pool:
        asking = [pool.submit(ask, session) for ask in ASKS]
        staged.await_sleepers(len(ASKS))
        staged.move(29.9)
        staged.await_sleepers(len(ASKS))
        assert len(service.asked) == 1, "nobody asked during the pause"
        staged.move(1.1)
        for one in asking:
            ended(one)
    assert len(service.asked) == 1 + len(ASKS)
    assert min(asked_at[1:]) >= 1030.0
    assert set(staged.naps.values()) == {1}, "one sleep each, no looking again and again"


def ended(one: Future[Any]) -> None:
    """Waits for an answer; that of `open_file` and its like may be a fault, for the script has no file."""
    error = one.exception(LIMIT)
    assert error is None or (isinstance(error, FaultError) and error.status == 200)


def test_who_was_turned_away_waits_as_long_as_the_others(serve: Serve, connect: Connect, staged: FakeTime) -> None:
    service = serve(answers_once(FORMS["429, seconds"]))
    session = connect(service, sleep=staged.sleep, clock=staged.clock)
    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(session.get_json, "api/x", {}, attempts=3)
        staged.await_sleepers(1)
        assert session.pause_left == 30.0
        staged.move(31.0)
        assert asking.result(LIMIT).status == 200
    assert set(staged.naps.values()) == {1}


def test_a_pause_that_grows_while_others_wait_holds_for_them_too(
    serve: Serve, connect: Connect, staged: FakeTime
) -> None:
    """A question that was on its way when the pause began brings a longer one back."""
    on_its_way, go_on = threading.Event(), threading.Event()

    def answer(asked: Asked) -> Reply:
        if asked.path == "/api/slow":
            on_its_way.set()
            assert go_on.wait(LIMIT)
            return Reply(503, headers={"Retry-After": "100"})
        return Reply(429, headers={"Retry-After": "30"}) if asked.path == "/api/first" else ANSWER

    service = serve(answer)
    session = connect(service, sleep=staged.sleep, clock=staged.clock)
    with ThreadPoolExecutor(2) as pool:
        slow = pool.submit(session.get_json, "api/slow", {}, attempts=1)
        assert on_its_way.wait(LIMIT)
        with pytest.raises(FaultError):
            session.get_json("api/first", {}, attempts=1)
        waiting = pool.submit(session.get_json, "api/x", {}, attempts=1)
        staged.await_naps(1)
        go_on.set()
        assert isinstance(slow.exception(LIMIT), FaultError)
        staged.move(50.0)
        staged.await_naps(2)
        assert [asked.path for asked in service.asked] == ["/api/slow", "/api/first"]
        assert session.pause_left == 50.0
        staged.move(51.0)
        assert waiting.result(LIMIT).status == 200
    assert staged.naps.total() == 2


def test_without_retry_after_the_wait_is_shared_grows_by_waves_and_begins_small_again(
    serve: Serve, connect: Connect, staged: FakeTime
) -> None:
    """Eight threads that hear one "slow down" make one wave, not eight."""
    crowd = threading.Barrier(8)
    refusing = threading.Event()
    refusing.set()

    def answer(asked: Asked) -> Reply:
        if asked.path == "/api/crowd":
            crowd.wait(LIMIT)
        return Reply(503) if refusing.is_set() else ANSWER

    session = connect(serve(answer), sleep=staged.sleep, clock=staged.clock, jitter=lambda: 0.999)

    def fails(path: str) -> None:
        with pytest.raises(FaultError):
            session.get_json(path, {}, attempts=1)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(fails, ["api/crowd"] * 8))
    assert session.pause_left == pytest.approx(0.999)
    for bound in (2.0, 4.0, 8.0):
        staged.move(100.0)
        fails("api/x")
        assert session.pause_left == pytest.approx(0.999 * bound)
    refusing.clear()
    staged.move(100.0)
    session.get_json("api/x", {}, attempts=1)
    assert session.pause_left == 0.0
    refusing.set()
    fails("api/x")
    assert session.pause_left == pytest.approx(0.999)


def test_a_refusal_of_one_question_is_no_reason_to_pause(serve: Serve, connect: Connect, staged: FakeTime) -> None:
    session = connect(serve([Reply(status) for status in (400, 403, 404, 410, 500, 502, 504)]), clock=staged.clock)
    for _ in range(7):
        with pytest.raises(Exception) as caught:
            session.get_json("api/x", {}, attempts=1)
        assert isinstance(caught.value, RefusedError | FaultError) or caught.value.status in (403, 404)  # type: ignore[attr-defined]
        assert session.pause_left == 0.0


def test_an_absurd_wait_is_capped(serve: Serve, connect: Connect, staged: FakeTime) -> None:
    session = connect(serve([Reply(429, headers={"Retry-After": "99999999"})]), clock=staged.clock)
    with pytest.raises(FaultError):
        session.get_json("api/x", {}, attempts=1)
    assert session.pause_left == LONGEST_RETRY_AFTER


def test_closing_the_session_wakes_who_waits_and_nothing_more_is_asked(serve: Serve, connect: Connect) -> None:
    """Ctrl-C does not wait ten minutes for the end of a pause."""
    service = serve([Reply(503, headers={"Retry-After": "600"}), ANSWER])
    session = connect(service, sleep=None)
    with pytest.raises(FaultError):
        session.get_json("api/x", {}, attempts=1)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(session.get_json, "api/x", {}, attempts=1)
        session.close()
        assert isinstance(waiting.exception(LIMIT), UnreachableError)
    assert len(service.asked) == 1


def test_a_pause_only_ever_grows_while_it_lasts(staged: FakeTime) -> None:
    pause = SharedPause(staged.clock)
    policy = RetryPolicy(first=1.0, cap=60.0)
    assert pause.left == 0.0
    pause.begin(pause.wave, 30.0, policy, lambda: 0.5)
    pause.begin(pause.wave, 5.0, policy, lambda: 0.5)
    assert pause.left == 30.0
    pause.begin(0, 40.0, policy, lambda: 0.5)
    assert pause.left == 40.0, "a longer `Retry-After` counts whichever wave brings it"
    staged.move(41.0)
    assert pause.left == 0.0


def test_the_bounds_of_the_waits_can_be_set(serve: Serve, connect: Connect, staged: FakeTime) -> None:
    session = connect(serve([Reply(503)]), clock=staged.clock, jitter=lambda: 0.5)
    session.set_waits(0.01, 0.05)
    with pytest.raises(FaultError):
        session.get_json("api/x", {}, attempts=1)
    assert session.pause_left == pytest.approx(0.005)
