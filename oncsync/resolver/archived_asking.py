"""Asks for the archive files of devices, several at a time, and tells what went wrong with each by itself.

Sources: onc-api.md 4.1, open questions 10, 12, 27, 30, 31 and 35.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise

import msgspec

from oncsync.api.archive import ArchiveListing
from oncsync.api.emptiness import CODE_UNKNOWN_OR_NOTHING
from oncsync.api.records import ArchiveFile
from oncsync.errors import RefusedError, ServiceError
from oncsync.resolver.archived_lines import Listed, Stay
from oncsync.resolver.survey import Survey
from oncsync.timespan import Span, merge_spans

LONGEST_GAP = timedelta(days=7)
"""Spans that lie further apart are asked for by themselves, as long as those are not too many questions."""
MOST_QUESTIONS = 12


class Question(msgspec.Struct, frozen=True):
    """What is asked about one device: `stays` are its places, `since` an archiving time or None for all files."""

    device_code: str
    stays: tuple[Stay, ...]
    file_extension: str | None = None
    data_product_code: str | None = None
    since: datetime | None = None

    @property
    def spans(self) -> list[Span]:
        """All that is asked for, in order."""
        return merge_spans(span for stay in self.stays for span in stay.spans)

    @property
    def bare(self) -> Question:
        """The same about all files."""
        return Question(self.device_code, self.stays)

    @property
    def has_capitals(self) -> bool:
        """Whether the service may take the extension for another one than that of the files, which is in lower case."""
        return self.file_extension is not None and self.file_extension != self.file_extension.lower()


class Answered(msgspec.Struct, frozen=True):
    """The files of a device, each once, and whether those are all that there are."""

    files: tuple[ArchiveFile, ...]
    is_full: bool

    def narrowed(self, files: Sequence[ArchiveFile]) -> Listed:
        """Gives the listing with the files that an entry means."""
        return Listed(tuple(files), frozenset(file.name for file in self.files), self.is_full)


class UnknownDevice(msgspec.Struct, frozen=True):
    """ONC knows no device of that code."""


def ask_all(survey: Survey, questions: Sequence[Question]) -> list[Answered | UnknownDevice | ServiceError]:
    """Gives, in the order of the questions, the files of each device, or why there are none to tell of.

    Raises `TokenError`: whoever is not let in need not ask about the next device.
    """

    def ask(question: Question) -> Answered | UnknownDevice | ServiceError:
        try:
            return _ask(survey, question)
        except ServiceError as error:
            return error

    return survey.in_parallel(ask, questions)


def _ask(survey: Survey, question: Question) -> Answered | UnknownDevice:
    """Asks once, and again for everything where the service does not want, or may not understand, such a question."""
    try:
        answered = Answered(_list(survey, question), question.since is None)
        if answered.files or question.since is not None or not question.has_capitals:
            return answered
    except RefusedError as refusal:
        if refusal.code == CODE_UNKNOWN_OR_NOTHING and question.device_code not in survey.all_devices():
            return UnknownDevice()
        if question.bare == question:
            raise
    return Answered(_list(survey, question.bare), is_full=True)


def _list(survey: Survey, question: Question) -> tuple[ArchiveFile, ...]:
    found: dict[str, ArchiveFile] = {}
    for span in questions_for(question.spans):
        listing: ArchiveListing = survey.archive_files(
            device_code=question.device_code,
            date_from=span.begin,
            date_to=span.end,
            file_extension=question.file_extension,
            data_product_code=question.data_product_code,
            date_archived_from=question.since,
        )
        for file in listing.files:
            found.setdefault(file.name, file)
    return tuple(found.values())


def questions_for(spans: Sequence[Span]) -> list[Span]:
    """Gives the few spans to ask for: one from the first begin to the last end, cut at the widest gaps."""
    if not spans:
        return []
    gaps = [(after.begin - before.end, number) for number, (before, after) in enumerate(pairwise(spans), 1)]
    widest = sorted((gap for gap in gaps if gap[0] > LONGEST_GAP), key=lambda gap: (-gap[0], gap[1]))
    cuts = [0, *sorted(number for _, number in widest[: MOST_QUESTIONS - 1]), len(spans)]
    return [Span(spans[first].begin, spans[last - 1].end) for first, last in pairwise(cuts)]
