"""What the cells of the documented columns mean, both ways: flags, codes, times, options, own values. Pure.

A value is what the workbook library hands over: text, number, boolean, `datetime`, `date`, `time`, `timedelta`, None.
"""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta
from functools import lru_cache

from oncsync.manifest.rows import join_options, unescape_option
from oncsync.timespan import UTC, TimeTextError, is_relative, parse_duration, parse_instant
from oncsync.workbook.layout import FLAG_OFF, FLAG_ON, CellValue

RawValue = str | int | float | bool | datetime | date | time | timedelta | None
"""What a cell holds before it has a meaning."""

EXCEL_ERRORS = frozenset(
    ("#NULL!", "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#N/A", "#GETTING_DATA", "#SPILL!", "#CALC!")
)
TRUE_WORDS = frozenset(("t", "true", "y", "yes", "1", "x"))
FALSE_WORDS = frozenset(("f", "false", "n", "no", "0", ""))

_DAY_FIRST = re.compile(r"(\d{1,2})[/.\- ](\d{1,2})[/.\- ](\d{4}|\d{2})(?:\D.*)?")
_YEAR_FIRST = re.compile(r"(\d{4})[/.](\d{1,2})[/.](\d{1,2})(?!\d)")
_ZONE_WORD = re.compile(r"\s*\b(?:UTC|GMT)$", re.IGNORECASE)
_INVISIBLE = re.compile("[\u200b\u200e\u200f\ufeff]")
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\ud800-\udfff\ufffe\uffff]|_x[0-9A-Fa-f]{4}_")
_EXCEL_DAY_ZERO = datetime(1899, 12, 30, tzinfo=UTC)
_PLAUSIBLE_SERIALS = (20_000, 80_000)  # 1954 to 2119

_OPTION_BREAK = re.compile(r"(?:\s*[&;,\r\n]\s*|\s+)(?=[^\s=&;,]+\s*=)")
_OPTION_NAME = re.compile(r"dpo_\w+")


