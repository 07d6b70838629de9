"""Reads a file of events: a CSV table or a JSON list of times, each with its place, its instrument and a label.

The columns are found by their names, however they are spelled. Sources: R137, R138, R153.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from oncsync.errors import InputError
from oncsync.manifest.mistakes import Mistakes, UnreadableError, shown
from oncsync.manifest.model import Download, Place
from oncsync.manifest.source import decode, path_beside, read_limited, shown_path
from oncsync.manifest.typed import Document
from oncsync.spelling import did_you_mean
from oncsync.timespan import TimeTextError, parse_instant

MOST_BYTES = 64 * 1024 * 1024
COLUMNS: dict[str, tuple[str, ...]] = {
    "begin": (
        *("begin", "begins", "beginutc", "begintime", "begintimeutc", "begindate", "begindatetime", "datefrom", "from"),
        *("start", "starts", "startutc", "starttime", "starttimeutc", "startdate", "startdatetime", "when"),
        *("time", "timeutc", "timestamp", "timestamputc", "datetime", "datetimeutc", "utc", "date", "eventtime"),
    ),
    "end": (
        *("end", "ends", "endutc", "endtime", "endtimeutc", "enddate", "enddatetime", "dateto", "to", "until"),
        *("stop", "stops", "stoptime", "stopdate"),
    ),
    "locationCode": ("locationcode", "location"),
    "deviceCategoryCode": ("devicecategorycode", "devicecategory", "category"),
    "deviceCode": ("devicecode", "device"),
    "label": ("label", "labels", "annotation", "annotations", "event", "species", "name", "comment"),
}
"""What each column may be called, letters alone; of several labels the first in this order counts."""

_KEY_BY_NAME = {name: key for key, names in COLUMNS.items() for name in names}
_CODES = ("locationCode", "deviceCategoryCode", "deviceCode")
_TIME_HINT = "write for example `2017-05-01T12:00:00Z`"


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One row: a span of UTC instants, which is empty for an event at one instant, and where it was noticed."""

    begin: datetime
    end: datetime
    location_code: str | None = None
    device_category_code: str | None = None
    device_code: str | None = None
    label: str | None = None
    place: Place


class EventList(msgspec.Struct, frozen=True):
    """The events of a file in its order, and the columns that mean nothing here."""

    events: tuple[Event, ...]
    left_out: tuple[str, ...] = ()


def check_event_files(document: Document, manifest_path: Path, mistakes: Mistakes) -> None:
    """Notes every events file that would lie outside the manifest's folder: a cloned manifest is not trusted."""
    downloads = document.value.get("downloads")
    for index, entry in enumerate(downloads if isinstance(downloads, list) else ()):
        events = entry.get("events") if isinstance(entry, dict) else None
        file = events.get("file") if isinstance(events, dict) else None
        if isinstance(file, str) and file and path_beside(manifest_path, file) is None:
            hint = "put the file beside the manifest, or in a folder below it"
            place = document.place(("downloads", index, "events", "file"))
            mistakes.add(place, f"{shown(file)} lies outside the manifest's folder", hint)


def events_path(manifest_path: Path, file: str) -> Path | None:
    """Gives the path of an events file; None when there is no plain file of that name in the manifest's folder."""
    path = path_beside(manifest_path, file)
    return path if path is not None and path.is_file() else None


def read_events(download: Download, manifest_path: Path) -> EventList:
    """Reads the events file of a download; raises `ProblemsError` with every bad row."""
    assert download.events is not None
    name = shown_path(manifest_path.parent / download.events.file)
    mistakes = Mistakes()
    entry = download.places.get("events") or download.place or Place(manifest_path.name, 1, 1)
    path = events_path(manifest_path, download.events.file)
    title = f"The events file `{name}`"
    if path is None:
        mistakes.add(entry, f"`{download.name}`: there is no events file `{name}`", "it lies relative to the manifest")
        raise mistakes.error(title)
    try:
        text = decode(read_limited(path, MOST_BYTES, name), name)
    except UnreadableError as error:
        mistakes.add(error.place, error.message, "write a CSV table or a JSON list in UTF-8")
    except InputError as error:
        mistakes.add(entry, error.message)
    else:
        found = parse_events(text, name, mistakes)
        _check_lengths(download, found.events, entry, name, mistakes)
    mistakes.raise_any(title)
    return found


