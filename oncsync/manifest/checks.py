"""Finds the mistakes that a schema cannot see: times, names, places, and keys that do not go together."""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from oncsync.manifest.keeping import check_keep
from oncsync.manifest.mistakes import Mistakes, shown
from oncsync.manifest.model import ALL_SPLITS, DEFAULT_SPLITS, SERVER_NAMES
from oncsync.manifest.server import server_fault
from oncsync.manifest.typed import Document, ValuePath
from oncsync.manifest.validate import manifest_schema
from oncsync.manifest.wording import name_of, note_missing
from oncsync.naming import TEMPLATE_FIELDS, TemplateError, check_template
from oncsync.spelling import did_you_mean
from oncsync.timespan import (
    UTC,
    TimeTextError,
    format_instant,
    is_duration,
    parse_duration,
    parse_end,
    parse_instant,
)

ARCHIVE_KEYS = ("match", "notMatch", "minSize", "maxSize", "newest", "limit", "keep")
ORDER_KEYS = ("options", "pinOptions", "splitDateRange", "dayOfWeek", "maxOrderHours", "refreshOpen")
CODE_KEYS = ("locationCode", "deviceCategoryCode", "deviceCode", "propertyCode", "dataProductCode", "extension")
FILTER_KEYS = (*CODE_KEYS, "dataProductName")
_SCOPE = re.compile(r"[A-Za-z0-9_-]+(/[A-Za-z0-9]+)?")
_SHORTEST_SPLIT = 60_000  # milliseconds
_SOME_DAY = datetime(2020, 1, 1, tzinfo=UTC)


def check_document(document: Document, settings: Mapping[str, Any], mistakes: Mistakes) -> None:
    """Notes every mistake of meaning in a manifest whose settings are `settings` (overlay included)."""
    _check_characters(document, document.value, (), mistakes)
    check_settings(document, mistakes)
    _check_server(document, mistakes)
    for section in ("downloads", "requests"):
        for index, entry in enumerate(_list(document.value.get(section))):
            if isinstance(entry, dict):
                _Entry(document, (section, index), entry, settings, mistakes).check()
        _check_names(document, section, mistakes)


def _check_characters(document: Document, value: object, path: ValuePath, mistakes: Mistakes) -> None:
    """Notes a zero byte, which ends a path in the middle; a workbook's other cells may hold anything."""
    if isinstance(value, str):
        if "\x00" in value:
            mistakes.add(document.place(path), f"`{path[-1]}` holds a zero byte", "remove the escape")
            mistakes.ignore(document.place(path))
    elif path[-1:] != ("columns",):
        members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        for key, member in members:
            _check_characters(document, member, (*path, key), mistakes)


def check_settings(document: Document, mistakes: Mistakes) -> None:
    """Notes what is wrong with the time zone and the durations of `settings:`."""
    settings = document.value.get("settings")
    if not isinstance(settings, dict):
        return
    zone = settings.get("runTimeZone")
    if isinstance(zone, str) and zone and not _is_zone(zone):
        hint = did_you_mean(zone, zoneinfo.available_timezones()) or "write a name such as `America/Vancouver` or `UTC`"
        mistakes.add(document.place(("settings", "runTimeZone")), f"There is no time zone {shown(zone)}", hint)
    for key in ("splitDateRange", "refreshOpen"):
        _check_step(document, ("settings", key), settings.get(key), mistakes)
    _check_state(document, settings.get("state"), mistakes)


def _is_zone(name: str) -> bool:
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        # Where the system has no zones at all, no name can be called wrong.
        return not zoneinfo.available_timezones()
    return True


def _check_server(document: Document, mistakes: Mistakes) -> None:
    server = document.value.get("server")
    if isinstance(server, str) and server not in SERVER_NAMES:
        fault = server_fault(server) if server.startswith(("http://", "https://")) else None
        if fault is not None:
            mistakes.add(document.place(("server",)), *fault)


