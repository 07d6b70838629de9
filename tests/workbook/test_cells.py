"""What cells mean: flags, codes, times, options and own values, both ways."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oncsync.timespan import UTC, parse_instant
from oncsync.workbook.cells import (
    CellError,
    RawValue,
    canonical_moment,
    escape_text,
    format_flag,
    format_options,
    moment_text,
    own_moment,
    parse_code,
    parse_flag,
    parse_moment,
    parse_options,
    plain_value,
    show,
    unescape_text,
)

TRUTHY = ["T", "t", "TRUE", "true", "Y", "y", "YES", "Yes", "1", "X", "x", " y ", "\u00a0Y", 1, 1.0, True]
FALSY = ["F", "f", "FALSE", "False", "N", "n", "NO", "no", "0", "", "  ", None, 0, 0.0, False]


@pytest.mark.parametrize("value", TRUTHY)
def test_every_documented_yes_switches_a_row_on(value: RawValue) -> None:
    """R54, I-7."""
    assert parse_flag(value) is True


@pytest.mark.parametrize("value", FALSY)
def test_every_documented_no_and_a_blank_switch_a_row_off(value: RawValue) -> None:
    """R54, I-7."""
    assert parse_flag(value) is False


@pytest.mark.parametrize("value", ["maybe", "yy", "2", 2, -1, 0.5, "on", datetime(2017, 5, 1)])
def test_any_other_flag_is_a_mistake_that_shows_it(value: RawValue) -> None:
    """I-7."""
    with pytest.raises(CellError, match="neither yes nor no") as caught:
        parse_flag(value)
    assert caught.value.hint


def test_flags_are_written_as_y_and_n() -> None:
    assert [format_flag(True), format_flag(False)] == ["Y", "N"]


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("BACAX", "BACAX"),
        ("  BACAX\u00a0", "BACAX"),
        ("\u200bBACAX\ufeff", "BACAX"),
        (7, "7"),
        (7.0, "7"),
        (1.5, "1.5"),
        ("000", "000"),
        (True, "TRUE"),
        ("", None),
        ("\u00a0", None),
        (None, None),
    ],
)
def test_codes_are_text_without_what_nobody_sees(value: RawValue, code: str | None) -> None:
    assert parse_code(value) == code


@pytest.mark.parametrize("value", ["#N/A", "#REF!", datetime(2011, 7, 13), time(1)])
def test_excel_errors_and_dates_are_no_codes(value: RawValue) -> None:
    with pytest.raises(CellError):
        parse_code(value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("2011-07-13 0:00:00", "2011-07-13"),
        ("2011-07-13 9:05:00", "2011-07-13T09:05:00Z"),
        ("2011-07-13", "2011-07-13"),
        ("2011-07-13T00:00:00.000Z", "2011-07-13"),
        ("2017-05-31T23:59:59.999Z", "2017-05-31T23:59:59.999Z"),
        ("2011-07-13T02:00:00+02:00", "2011-07-13"),
        ("2011/07/13 0:00:00", "2011-07-13"),
        ("2011-07-13 00:00:00 UTC", "2011-07-13"),
        ("\u00a02011-07-13\u00a00:00:00 ", "2011-07-13"),
        (datetime(2011, 7, 13), "2011-07-13"),
        (datetime(2011, 7, 13, 12, 30, 0, 499_700), "2011-07-13T12:30:00.500Z"),
        (datetime(2011, 7, 13, 23, 59, 59, 999_999), "2011-07-14"),
        (datetime(2011, 7, 13, 2, tzinfo=timezone(timedelta(hours=2))), "2011-07-13"),
        (date(2011, 7, 13), "2011-07-13"),
        ("now", "now"),
        ("NOW", "now"),
        ("-p1d", "-P1D"),
        ("", None),
        (None, None),
    ],
)
def test_times_are_read_as_text_or_excel_dates_and_without_a_zone_are_utc(value: RawValue, text: str | None) -> None:
    """R68, I-3."""
    assert parse_moment(value) == text


@pytest.mark.parametrize("value", ["03/04/2017", "3.4.2017", "03-04-17", "25/12/2017 10:00", "3/4/2017 0:00:00"])
def test_a_date_that_needs_a_guess_is_refused(value: str) -> None:
    """R68, I-18: day and month are never swapped silently."""
    with pytest.raises(CellError, match="which number is the day"):
        parse_moment(value)


def test_the_hint_for_an_unclear_date_gives_the_dates_that_it_can_be() -> None:
    with pytest.raises(CellError) as both:
        parse_moment("03/04/2017")
    assert both.value.hint == "write `2017-04-03` or `2017-03-04`"
    with pytest.raises(CellError) as one:
        parse_moment("25/12/2017")
    assert one.value.hint == "write `2017-12-25`"
    with pytest.raises(CellError) as same:
        parse_moment("05/05/2017")
    assert same.value.hint == "write `2017-05-05`"


def test_the_month_20_is_a_mistake_with_a_suggestion() -> None:
    """I-18."""
    with pytest.raises(CellError, match="no month 20") as caught:
        parse_moment("2013-20-23T00:00:00.000Z")
    assert caught.value.hint == "did you mean `2013-10-23`?"


@pytest.mark.parametrize("value", [True, time(12), timedelta(hours=1), 0, 12.5, "yesterday", "Please fill in", "#N/A"])
def test_what_is_no_time_is_a_mistake(value: RawValue) -> None:
    with pytest.raises(CellError):
        parse_moment(value)


def test_a_number_is_never_taken_for_a_date_but_the_hint_says_which_it_may_be() -> None:
    with pytest.raises(CellError) as serial:
        parse_moment(40737.5)
    assert "2011-07-13T12:00:00Z" in str(serial.value.hint)
    with pytest.raises(CellError) as digits:
        parse_moment(20170501)
    assert digits.value.hint == "did you mean `2017-05-01`?"


@given(st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)))
def test_a_moments_spelling_means_the_same_millisecond(moment: datetime) -> None:
    text = moment_text(moment.replace(tzinfo=UTC))
    assert abs(parse_instant(text) - moment.replace(tzinfo=UTC)) <= timedelta(microseconds=500)
    assert parse_moment(text) == text


def test_the_last_instant_of_the_calendar_is_readable() -> None:
    assert parse_moment(datetime(9999, 12, 31, 23, 59, 59, 999_999)) == "9999-12-31T23:59:59.999Z"


def test_one_time_has_one_spelling_and_text_that_is_no_time_stays() -> None:
    assert canonical_moment("2017-05-01T00:00:00.000Z") == canonical_moment("2017-05-01 0:00") == "2017-05-01"
    assert canonical_moment("soon") == "soon"


@pytest.mark.parametrize("separator", ["&", ";", ",", "\n", "\r\n", " ", " & ", ",\n", " ; "])
def test_options_may_stand_apart_by_any_separator(separator: str) -> None:
    """R67, I-9."""
    pairs = ["dpo_qualityControl=1", "dpo_resample=average", "dpo_average=60"]
    assert parse_options(separator.join(pairs)) == {
        "dpo_qualityControl": "1",
        "dpo_resample": "average",
        "dpo_average": "60",
    }


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("dpo_hydrophoneDataDiversionMode=All", {"dpo_hydrophoneDataDiversionMode": "All"}),
        ("?dpo_a=1&", {"dpo_a": "1"}),
        (" dpo_a = 1 ; dpo_b = 2 ;", {"dpo_a": "1", "dpo_b": "2"}),
        ("dpo_a=x,y,dpo_b=*N12", {"dpo_a": "x,y", "dpo_b": "*N12"}),
        ("dpo_a=two words", {"dpo_a": "two words"}),
        ("dpo_a=-1000&dpo_a=-1000", {"dpo_a": "-1000"}),
        (None, {}),
        ("  ", {}),
    ],
)
def test_options_are_read_as_written(text: str | None, options: dict[str, str]) -> None:
    """R58, R67."""
    assert parse_options(text) == options


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("qualityControl=1", "must begin with `dpo_`"),
        ("Dpo_qualityControl=1", "must begin with `dpo_`"),
        ("dpo_a=1&extension=wav", "must begin with `dpo_`"),
        ("All", "must begin with `dpo_`"),
        ("dpo_a", "has no value"),
        ("dpo_a=&dpo_b=1", "has no value"),
        ("dpo_a=1&dpo_a=2", "has two values"),
        ("dpo_a=1;2", "is unclear"),
        ("dpo_a=b=c", "is unclear"),
        ("#VALUE!", "holds the error"),
    ],
)
def test_options_that_cannot_be_meant_are_mistakes(text: str, message: str) -> None:
    with pytest.raises(CellError, match=message):
        parse_options(text)


def test_the_hint_for_a_name_without_its_prefix_gives_it() -> None:
    with pytest.raises(CellError) as caught:
        parse_options("Dpo_qualityControl=1")
    assert caught.value.hint == "did you mean `dpo_qualityControl`?"


@given(
    st.dictionaries(
        st.from_regex(r"dpo_[A-Za-z0-9_]{1,8}", fullmatch=True),
        st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), min_size=1).filter(lambda text: text.strip())
        | st.sampled_from(["a&b", "x=y", "1;2", "a, dpo_b=c", " edge ", "100%", "%26", "line\nbreak", ",", "*N12"]),
        max_size=4,
    )
)
def test_options_come_back_from_a_cell_as_they_went_in(options: dict[str, str]) -> None:
    assert parse_options(format_options(options)) == options


def test_no_options_leave_the_cell_blank_and_several_are_joined_like_a_query() -> None:
    assert format_options({}) is None
    assert format_options({"dpo_b": "2", "dpo_a": "1"}) == "dpo_b=2&dpo_a=1"


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        ("text", "text"),
        ("", None),
        (1.5, 1.5),
        (True, True),
        (None, None),
        (datetime(2017, 5, 1), "2017-05-01"),
        (datetime(2017, 5, 1, 12, 30), "2017-05-01 12:30:00"),
        (datetime(2017, 5, 1, 12, 30, 0, 1_400), "2017-05-01 12:30:00.001"),
        (date(2017, 5, 1), "2017-05-01"),
        (time(8, 5), "08:05:00"),
        (timedelta(hours=26, minutes=3), "26:03:00"),
    ],
)
def test_own_cells_are_kept_as_a_manifest_can_hold_them(value: RawValue, plain: object) -> None:
    assert plain_value(value) == plain


@given(st.datetimes(datetime(1900, 1, 1), datetime(2999, 12, 31)))
def test_an_own_date_finds_its_way_back_to_a_date(moment: datetime) -> None:
    moment = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    assert own_moment(str(plain_value(moment))) == moment


@pytest.mark.parametrize(
    "text", ["2017-13-01", "2017-05-01 00:00:00", "2017-5-1", "17-05-01", "0001-01-01", "May 2017"]
)
def test_other_text_is_never_taken_for_a_date(text: str) -> None:
    assert own_moment(text) is None


@given(st.text(st.characters(exclude_categories=[])) | st.sampled_from(["_x000D_", "_x005F_", "_x_x0041_", "__x0041_"]))
def test_any_text_comes_back_from_its_spelling_in_a_sheet(text: str) -> None:
    spelled = escape_text(text)
    assert unescape_text(spelled) == text
    assert not any(character < " " and character not in "\t\n" for character in spelled)


def test_long_values_are_cut_in_messages() -> None:
    assert len(show("x" * 1000)) < 70
    assert show("two\nlines") == "`two lines`"
