"""Writes a download into a manifest after seeing that it resolves, and takes entries out; the lock is left alone."""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from oncsync.atomic import write_if_changed
from oncsync.connection import open_session, service_now
from oncsync.errors import InputError, ProblemsError, ServiceError, UnreachableError
from oncsync.manifest import Manifest, find_manifest, load_manifest
from oncsync.manifest.entries import with_download, without_entries
from oncsync.manifest.source import shown_path
from oncsync.resolving import Wish, check_names, resolve_wish
from oncsync.timespan import UTC

if TYPE_CHECKING:
    from oncsync.resolver import Resolution

UNCHECKED = "`--no-check` adds it without asking"


class Edited(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a change of a manifest was, or would be: `diff` is a unified one of every file that it touches.

    `requests` and `chunks` are what an added entry means, None when ONC was not asked.
    """

    manifest: Path
    names: tuple[str, ...]
    diff: str
    is_written: bool
    requests: int | None = None
    chunks: int | None = None
    notices: tuple[str, ...] = ()


def add_download(
    manifest: str | os.PathLike[str] | None,
    entry: Mapping[str, Any],
    *,
    check: bool = True,
    write: bool = True,
    allow_many: bool = False,
    token_file: str | os.PathLike[str] | None = None,
    variables: Mapping[str, str] | None = None,
) -> Edited:
    """Writes `entry`, in the manifest's spelling, into a manifest (None: the one here or further up).

    Before that ONC is asked what it means, unless `check` is false. Raises `ProblemsError` for what a manifest may not
    say, for a name that is taken, and for filters that match nothing; `TokenError`; `ServiceError` when ONC cannot say.
    """
    path = Path(manifest).absolute() if manifest is not None else find_manifest(Path.cwd())
    load_manifest(path, overrides=variables)
    content = with_download(path, entry)
    name = str(entry.get("name", ""))
    try:
        present = load_manifest(path, overrides=variables, content=content)
    except ProblemsError as error:
        raise _of_the_entry(error, path, name) from None
    notices: list[str] = []
    resolution = _resolve(present, name, token_file, notices, allow_many=allow_many) if check else None
    diff, is_written = _write([(path.resolve(), content)], write)
    return Edited(
        manifest=path,
        names=(name,),
        diff=diff,
        is_written=is_written,
        requests=sum(len(one.requests) for one in resolution.lock.entries) if resolution else None,
        chunks=len({chunk.id for _, _, chunk in resolution.lock.chunks()}) if resolution else None,
        notices=(*(remark.message for remark in resolution.remarks), *notices) if resolution else (),
    )


def remove_entries(
    manifest: str | os.PathLike[str] | None,
    names: Sequence[str],
    *,
    write: bool = True,
    variables: Mapping[str, str] | None = None,
) -> Edited:
    """Takes downloads and requests of these names out of a manifest (None: the one here or further up).

    Asks nobody. Raises `InputError` for names it does not have, and where it cannot be changed without harm.
    """
    path = Path(manifest).absolute() if manifest is not None else find_manifest(Path.cwd())
    loaded = load_manifest(path, overrides=variables)
    check_names(loaded, names)
    files = without_entries(loaded, set(names))
    own = dict(files).get(path.resolve())
    left = load_manifest(path, overrides=variables, content=own)
    if own is not None and {one.name for one in left.downloads} & set(names):
        message = f"`{path.name}` does not write out the name of an entry that is to go"
        raise InputError(message, hint="take it out by hand")
    diff, is_written = _write(files, write)
    return Edited(manifest=path, names=tuple(dict.fromkeys(names)), diff=diff, is_written=is_written)


def _write(files: Sequence[tuple[Path, bytes]], write: bool) -> tuple[str, bool]:
    """Writes files that change; gives the difference, and whether anything was written."""
    diff = "".join(_diff(path, content) for path, content in files)
    changed = [write_if_changed(path, content) for path, content in files] if write else []
    return diff, any(changed)


def _diff(path: Path, content: bytes) -> str:
    old, new = (text.decode("utf-8-sig").splitlines() for text in (path.read_bytes(), content))
    lines = difflib.unified_diff(old, new, f"a/{path.name}", f"b/{path.name}", lineterm="")
    return "".join(f"{line}\n" for line in lines)


def _resolve(
    manifest: Manifest,
    name: str,
    token_file: str | os.PathLike[str] | None,
    notices: list[str],
    *,
    allow_many: bool,
) -> Resolution:
    """Asks ONC what the new entry means; raises what keeps it from being written."""
    wish = Wish(allow_many=allow_many)
    alone = msgspec.structs.replace(
        manifest, downloads=tuple(one for one in manifest.downloads if one.name == name), requests=()
    )
    with open_session(
        manifest, token_file=Path(token_file) if token_file else None, on_message=notices.append
    ) as session:

        def now() -> datetime:
            return service_now(datetime.now(UTC), session.clock_offset)[0]

        try:
            resolution, _ = resolve_wish(alone, session, now, None, wish)
        except ProblemsError as error:
            raise _of_the_entry(error, manifest.path, name) from None
        except UnreachableError as error:
            raise UnreachableError(error.message, hint=f"{error.hint or 'try again later'}; {UNCHECKED}") from None
    if resolution.failures:
        raise ServiceError(f"`{name}` could not be checked: {resolution.failures[0].error}", hint=UNCHECKED)
    return resolution


def _of_the_entry(error: ProblemsError, path: Path, name: str) -> ProblemsError:
    """Gives the mistakes without the lines of a text that was not written."""
    own = f"{shown_path(path)}:"
    problems = [
        msgspec.structs.replace(problem, where="") if problem.where.startswith(own) else problem
        for problem in error.problems
    ]
    return ProblemsError(f"`{name}` was not added to `{path.name}`:", problems, hint=error.hint)