def _check_step(document: Document, path: ValuePath, text: object, mistakes: Mistakes) -> None:
    """Notes a duration that is none or does not point forward."""
    if not isinstance(text, str) or text in ALL_SPLITS or mistakes.has(document.place(path)):
        return
    try:
        step = parse_duration(text)
    except TimeTextError as error:
        mistakes.add(document.place(path), _sentence(error))
        return
    if step.is_negative or not (step.months or step.milliseconds):
        mistakes.add(document.place(path), f"`{path[-1]}` has to be longer than nothing, not {shown(text)}")
    elif path[-1] == "splitDateRange" and not step.months and step.milliseconds < _SHORTEST_SPLIT:
        message = f"`splitDateRange` has to be at least a minute, not {shown(text)}"
        mistakes.add(document.place(path), message, "every piece is an order of its own at the service")


def _check_names(document: Document, section: str, mistakes: Mistakes) -> None:
    """Notes names that are written twice; names differ without regard to case, as file names do."""
    first: dict[str, ValuePath] = {}
    for index, entry in enumerate(_list(document.value.get(section))):
        name = entry.get("name") if isinstance(entry, dict) else None
        if not isinstance(name, str) or not name:
            continue
        path = (section, index, "name")
        if name.lower() not in first:
            first[name.lower()] = path
            continue
        other = document.place(first[name.lower()])
        same = f"also in {other}" if other.file != document.place(path).file else f"also in line {other.line}"
        mistakes.add(
            document.place(path),
            f"The name {shown(name)} is taken, {same}",
            f"every entry of `{section}:` has a name of its own, upper and lower case being the same",
        )


