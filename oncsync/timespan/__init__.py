"""Instants, ISO 8601 durations, half-open spans and their splitting along the calendar. Pure: reads no clock.

Inside oncsync an instant is an aware `datetime` in UTC with millisecond precision; a span is half-open.
"""

from oncsync.timespan.instants import (
    FIRST_INSTANT,
    LAST_INSTANT,
    UTC,
    Duration,
    TimeTextError,
    add_months,
    format_instant,
    format_moment,
    format_stamp,
    is_duration,
    is_relative,
    parse_duration,
    parse_end,
    parse_instant,
)
from oncsync.timespan.spans import (
    DAY_NUMBERS,
    GRID_ORIGIN,
    MOST_PIECES,
    Span,
    evaluate_bounds,
    grid_line_at_or_before,
    is_tiled,
    merge_spans,
    snap_outward,
    split_span,
    subtract_spans,
)

__all__ = [
    "DAY_NUMBERS",
    "FIRST_INSTANT",
    "GRID_ORIGIN",
    "LAST_INSTANT",
    "MOST_PIECES",
    "UTC",
    "Duration",
    "Span",
    "TimeTextError",
    "add_months",
    "evaluate_bounds",
    "format_instant",
    "format_moment",
    "format_stamp",
    "grid_line_at_or_before",
    "is_duration",
    "is_relative",
    "is_tiled",
    "merge_spans",
    "parse_duration",
    "parse_end",
    "parse_instant",
    "snap_outward",
    "split_span",
    "subtract_spans",
]
