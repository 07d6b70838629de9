"""When it is enough to ask the archive for what it took in of late, and from when on. Pure: reads no clock.

What was listed of each device is remembered beside the lock's lines. A listing that begins at an archiving time gives
the same lines as a whole one only when the lines that stand are those that the last listing left, and when all that is
asked for now was listed then; whenever that is not sure, everything is listed. Once a week it is in any case, because
files that vanish, come back, or change without being archived anew are seen by a whole listing alone.
Sources: onc-api.md 4.1 and 4.3, open questions 31 and 32.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import msgspec

from oncsync.api.listing import MARK_OVERLAP, widen_begin
from oncsync.listings import DeviceListing
from oncsync.manifest import Download
from oncsync.resolver.archived_lines import Line
from oncsync.timespan import Span, merge_spans

FULL_EVERY = timedelta(days=7)


def can_be_partial(download: Download) -> bool:
    """Whether new files alone can tell what an entry becomes; they cannot where files decide about one another."""
    return download.newest is None and download.limit is None and not download.prefer and download.events is None


def begin_of_news(
    before: DeviceListing | None, lines: Sequence[Line], spans: Sequence[Span], question: str, now: datetime
) -> datetime | None:
    """Gives from which archiving time on to ask for the spans of a device at `now`, None to list everything."""
    if before is None or before.question != question or before.lines != lines_digest(lines) or not lines:
        return None
    if now < before.asked or before.asked < before.full or now - before.full >= FULL_EVERY:
        return None
    then = merge_spans(Span(begin, end) for begin, end in before.spans)
    if not all(any(_was_listed(span, whole, before.asked) for whole in then) for span in spans):
        return None
    newest = max((line.file.archived for line in lines if line.file.archived is not None), default=None)
    return None if newest is None else widen_begin(min(newest, before.asked), MARK_OVERLAP)


def _was_listed(span: Span, whole: Span, asked: datetime) -> bool:
    """Whether a listing of `whole` at `asked` held what there was of `span`: what is younger had not been archived."""
    return whole.begin <= span.begin and (span.end <= whole.end or whole.end >= asked)


def note_listing(
    before: DeviceListing | None,
    lines: Sequence[Line] | None,
    spans: Sequence[Span],
    question: str,
    now: datetime,
    *,
    is_full: bool,
) -> DeviceListing:
    """Gives what to remember of a listing that was made at `now`.

    `lines` are None when they do not hold all that the listing told, so that everything has to be listed next time.
    """
    return DeviceListing(
        asked=now,
        full=now if is_full or before is None else before.full,
        spans=tuple((span.begin, span.end) for span in spans),
        question=question,
        lines="" if lines is None else lines_digest(lines),
    )


def lines_digest(lines: Iterable[Line]) -> str:
    """Names lines by all they hold, in the order that the lock gives them."""
    ordered = sorted(lines, key=lambda line: (line.source, line.chunk.begin, line.file.name))
    return hashlib.sha256(msgspec.json.encode([(line.source, line.chunk) for line in ordered])).hexdigest()
