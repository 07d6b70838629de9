"""The span an entry means, and which of its bounds move with the clock. Pure: reads no clock.

A bound that a person wrote stays as it is; one that moves with the clock is snapped outward to the grid of the split,
so that resolving twice within one step of the grid gives the same chunks (architecture, "Relative and open spans").
"""

from __future__ import annotations

from datetime import datetime

from oncsync.timespan import Span, evaluate_bounds, is_duration, snap_outward


def moving_bounds(begin: str, end: str | None) -> tuple[bool, bool]:
    """Whether the begin and the end move with the clock: `now`, no end, and a duration that counts from one of them."""
    begin_is_now = _is_now(begin)
    end_is_now = end is None or _is_now(end)
    return (
        begin_is_now or (end_is_now and is_duration(begin)),
        end_is_now or (begin_is_now and end is not None and is_duration(end)),
    )


def span_expression(begin: str | None, end: str | None) -> str | None:
    """Gives how a span that moves with the clock is written, None for one that does not move."""
    if begin is None or not any(moving_bounds(begin, end)):
        return None
    return f"{begin}/{end or 'now'}"


def evaluate_span(begin: str, end: str | None, split: str, day_of_week: str, now: datetime) -> Span:
    """Gives the span that two bounds mean at `now` (a UTC instant); bounds that move are snapped outward.

    Raises `TimeTextError` when there is no instant between them.
    """
    span = evaluate_bounds(begin, end, now)
    begin_moves, end_moves = moving_bounds(begin, end)
    wide = snap_outward(span, split, day_of_week) if begin_moves or end_moves else span
    return Span(wide.begin if begin_moves else span.begin, wide.end if end_moves else span.end)


def describe_widening(begin: str, end: str | None, split: str, span: Span, now: datetime) -> str | None:
    """Says that snapping to the grid more than doubles what is asked, None when it does not."""
    asked = evaluate_bounds(begin, end, now)
    reached = Span(span.begin, min(span.end, max(now, asked.end)))
    if reached.end - reached.begin <= 2 * (asked.end - asked.begin):
        return None
    return (
        f"`{begin}` to `{end or 'now'}` is asked in whole pieces of `splitDateRange: {split}`, from"
        f" {span.begin:%Y-%m-%d} on; a finer split asks for less"
    )


def _is_now(bound: str) -> bool:
    return bound.strip().lower() == "now"