class _Entry:
    """One download or request, to be checked."""

    def __init__(
        self,
        document: Document,
        path: ValuePath,
        entry: dict[str, Any],
        settings: Mapping[str, Any],
        mistakes: Mistakes,
    ) -> None:
        self._document = document
        self._path = path
        self._entry = entry
        self._settings = settings
        self._mistakes = mistakes
        self._is_request = path[0] == "requests"

    def check(self) -> None:
        self._check_codes()
        self._check_times()
        for key in ("splitDateRange", "refreshOpen"):
            _check_step(self._document, (*self._path, key), self._entry.get(key), self._mistakes)
        self._check_path()
        if self._is_request:
            self._check_source()
        else:
            self._check_options()
            self._check_service()

    def _add(self, key: str, message: str, hint: str | None = None) -> None:
        self._mistakes.add(self._document.place((*self._path, key)), message, hint)

    @property
    def _name(self) -> str:
        return name_of(self._path, self._entry)

    @property
    def _lower_name(self) -> str:
        return self._name[:1].lower() + self._name[1:]

    def _text(self, key: str) -> str | None:
        value = self._entry.get(key)
        return value if isinstance(value, str) and value else None

    def _check_codes(self) -> None:
        holders = [(self._path, self._entry)]
        if isinstance(self._entry.get("exclude"), dict):
            holders.append(((*self._path, "exclude"), self._entry["exclude"]))
            if "propertyCode" in self._entry["exclude"] and "propertyCode" not in self._entry:
                place = self._document.key_place((*self._path, "exclude", "propertyCode"))
                message = f"`exclude` has a `propertyCode`, but {self._lower_name} names none to choose from"
                self._mistakes.add(place, message, "name the properties that you want")
        for path, holder in holders:
            for key in (*FILTER_KEYS, "prefer"):
                for place_path, text in _texts((*path, key), holder.get(key)):
                    self._check_code(key, place_path, text)

    def _check_code(self, key: str, path: ValuePath, text: str) -> None:
        place = self._document.place(path)
        words = [word.strip() for word in text.split(",")]
        if not any(words):
            self._mistakes.add(place, f"`{key}` names nothing", "leave the key out to mean everything that exists")
        elif self._is_request and len([word for word in words if word]) > 1:
            self._mistakes.add(place, f"A request has one `{key}`, not {shown(text)}", "write one request for each")
        elif key != "dataProductName":
            for word in words:
                if key in ("extension", "prefer") and word.startswith("."):
                    self._mistakes.add(
                        place, f"An extension has no dot: {shown(word)}", f"did you mean `{word.lstrip('.')}`?"
                    )
                elif re.search(r"\s", word):
                    hint = "Data Search shows the codes: https://data.oceannetworks.ca/DataSearch"
                    self._mistakes.add(place, f"{shown(word)} is no code: it holds a space", hint)

    def _check_times(self) -> None:
        begin, end = self._text("begin"), self._text("end")
        if begin is None:
            if not self._is_request and "begin" not in self._entry and "events" not in self._entry:
                schema = manifest_schema()["$defs"]["download"]
                note_missing(self._path, self._entry, ["begin"], schema, self._document, self._mistakes)
            elif end is not None and "events" in self._entry and "begin" not in self._entry:
                message = f"{self._name} has events and an `end`, but no `begin`"
                self._add("end", message, "write both, or neither")
            return
        sound = [self._is_time("begin", begin)]
        if end is not None:
            sound.append(self._is_time("end", end))
        if not all(sound) or ("end" in self._entry and end is None):
            return
        self._check_order(begin, end)
        self._check_split(begin, end)

    def _is_time(self, key: str, text: str) -> bool:
        if _is_now(text):
            return True
        if len(text) > 40:
            self._add(key, f"`{key}` cannot be {shown(text)}", _TIME_HINT)
            return False
        try:
            if is_duration(text):
                parse_duration(text)
            else:
                (parse_end if key == "end" else parse_instant)(text)
        except TimeTextError as error:
            hint = f"did you mean `{error.suggestion}`?" if error.suggestion else None
            self._add(key, _sentence(error), hint)
            return False
        return True

    def _check_order(self, begin: str, end: str | None) -> None:
        if is_duration(begin) and end is not None and is_duration(end):
            self._add(
                "end",
                f"`begin` ({shown(begin)}) and `end` ({shown(end)}) are durations, each relative to the other",
                "write one of the two as a date or as `now`",
            )
            return
        key = "end" if end is not None else "begin"
        begin_words, end_words = shown(begin), shown(end) if end is not None else "now"
        try:
            order = _order(begin, end)
        except TimeTextError:
            self._add(key, f"The span from {begin_words} to {end_words} leaves the years 1 to 9999")
            return
        if order == 0:
            self._add(key, f"The span from {begin_words} to {end_words} is empty", _empty_hint(begin))
        elif order < 0:
            hint = "a duration before the end has a minus: `begin: -P1D`" if is_duration(begin) else None
            message = f"The span ends ({end_words}) before it begins ({begin_words})"
            self._add(key, message, hint or "exchange `begin` and `end`")

    def _check_split(self, begin: str, end: str | None) -> None:
        """`all` gives a span that moves with the clock a new identity each time, so it would be ordered for ever."""
        if self._entry.get("service") == "archivefile" or self._entry.get("download") is False:
            return
        default = DEFAULT_SPLITS[str(self._path[0])]
        split = self._entry.get("splitDateRange") or self._settings.get("splitDateRange") or default
        open_end = end is None or _is_now(end)
        if split != "all" or not (open_end or _is_now(begin)):
            return
        what = "no `end`" if end is None else "a span that moves with the clock"
        written = (*self._path, "splitDateRange")
        place = self._document.place(written if "splitDateRange" in self._entry else (*self._path, "end"))
        self._mistakes.add(
            place,
            f"{self._name} has {what}, which `splitDateRange: all` cannot cut",
            "write an `end:` date, or `splitDateRange: day` (or hour, week, month, year)",
        )

    def _check_path(self) -> None:
        path = self._text("path")
        if path is None:
            return
        try:
            check_template(path)
        except TemplateError as error:
            field = next((word for word in re.findall(r"\{([^{}]*)\}", path) if word not in TEMPLATE_FIELDS), None)
            hint = did_you_mean(field, TEMPLATE_FIELDS) if field is not None else None
            self._add("path", str(error), hint or "write for example `{locationCode}/{year}`")

    def _check_source(self) -> None:
        codes = {key for key in CODE_KEYS if key in self._entry}
        by_place = codes & {"locationCode", "deviceCategoryCode"}
        place = self._document.place(self._path)
        if "deviceCode" in codes and by_place:
            self._mistakes.add(
                self._document.key_place((*self._path, min(by_place))),
                f"{self._name} names a device and a {'place' if 'locationCode' in by_place else 'category'}",
                "keep `deviceCode`, or `locationCode` with `deviceCategoryCode`",
            )
        elif not codes & {"deviceCode"} and not (
            "locationCode" in codes and codes & {"deviceCategoryCode", "propertyCode"}
        ):
            self._mistakes.add(
                place,
                f"{self._name} does not say where its data come from",
                "write `locationCode` with `deviceCategoryCode` or `propertyCode`, or `deviceCode`",
            )

    def _check_options(self) -> None:
        options = self._entry.get("options")
        for scope, value in options.items() if isinstance(options, dict) else ():
            if isinstance(value, dict) and not _SCOPE.fullmatch(scope):
                self._mistakes.add(
                    self._document.key_place((*self._path, "options", scope)),
                    f"{shown(scope)} is no product",
                    "write a `dataProductCode`, or `CODE/extension`",
                )

    def _check_service(self) -> None:
        is_archive = self._entry.get("service") == "archivefile"
        wrong, needed = (ORDER_KEYS, "dataProductDelivery") if is_archive else (ARCHIVE_KEYS, "archivefile")
        for key in wrong:
            if key in self._entry:
                self._mistakes.add(
                    self._document.key_place((*self._path, key)),
                    f"`{key}` has no meaning for `service: {_service(is_archive)}`",
                    f"remove it, or write `service: {needed}`",
                )
        if is_archive:
            check_keep(self._document, self._path, self._entry, self._mistakes)
        padding = self._entry.get("events", {}).get("padding") if isinstance(self._entry.get("events"), dict) else None
        _check_step(self._document, (*self._path, "events", "padding"), padding, self._mistakes)


