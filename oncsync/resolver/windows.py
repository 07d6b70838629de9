"""The spans that an entry asks for: one, or those of its events, which may belong to a place or an instrument alone.

Pure. Events are widened by the padding and merged where they overlap, for each deployment by itself (R137, R138).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

import msgspec

from oncsync.manifest.events import Event
from oncsync.resolver.requests import Piece, Site
from oncsync.timespan import LAST_INSTANT, Duration, Span, merge_spans

MOST_LABELS = 12

_Key: TypeAlias = tuple[str | None, str | None, str | None]


class Window(msgspec.Struct, frozen=True):
    """A span that is asked for, and what the events in it are called."""

    span: Span
    labels: tuple[str, ...] = ()

    @property
    def label(self) -> str | None:
        """The labels in one text, the tail counted; None when there are none."""
        if not self.labels:
            return None
        rest = len(self.labels) - MOST_LABELS
        return "; ".join(self.labels[:MOST_LABELS]) + (f"; and {rest} more" if rest > 0 else "")


def pad_event(event: Event, padding: Duration) -> Span:
    """Gives an event's span, widened on both sides; raises `TimeTextError` outside the calendar."""
    return Span(Duration(-padding.months, -padding.milliseconds).after(event.begin), padding.after(event.end))


def merge_windows(windows: Iterable[Window]) -> list[Window]:
    """Gives the fewest windows, in order, that cover the same instants; each label once, in the order of time."""
    merged: list[Window] = []
    for window in sorted(windows, key=lambda one: (one.span, one.labels)):
        last = merged[-1] if merged else None
        if last is not None and window.span.begin <= last.span.end:
            span = Span(last.span.begin, max(last.span.end, window.span.end))
            new = tuple(label for label in window.labels if label not in last.labels)
            merged[-1] = Window(span, last.labels + new) if new else Window(span, last.labels)
        else:
            merged.append(window)
    return merged


class EventWindows:
    """The windows of a list of events, deployment by deployment.

    `below` gives, for each place that an event names, that place and all below it. `spans` are the events' own,
    widened and clipped; empty ones count for nothing.
    """

    def __init__(self, events: Sequence[Event], spans: Sequence[Span], below: Mapping[str, frozenset[str]]) -> None:
        self._below = below
        self._events: dict[_Key, list[tuple[Span, Event]]] = defaultdict(list)
        for event, span in zip(events, spans, strict=True):
            if not span.is_empty:
                key = (event.location_code, event.device_category_code, event.device_code)
                self._events[key].append((span, event))
        self._merged: dict[frozenset[_Key], list[Window]] = {}
        self._pieces: dict[Site, list[Piece]] = {}

    @property
    def names_places(self) -> bool:
        """Whether some event is about a place or a kind of instrument, so that deployments have to be known."""
        return any(location or category for location, category, _ in self._events)

    def pieces(self, site: Site) -> list[Piece]:
        """Gives the parts of a deployment that some event asks for."""
        if site not in self._pieces:
            self._pieces[site] = self._clip(site)
        return self._pieces[site]

    def _clip(self, site: Site) -> list[Piece]:
        keys = frozenset(key for key in self._events if self._means(key, site))
        if keys not in self._merged:
            found = (one for key in keys for one in self._events[key])
            self._merged[keys] = merge_windows(
                Window(span, (event.label,) if event.label else ()) for span, event in found
            )
        windows = self._merged[keys]
        first = bisect_right(windows, site.begin, key=lambda window: window.span.end)
        last = len(windows) if site.end is None else bisect_left(windows, site.end, key=lambda one: one.span.begin)
        clipped = ((site.clipped(window.span), window.label) for window in windows[first:last])
        return [Piece(site, span, label) for span, label in clipped if not span.is_empty]

    def missed(self, sites: Sequence[Site]) -> list[Event]:
        """Gives the events during which none of the deployments that they mean was there, in the order of time."""
        alone = []
        for key, events in self._events.items():
            there = merge_spans(Span(site.begin, site.end or LAST_INSTANT) for site in sites if self._means(key, site))
            for span, event in events:
                near = bisect_right(there, span.begin, key=lambda one: one.end)
                if near == len(there) or not there[near].overlaps(span):
                    alone.append((span, event))
        return [event for _, event in sorted(alone, key=lambda one: (one[0], one[1].place.line, one[1].place.column))]

    def _means(self, key: _Key, site: Site) -> bool:
        location, category, device = key
        return (
            (location is None or site.location_code in self._below.get(location, ()))
            and category in (None, site.device_category_code)
            and device in (None, site.device_code)
        )
