"""Looks at what exists at ONC, from Python and for the command line.

from oncsync import discover

for row in discover("coverage", location_code="ARCT", begin="2012", end="2013").rows:
    print(row.location_code, row.device_category_code, row.data)
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from oncsync.api import Token
from oncsync.cache import AnswerCache, RememberingAsker, cache_folder
from oncsync.catalogue import Filters, Kind, Questions, Step, given_filters, look, read_filters
from oncsync.connection import SANDBOX, open_session
from oncsync.errors import FaultError, InputError, UnreachableError
from oncsync.manifest import Manifest, find_manifest
from oncsync.manifest.peek import peek_server
from oncsync.manifest.server import checked_server
from oncsync.timespan import UTC

if TYPE_CHECKING:
    from oncsync.api import Session

Codes = str | Sequence[str]


class Discovery(msgspec.Struct, frozen=True, kw_only=True):
    """What was found: `rows` are records of the kind asked for, in a fixed order.

    `remark` says why there are none although what is asked for exists at another time. `as_of` is when the oldest
    answer came from the service, `from_cache` whether some answer was kept from an earlier call. `notices` are what
    the service said besides its answers.
    """

    kind: Kind
    server: str
    filters: dict[str, str]
    rows: tuple[Any, ...]
    remark: str | None = None
    as_of: datetime | None = None
    from_cache: bool = False
    notices: tuple[str, ...] = ()


def discover(
    kind: Kind,
    *,
    location_code: Codes = (),
    device_category_code: Codes = (),
    device_code: Codes = (),
    property_code: Codes = (),
    data_product_code: Codes = (),
    data_product_name: Codes = (),
    extension: Codes = (),
    begin: str | None = None,
    end: str | None = None,
    name: str | None = None,
    with_empty: bool = False,
    by: Step = "year",
    server: str | None = None,
    manifest: str | os.PathLike[str] | None = None,
    token: Token | None = None,
    token_file: str | os.PathLike[str] | None = None,
    use_cache: bool = True,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    on_many: Callable[[int], None] = lambda number: None,
) -> Discovery:
    """Lists what exists: `locations`, `tree`, `deployments`, `categories`, `devices`, `properties`, `products`,
    `options` or `coverage`.

    Filters mean what the manifest's keys mean; each takes one value, several, or a comma list. `begin` and `end` are
    texts as in the manifest, or a year or month. `name` matches any part, `with_empty` lists what has no data too, `by`
    is the step of `coverage`. The service is `server`, else `ONCSYNC_SERVER`, else that of the manifest here, else
    production. Answers are kept for a day unless `use_cache` is False. `on_many` is told
    of a step that takes many questions. Raises `InputError` for unknown codes and for
    filters that nothing passes whenever, `TokenError`, and `UnreachableError` for an outage.
    """
    codes = {
        "locationCode": location_code,
        "deviceCategoryCode": device_category_code,
        "deviceCode": device_code,
        "propertyCode": property_code,
        "dataProductCode": data_product_code,
        "dataProductName": data_product_name,
        "extension": extension,
    }
    filters = read_filters(codes, begin=begin, end=end, name=name, with_empty=with_empty, now=now())
    named = find_server(server, Path(manifest) if manifest else None, os.environ)
    notices: list[str] = []
    with open_session(
        Manifest(path=Path(), folder=Path(), server=named),
        token=token,
        token_file=Path(token_file) if token_file else None,
        on_message=notices.append,
    ) as session:
        asker = RememberingAsker(session, _cache_for(named, session, now) if use_cache else None, now)
        try:
            found = look(kind, filters, Questions(asker, on_many), by=by)
        except FaultError as fault:
            asker.forget()
            raise UnreachableError(
                fault.message, hint=fault.hint, status=fault.status, code=fault.code, text=fault.text
            ) from None
    return Discovery(
        kind=kind,
        server=named,
        filters=_shown(filters, session),
        rows=found.rows,
        remark=found.remark,
        as_of=asker.oldest,
        from_cache=asker.kept > 0,
        notices=tuple(dict.fromkeys(notices)),
    )


def _cache_for(server: str, session: Session, now: Callable[[], datetime]) -> AnswerCache | None:
    """Gives the cache of a service; the embedded one is another at each start."""
    return None if server == SANDBOX else AnswerCache(cache_folder(), session.base_url, now)


def _shown(filters: Filters, session: Session) -> dict[str, str]:
    return {key: session.redact(text) for key, text in given_filters(filters).items()}


def find_server(named: str | None, manifest: Path | None, environment: Mapping[str, str]) -> str:
    """Gives the service to ask: the one named, else `ONCSYNC_SERVER`, else the manifest's, else production.

    Of the manifest only `server:` is read, so that codes can be looked up while it is being written. Raises
    `InputError` for a name or address that is none, and for a manifest that was named but cannot be read.
    """
    if named or environment.get("ONCSYNC_SERVER"):
        source = "`--server`" if named else "`ONCSYNC_SERVER`"
        return checked_server((named or environment["ONCSYNC_SERVER"]).strip(), source)
    if manifest is not None:
        return peek_server(manifest)
    try:
        found = find_manifest(Path.cwd())
    except (InputError, FileNotFoundError):
        return "production"
    return peek_server(found)
