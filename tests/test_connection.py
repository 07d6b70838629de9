"""A session on the server that a manifest names."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from oncsync import connection
from oncsync.api import Session, get_device_categories
from oncsync.connection import open_session, server_url
from oncsync.errors import InputError, TokenError
from oncsync.manifest import Manifest, Settings
from oncsync.sandbox import Sandbox
from tests.support.scripted import Reply, Serve, serve

__all__ = ["serve"]

TOKEN = "5a6b7c8d-1234-4abc-9def-0123456789ab"


def manifest(server: str, settings: Settings | None = None) -> Manifest:
    """Gives a manifest of nothing but a server."""
    return Manifest(path=Path("oncsync.yaml"), server=server, folder=Path("data"), settings=settings or Settings())


@pytest.mark.parametrize(
    ("server", "url"),
    [
        ("production", "https://data.oceannetworks.ca/"),
        ("qa", "https://qa.oceannetworks.ca/"),
        ("https://data.example.org/onc/", "https://data.example.org/onc/"),
    ],
)
def test_a_server_is_a_word_or_an_address(server: str, url: str) -> None:
    """R33."""
    assert server_url(server) == url


def test_the_embedded_service_runs_as_long_as_the_session() -> None:
    with open_session(manifest("sandbox")) as session:
        assert session.host == "127.0.0.1"
        assert get_device_categories(session)
        url = session.base_url
    with Session(url, TOKEN, sleep=lambda seconds: None) as late, pytest.raises(Exception, match="Cannot reach"):
        get_device_categories(late)


def test_the_embedded_service_never_reads_the_users_token(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Rule 5: it has its own; a token that was given stays where it is."""
    monkeypatch.setenv("ONC_TOKEN", TOKEN)
    monkeypatch.setattr(connection, "find_token", lambda *given, **named: pytest.fail("the token was looked for"))
    with open_session(manifest("sandbox"), token_file=tmp_path / "missing") as session:
        assert get_device_categories(session)


def test_the_embedded_service_takes_options() -> None:
    made: list[Sandbox] = []

    def make(**options: object) -> Sandbox:
        made.append(Sandbox(**options))  # type: ignore[arg-type]
        return made[0]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("oncsync.sandbox.Sandbox", make)
        with open_session(manifest("sandbox"), sandbox_options={"max_running": 2}):
            assert made[0].max_running == 2


def test_the_embedded_service_ends_when_the_session_fails() -> None:
    with contextlib.suppress(RuntimeError), open_session(manifest("sandbox")) as session:
        url = session.base_url
        raise RuntimeError
    with Session(url, TOKEN, sleep=lambda seconds: None) as late, pytest.raises(Exception, match="Cannot reach"):
        get_device_categories(late)


def test_any_other_server_gets_the_users_token(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONC_TOKEN", TOKEN)
    service = serve([Reply.of_json([])])
    with open_session(manifest(service.url)) as session:
        assert get_device_categories(session) == []
        assert TOKEN not in repr(session)
    assert service.asked[0].query["token"] == TOKEN


def test_a_token_file_is_passed_on(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(TOKEN, encoding="utf-8")
    service = serve([Reply.of_json([])])
    with open_session(manifest(service.url), token_file=tmp_path / "token") as session:
        get_device_categories(session)
    assert service.asked[0].query["token"] == TOKEN


def test_without_a_token_nobody_is_asked(serve: Serve) -> None:
    service = serve([])
    with pytest.raises(TokenError), open_session(manifest(service.url)):
        pytest.fail("there is no session")
    assert service.asked == []


def test_an_address_in_the_clear_gets_no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the user's own nor one that is stored for the host."""
    from oncsync.credentials import store_token

    store_token("data.example.org", TOKEN)
    with pytest.raises(InputError, match="plain http"), open_session(manifest("http://data.example.org/")):
        pytest.fail("there is no session")


def test_the_connections_suffice_for_all_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """One kept-alive connection for each thread of both pools."""
    sizes: list[object] = []

    class Counted(Session):
        """Notes how large its pool is to be."""

        def __init__(self, *given: object, **named: object) -> None:
            sizes.append(named["pool_size"])
            super().__init__(*given, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(connection, "Session", Counted)
    with open_session(manifest("sandbox", Settings(run_threads=3, download_threads=7))):
        pass
    assert sizes == [10]


def test_what_the_service_says_is_passed_on(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONC_TOKEN", TOKEN)
    told: list[str] = []
    service = serve([])
    with open_session(manifest(service.url), on_message=told.append) as session:
        session.tell(f"a default was used, token={TOKEN}")
    assert told == ["a default was used, token=***"]