class CellError(ValueError):
    """Says why a cell's content cannot be used, and what to write instead."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def clean_text(text: str) -> str:
    """Gives the text without what nobody sees: outer blanks, non-breaking and zero-width spaces."""
    return _INVISIBLE.sub("", text).replace("\u00a0", " ").strip()


def unescape_text(text: str) -> str:
    """Gives the text that a sheet spells with `_x000D_` for what XML cannot hold."""
    return _ESCAPED.sub(lambda escape: chr(int(escape[1], 16)), text) if "_x" in text else text


def escape_text(text: str) -> str:
    """Gives the spelling of a text in a sheet; `unescape_text` is the way back."""
    return _UNSAFE.sub(lambda unsafe: f"_x{ord(unsafe[0][0]):04X}_{unsafe[0][1:]}", text)


def show(value: RawValue) -> str:
    """Gives a value for a message, cut to a readable length."""
    text = " ".join(str(value).split())
    return f"`{text if len(text) <= 60 else text[:57] + '...'}`"


def parse_flag(value: RawValue) -> bool:
    """Reads the `download` switch: T, TRUE, Y, YES, 1, X or F, FALSE, N, NO, 0, blank, in any case (I-7)."""
    if isinstance(value, bool):
        return value
    word = "" if value is None else clean_text(str(value)).casefold()
    if isinstance(value, float) and value in (0, 1):
        word = str(int(value))
    if word in TRUE_WORDS:
        return True
    if word in FALSE_WORDS:
        return False
    raise CellError(f"{show(value)} is neither yes nor no", "write Y to download the row, N to leave it")


def format_flag(flag: bool) -> str:
    """Gives Y or N."""
    return FLAG_ON if flag else FLAG_OFF


def parse_code(value: RawValue) -> str | None:
    """Reads a code: text without outer blanks, a whole number without its `.0`; None when the cell is blank."""
    if value is None:
        return None
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, (datetime, date, time, timedelta)):
        raise CellError(f"{show(value)} is a date, not a code", "format the cell as text and write the code again")
    text = clean_text(str(value))
    if text in EXCEL_ERRORS:
        raise CellError(f"the cell holds the error {show(text)}", "mend its formula or write the value itself")
    return text or None


def parse_single_code(value: RawValue) -> str | None:
    """Reads the code of a filter, of which a row has one; None when the cell is blank."""
    code = parse_code(value)
    if code is not None and re.search(r"[\x00-\x1f\s,;]", code):
        raise CellError(f"{show(code)} is more than one code", "write a row for each of them")
    return code


def parse_extension(value: RawValue) -> str | None:
    """Reads a file extension, which has no dot; None when the cell is blank."""
    extension = parse_single_code(value)
    if extension is not None and extension.startswith("."):
        raise CellError(f"{show(extension)} begins with a dot", f"did you mean `{extension.lstrip('.')}`?")
    return extension


def parse_moment(value: RawValue) -> str | None:
    """Reads `begin` or `end` into the manifest's spelling; None when the cell is blank.

    Understands Excel dates (to the millisecond), ISO text with or without zone (no zone is UTC, R68), one-digit hours,
    and the manifest's own `now` and durations. Refuses what would need a guess, such as `03/04/2017` (I-3, I-18).
    """
    if isinstance(value, datetime):
        return moment_text(value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC))
    if isinstance(value, date):
        return moment_text(datetime(value.year, value.month, value.day, tzinfo=UTC))
    if value is None or isinstance(value, str):
        text = clean_text(value or "")
        return _parse_moment_text(text) if text else None
    if isinstance(value, (bool, time, timedelta)):
        raise CellError(f"{show(value)} is not a date", "write for example `2017-05-01 00:00:00`")
    raise CellError(f"the number {show(value)} is not a date", _hint_number(value))


@lru_cache(maxsize=1 << 16)
def canonical_moment(text: str) -> str:
    """Gives the one spelling of a manifest's time; text that is no time comes back as it is."""
    try:
        return parse_moment(text) or text
    except CellError:
        return text


def _parse_moment_text(text: str) -> str:
    if text in EXCEL_ERRORS:
        raise CellError(f"the cell holds the error {show(text)}", "mend its formula or write the value itself")
    try:
        if is_relative(text):
            if text.lower() != "now":
                parse_duration(text)
            return text.lower() if text.lower() == "now" else text.upper()
        if _DAY_FIRST.fullmatch(text):
            raise CellError(f"{show(text)} does not say which number is the day", _hint_day_first(text))
        return moment_text(parse_instant(_YEAR_FIRST.sub(r"\1-\2-\3", _ZONE_WORD.sub("", text), count=1)))
    except TimeTextError as error:
        hint = f"did you mean `{error.suggestion}`?" if error.suggestion else None
        raise CellError(str(error), hint) from None


def _hint_day_first(text: str) -> str:
    match = _DAY_FIRST.fullmatch(text)
    assert match is not None
    first, second, year = (int(group) for group in match.groups())
    if len(match[3]) == 4:
        days = [f"`{year:04d}-{month:02d}-{day:02d}`" for month, day in ((second, first), (first, second))
                if _is_date(year, month, day)]  # fmt: skip
        if days:
            return f"write {' or '.join(dict.fromkeys(days))}"
    return "write year-month-day, for example `2017-04-03`"


def _is_date(year: int, month: int, day: int) -> bool:
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True


def _hint_number(number: int | float) -> str:
    if isinstance(number, int) and len(str(number)) == 8:
        text = f"{str(number)[:4]}-{str(number)[4:6]}-{str(number)[6:]}"
        if _is_date(*(int(part) for part in text.split("-"))):
            return f"did you mean `{text}`?"
    if _PLAUSIBLE_SERIALS[0] < number < _PLAUSIBLE_SERIALS[1]:
        moment = moment_text(_EXCEL_DAY_ZERO + timedelta(milliseconds=round(number * 86_400_000)))
        return f"it may be `{moment}` in a cell that lost its date format; format the cell as a date"
    return "write for example `2017-05-01 00:00:00`"


