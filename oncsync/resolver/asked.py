"""The times that an entry asks for: its span, or its events as far as they lie in it.

Reads the events file and holds its codes against the service; the rest is pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

import msgspec

from oncsync.errors import Problem, ProblemsError
from oncsync.manifest import Download, Request
from oncsync.manifest.events import Event, EventList, read_events
from oncsync.resolver.findings import EntryError, where
from oncsync.resolver.requests import Cut, Piece, Site
from oncsync.resolver.spans import describe_widening, evaluate_span, moving_bounds
from oncsync.resolver.survey import Survey
from oncsync.resolver.windows import EventWindows, pad_event
from oncsync.spelling import enumerate_codes, suggest
from oncsync.timespan import Duration, Span, TimeTextError, format_instant, parse_duration

MOST_SHOWN = 3


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """The times of an entry: `span` covers them all; None when a file of events holds none.

    `download` is the entry as far as its events let it reach.
    """

    download: Download
    span: Span | None
    windows: EventWindows | None = None
    remarks: tuple[str, ...] = ()

    def pieces(self, site: Site) -> list[Piece]:
        """Gives the parts of a deployment that are asked for."""
        if self.windows is not None:
            return self.windows.pieces(site)
        clipped = site.clipped(self.span) if self.span is not None else None
        return [Piece(site, clipped)] if clipped is not None and not clipped.is_empty else []

    def describe_missed(self, sites: Sequence[Site]) -> list[str]:
        """Says which events fall where nothing was deployed, though others do not."""
        missed = self.windows.missed(sites) if self.windows is not None else []
        if not missed:
            return []
        shown = ", ".join(f"{event.place} ({format_instant(event.begin)})" for event in missed[:MOST_SHOWN])
        count = "1 event falls" if len(missed) == 1 else f"{len(missed):,} events fall"
        return [f"{count} where nothing that matches was deployed: {shown}" + (", ..." if missed[MOST_SHOWN:] else "")]


def what_is_asked(download: Download, manifest_path: Path, survey: Survey, cut: Cut, now: datetime) -> Asked:
    """Gives the times that an entry asks for at `now`; raises `EntryError` when they cannot be read."""
    bounds = entry_span(download, cut, now) if download.begin is not None else None
    if download.events is None:
        assert bounds is not None
        widening = describe_widening(download.begin or "", download.end, cut.split, bounds, now)
        remarks = [*([widening] if widening else []), *describe_future(download, bounds, now)]
        return Asked(download=download, span=bounds, remarks=tuple(remarks))
    try:
        listed = read_events(download, manifest_path)
    except ProblemsError as error:
        raise EntryError(*error.problems) from None
    _check_event_codes(download, listed.events, survey)
    spans = _padded(download, listed.events, bounds)
    whole = [span for span in spans if not span.is_empty]
    hull = Span(min(span.begin for span in whole), max(span.end for span in whole)) if whole else None
    below = _places_below({event.location_code for event in listed.events if event.location_code}, survey)
    return Asked(
        download=_narrowed(download, listed.events),
        span=hull,
        windows=EventWindows(listed.events, spans, below),
        remarks=tuple(_describe_events(download, listed, spans, now)),
    )


def entry_span(entry: Download | Request, cut: Cut, now: datetime) -> Span:
    """Gives the span an entry means at `now`; raises `EntryError` when it has none."""
    try:
        return evaluate_span(entry.begin or "", entry.end, cut.split, cut.day_of_week, now)
    except TimeTextError as error:
        raise EntryError(Problem(where(entry, "begin"), f"`{entry.name}`: {error}")) from None


def describe_future(entry: Download | Request, span: Span, now: datetime) -> list[str]:
    """Says that a span begins in the future, unless it moves with the clock."""
    if span.begin <= now or any(moving_bounds(entry.begin or "", entry.end)):
        return []
    return [f"it begins in the future, at {format_instant(span.begin)}: until then there is nothing to order"]


def _padded(download: Download, events: Sequence[Event], bounds: Span | None) -> list[Span]:
    """Gives the events' spans, widened by the padding and clipped to the entry's own span."""
    padding_text = download.events.padding if download.events else None
    padding = parse_duration(padding_text) if padding_text else Duration()
    try:
        spans = [pad_event(event, padding) for event in events]
    except TimeTextError as error:
        raise EntryError(Problem(where(download, "events"), f"`{download.name}`: {error}")) from None
    return spans if bounds is None else [span.clip(bounds) for span in spans]


def _narrowed(download: Download, events: Sequence[Event]) -> Download:
    """Gives the entry with the places, kinds and instruments of its events, where it has none and each event has one.

    So nothing is asked about the rest of the ocean.
    """
    narrower: dict[str, tuple[str, ...]] = {}
    for member, event_member in (
        ("location_codes", "location_code"),
        ("device_category_codes", "device_category_code"),
        ("device_codes", "device_code"),
    ):
        codes = {getattr(event, event_member) for event in events}
        if codes and None not in codes and not getattr(download, member):
            narrower[member] = tuple(sorted(codes))
    return msgspec.structs.replace(download, **narrower) if narrower else download


def _places_below(places: Iterable[str], survey: Survey) -> dict[str, frozenset[str]]:
    listed = sorted(places)
    return {code: survey.tree().below([code]) for code in listed} if listed else {}


def _check_event_codes(download: Download, events: Sequence[Event], survey: Survey) -> None:
    """Raises `EntryError` with every row that names a place, a kind or an instrument the service does not know."""
    problems = _unknown(download, events, "locationCode", "location_code", lambda: survey.tree().names, survey)
    problems += _unknown(download, events, "deviceCategoryCode", "device_category_code", survey.category_names, survey)
    problems += _unknown(download, events, "deviceCode", "device_code", survey.device_names, survey)
    if problems:
        raise EntryError(*problems)


def _unknown(
    download: Download,
    events: Sequence[Event],
    key: str,
    member: str,
    ask: Callable[[], Mapping[str, str]],
    survey: Survey,
) -> list[Problem]:
    named = {code for event in events if (code := getattr(event, member))}
    if not named:
        return []
    known = ask()
    strange = {code for code in named - known.keys() if key != "locationCode" or not survey.has_place(code)}
    return [
        Problem(str(event.place), f"`{download.name}`: ONC knows no {key} `{code}`", suggest(code, known))
        for event in events
        if (code := getattr(event, member)) in strange
    ]


def _describe_events(download: Download, listed: EventList, spans: Sequence[Span], now: datetime) -> list[str]:
    """Says what a person should know of an events file that can be read."""
    file = download.events.file if download.events else ""
    remarks = []
    if listed.left_out:
        columns = enumerate_codes(listed.left_out)
        remarks.append(f"these columns of `{file}` mean nothing here: {columns}")
    if not listed.events:
        remarks.append(f"`{file}` holds no event")
    beside = sum(span.is_empty for span in spans)
    if beside:
        count = "1 event lies" if beside == 1 else f"{beside:,} events lie"
        remarks.append(f"{count} outside `begin` and `end` and {'is' if beside == 1 else 'are'} left out")
    ahead = sum(span.begin > now for span in spans if not span.is_empty)
    if ahead:
        remarks.append(f"{ahead:,} of {len(spans):,} events lie in the future: until then there is nothing to order")
    return remarks
