"""Where a token may come from and go: the user's credential store, and no other file, log, message or host."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

import pytest

from oncsync.compat import createXLS, download
from oncsync.credentials import store_path, stored_token
from oncsync.errors import TokenError
from oncsync.sandbox import Sandbox
from tests.compat.conftest import SMALL, Command, Said, edit, settings_of
from tests.support.world import TOKEN

RUN = "download -f Data/download.xlsx"
OTHER = "0badc0de-0000-4000-8000-00c0ffee0002"


@pytest.fixture(autouse=True)
def _no_token(service: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody has given a token yet."""
    monkeypatch.delenv("ONC_TOKEN")


def _put_token(text: str, cell: str = "B2") -> Any:
    def change(book: Any) -> None:
        book["Configuration"][cell] = text

    return change


def _files_with(secret: str) -> list[Path]:
    """Gives every file of the user's, here and in the home folder, that holds a text; workbooks are looked into."""
    found = []
    for place in (Path.cwd(), Path.home()):
        for path in place.rglob("*"):
            if path.is_file() and secret.lower().encode() in path.read_bytes().lower():
                found.append(path)
            if path.suffix == ".xlsx" and secret in str(settings_of(path)):
                found.append(path)
    return found


def _say_nothing(*said: Said) -> None:
    assert all(TOKEN not in one.out + one.err for one in said)


@pytest.mark.parametrize("flag", ["-t {}", "-t={}", "-t{}", "--token={}", "--token {}", "--TOKEN={}"])
def test_a_token_that_is_given_is_kept_in_the_credential_store_alone(run: Command, flag: str) -> None:
    """R21, R45, R83: `createXLS -t` and then `download` works as documented; the workbook has a placeholder."""
    made = run(f"{SMALL} {flag.format(TOKEN)}")
    assert made.code == 0, made.err
    assert "is kept in" in made.err
    assert stored_token("127.0.0.1") == TOKEN
    if os.name == "posix":
        assert store_path().stat().st_mode & 0o077 == 0
    fetched = run(RUN)
    assert fetched.code == 0, fetched.err
    _say_nothing(made, fetched)
    assert _files_with(TOKEN) == [store_path()]
    again = run(f"{SMALL} --append")
    assert again.code == 0, "R26: what is stored need not be given again"
    assert "is kept in" not in run(f"{SMALL} --append -t {TOKEN}").err


def test_a_token_that_the_service_refuses_is_not_kept(run: Command) -> None:
    """Exit 4; a good one that was stored before stays."""
    run(f"{SMALL} -t {TOKEN}")
    said = run(f"{SMALL} --force -t {OTHER}")
    assert said.code == 4
    assert OTHER not in said.out + said.err
    assert stored_token("127.0.0.1") == TOKEN
    assert run(f"{SMALL} --force").code == 0


