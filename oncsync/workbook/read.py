"""Reads a workbook in the documented layout, all of it or none: every mistake is reported at once, by sheet and cell.

Columns are found by their headers, in any order, case and spacing (R62-R64, I-24); a person's own columns are kept.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import msgspec
from openpyxl.utils import get_column_letter

from oncsync.api import Token
from oncsync.errors import InputError, Problem, ProblemsError
from oncsync.manifest.validate import looks_secret
from oncsync.workbook.cells import RawValue, clean_text, unescape_text
from oncsync.workbook.configuration import Configuration, read_configuration
from oncsync.workbook.container import Sheet, open_workbook
from oncsync.workbook.headers import find_header
from oncsync.workbook.layout import CONFIGURATION_TITLE, TABS, Tab, find_tab, normalize_name
from oncsync.workbook.lines import Line, is_blank, read_line
from oncsync.workbook.records import Book, Row

HEADER_SEARCH_ROWS = 25
CONFIGURATION_SIZE = (1000, 60)
MAX_PROBLEMS = 1000
MIN_SECRET_LENGTH = 8
REDACTED = "[token removed]"

_TOKEN_IN_ADDRESS = re.compile(r"(?i)\b(token=)[^&#\s\"']+")
_UNSOLVED_HINT = "open the file in Excel or LibreOffice and save it there, or write the value itself"

Redact = Callable[[RawValue], RawValue]


def read_workbook(path: Path, *, requests_only: bool = False) -> Book:
    """Reads the tabs `By Location`, `By Device` and `Configuration` of a workbook; other tabs are left alone.

    With `requests_only` it is no mistake when a cell that is never sent holds a formula without a stored result.
    The file's content decides what it is, not its name (I-16). The token's cell is never handed on (R83).
    Raises `ProblemsError` with every mistake in it, `InputError` when there is nothing that could be read.
    """
    with open_workbook(path) as (sheets, notes):
        tabs, problems = _match_tabs(sheets)
        if not any(find_tab(title) for title in tabs):
            titles = ", ".join(f"`{sheet.title}`" for sheet in sheets)
            raise InputError(
                f"`{path}` has no tab `{TABS[0].title}` or `{TABS[1].title}`",
                hint=f"its tabs are {titles}; rename the one that holds the requests" if titles else None,
            )
        configuration = _read_settings(tabs.get(CONFIGURATION_TITLE))
        redact = _redaction(configuration)
        rows = [
            row
            for tab in TABS
            if tab.title in tabs
            for row in _read_tab(tabs[tab.title], tab, redact, problems, notes, requests_only)
        ]
        notes += _note_tabs(sheets)
    problems += configuration.problems
    if problems:
        raise _mistakes(path, problems, redact)
    notes += configuration.notes
    if rows:
        notes.append("Times without a zone were read as UTC")
    return Book(
        settings=tuple(
            msgspec.structs.replace(setting, value=redact(setting.value)) for setting in configuration.settings
        ),
        rows=tuple(rows),
        notes=tuple(str(redact(note)) for note in notes),
        has_token=bool(configuration.secrets),
    )


def read_token(path: Path) -> Token | None:
    """Gives the token that the Configuration tab holds, which shows nothing of itself; None when there is none.

    Raises `TokenError` when the text in its cell cannot be one, `InputError` when the file cannot be read.
    """
    with open_workbook(path) as (sheets, _):
        tabs, _ = _match_tabs(sheets)
        text = _read_settings(tabs.get(CONFIGURATION_TITLE)).token
    return None if text is None else Token(text)


def _mistakes(path: Path, problems: Sequence[Problem], redact: Redact) -> ProblemsError:
    shown = [
        Problem(problem.where, str(redact(problem.message)), problem.hint and str(redact(problem.hint)))
        for problem in problems[:MAX_PROBLEMS]
    ]
    if len(problems) > MAX_PROBLEMS:
        shown.append(Problem("", f"and {len(problems) - MAX_PROBLEMS:,} more"))
    count = "a mistake" if len(problems) == 1 else f"{len(problems):,} mistakes"
    return ProblemsError(f"`{path}` has {count}:", shown)


def _match_tabs(sheets: Sequence[Sheet]) -> tuple[dict[str, Sheet], list[Problem]]:
    """Finds the documented tabs by title; two sheets for one tab are a mistake."""
    tabs: dict[str, Sheet] = {}
    problems = []
    for sheet in sheets:
        title = _documented_title(sheet.title)
        if title is not None and tabs.setdefault(title, sheet) is not sheet:
            message = f"is the tab `{title}` once more, after `{tabs[title].title}`"
            problems.append(Problem(sheet.title, message, "rename or delete one of them"))
    return tabs, problems


def _documented_title(title: str) -> str | None:
    if normalize_name(title) == normalize_name(CONFIGURATION_TITLE):
        return CONFIGURATION_TITLE
    tab = find_tab(title)
    return tab.title if tab else None


def _note_tabs(sheets: Sequence[Sheet]) -> Iterator[str]:
    titles = [_documented_title(sheet.title) for sheet in sheets]
    if CONFIGURATION_TITLE not in titles:
        yield f"There is no tab `{CONFIGURATION_TITLE}`; the default settings apply"
    for sheet, title in zip(sheets, titles, strict=True):
        if title is None:
            yield f"The tab `{sheet.title}` was left out"


def _read_settings(sheet: Sheet | None) -> Configuration:
    if sheet is None:
        return Configuration()
    max_row, max_column = CONFIGURATION_SIZE
    grid = list(islice(sheet.rows(max_column=max_column), max_row))
    configuration = read_configuration(grid, sheet.title)
    unsolved = tuple(_unsolved(sheet, row, column) for row, column in sorted(sheet.unsolved))
    return msgspec.structs.replace(configuration, problems=configuration.problems + unsolved)


def _unsolved(sheet: Sheet, row: int, column: int) -> Problem:
    where = f"{sheet.title}!{get_column_letter(column)}{row}"
    return Problem(where, "the result of the formula is not stored in the file", _UNSOLVED_HINT)


def _redaction(configuration: Configuration) -> Redact:
    """Gives what takes the token out of any text, and what follows `token=` out of any address."""
    long_enough = (secret for secret in configuration.secrets if len(secret) >= MIN_SECRET_LENGTH)
    secrets = sorted(long_enough, key=len, reverse=True)

    def redact(value: RawValue) -> RawValue:
        if not isinstance(value, str):
            return value
        value = unescape_text(value)
        for secret in secrets:
            value = value.replace(secret, REDACTED)
        return _TOKEN_IN_ADDRESS.sub(rf"\1{REDACTED}", value) if "=" in value else value

    return redact


def _read_tab(
    sheet: Sheet, tab: Tab, redact: Redact, problems: list[Problem], notes: list[str], requests_only: bool
) -> Iterator[Row]:
    """Yields the rows of one tab; mistakes and notes are added to the given lists."""
    top = ([redact(value) for value in values] for values in islice(sheet.rows(), HEADER_SEARCH_ROWS))
    header = find_header(top, sheet.title, tab, problems)
    if header is None:
        return
    if "download" not in header.documented:
        notes.append(f"`{sheet.title}` has no column `download`: every row is switched off (R54)")
    for other in header.others:
        if looks_secret(other.header):
            where = f"{sheet.title}!{get_column_letter(other.place + 1)}{header.line}"
            notes.append(f"{where}: the column `{other.header}` was left out: no secret belongs in a manifest")
    unheaded = [place for place in range(header.width) if place not in header.places]
    stray: set[int] = set()
    unread = {other.place + 1 for other in header.others} if requests_only else set()
    unsolved = sorted(
        cell for cell in sheet.unsolved if cell[0] > header.line and cell[1] <= header.width and cell[1] not in unread
    )
    problems += [_unsolved(sheet, row, column) for row, column in unsolved]
    unsolved_rows = {row for row, _ in unsolved}
    for number, values in enumerate(sheet.rows(max_column=header.width), 1):
        if number <= header.line or number in unsolved_rows or not _is_filled(values):
            continue
        line = Line(header, number, [redact(value) for value in values])
        stray.update(place for place in unheaded if line.at(place) is not None)
        if is_blank(line, tab):
            notes.append(f"{line.where()}: the line asks for nothing and was left out")
            continue
        row = read_line(line, tab)
        problems += line.problems
        if row is not None:
            yield row
    for letter in (get_column_letter(place + 1) for place in sorted(stray)):
        notes.append(f"{sheet.title}!{letter}{header.line}: column {letter} has no header and was left out")


def _is_filled(values: Sequence[RawValue]) -> bool:
    return any(value is not None and (not isinstance(value, str) or clean_text(value)) for value in values)
