"""What there is to say about archive files: those that came again, that are missing, that nobody meant."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from oncsync.api.records import ArchiveFile
from oncsync.errors import Problem
from oncsync.manifest import Download
from oncsync.resolver.archived_filters import FileFilter, explain_nothing
from oncsync.resolver.asked import Asked
from oncsync.resolver.findings import EntryError, TooManyError, where
from oncsync.resolver.requests import MOST_CHUNKS
from oncsync.resolver.selection import unknown_codes
from oncsync.resolver.spans import span_expression
from oncsync.resolver.survey import Survey
from oncsync.spelling import enumerate_codes
from oncsync.timespan import Span, format_instant

MOST_NAMED = 20
"""More files than these are counted, not named."""


def describe_again(names: Sequence[str]) -> list[str]:
    """Says which files ONC archived again under their names (R148)."""
    if not names:
        return []
    what = "1 file was archived again by ONC" if len(names) == 1 else f"{len(names):,} files were archived again by ONC"
    return [f"{what}{_named(names)}; `oncsync sync` fetches what is here anew"]


def describe_missing(names: Sequence[str]) -> list[str]:
    """Says which files the archive no longer lists (open question 32)."""
    if not names:
        return []
    what = "1 file is" if len(names) == 1 else f"{len(names):,} files are"
    return [f"{what} no longer listed by ONC{_named(names)}; nothing is deleted"]


def describe_outside(count: int) -> list[str]:
    """Says how many files no deployment at the places explains (open question 36)."""
    if not count:
        return []
    return [
        f"{count:,} {'file lies' if count == 1 else 'files lie'} outside of every deployment that matches: left out"
    ]


def describe_silent(codes: Sequence[str], span: Span) -> list[str]:
    """Says which devices have no file in the time."""
    return [f"there are no such archive files of {enumerate_codes(codes)} {_during(span)}"] if codes else []


def explain_empty(
    asked: Asked, survey: Survey, listed: Sequence[ArchiveFile], filters: Sequence[FileFilter], now: datetime
) -> list[str]:
    """Says why an entry means no file at all; raises `EntryError` when that cannot change by itself.

    It cannot when its filters drop all files of a time that is over, and when ONC knows no product of a code.
    """
    download, span = asked.download, asked.span
    assert span is not None
    dropped = explain_nothing(listed, filters)
    if dropped is None:
        if download.data_product_codes:
            problems = unknown_codes(download, "dataProductCode", download.data_product_codes, survey.product_names())
            if problems:
                raise EntryError(*problems)
        return [f"nothing lies in the archive {_during(span)}"]
    key, sentence, there = dropped
    moves = span_expression(download.begin, download.end) is not None if download.begin else False
    if not moves and span.end <= now:
        raise EntryError(Problem(where(download, key), f"`{download.name}`: {sentence} {_during(span)}", there))
    return [f"{sentence} {_during(span)}: {there}"]


def unknown_devices(download: Download, codes: Sequence[str], survey: Survey) -> EntryError:
    """Gives the error for devices that ONC does not know, with those that were probably meant."""
    known = {code: name for code, name in survey.device_names().items() if code not in codes}
    return EntryError(*unknown_codes(download, "deviceCode", codes, known))


def too_many_files(download: Download, count: int) -> TooManyError:
    """Gives the error for more files than anyone asks for by accident."""
    message = f"`{download.name}`: {count:,} archive files are more than the limit of {MOST_CHUNKS:,}"
    hint = "narrow the span or the filters (`extension`, `match`, `dataProductCode`, `limit`)"
    return TooManyError(Problem(where(download, "begin"), message, hint))


def _named(names: Sequence[str]) -> str:
    return f": {enumerate_codes(names, MOST_NAMED)}" if len(names) <= MOST_NAMED else ""


def _during(span: Span) -> str:
    return f"from {format_instant(span.begin)} to {format_instant(span.end)} (exclusive)"
