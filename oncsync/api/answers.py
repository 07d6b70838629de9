"""Reads the JSON of an answer: without the token, without what could harm a terminal, with its errors and messages.

Sources: onc-api.md 1.3 and 1.4, open questions 9, 39 and 50.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable
from typing import Any

import msgspec

Redact = Callable[[str], str]

_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_TITLE = re.compile(rb"<title[^>]*>(.{1,400}?)</title", re.IGNORECASE | re.DOTALL)
_PAGE_STARTS = (b"<!doctype html", b"<html", b"<head", b"<body", b"<title")
MOST_DEPTH = 200
"""How deep an answer may be nested; a tree of places with its children takes two levels each."""
_MESSAGE_MEMBERS = ("messages", "warningMessages", "warnings")


class ErrorEntry(msgspec.Struct, frozen=True):
    """One entry of the service's error body, as far as it says something."""

    code: int | None = None
    text: str | None = None
    parameter: str | None = None


class Answer(msgspec.Struct, frozen=True):
    """A JSON answer: its HTTP status, its body without the token, and the warnings that came with it."""

    status: int
    body: Any
    messages: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Answer(status={self.status}, body=<{type(self.body).__name__}>, messages={self.messages!r})"


def clean_text(text: str) -> str:
    """Replaces control characters, line breaks and halves of characters by blanks: one line, safe to print."""
    return _UNPRINTABLE.sub(" ", text)


def parse_json(body: bytes, redact: Redact) -> Any:
    """Reads a JSON body; a bare NaN is null, every text in it is cleaned and holds no token.

    Raises `ValueError` when the bytes are no JSON, or JSON of absurd depth.
    """
    try:
        text = body.decode("utf-8-sig" if body[:3] == b"\xef\xbb\xbf" else json.detect_encoding(body))
        return _scrub(json.loads(text, parse_constant=lambda _: None), redact)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _scrub(value: Any, redact: Redact, depth: int = 0) -> Any:
    if isinstance(value, str):
        return clean_text(redact(value))
    if depth > MOST_DEPTH:
        raise ValueError("nested too deeply")
    if isinstance(value, list):
        return [_scrub(entry, redact, depth + 1) for entry in value]
    if isinstance(value, dict):
        return {
            clean_text(redact(key)): "***" if key.lower() == "token" else _scrub(member, redact, depth + 1)
            for key, member in value.items()
        }
    return value


def parse_leniently(body: bytes, redact: Redact) -> Any:
    """Reads a body that only serves for messages: None when it is no JSON."""
    try:
        return parse_json(body, redact)
    except ValueError:
        return None


def error_entries(body: Any) -> tuple[ErrorEntry, ...]:
    """Gives the entries of `errors`, none when the body has no such member (onc-api.md 1.3)."""
    listed = body.get("errors") if isinstance(body, dict) else None
    entries = listed if isinstance(listed, list) else [listed] if listed else []
    return tuple(_error_entry(entry) for entry in entries)


def _error_entry(entry: Any) -> ErrorEntry:
    if not isinstance(entry, dict):
        return ErrorEntry(text=_text(entry))
    code = _text(entry.get("errorCode"))
    return ErrorEntry(
        int(code) if code and code.isascii() and code.isdigit() and len(code) < 10 else None,
        _text(entry.get("errorMessage")),
        _text(entry.get("parameter")),
    )


def _text(value: Any) -> str | None:
    if isinstance(value, (str, int, float)) and not isinstance(value, bool):
        return str(value).strip() or None
    return None


def state_words(body: Any) -> tuple[str, str]:
    """Gives `status` and `message` of a body, or of the first entry of a list; blank when they are missing."""
    first = body[0] if isinstance(body, list) and body else body
    if not isinstance(first, dict):
        return "", ""
    return _text(first.get("status")) or "", _text(first.get("message")) or ""


def messages_of(body: Any) -> tuple[str, ...]:
    """Gives the warnings that came with an answer, each once, in order (onc-api.md 1.4)."""
    if not isinstance(body, dict):
        return ()
    texts: dict[str, None] = {}
    for listed in (body.get(member) for member in _MESSAGE_MEMBERS):
        for entry in listed if isinstance(listed, list) else [listed]:
            text = _text(entry) or (": ".join(filter(None, state_words(entry))) if isinstance(entry, dict) else None)
            if text:
                texts[text] = None
    return tuple(texts)


def is_page(content_type: str, body: bytes) -> bool:
    """Whether a body is a web page, by its type or by how it begins."""
    return content_type in ("text/html", "application/xhtml+xml") or begins_like_page(body)


_PREAMBLE = re.compile(rb"\A(?:\s*<!--.*?-->)+", re.DOTALL)


def begins_like_page(body: bytes) -> bool:
    """Whether a body begins like a web page, whatever it calls itself."""
    text = body[:4096].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return _PREAMBLE.sub(b"", text).lstrip().startswith(_PAGE_STARTS)


def page_title(body: bytes, redact: Redact) -> str:
    """Gives the title of a web page, shortened, blank when it has none."""
    match = _TITLE.search(body[:65536])
    title = html.unescape(match[1].decode("utf-8", "replace")) if match else ""
    return " ".join(clean_text(redact(title)).split())[:80]


def read_answer(status: int, body: bytes, redact: Redact) -> Answer | None:
    """Reads the JSON body of a good answer, None when it is no JSON."""
    try:
        parsed = parse_json(body, redact)
    except ValueError:
        return None
    return Answer(status, parsed, messages_of(parsed))
