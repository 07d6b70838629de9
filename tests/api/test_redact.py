"""The token type and the redaction of texts and log records."""

from __future__ import annotations

import copy
import logging
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oncsync.api import MASK, TOKEN_HINT, Token, redact_named
from oncsync.api.redact import RedactingFilter, install_log_redaction
from oncsync.errors import TokenError
from tests.api.conftest import TOKEN

TOKENS = st.from_regex(r"[A-Za-z0-9-]{8,40}", fullmatch=True)


@pytest.mark.parametrize("show", [repr, str, "{}".format, "{!r}".format, lambda token: f"{token}"])
def test_a_token_never_shows_itself(show: object) -> None:
    assert callable(show)
    assert TOKEN not in show(Token(TOKEN))


def test_a_token_is_never_pickled() -> None:
    with pytest.raises(TypeError, match="never pickled") as caught:
        pickle.dumps({"deep": [Token(TOKEN)]})
    assert TOKEN not in str(caught.value)


def test_a_token_has_no_dict_to_look_into() -> None:
    with pytest.raises(TypeError):
        vars(Token(TOKEN))


def test_copies_of_a_token_are_the_token() -> None:
    token = Token(TOKEN)
    assert copy.copy(token) is token
    assert copy.deepcopy([token])[0] is token


def test_white_space_around_a_token_is_dropped() -> None:
    assert Token(f" \t{TOKEN}\r\n").reveal() == TOKEN


@pytest.mark.parametrize("text", ["", "  \n"])
def test_an_empty_token_says_where_to_get_one(text: str) -> None:
    """R22, R161: the message names the tab and the button."""
    with pytest.raises(TokenError) as caught:
        Token(text)
    assert "Web Services API" in str(caught.value.hint)
    assert "Generate Token" in str(caught.value.hint)
    assert caught.value.exit_code == 4


@pytest.mark.parametrize("text", ["abc def", "abc&x=1", '"abc"', "tökén", "abc\n\ndef", "secret_value", "a%2Db"])
def test_a_token_with_other_characters_is_refused_without_being_shown(text: str) -> None:
    with pytest.raises(TokenError, match="other than letters, digits and hyphens") as caught:
        Token(text)
    assert text not in caught.value.render()


@pytest.mark.parametrize(
    "written",
    [TOKEN, TOKEN.lower(), TOKEN.upper(), TOKEN.replace("-", "%2D"), TOKEN.replace("-", "%2d"), f"x{TOKEN}y"],
)
def test_the_token_is_taken_out_in_every_spelling(written: str) -> None:
    redacted = Token(TOKEN).redact(f"asked {written} twice: {written}")
    assert "0123456789ab" not in redacted.lower()
    assert redacted.count(MASK) == 2


@given(TOKENS, st.text(max_size=50), st.text(max_size=50))
def test_no_text_holds_the_token_after_redaction(token: str, before: str, after: str) -> None:
    assert token not in Token(token).redact(before + token + after)


@given(st.text(max_size=200))
def test_redaction_twice_changes_nothing_more(text: str) -> None:
    token = Token(TOKEN)
    once = token.redact(text)
    assert token.redact(once) == once


@given(st.text(alphabet="abc xyz/?&=.:-0123456789", max_size=100))
def test_a_text_without_a_token_stays_as_it_is(text: str) -> None:
    assert Token(TOKEN).redact(text) == text


def test_a_short_token_is_taken_out_as_a_word_only() -> None:
    token = Token("t-1")
    assert token.redact("begin t-1 end") == f"begin {MASK} end"
    assert token.redact("at-10 stays") == "at-10 stays"


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("/api/x?token=abc&a=1", "/api/x?token=***&a=1"),
        ("/api/x?a=1&TOKEN=abc", "/api/x?a=1&TOKEN=***"),
        ("url=%3Ftoken%3Dabc-def", "url=%3Ftoken%3D***"),
        ('{"token": "abc", "page": "2"}', '{"token": "***", "page": "2"}'),
        ("{'access_token':'abc'}", "{'access_token':'***'}"),
        ("HTTPSConnectionPool: /api?token=abc (Caused by", "HTTPSConnectionPool: /api?token=*** (Caused by"),
        ("the token is missing", "the token is missing"),
        ("'/x?token=abc'", "'/x?token=***'"),
    ],
)
def test_any_named_token_is_taken_out_and_the_rest_stays(text: str, redacted: str) -> None:
    """P41: whoever's token it is."""
    assert redact_named(text) == redacted


def record(message: str, *arguments: object, error: BaseException | None = None) -> logging.LogRecord:
    """Makes a log record as the HTTP libraries do."""
    told = (type(error), error, error.__traceback__) if error else None
    return logging.LogRecord("urllib3", logging.DEBUG, __file__, 1, message, arguments, told)


def test_the_filter_takes_the_token_out_of_message_and_arguments() -> None:
    entry = record('%s "GET %s HTTP/1.1" %s', "http://h", f"/api?token={TOKEN}", 200)
    assert RedactingFilter().filter(entry)
    assert entry.getMessage() == 'http://h "GET /api?token=*** HTTP/1.1" 200'
    assert TOKEN not in str(vars(entry))


def test_the_filter_takes_the_token_out_of_a_traceback() -> None:
    try:
        raise ValueError(f"bad: /api?token={TOKEN}")
    except ValueError as error:
        entry = record("failed", error=error)
    RedactingFilter().filter(entry)
    text = logging.Formatter().format(entry)
    assert "ValueError: bad: /api?token=***" in text
    assert TOKEN not in text + str(vars(entry))


def test_each_http_logger_has_the_filter_once() -> None:
    late = logging.getLogger("urllib3.made_later")
    install_log_redaction()
    install_log_redaction()
    for name in ("urllib3.connectionpool", "urllib3.util.retry", "requests", late.name):
        present = [found for found in logging.getLogger(name).filters if isinstance(found, RedactingFilter)]
        assert len(present) == 1, name


def test_the_hint_names_every_step_to_a_token() -> None:
    """R22: "Click on the Web Services tab, then click Generate Token"."""
    assert all(word in TOKEN_HINT for word in ("profile", "Web Services", "Generate Token", "ONC_TOKEN"))
