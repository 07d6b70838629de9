"""Reads an answer that comes in pages, all of them or none: `next` is the only sign that there is more.

Sources: onc-api.md 1.5, open questions 10, 11 and 30.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from itertools import count
from typing import Any, TypeVar

import msgspec

from oncsync.api.answers import Answer
from oncsync.api.asking import Asker
from oncsync.api.failures import FAULT_HINT
from oncsync.api.reading import Notes, as_list, read_list
from oncsync.errors import FaultError, NotFoundError, RefusedError, ServiceError

R = TypeVar("R", bound=msgspec.Struct)

MOST_PAGES = 10_000
MOST_PAGES_WITHOUT_NEWS = 3
"""After so many pages in a row that bring nothing new the service turns in circles."""
_SUBJECT = ("locationCode", "deviceCategoryCode", "deviceCode", "dataProductCode", "fileExtension", "extension")
"""What a listing is about; the next page is about the same."""


def read_pages(
    session: Asker,
    path: str,
    params: Mapping[str, str],
    member: str,
    kind: type[R],
    as_row: Callable[[Any], Any] = lambda entry: entry,
    key_of: Callable[[R], Hashable] = lambda entry: entry,
    age_of: Callable[[R], float] = lambda entry: 0.0,
) -> tuple[tuple[R, ...], tuple[str, ...]]:
    """Reads every page at `path` below the base address: gives the entries of `member`, and the messages beside them.

    `as_row` gives an entry the form of an object. Of entries with one key the youngest is kept. Messages are told as
    they come, each once. Raises `FaultError` for an answer of another kind, and for a page that is refused, repeats or
    cannot be asked for; on the first page `RefusedError` and `NotFoundError`; otherwise what `Session.get_json` raises.
    """
    found: dict[Hashable, R] = {}
    messages: dict[str, None] = {}
    pages_without_news = 0
    for answer, rows in _pages(session, path, params, member):
        notes = Notes(path)
        entries = read_list(kind, [as_row(row) for row in rows], notes)
        for message in (*answer.messages, *notes.render()):
            if message not in messages:
                messages[message] = None
                session.tell(message)
        if rows and not entries:
            raise _fault(session, path, "none of its entries can be read", answer.status)
        before = len(found)
        for entry in entries:
            key = key_of(entry)
            if key not in found or age_of(entry) > age_of(found[key]):
                found[key] = entry
        pages_without_news = 0 if len(found) > before else pages_without_news + 1
        if pages_without_news >= MOST_PAGES_WITHOUT_NEWS:
            raise _fault(session, path, f"{pages_without_news} pages in a row bring nothing new", answer.status)
    return tuple(found.values()), tuple(messages)


def _pages(session: Asker, path: str, params: Mapping[str, str], member: str) -> Iterator[tuple[Answer, list[Any]]]:
    """Yields each page with its rows, until one has no `next`."""
    asked = dict(params)
    seen = {frozenset(asked.items())}
    for number in count(1):
        answer = _page(session, path, asked, number)
        yield answer, _rows(session, path, answer, member)
        following = answer.body.get("next") if isinstance(answer.body, dict) else None
        if not following:
            return
        asked = _next_params(session, path, following, params)
        key = frozenset(asked.items())
        if key in seen or number >= MOST_PAGES:
            raise _fault(session, path, "its pages turn in circles", answer.status)
        seen.add(key)


def _page(session: Asker, path: str, asked: Mapping[str, str], number: int) -> Answer:
    """Asks for a page; a refusal of a later one contradicts the page before (onc-api.md 4.1)."""
    try:
        return session.get_json(path, asked)
    except (RefusedError, NotFoundError) as error:
        if number == 1:
            raise
        refusal = error
    raise _fault(session, path, f"page {number}: {refusal.message}", refusal.status, refusal)


def _rows(session: Asker, path: str, answer: Answer, member: str) -> list[Any]:
    """Gives the entries of a page; a bare list is one too, a page without any list is no page."""
    rows = answer.body.get(member) if isinstance(answer.body, dict) else answer.body
    if answer.status != 200 or rows is None or not isinstance(answer.body, (dict, list)):
        raise _fault(session, path, f"it has no `{member}`", answer.status)
    return as_list(rows)


def _next_params(session: Asker, path: str, following: Any, params: Mapping[str, str]) -> dict[str, str]:
    """Rebuilds the next question from `next.parameters`; `next.url` may lead anywhere (open question 30).

    What they leave out stays as it was asked, so that a `next` of nothing but the page keeps its subject.
    """
    listed = following.get("parameters") if isinstance(following, dict) else None
    if not isinstance(listed, dict) or not listed:
        raise _fault(session, path, "there is another page, but nothing says how to ask for it")
    asked = {name: _sent(value) for name, value in listed.items() if name.lower() != "token" and value is not None}
    sent = {name: value for name, value in asked.items() if value is not None}
    if len(sent) < len(asked):
        raise _fault(session, path, "there is another page, but its parameters cannot be read")
    for name in _SUBJECT:
        if name in params and sent.get(name, params[name]).casefold() != params[name].casefold():
            raise _fault(session, path, f"its next page is about another `{name}`")
    return {**params, **sent}


def _sent(value: Any) -> str | None:
    """Gives a parameter as it is sent, None when it cannot be."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, (str, int, float)) else None


def _fault(
    session: Asker, path: str, reason: str, status: int | None = None, refusal: ServiceError | None = None
) -> FaultError:
    """Makes the error for an answer that is not whole, whose part is worth nothing."""
    return FaultError(
        f"The listing of `{path}` at {session.host} is not whole: {reason}",
        hint=FAULT_HINT,
        status=status,
        code=refusal.code if refusal else None,
        text=refusal.text if refusal else None,
        parameter=refusal.parameter if refusal else None,
    )
