"""What lies in ONC's archive, asked without a lock, as the same list that a lock gives."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

import msgspec

from oncsync.api import Session, get_devices, list_archive_files
from oncsync.api.listing import device_of
from oncsync.api.records import ArchiveFile
from oncsync.connection import open_session
from oncsync.discovery import find_server
from oncsync.errors import FaultError, InputError, OncsyncError, RefusedError, UnreachableError
from oncsync.lockfile import archive_chunk_id
from oncsync.manifest import Manifest
from oncsync.project import Project
from oncsync.results import ProjectFile
from oncsync.spelling import suggest
from oncsync.timespan import FIRST_INSTANT, Span


class ArchiveQuestion(msgspec.Struct, frozen=True, kw_only=True):
    """Which archive files are asked for: of some devices, or of a kind of instrument at one place."""

    device_codes: tuple[str, ...] = ()
    location_code: str | None = None
    device_category_code: str | None = None
    extension: str | None = None
    span: Span | None = None


class ArchiveAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The files, by begin and name, and what the service said besides."""

    files: tuple[ProjectFile, ...]
    notices: tuple[str, ...]


def ask_archive(
    question: ArchiveQuestion,
    *,
    manifest: str | os.PathLike[str] | None = None,
    server: str | None = None,
    token_file: str | os.PathLike[str] | None = None,
    project: Project | None = None,
) -> ArchiveAnswer:
    """Lists what lies in the archive now; files that the lock of `project` has too say where they lie and their state.

    Raises `InputError` unless devices, or one place and one category, are named, and for codes that ONC does not know,
    `TokenError`, and `UnreachableError` for an outage.
    """
    by_place = bool(question.location_code) and bool(question.device_category_code)
    if by_place == bool(question.device_codes) or bool(question.location_code) != bool(question.device_category_code):
        raise InputError(
            "ONC lists archive files by device, or by one place and one kind of instrument",
            hint="give `--device CODE`, or `--location CODE --category CODE`",
        )
    named = find_server(server, Path(manifest) if manifest else None, os.environ)
    notices: list[str] = []
    with open_session(
        Manifest(path=Path(), folder=Path(), server=named),
        token_file=Path(token_file) if token_file else None,
        on_message=notices.append,
    ) as session:
        try:
            files = [file for device in question.device_codes or (None,) for file in _ask(session, question, device)]
        except FaultError as fault:
            raise UnreachableError(fault.message, hint=fault.hint, status=fault.status, text=fault.text) from None
        except RefusedError as refusal:
            raise _unknown_code(session, question, refusal) from None
    known = _known(project)
    listed = {file.name: known.get(archive_chunk_id(file.name)) or _row(file) for file in files}
    ordered = sorted(listed.values(), key=lambda file: (file.begin, file.name))
    return ArchiveAnswer(files=tuple(ordered), notices=tuple(dict.fromkeys(notices)))


def _unknown_code(session: Session, question: ArchiveQuestion, refusal: RefusedError) -> InputError:
    """Gives what a refused question was about: devices that ONC does not know, else what it says itself."""
    known = {one.device_code: one.device_name or "" for one in get_devices(session)} if question.device_codes else {}
    unknown = [code for code in question.device_codes if code not in known]
    if unknown:
        hint = suggest(unknown[0], known) or "`oncsync discover devices` lists those that there are"
        return InputError(f"ONC knows no `deviceCode` `{unknown[0]}`", hint=hint)
    return InputError(refusal.message, hint=refusal.hint or "`oncsync discover` shows what there is")


def _ask(session: Session, question: ArchiveQuestion, device: str | None) -> tuple[ArchiveFile, ...]:
    span = question.span
    answer = list_archive_files(
        session,
        device_code=device,
        location_code=question.location_code,
        device_category_code=question.device_category_code,
        date_from=span.begin if span else None,
        date_to=span.end if span else None,
        file_extension=question.extension,
    )
    for message in answer.messages:
        session.tell(message)
    return answer.files


def _known(project: Project | None) -> dict[str, ProjectFile]:
    """Gives the files of the lock that is here, by chunk; none where there is no lock to speak of."""
    if project is None:
        return {}
    try:
        return {file.chunk: file for file in project.files(everything=True)}
    except OncsyncError:
        return {}


def _row(file: ArchiveFile) -> ProjectFile:
    begin: datetime = file.begin or file.archived or FIRST_INSTANT
    return ProjectFile(
        folder=Path(),
        place="",
        name=file.name,
        chunk=archive_chunk_id(file.name),
        begin=begin,
        end=max(begin, file.end or begin),
        state="listed",
        bytes=file.delivered_size or file.stored_size,
        device_code=device_of(file) or "",
        archived=file.archived,
    )
