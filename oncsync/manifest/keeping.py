"""Finds the mistakes in `keep:`, which lets go of archive files that a moving span has left behind."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from oncsync.manifest.mistakes import Mistakes, shown
from oncsync.manifest.typed import Document, ValuePath
from oncsync.timespan import UTC, Duration, TimeTextError, is_duration, parse_duration

_SOME_DAY = datetime(2020, 1, 1, tzinfo=UTC)


def check_keep(document: Document, path: ValuePath, entry: Mapping[str, Any], mistakes: Mistakes) -> None:
    """Notes a `keep` that is no duration, is not longer than nothing, or stands with a span that it cannot follow."""
    text = entry.get("keep")
    place = document.place((*path, "keep"))
    if not isinstance(text, str) or mistakes.has(place):
        return
    try:
        keep = parse_duration(text)
    except TimeTextError as error:
        said = str(error)
        mistakes.add(place, said[:1].upper() + said[1:], "write for example `P7D`")
        return
    if keep.is_negative or not (keep.months or keep.milliseconds):
        mistakes.add(place, f"`keep` has to be longer than nothing, not {shown(text)}", "write for example `P7D`")
        return
    span = _length(entry)
    if span is None:
        hint = "write `begin: -P1D` with `end: now`, or remove `keep`: what a fixed span wants is never deleted"
        mistakes.add(place, "`keep` needs a span whose begin moves with the clock", hint)
    elif _ends(keep) < _ends(span):
        message = f"`keep` ({shown(text)}) is shorter than the span ({shown(entry['begin'])})"
        mistakes.add(place, message, "what the span wants is never deleted: write a longer `keep`")


def _length(entry: Mapping[str, Any]) -> Duration | None:
    """Gives how long a span is that begins so long before now, None for any other."""
    begin, end = entry.get("begin"), entry.get("end", "now")
    if not isinstance(begin, str) or not isinstance(end, str) or end.strip().lower() != "now" or not is_duration(begin):
        return None
    try:
        step = parse_duration(begin)
    except TimeTextError:
        return None
    return Duration(months=abs(step.months), milliseconds=abs(step.milliseconds))


def _ends(step: Duration) -> datetime:
    try:
        return step.after(_SOME_DAY)
    except TimeTextError:
        return datetime.max.replace(tzinfo=UTC)