def parse_events(text: str, name: str, mistakes: Mistakes) -> EventList:
    """Gives the events of a text, JSON when it begins like that; what is wrong with a row is noted with its place.

    The column of a place is the number of the cell in a CSV table.
    """
    if text.lstrip()[:1] in ("[", "{"):
        return _parse_json(text, name, mistakes)
    return _parse_csv(text, name, mistakes)


def _check_lengths(download: Download, events: Sequence[Event], entry: Place, name: str, mistakes: Mistakes) -> None:
    """Notes events at one instant that nothing widens to a span."""
    instants = sum(event.begin == event.end for event in events)
    if instants and download.events is not None and download.events.padding is None:
        what = "1 event is an instant" if instants == 1 else f"{instants:,} events are instants"
        message = f"`{download.name}`: {what} without a length in `{name}`, and there is no `padding`"
        mistakes.add(entry, message, "write for example `padding: PT30S`, or give the file a column `end`")


# --- CSV -------------------------------------------------------------------------------------------------------


def _parse_csv(text: str, name: str, mistakes: Mistakes) -> EventList:
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    head: dict[str, int] | None = None
    left_out: tuple[str, ...] = ()
    events: list[Event] = []
    width = 0
    try:
        for cells in lines:
            if not any(cell.strip() for cell in cells) or cells[0].lstrip().startswith("#"):
                continue
            if head is None:
                places = [Place(name, lines.line_num, index + 1) for index in range(len(cells))]
                head, left_out = _read_names(cells, places, mistakes)
                width = len(cells)
                if "begin" not in head:
                    return EventList((), left_out)
                continue
            row = [*cells, *[""] * (width - len(cells))]
            if any(cell.strip() for cell in row[width:]):
                place = Place(name, lines.line_num, width + 1)
                mistakes.add(place, "This line has more cells than the header", "put quotes around such a cell")
                continue
            members = {key: (row[index], Place(name, lines.line_num, index + 1)) for key, index in head.items()}
            event = _read_event(members, Place(name, lines.line_num, 1), mistakes)
            events += [event] if event else []
    except csv.Error:
        place = Place(name, max(lines.line_num, 1), 1)
        mistakes.add(place, "This line is not CSV", "close every quote, and double a quote inside a cell")
    if head is None:
        mistakes.add(Place(name, 1, 1), "The file has no header line", "begin it with `begin,end,label` or `time`")
    return EventList(tuple(events), left_out)


def _delimiter(text: str) -> str:
    """Gives what separates the cells: whichever of the usual signs the header line has most of."""
    lines = (line for line in io.StringIO(text) if line.strip() and not line.lstrip().startswith("#"))
    head = next(lines, "")
    return max((",", ";", "\t"), key=head.count)


def _read_names(
    names: Sequence[str], places: Sequence[Place], mistakes: Mistakes
) -> tuple[dict[str, int], tuple[str, ...]]:
    """Gives where each column stands, by its key, and the names that mean nothing here."""
    found: dict[str, int] = {}
    left_out = []
    for index, name in enumerate(names):
        key = _key_of(name)
        if key is None:
            left_out += [name.strip()] if name.strip() else []
        elif key not in found:
            found[key] = index
        elif key == "label":
            first = min(found[key], index, key=lambda one: COLUMNS["label"].index(_letters(names[one])))
            left_out.append(names[index if first == found[key] else found[key]].strip())
            found[key] = first
        else:
            message = f"The columns {shown(names[found[key]])} and {shown(name)} both mean `{key}`"
            mistakes.add(places[index], message, "keep one of the two, with date and time in one cell")
    if "begin" not in found:
        near = next(filter(None, (did_you_mean(_letters(name), COLUMNS["begin"]) for name in names)), None)
        place = places[0] if places else Place("", 1, 1)
        mistakes.add(place, "No column says when the events were", near or "call one `time`, or two `begin` and `end`")
    return found, tuple(left_out)


def _letters(name: str) -> str:
    return re.sub(r"[^a-z]", "", name.lower())


def _key_of(name: str) -> str | None:
    return _KEY_BY_NAME.get(_letters(name))


# --- JSON ------------------------------------------------------------------------------------------------------