_TIME_HINT = "write for example `2017-05-01`, `2017-05-01T12:00:00Z`, `-P1D` or `now`"


def _service(is_archive: bool) -> str:
    return "archivefile" if is_archive else "dataProductDelivery"


def _order(begin: str, end: str | None) -> int:
    """Gives 1 when a span has instants at some time, 0 when it is always empty, -1 when it is always reversed.

    The clock is not read here: where it decides, the span is taken for one that has instants. Not both bounds are
    durations, and each can be read. Raises `TimeTextError` when a duration leads out of the calendar.
    """
    end = "now" if end is None else end
    if _is_now(begin) != _is_now(end) and not (is_duration(begin) or is_duration(end)):
        return 1
    first = None if is_duration(begin) else _SOME_DAY if _is_now(begin) else parse_instant(begin)
    last = None if is_duration(end) else _SOME_DAY if _is_now(end) else parse_end(end)
    first = first or parse_duration(begin).after(last or _SOME_DAY)
    last = last or parse_duration(end).after(first)
    return (last > first) - (last < first)


def _is_now(bound: str) -> bool:
    return bound.strip().lower() == "now"


def _empty_hint(begin: str) -> str:
    try:
        next_day = parse_instant(begin) + timedelta(days=1)
    except (TimeTextError, OverflowError):
        return "the end is exclusive: it has to lie after the begin"
    return f"the end is exclusive: for one day write `end: {format_instant(next_day)[:10]}`"


def _check_state(document: Document, text: object, mistakes: Mistakes) -> None:
    """Notes a state file that would lie outside the folder: a cloned manifest is not trusted."""
    if not isinstance(text, str) or not text:
        return
    parts = re.split(r"[/\\]", text)
    if text.startswith(("/", "\\", "~")) or re.match(r"[A-Za-z]:", text) or ".." in parts:
        place = document.place(("settings", "state"))
        mistakes.add(place, f"{shown(text)} leads out of the folder", "write a path below the folder")
    elif not text.lower().endswith(".json") or (parts[0].casefold() == ".oncsync" and len(parts) > 2):
        place = document.place(("settings", "state"))
        mistakes.add(place, f"{shown(text)} is no place for the state", "name a `.json` file, such as `download.json`")


def _texts(path: ValuePath, value: object) -> Iterator[tuple[ValuePath, str]]:
    if isinstance(value, str) and value:
        yield path, value
    elif isinstance(value, list):
        for index, item in enumerate(value):
            if isinstance(item, str) and item:
                yield (*path, index), item


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _sentence(error: TimeTextError) -> str:
    text = str(error)
    return text[:1].upper() + text[1:]
