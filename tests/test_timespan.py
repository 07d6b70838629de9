"""Instants, durations, spans, and their splitting along the calendar."""

from __future__ import annotations

import contextlib
from datetime import datetime, timedelta, timezone
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from oncsync.timespan import (
    DAY_NUMBERS,
    FIRST_INSTANT,
    GRID_ORIGIN,
    LAST_INSTANT,
    UTC,
    Duration,
    Span,
    TimeTextError,
    add_months,
    evaluate_bounds,
    format_instant,
    format_moment,
    format_stamp,
    grid_line_at_or_before,
    is_duration,
    is_relative,
    is_tiled,
    merge_spans,
    parse_duration,
    parse_end,
    parse_instant,
    snap_outward,
    split_span,
    subtract_spans,
)

NOW = datetime(2026, 11, 15, 12, 30, tzinfo=UTC)


def at(text: str) -> datetime:
    return parse_instant(text)


def span(begin: str, end: str) -> Span:
    return Span(parse_instant(begin), parse_end(end))


class TestInstants:
    @pytest.mark.parametrize(
        ("text", "instant"),
        [
            ("2017-05-01", datetime(2017, 5, 1, tzinfo=UTC)),
            ("2017-05-01T12:34:56.789Z", datetime(2017, 5, 1, 12, 34, 56, 789_000, tzinfo=UTC)),
            ("2017-05-01T12:34:56Z", datetime(2017, 5, 1, 12, 34, 56, tzinfo=UTC)),
            ("2017-05-01T12:34", datetime(2017, 5, 1, 12, 34, tzinfo=UTC)),
            ("2017-05-01t12:34z", datetime(2017, 5, 1, 12, 34, tzinfo=UTC)),
            ("2011-07-13 0:00:00", datetime(2011, 7, 13, tzinfo=UTC)),
            ("2011-7-3 9:05:00", datetime(2011, 7, 3, 9, 5, tzinfo=UTC)),
            ("  2017-05-01 ", datetime(2017, 5, 1, tzinfo=UTC)),
            ("2017-05-01T02:00:00+02:00", datetime(2017, 5, 1, tzinfo=UTC)),
            ("2017-04-30T16:00:00-0800", datetime(2017, 5, 1, tzinfo=UTC)),
            ("2017-05-01T00:00:00,5", datetime(2017, 5, 1, 0, 0, 0, 500_000, tzinfo=UTC)),
            ("2017-05-01T00:00:00.123456789Z", datetime(2017, 5, 1, 0, 0, 0, 123_000, tzinfo=UTC)),
            ("2017-04-30T24:00:00", datetime(2017, 5, 1, tzinfo=UTC)),
            ("2016-12-31T23:59:60Z", datetime(2017, 1, 1, tzinfo=UTC)),
            ("2016-02-29", datetime(2016, 2, 29, tzinfo=UTC)),
        ],
    )
    def test_every_documented_form_is_read_as_utc(self, text: str, instant: datetime) -> None:
        """R68, R165, I-3: a date alone, one-digit hours, no zone: all UTC."""
        assert parse_instant(text) == instant

    @pytest.mark.parametrize(
        ("text", "suggestion"),
        [("2013-20-23", "2013-10-23"), ("2013-20-23T00:00:00.000Z", "2013-10-23"), ("2017-13-05", "2017-12-05")],
    )
    def test_month_that_does_not_exist_gets_a_suggestion(self, text: str, suggestion: str) -> None:
        """I-18, R126: month 20 is an error that names what was probably meant, and is never swapped silently."""
        with pytest.raises(TimeTextError, match="has no month") as caught:
            parse_instant(text)
        assert caught.value.suggestion == suggestion

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "now",
            "yesterday",
            "2017",
            "2017-05",
            "05/01/2017",
            "2017-02-29",
            "2017-05-00",
            "2017-05-32",
            "0000-01-01",
            "2017-05-01T25:00",
            "2017-05-01T24:00:01",
            "2017-05-01T12:60",
            "2017-05-01T12:00:61",
            "2017-05-01T12:00:00+99:00",
            "2017-05-01T12:00:00 PST",
            "\u0662\u0660\u0661\u0667-05-01",
            "0001-01-01T00:00:00+01:00",
            "9999-12-31T24:00:00",
            "2017-99-99",
        ],
    )
    def test_anything_else_is_refused_with_its_text(self, text: str) -> None:
        with pytest.raises(TimeTextError) as caught:
            parse_instant(text)
        assert f"`{text}`" in str(caught.value)

    @given(st.datetimes(timezones=st.just(UTC)))
    def test_what_is_sent_reads_back(self, instant: datetime) -> None:
        instant = instant.replace(microsecond=instant.microsecond // 1000 * 1000)
        text = format_instant(instant)
        assert len(text) == 24
        assert parse_instant(text) == instant

    @given(st.datetimes(datetime(1900, 1, 1), timezones=st.timezones()))
    def test_instants_of_any_zone_are_sent_as_utc(self, instant: datetime) -> None:
        assert format_instant(instant).endswith("Z")
        assert abs(parse_instant(format_instant(instant)) - instant) < timedelta(milliseconds=1)

    def test_people_read_instants_to_the_minute_with_the_zone(self) -> None:
        """R97: what is about the run window is told in the window's own zone."""
        instant = at("2026-11-21T20:00:59.634Z")
        assert format_moment(instant) == "2026-11-21 20:00 UTC"
        assert format_moment(instant, ZoneInfo("America/Vancouver")) == "2026-11-21 12:00 America/Vancouver"
        assert format_moment(instant, timezone(timedelta(hours=2))) == "2026-11-21 22:00 UTC+02:00"

    def test_stamps_have_no_colons(self) -> None:
        assert format_stamp(at("2017-05-01")) == "20170501T000000Z"
        assert format_stamp(at("2017-05-01T01:02:03.040Z")) == "20170501T010203.040Z"
        assert format_stamp(at("0099-05-01")) == "00990501T000000Z"
        assert format_stamp(datetime(2017, 5, 1, 2, tzinfo=timezone(timedelta(hours=2)))) == "20170501T000000Z"

    @given(st.text(max_size=30))
    def test_any_text_is_a_time_or_a_time_text_error(self, text: str) -> None:
        for read in (parse_instant, parse_end, parse_duration):
            with contextlib.suppress(TimeTextError):
                read(text)


class TestEnds:
    @pytest.mark.parametrize(
        ("text", "end"),
        [
            ("2017-05-31T23:59:59.999Z", "2017-06-01"),
            ("2017-05-31T23:59:59Z", "2017-06-01"),
            ("2017-05-31 23:59:59", "2017-06-01"),
            ("2017-06-01T00:00:00.000Z", "2017-06-01"),
            ("2017-06-01", "2017-06-01"),
            ("2017-05-31T23:59:59.998Z", "2017-05-31T23:59:59.998Z"),
            ("2017-05-31T12:59:59Z", "2017-05-31T12:59:59Z"),
        ],
    )
    def test_last_second_of_a_day_means_the_whole_day(self, text: str, end: str) -> None:
        """R124, I-3, I-27: the whale example's inclusive end in milliseconds is the exclusive end of the day."""
        assert parse_end(text) == at(end)

    def test_last_day_of_the_calendar_is_refused(self) -> None:
        with pytest.raises(TimeTextError, match="years 1 to 9999"):
            parse_end("9999-12-31T23:59:59")


class TestDurations:
    @pytest.mark.parametrize(
        ("text", "duration"),
        [
            ("P1D", Duration(milliseconds=86_400_000)),
            ("-P1D", Duration(milliseconds=-86_400_000)),
            ("+PT1H", Duration(milliseconds=3_600_000)),
            ("-P1DT1H", Duration(milliseconds=-90_000_000)),
            ("PT12H30M", Duration(milliseconds=45_000_000)),
            ("P1Y2M", Duration(months=14)),
            ("P2W", Duration(milliseconds=14 * 86_400_000)),
            ("PT0.5S", Duration(milliseconds=500)),
            ("pt7m", Duration(milliseconds=420_000)),
            ("P1Y2M3W4DT5H6M7,089S", Duration(months=14, milliseconds=2_178_367_089)),
        ],
    )
    def test_iso_8601_durations_are_read(self, text: str, duration: Duration) -> None:
        assert parse_duration(text) == duration

    @pytest.mark.parametrize(
        "text",
        ["", "P", "PT", "1D", "P1H", "PT1D", "P1D2Y", "P-1D", "P1.5D", "P1DT", "--P1D", "P9999999999D", "P\u0661D"],
    )
    def test_anything_else_is_no_duration(self, text: str) -> None:
        with pytest.raises(TimeTextError, match="is not a duration"):
            parse_duration(text)

    @pytest.mark.parametrize(("text", "is_negative"), [("-P1M", True), ("-PT1S", True), ("P1D", False), ("P0D", False)])
    def test_sign(self, text: str, is_negative: bool) -> None:
        assert parse_duration(text).is_negative is is_negative

    @pytest.mark.parametrize(
        ("text", "relative", "duration"),
        [
            ("now", True, False),
            (" NOW", True, False),
            ("-P1D", True, True),
            ("+p1d", True, True),
            ("2017-05-01", False, False),
            ("", False, False),
        ],
    )
    def test_kinds_of_bounds(self, text: str, relative: bool, duration: bool) -> None:
        assert (is_relative(text), is_duration(text)) == (relative, duration)

    @pytest.mark.parametrize(
        "duration", [Duration(months=12 * 10**6), Duration(milliseconds=10**18), Duration(milliseconds=-(10**15))]
    )
    def test_far_away_instants_are_refused(self, duration: Duration) -> None:
        with pytest.raises(TimeTextError, match="years 1 to 9999"):
            duration.after(NOW)

    @pytest.mark.parametrize(
        ("instant", "months", "later"),
        [
            ("2017-01-31", 1, "2017-02-28"),
            ("2016-01-31", 1, "2016-02-29"),
            ("2017-03-31", -1, "2017-02-28"),
            ("2016-02-29", 12, "2017-02-28"),
            ("2016-12-15T01:02:03Z", 1, "2017-01-15T01:02:03Z"),
            ("2017-05-01", 0, "2017-05-01"),
            ("2017-05-01", -17, "2015-12-01"),
        ],
    )
    def test_months_end_on_their_last_day(self, instant: str, months: int, later: str) -> None:
        assert add_months(at(instant), months) == at(later)

    @given(st.datetimes(timezones=st.just(UTC)), st.integers(-130_000, 130_000))
    def test_months_keep_the_order_and_nearly_the_day(self, instant: datetime, months: int) -> None:
        try:
            later = add_months(instant, months)
        except TimeTextError:
            assert not 1 <= instant.year + (instant.month - 1 + months) // 12 <= 9999
            return
        assert (later.year - instant.year) * 12 + later.month - instant.month == months
        assert later.day <= instant.day
        assert later.time() == instant.time()


class TestBounds:
    @pytest.mark.parametrize(
        ("begin", "end", "begins", "ends"),
        [
            ("2017-05-01", "2017-06-01", "2017-05-01", "2017-06-01"),
            ("2017-05-01", None, "2017-05-01", "2026-11-15T12:30:00Z"),
            ("2017-05-01", "now", "2017-05-01", "2026-11-15T12:30:00Z"),
            ("-P1D", "now", "2026-11-14T12:30:00Z", "2026-11-15T12:30:00Z"),
            ("-P1D", None, "2026-11-14T12:30:00Z", "2026-11-15T12:30:00Z"),
            ("-P1DT1H", "2017-05-02T01:00:00Z", "2017-05-01", "2017-05-02T01:00:00Z"),
            ("2017-05-01", "PT12H30M", "2017-05-01", "2017-05-01T12:30:00Z"),
            ("2017-05-01", "P1M", "2017-05-01", "2017-06-01"),
            ("now", "PT1H", "2026-11-15T12:30:00Z", "2026-11-15T13:30:00Z"),
            ("-P1D", "2017-05-31T23:59:59.999Z", "2017-05-31", "2017-06-01"),
        ],
    )
    def test_durations_count_from_the_other_bound(self, begin: str, end: str | None, begins: str, ends: str) -> None:
        """R150, open questions 52 and 53: the last day, evaluated at `now`; no end means now."""
        assert evaluate_bounds(begin, end, NOW) == Span(at(begins), at(ends))

    @pytest.mark.parametrize(
        ("begin", "end", "message"),
        [
            ("-P1D", "P1D", "relative to each other"),
            ("2017-05-01", "2017-05-01", "the end is exclusive"),
            ("2017-06-01", "2017-05-01", "before it begins"),
            ("P1D", "now", "before it begins"),
            ("2099-01-01", None, "before it begins"),
            ("-P9999Y", "now", "years 1 to 9999"),
            ("now", "P9999Y", "years 1 to 9999"),
            ("-P999999999D", "now", "years 1 to 9999"),
        ],
    )
    def test_bounds_that_mean_no_span_are_refused(self, begin: str, end: str | None, message: str) -> None:
        with pytest.raises(TimeTextError, match=message):
            evaluate_bounds(begin, end, NOW)


class TestSplitting:
    def test_one_month_is_one_piece(self) -> None:
        """R90: 2017-05-01..2017-06-01 by month is one chunk."""
        whole = span("2017-05-01", "2017-06-01")
        assert split_span(whole, "month") == [whole]

    def test_three_days_are_three_pieces(self) -> None:
        """R90: 2017-05-01..05-04 by day is three chunks."""
        assert split_span(span("2017-05-01", "2017-05-04"), "day") == [
            span("2017-05-01", "2017-05-02"),
            span("2017-05-02", "2017-05-03"),
            span("2017-05-03", "2017-05-04"),
        ]

    def test_weeks_begin_on_the_day_and_the_first_and_last_are_clipped(self) -> None:
        """R89, R90: 2017-05-03T12..05-20 by week from Sunday is [03T12,07), [07,14), [14,20)."""
        assert split_span(span("2017-05-03T12:00", "2017-05-20"), "week", "SU") == [
            span("2017-05-03T12:00", "2017-05-07"),
            span("2017-05-07", "2017-05-14"),
            span("2017-05-14", "2017-05-20"),
        ]

    def test_migration_cycle_by_year_is_two_pieces(self) -> None:
        """R90, R124: 2016-06-01..2017-05-31T23:59:59.999 by year is two chunks."""
        assert split_span(span("2016-06-01", "2017-05-31T23:59:59.999"), "year") == [
            span("2016-06-01", "2017-01-01"),
            span("2017-01-01", "2017-06-01"),
        ]

    def test_all_is_one_piece(self) -> None:
        """R86: `all` leaves a span whole."""
        whole = span("2011-07-13T03:04:05.678Z", "2017-01-01")
        assert split_span(whole, "all") == [whole]

    def test_long_spans_become_small_pieces(self) -> None:
        """R87: ten years by month are 120 orders, none longer than 31 days."""
        pieces = split_span(span("2010-01-01", "2020-01-01"), "month")
        assert len(pieces) == 120
        assert max(piece.end - piece.begin for piece in pieces) == timedelta(days=31)

    def test_monday_weeks_differ_from_sunday_weeks(self) -> None:
        """R88: dayOfWeek says where a week begins."""
        whole = span("2017-05-01", "2017-05-15")
        assert [piece.begin.weekday() for piece in split_span(whole, "week", "MO")] == [0, 0]
        assert [piece.begin.weekday() for piece in split_span(whole, "week", "SU")] == [0, 6, 6]

    def test_durations_are_cut_on_a_grid_from_2000(self) -> None:
        assert split_span(span("2000-01-01T05:00", "2000-01-01T13:00"), "PT6H") == [
            span("2000-01-01T05:00", "2000-01-01T06:00"),
            span("2000-01-01T06:00", "2000-01-01T12:00"),
            span("2000-01-01T12:00", "2000-01-01T13:00"),
        ]
        assert grid_line_at_or_before(at("2017-05-20"), "P10D") == at("2017-05-11")
        assert grid_line_at_or_before(at("1999-12-31"), "P3M") == at("1999-10-01")

    def test_empty_span_has_no_pieces(self) -> None:
        """R90: no empty chunk."""
        assert split_span(Span(NOW, NOW), "day") == []
        assert split_span(Span(NOW, NOW - timedelta(days=1)), "all") == []

    @pytest.mark.parametrize(
        "split", ["", "weekly", "Month", "P0D", "-P1D", "PT0S", "P99999Y", "P99999999M", "P999999999D"]
    )
    def test_other_splits_are_refused(self, split: str) -> None:
        """R86: all, year, month, week, day, hour or a duration that moves forward."""
        with pytest.raises(TimeTextError):
            split_span(span("2017-05-01", "2017-06-01"), split)

    def test_unknown_day_is_refused(self) -> None:
        """R88: MO, TU, WE, TH, FR, SA, SU."""
        with pytest.raises(TimeTextError, match="MO, TU, WE, TH, FR, SA, SU"):
            split_span(span("2017-05-01", "2017-06-01"), "week", "XX")

    def test_split_into_more_pieces_than_anyone_orders_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("oncsync.timespan.spans.MOST_PIECES", 1_000)
        whole = span("2000-01-01", "2027-01-01")
        with pytest.raises(TimeTextError, match="more than 1,000 pieces"):
            split_span(whole, "PT0.1S")
        assert len(split_span(whole, "month")) == 324


_SPLITS = st.sampled_from(
    ["all", "year", "month", "week", "day", "hour", "PT6H", "P10D", "P3M", "P1M1D", "P7Y", "P5000Y"]
)
_DAYS = st.sampled_from(sorted(DAY_NUMBERS))
_LAST_MILLISECOND = (LAST_INSTANT - FIRST_INSTANT) // timedelta(milliseconds=1)
_EDGES = st.integers(0, 10**9) | st.integers(0, 10**9).map(lambda back: _LAST_MILLISECOND - back)
_INSTANTS = (st.integers(0, _LAST_MILLISECOND) | _EDGES).map(
    lambda count: FIRST_INSTANT + timedelta(milliseconds=count)
)


@st.composite
def _spans(draw: st.DrawFn, longest: timedelta = timedelta(days=30)) -> Span:
    begin = draw(_INSTANTS.filter(lambda instant: instant < LAST_INSTANT))
    room = min(longest, LAST_INSTANT - begin)
    return Span(begin, begin + timedelta(milliseconds=draw(st.integers(1, room // timedelta(milliseconds=1)))))


class TestGrid:
    @given(_spans(), _SPLITS, _DAYS)
    def test_pieces_tile_the_span_exactly(self, whole: Span, split: str, day: str) -> None:
        """R90: no gap, no overlap, no empty chunk, for any span of any year."""
        pieces = split_span(whole, split, day)
        assert (pieces[0].begin, pieces[-1].end) == (whole.begin, whole.end)
        assert all(left.end == right.begin for left, right in pairwise(pieces))
        assert not any(piece.is_empty for piece in pieces)

    @given(_spans(timedelta(days=400)), _SPLITS.filter(lambda split: split not in ("all", "hour", "PT6H")), _DAYS)
    def test_inner_boundaries_lie_on_the_grid(self, whole: Span, split: str, day: str) -> None:
        """R89: chunks begin on the calendar, whatever the span begins with."""
        for piece in split_span(whole, split, day)[1:]:
            assert grid_line_at_or_before(piece.begin, split, day) == piece.begin
            if split == "week":
                assert piece.begin.weekday() == DAY_NUMBERS[day]
            if split in ("year", "month", "week", "day"):
                assert (piece.begin - GRID_ORIGIN) % timedelta(days=1) == timedelta()

    @given(_spans(timedelta(days=40)), st.sampled_from(["day", "week", "month", "PT36H"]), _DAYS, st.data())
    def test_pieces_of_a_part_are_pieces_of_the_whole_clipped(
        self, whole: Span, split: str, day: str, draw: st.DataObject
    ) -> None:
        part = draw.draw(st.sampled_from(split_span(whole, "day"))).clip(whole)
        assume(not part.is_empty)
        clipped = [piece.clip(part) for piece in split_span(whole, split, day) if piece.overlaps(part)]
        assert split_span(part, split, day) == clipped

    @given(_spans(), _SPLITS, _DAYS)
    def test_snapping_outward_contains_the_span_and_stays(self, whole: Span, split: str, day: str) -> None:
        snapped = snap_outward(whole, split, day)
        assert snapped.begin <= whole.begin
        assert snapped.end >= whole.end
        assert snap_outward(snapped, split, day) == snapped

    @given(_INSTANTS, _SPLITS.filter(lambda split: split != "all"), _DAYS)
    def test_grid_line_lies_at_or_before_and_is_its_own(self, instant: datetime, split: str, day: str) -> None:
        line = grid_line_at_or_before(instant, split, day)
        assert line <= instant
        assert grid_line_at_or_before(line, split, day) == line

    def test_resolving_twice_in_one_step_gives_the_same_span(self) -> None:
        """R150: a window that moves with the clock changes once in a step of the grid."""
        snapped = {
            snap_outward(evaluate_bounds("-P1D", "now", at("2026-11-15") + timedelta(minutes=minutes)), "day")
            for minutes in range(1, 1440, 60)
        }
        assert snapped == {span("2026-11-14", "2026-11-16")}

    def test_split_all_snaps_nothing(self) -> None:
        whole = span("2017-05-03T12:00", "2017-05-20T01:02:03.456Z")
        assert snap_outward(whole, "all") == whole


_SHORT = st.integers(0, 200)
_SMALL = st.tuples(_SHORT, _SHORT).map(
    lambda pair: Span(GRID_ORIGIN + timedelta(hours=pair[0]), GRID_ORIGIN + timedelta(hours=pair[1]))
)


def _hours(spans: list[Span]) -> set[int]:
    hour = timedelta(hours=1)
    return {
        index
        for piece in spans
        for index in range((piece.begin - GRID_ORIGIN) // hour, (piece.end - GRID_ORIGIN) // hour)
    }


class TestSets:
    @given(st.lists(_SMALL, max_size=8))
    def test_merging_covers_the_same_instants_with_the_fewest_spans(self, spans: list[Span]) -> None:
        merged = merge_spans(spans)
        assert _hours(merged) == _hours(spans)
        assert all(left.end < right.begin for left, right in pairwise(merged))
        assert merge_spans(merged) == merged
        assert merge_spans(reversed(spans)) == merged

    @given(_SMALL, st.lists(_SMALL, max_size=8))
    def test_subtracting_leaves_exactly_what_is_not_taken(self, whole: Span, taken: list[Span]) -> None:
        pieces = subtract_spans(whole, taken)
        assert _hours(pieces) == _hours([whole]) - _hours(taken)
        assert pieces == sorted(pieces)
        assert not any(piece.is_empty for piece in pieces)

    @given(_SMALL, st.lists(_SMALL, max_size=8))
    def test_a_span_is_tiled_when_nothing_of_it_is_left(self, whole: Span, spans: list[Span]) -> None:
        assert is_tiled(whole, spans) is (_hours([whole]) <= _hours(spans))

    @given(_spans(), _SPLITS, _DAYS)
    def test_pieces_tile_their_span(self, whole: Span, split: str, day: str) -> None:
        """R90: taking away the chunks leaves nothing, and without the first one leaves the first one."""
        pieces = split_span(whole, split, day)
        assert is_tiled(whole, pieces)
        assert subtract_spans(whole, pieces[1:]) == pieces[:1]
        assert merge_spans(pieces) == [whole]

    def test_spans_are_half_open(self) -> None:
        left, right = span("2017-05-01", "2017-05-02"), span("2017-05-02", "2017-05-03")
        assert not left.overlaps(right)
        assert left.clip(right).is_empty
        assert left.overlaps(span("2017-05-01T23:59:59.998Z", "2017-05-03"))


@pytest.mark.parametrize(
    ("text", "meant"), [("-3d", "-P3D"), ("-12 h", "-PT12H"), ("2W", "P2W"), ("-1y", "-P1Y"), ("yesterday", None)]
)
def test_a_duration_as_many_write_it_is_suggested_in_iso_form(text: str, meant: str | None) -> None:
    with pytest.raises(TimeTextError) as caught:
        parse_instant(text)
    assert caught.value.suggestion == meant
