"""Reads the Configuration tab: keys in its first column or its first row, in any case, with or without headings.

Sources: R82-R103, I-11, I-14. The token is looked at only to know that there is one, and to keep it out of the rest.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime, time, timedelta

import msgspec
from openpyxl.utils import get_column_letter

from oncsync.errors import Problem
from oncsync.sizes import parse_size
from oncsync.timespan import GRID_ORIGIN, TimeTextError, grid_line_at_or_before, parse_duration
from oncsync.workbook.cells import CellError, RawValue, clean_text, parse_code, parse_flag, show
from oncsync.workbook.layout import (
    CONFIGURATION_TITLE,
    COURTESY_RUN_THREADS,
    DOCUMENTED_DAYS,
    DOCUMENTED_SPLITS,
    SETTING_KEYS,
    TOKEN_PLACEHOLDER,
    SettingKey,
    find_setting,
    nearest_name,
    normalize_name,
)
from oncsync.workbook.records import Setting

_PLACEHOLDERS = {normalize_name(text) for text in (TOKEN_PLACEHOLDER, "YOUR_TOKEN", "YOUR_TOKEN_HERE")}
_VALUE_HEADINGS = ("value", "example")
_HEADINGS = {"column", "key", "name", "setting", "parameter", "description", *_VALUE_HEADINGS}
_TOKEN_SHAPE = re.compile(r"\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b")
_TIME = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2})(?:\.0*)?)?")

SHORTEST_SPLIT = 60_000
"""In milliseconds: every piece is an order of its own at the service."""

Grid = list[list[RawValue]]


class Configuration(msgspec.Struct, frozen=True, kw_only=True):
    """What the tab says. `secrets` serve to keep their texts out of everything else and go no further; `token` is the
    one in the cell of the token, for whoever asks for it by name."""

    settings: tuple[Setting, ...] = ()
    notes: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    secrets: frozenset[str] = frozenset()
    token: str | None = None

    def __repr__(self) -> str:
        return f"Configuration({len(self.settings)} settings)"


def read_configuration(grid: Sequence[Sequence[RawValue]], title: str = CONFIGURATION_TITLE) -> Configuration:
    """Reads the tab's cells, given row by row from A1 on; problems name their cell."""
    width = max((len(row) for row in grid), default=0)
    cells: Grid = [[*row, *[None] * (width - len(row))] for row in grid]
    rows_of_keys = _best_line(cells)
    columns_of_keys = _best_line(_transpose(cells))
    is_flipped = rows_of_keys[0] > max(columns_of_keys[0], 1)
    if is_flipped:
        cells = _transpose(cells)
    key_column = (rows_of_keys if is_flipped else columns_of_keys)[1]
    return _read_lines(cells, key_column, title, is_flipped)


def _best_line(cells: Grid) -> tuple[int, int]:
    """Gives how many keys the richest row holds, and which row that is; the first one on a tie."""
    counts = [sum(isinstance(cell, str) and find_setting(cell) is not None for cell in row) for row in cells]
    most = max(counts, default=0)
    return most, counts.index(most) if counts else 0


def _transpose(cells: Grid) -> Grid:
    return [list(column) for column in zip(*cells, strict=True)]


def _value_column(cells: Grid, key_column: int) -> int:
    """Gives the column under a heading such as `value`, else the one beside the keys."""
    for row in cells:
        if isinstance(row[key_column], str) and find_setting(str(row[key_column])) is not None:
            break
        words = [normalize_name(cell) if isinstance(cell, str) else "" for cell in row]
        for heading in _VALUE_HEADINGS:
            if heading in words[key_column + 1 :]:
                return words.index(heading, key_column + 1)
    return key_column + 1


def _read_lines(cells: Grid, key_column: int, title: str, is_flipped: bool) -> Configuration:
    value_column = _value_column(cells, key_column)
    found: dict[str, Setting] = {}
    notes: list[str] = []
    problems: list[Problem] = []
    token: str | None = None
    for index, row in enumerate(cells):
        name = row[key_column] if key_column < len(row) else None
        value = row[value_column] if value_column < len(row) else None
        if not _text(name):
            continue
        where = f"{title}!{_address(index, value_column, is_flipped)}"
        setting = find_setting(str(name))
        if setting is None:
            notes += _note_unknown(str(name), f"{title}!{_address(index, key_column, is_flipped)}")
        elif setting.form == "secret":
            token = token or next(_real_token(_text(value)), None)
        else:
            try:
                _put(found, setting, value, where)
            except CellError as error:
                problems.append(Problem(where, f"`{setting.key}`: {error.message}", error.hint))
    return Configuration(
        settings=tuple(found.values()),
        notes=(*notes, *_note_values(found)),
        problems=tuple(problems),
        secrets=frozenset(_secrets(cells, key_column, value_column)),
        token=token,
    )


def _address(line: int, column: int, is_flipped: bool) -> str:
    row, column = (column, line) if is_flipped else (line, column)
    return f"{get_column_letter(column + 1)}{row + 1}"


def _secrets(cells: Grid, key_column: int, value_column: int) -> Iterator[str]:
    """Yields every text that may be a token: what looks like one, and what stands right of or below its key."""
    for index, row in enumerate(cells):
        for column, cell in enumerate(row):
            yield from _TOKEN_SHAPE.findall(cell) if isinstance(cell, str) else ()
            setting = find_setting(cell) if isinstance(cell, str) else None
            if setting is None or setting.form != "secret":
                continue
            below = cells[index + 1][column] if index + 1 < len(cells) else None
            for neighbour in (below, *row[column + 1 : column + 2]):
                text = _text(neighbour)
                if find_setting(text) is None and len(text.split()) == 1:
                    yield from _real_token(text)
            if column == key_column and value_column < len(row):
                yield from _real_token(_text(row[value_column]))