def moment_text(instant: datetime) -> str:
    """Gives the shortest exact spelling of an instant: `2017-05-01`, `2017-05-01T12:00:00Z`, `...12:00:00.500Z`."""
    instant = _round_instant(instant)
    day = instant.date().isoformat()
    if instant.time() == time():
        return day
    fraction = f".{instant.microsecond // 1000:03d}" if instant.microsecond else ""
    return f"{day}T{instant:%H:%M:%S}{fraction}Z"


def _round_instant(instant: datetime) -> datetime:
    second = instant.replace(microsecond=0)
    try:
        return second + timedelta(milliseconds=round(instant.microsecond / 1000))
    except OverflowError:  # the last millisecond of the calendar
        return second + timedelta(milliseconds=999)


def parse_options(value: RawValue) -> dict[str, str]:
    """Reads `dpo_name=value` pairs, apart by `&`, `;`, `,`, blanks or line breaks (R67, I-9); blank means none.

    A comma inside a value stays, because a break counts only where another `name=` follows.
    """
    text = clean_text("" if value is None else str(value)).lstrip("?&;, \r\n").rstrip("&;, \r\n")
    if text in EXCEL_ERRORS:
        raise CellError(f"the cell holds the error {show(text)}", "mend its formula or write the value itself")
    options: dict[str, str] = {}
    for pair in _OPTION_BREAK.split(text) if text else []:
        name, option_value = _parse_pair(pair)
        if options.setdefault(name, option_value) != option_value:
            raise CellError(
                f"`{name}` has two values, {show(options[name])} and {show(option_value)}", "keep one of them"
            )
    return options


def _parse_pair(pair: str) -> tuple[str, str]:
    name, equals, value = (part.strip() for part in pair.partition("="))
    if not _OPTION_NAME.fullmatch(name):
        near = f"dpo_{name[4:]}" if name[:4].lower() == "dpo_" else f"dpo_{name}"
        hint = f"did you mean `{near}`?" if equals and re.fullmatch(r"\w+", near) else "write `dpo_name=value`"
        raise CellError(f"{show(pair)} is no option: its name must begin with `dpo_`", hint)
    if not value:
        raise CellError(f"`{name}` has no value", f"write `{name}=value` or take the option out")
    if re.search(r"[&;=\r\n]", value):
        raise CellError(
            f"the value of `{name}` is unclear: {show(value)}", "put `&` between options and `=` after each name"
        )
    return name, unescape_option(value)


def format_options(options: dict[str, str]) -> str | None:
    """Gives the cell's text for options, `&` between them; None when there are none."""
    return join_options(options) or None


def plain_value(value: RawValue) -> CellValue:
    """Gives what an information or own cell holds as a manifest can keep it; dates become text (`own_moment`)."""
    if isinstance(value, datetime):
        instant = _round_instant(value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value)
        if instant.time() == time():
            return instant.date().isoformat()
        return instant.isoformat(" ", timespec="milliseconds" if instant.microsecond else "seconds")
    if isinstance(value, timedelta):
        hours, seconds = divmod(round(value.total_seconds()), 3600)
        return f"{hours:02d}:{seconds // 60:02d}:{seconds % 60:02d}"
    if isinstance(value, (date, time)):
        return value.isoformat()
    return None if value == "" else value


def own_moment(text: str) -> datetime | None:
    """Gives the date that `plain_value` spelled, None for any other text: the way back into a date cell."""
    if not re.fullmatch(r"(19|2\d)\d\d-\d\d-\d\d( \d\d:\d\d:\d\d(\.\d{3})?)?", text):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if plain_value(moment) == text else None