def test_a_token_that_is_given_wins_over_the_environments(run: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """R21."""
    monkeypatch.setenv("ONC_TOKEN", OTHER)
    assert run(f"{SMALL} -t {TOKEN}").code == 0
    assert run(f"{SMALL} --force").code == 4


def test_a_token_in_the_wrong_place_of_a_command_line_is_not_shown(run: Command) -> None:
    """R21: never echoed."""
    for line in (
        f"{SMALL} {TOKEN}",
        f"createXLS {TOKEN}",
        f"{SMALL} -b {TOKEN}",
        f"download {TOKEN}",
        f"{SMALL} -z{TOKEN}",
    ):
        said = run(line)
        assert said.code == 2
        _say_nothing(said)


def test_a_text_that_can_be_no_token_is_one_clear_message(run: Command) -> None:
    said = run(f"{SMALL} -t 'two words'")
    assert said.code == 4
    assert "letters, digits and hyphens" in said.err
    assert "two words" not in said.err


def test_without_any_token_a_workbook_is_not_run(run: Command) -> None:
    """R22: exit 4, and where a token comes from."""
    run(f"{SMALL} -t {TOKEN}")
    store_path().unlink()
    said = run(RUN)
    assert said.code == 4
    assert "Generate Token" in said.err


def test_a_token_in_a_workbooks_cell_is_used_for_that_run_and_kept_nowhere(run: Command) -> None:
    """R83: with a warning; neither manifest, lock, state nor log has it."""
    run(f"{SMALL} -t {TOKEN}")
    store_path().unlink()
    edit("Data/download.xlsx", _put_token(TOKEN))
    said = run(RUN)
    assert said.code == 0, said.err
    assert "warning: The workbook holds a token. It is used for this run and kept nowhere else" in said.err
    assert "was not taken over" not in said.err
    _say_nothing(said)
    assert {path.name for path in _files_with(TOKEN)} == {"download.xlsx"}
    assert run("download -f Data/download.json").code == 0, "all is done: nobody is asked"


def test_a_token_elsewhere_on_the_tab_is_not_used(run: Command) -> None:
    """R83: only its own cell counts; it is still kept out of everything."""
    run(f"{SMALL} -t {TOKEN}")
    store_path().unlink()
    edit("Data/download.xlsx", _put_token(TOKEN, "C2"))
    said = run(RUN)
    assert said.code == 4
    _say_nothing(said)
    assert {path.name for path in _files_with(TOKEN)} <= {"download.xlsx"}


@pytest.mark.parametrize("text", ["ask Bob for it", "YOUR_TOKEN", "<YOUR_TOKEN_HERE>", None])
def test_a_cell_without_a_real_token_leaves_the_stored_one_in_use(run: Command, text: str | None) -> None:
    run(f"{SMALL} -t {TOKEN}")
    edit("Data/download.xlsx", _put_token(text))  # type: ignore[arg-type]
    said = run(RUN)
    assert said.code == 0, said.err
    assert "holds a token" not in said.err


def test_a_workbooks_token_goes_to_no_other_host(
    run: Command, monkeypatch: pytest.MonkeyPatch, service: Sandbox
) -> None:
    """Rule 5: a workbook from somebody must not carry a token to somebody's server."""
    run(f"{SMALL} -t {TOKEN}")
    edit("Data/download.xlsx", _put_token(TOKEN))
    asked = len(service.asked)
    monkeypatch.setenv("ONCSYNC_SERVER", "https://data.example.org/")
    said = run(RUN)
    assert said.code == 4
    assert "it is not sent to `data.example.org`" in said.err
    _say_nothing(said)
    assert len(service.asked) == asked


def test_a_token_on_the_command_line_goes_to_no_other_host(run: Command) -> None:
    """Rule 5."""
    said = run(f"{SMALL} -t {TOKEN} --server https://data.example.org/")
    assert said.code == 4
    assert "it is not sent to `data.example.org`" in said.err
    assert not store_path().exists()


def test_the_classes_show_and_log_no_token(caplog: pytest.LogCaptureFixture) -> None:
    """R17, R21: with logging at its most talkative."""
    caplog.set_level(logging.DEBUG)
    maker = createXLS(TOKEN, "Data")
    maker.begin, maker.end, maker.locationCode = "2017-05-01", "2017-05-02", "USDDL"
    maker.deviceCategoryCode, maker.dataProductCode, maker.extension = "CTD", "TSSD", "csv"
    made = maker.createWorkbook()
    edit("Data/download.xlsx", _put_token(TOKEN))
    running = download()
    result = running.execute("Data/download.xlsx")
    assert result.counts.done == 1
    shown = [repr(one) for one in (maker, made, running, running.project, result)] + [caplog.text]
    assert all(TOKEN not in text for text in shown)
    assert caplog.text
    assert all(TOKEN not in str(getattr(maker, name)) for name in createXLS.__slots__)


def test_a_bad_token_never_gets_into_an_error() -> None:
    with pytest.raises(TokenError) as caught:
        createXLS("not a token", "Data")
    assert "not a token" not in caught.value.render()