def _text(value: RawValue) -> str:
    return clean_text("" if value is None else str(value))


def _real_token(text: str) -> Iterator[str]:
    if text and normalize_name(text).strip("<>") not in _PLACEHOLDERS:
        yield text


def _note_unknown(name: str, where: str) -> list[str]:
    if normalize_name(name) in _HEADINGS:
        return []
    near = nearest_name(name, [setting.key for setting in SETTING_KEYS])
    return [f"{where}: {show(name)} is no setting and was left out" + (f"; did you mean `{near}`?" if near else "")]


def _put(found: dict[str, Setting], setting: SettingKey, value: RawValue, where: str) -> None:
    parsed = parse_setting(setting, value)
    if parsed is None:
        return
    earlier = found.setdefault(setting.key, Setting(setting.key, parsed, where))
    if earlier.value != parsed:
        raise CellError(f"{show(parsed)} contradicts {show(earlier.value)} in {earlier.where}", "keep one of them")


def _note_values(found: dict[str, Setting]) -> list[str]:
    notes = []
    threads, split, day = (found.get(key) for key in ("runThreads", "splitDateRange", "dayOfWeek"))
    if threads is not None and isinstance(threads.value, int) and threads.value > COURTESY_RUN_THREADS:
        notes.append(
            f"{threads.where}: {threads.value} orders at a time make everybody else's wait; ONC asks for at most "
            f"{COURTESY_RUN_THREADS}"
        )
    if day is not None and day.value != "SU" and (split is None or split.value != "week"):
        notes.append(f"{day.where}: `dayOfWeek` counts only when `splitDateRange` is week")
    return notes


def parse_setting(setting: SettingKey, value: RawValue) -> str | int | float | bool | None:
    """Reads one setting into the manifest's spelling, None when the cell is blank; raises `CellError`."""
    if isinstance(value, str):
        value = clean_text(value) or None
    if value is None:
        return None
    if setting.form == "time":
        return _parse_time(value)
    if setting.form == "flag":
        return parse_flag(value)
    text = parse_code(value)
    if text is None or setting.form == "text":
        return text
    if setting.form == "split":
        return parse_split(text)
    if setting.form == "day":
        return parse_day(text)
    if setting.form == "duration":
        return _parse_length(text)
    if setting.form == "size":
        return _parse_size(text)
    if setting.form == "queue" and text.casefold() == "unlimited":
        return "unlimited"
    return _parse_number(text, setting)


def _parse_length(text: str) -> str:
    try:
        parse_duration(text)
    except TimeTextError as error:
        raise CellError(str(error)) from None
    return text.upper()


def _parse_size(text: str) -> str:
    try:
        parse_size(text)
    except ValueError as error:
        raise CellError(str(error)) from None
    return text


def _parse_number(text: str, setting: SettingKey) -> int | float:
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if setting.form == "number" and 0 <= number < float("inf"):
        return int(number) if number.is_integer() else number
    if setting.form in ("count", "queue") and number.is_integer() and 0 < number < 2**31:
        return int(number)
    allowed = {"number": "a number from 0 up", "queue": "unlimited or a whole number above 0"}
    raise CellError(f"{show(text)} is not {allowed.get(setting.form, 'a whole number above 0')}")


def parse_split(text: str) -> str:
    """Reads a way to split (R86): all, year, month, week, day, hour, or the manifest's ISO 8601 durations."""
    split = text.lower() if text.lower() in DOCUMENTED_SPLITS else text.upper()
    try:
        if split not in DOCUMENTED_SPLITS:
            step = parse_duration(split)
            if step.is_negative or not (step.months or step.milliseconds >= SHORTEST_SPLIT):
                raise TimeTextError(split)
            grid_line_at_or_before(GRID_ORIGIN, split)
    except (TimeTextError, OverflowError):
        raise CellError(f"{show(text)} is not a way to split", f"write {', '.join(DOCUMENTED_SPLITS)}") from None
    return split


def parse_day(text: str) -> str:
    """Reads a day of the week: MO to SU in any case (R88)."""
    if text.upper() not in DOCUMENTED_DAYS:
        raise CellError(f"{show(text)} is not a day of the week", f"write {', '.join(DOCUMENTED_DAYS)}")
    return text.upper()


def _parse_time(value: RawValue) -> str:
    """Reads a time of day as text or as Excel keeps it: a time, a date with a time, or a fraction of a day (R97)."""
    seconds: int | None = None
    if isinstance(value, datetime):
        value = value.time()
    if isinstance(value, time):
        seconds = round(value.hour * 3600 + value.minute * 60 + value.second + value.microsecond / 1e6)
    elif isinstance(value, timedelta):
        seconds = round(value.total_seconds())
    elif isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= 1:
        seconds = round(value * 86_400)
    elif isinstance(value, str) and (match := _TIME.fullmatch(value)):
        hours, minutes, rest = (int(part or 0) for part in match.groups())
        seconds = hours * 3600 + minutes * 60 + rest if minutes < 60 and rest < 60 else None
    if seconds is None or not 0 <= seconds <= 86_400:
        raise CellError(f"{show(value)} is not a time of day", "write for example `22:00:00`")
    seconds %= 86_400  # 24:00:00 is midnight
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
