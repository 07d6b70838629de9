"""A lock with the marks of a conflict: one side of it can be read."""

from __future__ import annotations

from hypothesis import given

from oncsync.lockfile import Lock, has_conflicts, our_side, parse_lock, render_lock
from tests.lockfile.locks import LOCKS
from tests.support.records import make_entry, make_lock, make_request, steady

OURS = render_lock(make_lock(make_entry("a", make_request()), make_entry("b", make_request(code="AD"))), "m.yaml")
THEIRS = render_lock(make_lock(make_entry("a", make_request()), make_entry("c", make_request(code="LF"))), "m.yaml")


def conflict(*, base: bool = False) -> bytes:
    """Gives what git leaves when both sides changed what follows the first entry."""
    ours, theirs = OURS.splitlines(keepends=True), THEIRS.splitlines(keepends=True)
    common = next(number for number, (one, other) in enumerate(zip(ours, theirs, strict=False)) if one != other)
    middle = [b"||||||| 1234567\n", b"- gone\n"] if base else []
    return b"".join(
        [*ours[:common], b"<<<<<<< HEAD\n", *ours[common:], *middle, b"=======\n", *theirs[common:], b">>>>>>> x\n"]
    )


def test_a_whole_lock_has_no_conflicts_and_is_its_own_side() -> None:
    assert not has_conflicts(OURS)
    assert our_side(OURS) == OURS


def test_of_a_conflict_the_branch_that_was_merged_into_is_kept() -> None:
    for base in (False, True):
        text = conflict(base=base)
        assert has_conflicts(text)
        assert our_side(text) == OURS


def test_several_conflicts_and_windows_line_ends_are_understood() -> None:
    text = b"a\r\n<<<<<<< HEAD\r\nb\r\n=======\r\nc\r\n>>>>>>> x\r\nd\r\n<<<<<<< HEAD\r\n=======\r\ne\r\n>>>>>>> x\r\n"
    assert our_side(text) == b"a\r\nb\r\nd\r\n"


@steady(60)
@given(LOCKS)
def test_no_line_of_a_lock_looks_like_the_mark_of_a_conflict(lock: Lock) -> None:
    text = render_lock(lock, "oncsync.yaml")
    assert not has_conflicts(text)
    assert our_side(text) == text
    assert parse_lock(our_side(text)) == lock