def _parse_json(text: str, name: str, mistakes: Mistakes) -> EventList:
    left_out: dict[str, None] = {}
    events = []
    try:
        for value, place in _elements(text, name):
            if not isinstance(value, dict):
                mistakes.add(place, f"An event is {shown(json.dumps(value))}, not a group of members", _JSON_HINT)
                continue
            known, others = _read_names(list(value), [place] * len(value), mistakes)
            left_out |= dict.fromkeys(others)
            members = list(value.values())
            cells = {key: (_cell(members[index]), place) for key, index in known.items()}
            event = _read_event(cells, place, mistakes) if "begin" in known else None
            events += [event] if event else []
    except json.JSONDecodeError as error:
        mistakes.add(Place(name, error.lineno, error.colno), f"This is not JSON: {error.msg.lower()}", _JSON_HINT)
    except (RecursionError, ValueError):
        mistakes.add(Place(name, 1, 1), "This JSON is nested too deep, or holds a number that is too long", _JSON_HINT)
    return EventList(tuple(events), tuple(left_out))


_JSON_HINT = 'write a list such as `[{"begin": "2017-05-01T12:00:00Z", "label": "call"}]`'
_BLANK = re.compile(r"[ \t\n\r]*")


def _elements(text: str, name: str) -> Iterator[tuple[Any, Place]]:
    """Yields the members of a JSON list with the place of each."""
    if not text.lstrip().startswith("["):
        raise json.JSONDecodeError("a list of events was expected", text, len(text) - len(text.lstrip()))
    decoder = json.JSONDecoder()
    at = text.index("[") + 1
    line, line_begin, counted = text.count("\n", 0, at) + 1, text.rfind("\n", 0, at), at
    is_first = True
    while True:
        at = _after_blank(text, at)
        if text[at : at + 1] == "]":
            break
        if not is_first:
            if text[at : at + 1] != ",":
                raise json.JSONDecodeError("a `,` or `]` was expected", text, at)
            at = _after_blank(text, at + 1)
        is_first = False
        value, end = decoder.raw_decode(text, at)
        line += text.count("\n", counted, at)
        line_begin = max(line_begin, text.rfind("\n", counted, at))
        counted = at
        yield value, Place(name, line, at - line_begin)
        at = end
    rest = _after_blank(text, at + 1)
    if rest != len(text):
        raise json.JSONDecodeError("something follows the list", text, rest)


def _after_blank(text: str, at: int) -> int:
    match = _BLANK.match(text, at)
    return match.end() if match else at


def _cell(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)


# --- One row ---------------------------------------------------------------------------------------------------


def _read_event(cells: Mapping[str, tuple[str, Place]], row: Place, mistakes: Mistakes) -> Event | None:
    """Gives the event of a row; None, and what is wrong with each of its cells, when it means none."""
    begin, end = _read_time(cells, "begin", row, mistakes), _read_time(cells, "end", row, mistakes)
    texts = {key: " ".join(cells[key][0].split()) if key in cells else "" for key in (*_CODES, "label")}
    is_sound = True
    for key in _CODES:
        if re.search(r"[\s,;]", texts[key]):
            hint = f"an event has one `{key}`; write a row for each"
            mistakes.add(cells[key][1], f"{shown(texts[key])} is no code", hint)
            is_sound = False
    if isinstance(begin, str):
        mistakes.add(cells["begin"][1], "This event has no time", _TIME_HINT)
    if begin is None or end is None or isinstance(begin, str) or not is_sound:
        return None
    last = begin if isinstance(end, str) else end
    if last < begin:
        words = f"ends ({shown(cells['end'][0].strip())}) before it begins ({shown(cells['begin'][0].strip())})"
        mistakes.add(cells["end"][1], f"This event {words}", "exchange the two")
        return None
    return Event(
        begin=begin,
        end=last,
        location_code=texts["locationCode"] or None,
        device_category_code=texts["deviceCategoryCode"] or None,
        device_code=texts["deviceCode"] or None,
        label=texts["label"] or None,
        place=row,
    )


def _read_time(
    cells: Mapping[str, tuple[str, Place]], key: str, row: Place, mistakes: Mistakes
) -> datetime | str | None:
    """Gives the instant of a cell, an empty text for a blank one, None and a mistake for one that is no time."""
    text, place = cells.get(key, ("", row))
    if not text.strip():
        return ""
    try:
        return parse_instant(text)
    except TimeTextError as error:
        hint = f"did you mean `{error.suggestion}`?" if error.suggestion else _TIME_HINT
        mistakes.add(place, f"{shown(text)} is no time of an event", hint)
        return None
