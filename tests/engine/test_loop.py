"""The event loop: calls in pools, reactions in one thread, waits that are timers."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from oncsync.engine.loop import Loop


class Clock:
    """A clock that only the test moves."""

    def __init__(self) -> None:
        self.time = 100.0

    def __call__(self) -> float:
        return self.time


@contextmanager
def running(monotonic: Any = None, **pools: int) -> Iterator[Loop]:
    """Gives a loop whose threads end with the test."""
    loop = Loop(pools or {"run": 2}, *([monotonic] if monotonic else []))
    try:
        yield loop
    finally:
        loop.drain(5)


def test_an_answer_is_given_to_its_reaction_in_the_thread_that_turns() -> None:
    """R112: calls run beside each other; the state has one writer."""
    with running() as loop:
        where: list[str] = []

        def call() -> int:
            where.append(threading.current_thread().name)
            return 7

        def react(answer: int) -> None:
            where.append(f"{answer} in {threading.current_thread().name}")

        loop.call("run", call, react)
        assert (loop.active("run"), loop.is_idle) == (1, False)
        loop.turn()
        assert (loop.active("run"), loop.is_idle) == (0, True)
        assert where[0].startswith("oncsync-run-")
        assert where[1] == f"7 in {threading.current_thread().name}"


def test_a_pool_runs_as_many_calls_at_once_as_it_has_threads() -> None:
    """R91, R95."""
    together = threading.Barrier(3, timeout=20)
    with running(run=3) as loop:
        answers: list[int] = []
        for _ in range(3):
            loop.call("run", together.wait, answers.append)
        while not loop.is_idle:
            loop.turn()
        assert sorted(answers) == [0, 1, 2]


def test_a_pool_never_runs_more_calls_at_once_than_it_has_threads() -> None:
    guard, at_once, most = threading.Lock(), 0, 0
    finished: list[int] = []

    def call() -> int:
        nonlocal at_once, most
        with guard:
            at_once += 1
            most = max(most, at_once)
        with guard:
            at_once -= 1
            return at_once

    with running(run=2) as loop:
        for _ in range(50):
            loop.call("run", call, finished.append)
        assert not loop.is_free("run")
        while not loop.is_idle:
            loop.turn()
        assert loop.is_free("run")
    assert len(finished) == 50
    assert 1 <= most <= 2


def test_one_pool_does_not_wait_for_another() -> None:
    """R95, R112: transfers go on while orders are asked for."""
    release = threading.Event()
    with running(run=1, download=1) as loop:
        answers: list[str] = []
        loop.call("run", lambda: f"slow: {release.wait(20)}", answers.append)
        loop.call("download", lambda: "quick", answers.append)
        loop.turn()
        assert (answers, loop.active("run"), loop.is_free("download")) == (["quick"], 1, True)
        release.set()
        loop.turn()
        assert answers == ["quick", "slow: True"]


def test_a_reaction_may_call_again() -> None:
    with running() as loop:
        answers: list[int] = []

        def react(answer: int) -> None:
            answers.append(answer)
            if answer < 3:
                loop.call("run", lambda: answer + 1, react)

        loop.call("run", lambda: 1, react)
        while not loop.is_idle:
            loop.turn()
        assert answers == [1, 2, 3]


def test_what_a_call_raises_is_raised_by_the_turn() -> None:
    with running() as loop:
        loop.call("run", lambda: 1 // 0, lambda answer: None)
        with pytest.raises(ZeroDivisionError):
            loop.turn()
        assert loop.is_idle


def test_an_error_that_is_an_answer_is_not_raised() -> None:
    with running() as loop:
        answers: list[object] = []
        error = ValueError("said, not raised")
        loop.call("run", lambda: error, answers.append)
        loop.turn()
        assert answers == [error]


def test_timers_run_in_the_order_of_their_times() -> None:
    clock = Clock()
    with running(clock) as loop:
        ran: list[str] = []
        for seconds, name in ((3.0, "c"), (1.0, "a"), (1.0, "a too"), (2.0, "b"), (9.0, "late")):
            loop.later(seconds, lambda name=name: ran.append(name))  # type: ignore[misc]
        clock.time += 3.0
        loop.turn()
        assert ran == ["a", "a too", "b", "c"]
        assert not loop.is_idle
        clock.time += 6.0
        loop.turn()
        assert ran[-1] == "late"
        assert loop.is_idle


def test_a_timer_may_set_another() -> None:
    clock = Clock()
    with running(clock) as loop:
        ran: list[float] = []

        def action() -> None:
            ran.append(clock.time)
            if len(ran) < 3:
                loop.later(1.0, action)

        loop.later(0.0, action)
        while not loop.is_idle:
            loop.turn()
            clock.time += 1.0
        assert ran == [100.0, 101.0, 102.0]


def test_an_answer_does_not_wait_for_a_timer() -> None:
    with running() as loop:
        answers: list[int] = []
        loop.later(3600.0, lambda: None)
        loop.call("run", lambda: 1, answers.append)
        loop.turn()
        assert answers == [1]


def test_a_turn_may_be_told_how_long_to_wait_at_most() -> None:
    with running() as loop:
        loop.later(3600.0, lambda: None)
        loop.turn(longest=0.001)
        assert not loop.is_idle


def test_draining_reacts_to_calls_under_way_and_forgets_timers() -> None:
    """R110: an order that was being asked for is still written down."""
    answers: list[int] = []
    ran: list[int] = []
    release = threading.Event()
    loop = Loop({"run": 1})
    loop.call("run", lambda: (release.wait(20) and 1) or 0, answers.append)
    loop.later(0.0, lambda: ran.append(1))
    release.set()
    loop.drain(20)
    assert (answers, ran, loop.is_idle) == ([1], [], True)


def test_draining_does_not_wait_for_ever() -> None:
    release = threading.Event()
    answers: list[Any] = []
    loop = Loop({"run": 1})
    loop.call("run", lambda: release.wait(20), answers.append)
    loop.drain(0.01)
    assert answers == []
    release.set()


def ended(name: str) -> bool:
    """Waits for the threads of a pool to end; says whether they did."""
    threads = [thread for thread in threading.enumerate() if thread.name.startswith(f"oncsync-{name}-")]
    for thread in threads:
        thread.join(20)
    return not any(thread.is_alive() for thread in threads)


def test_threads_end_after_draining_also_when_a_reaction_fails() -> None:
    loop = Loop({"ending": 2})

    def react(answer: int) -> None:
        raise ZeroDivisionError

    loop.call("ending", lambda: 1, react)
    with pytest.raises(ZeroDivisionError):
        loop.drain(20)
    assert ended("ending")
