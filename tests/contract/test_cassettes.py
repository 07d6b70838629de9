"""The recorded conversations, played to the client with the network closed; with `--record-cassettes`, recorded anew.

What is asserted holds for the embedded service and for the real one, so that a new recording of either is a test of
the client's reading. `tests/cassettes/README.md` says what the recordings are and are not.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest
from ruamel.yaml import YAML

from oncsync.api import (
    AvailabilityListing,
    EndOfFiles,
    MissingFile,
    Session,
    Token,
    get_locations,
    order_phase,
    run_phase,
)
from oncsync.errors import NotFoundError, OncsyncError, RefusedError, ServiceError, TokenError
from oncsync.sandbox import Reply, Sandbox, json_reply
from tests.conftest import NAMED
from tests.contract import conversations
from tests.contract.conversations import CONVERSATIONS, DEVICE, FIRST, LAST
from tests.contract.recording import (
    CASSETTES,
    NEUTRAL,
    PLACEHOLDER,
    SANDBOX_TOKEN,
    Talk,
    playing,
    recording,
    recording_sandbox,
)

Heard = TypeVar("Heard")
Hold = Callable[[Callable[[Talk], Heard]], Heard]

LARGEST = 60_000
LARGEST_OF_ALL = 200_000
FILES = [CASSETTES / f"{name}.yaml" for name in sorted(CONVERSATIONS)]


@pytest.fixture
def hold(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Hold[object]:
    """Holds a conversation: plays its cassette, or records it with the service that a person named."""

    @contextlib.contextmanager
    def talk(name: str) -> Iterator[Talk]:
        named = request.config.stash.get(NAMED, None)
        if named is None or not request.config.getoption("--record-cassettes"):
            made = playing(name, monkeypatch)
        elif named.url is None:
            made = recording_sandbox(name, CASSETTES)
        else:
            made = recording(name, named.url, named.token, time.sleep, CASSETTES)
        with made as talking:
            yield talking

    def converse(conversation: Callable[[Talk], object]) -> object:
        with talk(conversation.__name__) as talking:
            return conversation(talking)

    return converse


# --- What comes out of them ------------------------------------------------------------------------------------


def test_discovery_gives_records_of_each_service(hold: Hold[conversations.Discovery]) -> None:
    heard = hold(conversations.discovery)
    assert [location.location_code for location in heard.locations] == ["BACAX"]
    assert [node.location_code for node in heard.tree] == ["BACAX"]
    assert heard.locations[0].has_device_data is True
    assert heard.deployments
    for deployment in heard.deployments:
        assert deployment.device_category_code == "CTD"
        assert deployment.begin.year <= 2015
        assert deployment.end is None or deployment.end > deployment.begin
    assert [category.device_category_code for category in heard.categories] == ["CTD"]
    assert [device.device_code for device in heard.devices] == [DEVICE]
    assert [found.property_code for found in heard.properties] == ["conductivity"]
    assert {(product.data_product_code, product.extension) for product in heard.products} == {("TSSD", "csv")}
    options = {option.option for product in heard.products for option in product.options}
    assert "dpo_resample" in options


def test_an_order_goes_from_request_to_files(hold: Hold[conversations.Order]) -> None:
    """Queued and running answers (202) come before the end, and the file after the last one ends the files."""
    heard = hold(conversations.order)
    assert heard.ticket.dp_request_id > 0
    *before, last = heard.polls
    assert before, "the first answer to `run` is never the last"
    assert {(poll.status, poll.is_finished) for poll in before} == {(202, False)}
    assert (last.status, last.is_finished) == (200, True)
    assert [run_phase(run.status, finished=True) for run in last.runs] == ["complete"]
    assert len({run.dp_run_id for poll in heard.polls for run in poll.runs}) == 1, "asking again starts nothing"
    assert isinstance(heard.end, EndOfFiles)
    data = {index: file for index, file in heard.files.items() if index != "meta"}
    assert last.runs[0].file_count == len(data) >= 1
    for file in heard.files.values():
        assert file.length is None or len(file.body) == file.length > 0
    assert heard.files["1"].name is not None
    assert heard.files["1"].name.startswith("BarkleyCanyon_Axis_")
    assert heard.files["1"].name.endswith(".csv")
    assert b"2015-01-01T" in heard.files["1"].body
    assert heard.files["meta"].body.lstrip().startswith(b"<")


def test_an_order_that_was_cancelled_is_taken_up_again(hold: Hold[conversations.Restart]) -> None:
    heard = hold(conversations.restart)
    assert [run_phase(run.status, finished=False) for run in heard.cancelled] == ["cancelled"]
    assert [run.dp_run_id for run in heard.restarted] == [run.dp_run_id for run in heard.cancelled]
    assert [run_phase(run.status, finished=True) for run in heard.last.runs] == ["complete"]
    assert order_phase(heard.statuses[0]) == "open"


def test_a_listing_of_two_pages_is_one_and_its_files_arrive(hold: Hold[conversations.Archive]) -> None:
    heard = hold(conversations.archive)
    files = heard.listing.files
    assert len(files) == len({file.name for file in files}) >= 4
    for file in files:
        assert file.device_code in (DEVICE, None)
        assert file.begin is not None
        assert FIRST <= file.begin < LAST
        assert file.archived is not None
        assert (file.stored_size or 0) > 0
        assert (file.delivered_size or 0) > 0
    assert heard.file.length is None or len(heard.file.body) == heard.file.length
    assert heard.file.name in (files[0].name, None)
    assert isinstance(heard.missing, MissingFile)


def test_availability_counts_files_and_bytes(hold: Hold[AvailabilityListing]) -> None:
    rows = hold(conversations.availability).rows
    assert rows
    for row in rows:
        assert row.device_code in (DEVICE, None)
        assert (row.file_count or 0) > 0
        assert 0 <= (row.min_coverage or 0) <= (row.average_coverage or 0) <= (row.max_coverage or 0) <= 1


def test_refusals_are_told_apart(hold: Hold[dict[str, OncsyncError]]) -> None:
    """401, 400 with code 127 and 129, 404."""
    heard = hold(conversations.refusals)
    assert {name: type(error) for name, error in heard.items()} == {
        "token": TokenError,
        "value": RefusedError,
        "name": RefusedError,
        "nothing": NotFoundError,
        "order": RefusedError,
    }
    codes = {name: error.code for name, error in heard.items() if isinstance(error, RefusedError)}
    assert codes == {"value": 127, "name": 129, "order": 127}
    assert all(isinstance(error, (ServiceError, TokenError)) and error.message for error in heard.values())


# --- What is in them -------------------------------------------------------------------------------------------


def test_there_is_one_cassette_for_each_conversation() -> None:
    assert sorted(CASSETTES.glob("*.yaml")) == FILES


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_no_cassette_holds_a_token_or_this_machine(path: Path) -> None:
    """R181, F13: every `token` is the placeholder, in addresses and bodies, and so is every UUID that is no DOI."""
    text = path.read_text(encoding="utf-8")
    values = re.findall(r"(?i)token(?:=|%3D|\\?\"\s*:\s*\\?\")([^&\"'\\\s]*)", text)
    assert values
    assert set(values) == {PLACEHOLDER}
    uuids = re.findall(r"(?i)(?<!\d/)\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", text)
    assert set(uuids) == {PLACEHOLDER}
    assert set(re.findall(r"127\.0\.0\.1(?::|%3A)(\d+)", text)) == {"1"}
    assert not re.search(r"(?i)authorization|cookie|user-agent|/home/|/root/|/tmp/", text)


def test_the_cassettes_are_small() -> None:
    sizes = [path.stat().st_size for path in FILES]
    assert max(sizes) < LARGEST
    assert sum(sizes) < LARGEST_OF_ALL


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_their_bodies_are_texts_that_a_person_can_read(path: Path) -> None:
    exchanges = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))["interactions"]
    assert exchanges
    assert all(isinstance(exchange["response"]["body"]["string"], str) for exchange in exchanges)


# --- How they are made -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(CONVERSATIONS))
def test_recording_the_embedded_service_twice_gives_the_same_bytes(name: str, tmp_path: Path) -> None:
    """And what is played is what was heard while recording."""
    texts, heard = [], []
    for number in ("one", "two"):
        (tmp_path / number).mkdir()
        with recording_sandbox(name, tmp_path / number) as talk:
            heard.append(CONVERSATIONS[name](talk))
        texts.append((tmp_path / number / f"{name}.yaml").read_text(encoding="utf-8"))
    assert texts[0] == texts[1]
    assert SANDBOX_TOKEN not in texts[0]
    with pytest.MonkeyPatch.context() as patch, playing(name, patch, tmp_path / "one") as talk:
        played = CONVERSATIONS[name](talk)
    # An answer shows the address it came from, which is neutral in a cassette.
    assert re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:1", repr(heard[0])) == repr(played)


def test_while_a_cassette_plays_nobody_can_be_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A question that is not in the cassette, and a connection of any other kind, fail at once."""
    import socket

    with pytest.raises(AssertionError, match="never asked for"), playing("availability", monkeypatch) as talk:  # noqa: PT012
        with pytest.raises(Exception, match="Can't play back this request"):
            get_locations(talk.session, location_code="BACAX")
        with pytest.raises(AssertionError, match="the network is closed"):
            socket.create_connection(("127.0.0.1", 9))


def test_a_token_that_reached_a_cassette_would_remove_it(tmp_path: Path) -> None:
    """The last look at what was written, for a place of the token that nobody thought of."""

    def leak(url: str) -> None:
        with recording("leak", url, Token(SANDBOX_TOKEN), lambda seconds: None, tmp_path) as talk:
            talk.session.get_json(f"api/{SANDBOX_TOKEN.upper()}", {})

    with Sandbox(token=SANDBOX_TOKEN) as sandbox:
        sandbox.interfere = lambda method, path, given: json_reply({})
        with pytest.raises(AssertionError, match="the cassette is removed"):
            leak(sandbox.url)
    assert list(tmp_path.iterdir()) == []


def test_the_token_is_taken_out_of_headers_and_bodies(tmp_path: Path) -> None:
    """The service echoes it in `queryUrl` and in `next`; whoever's it is, the placeholder stands there."""
    said = {"next": {"parameters": {"token": SANDBOX_TOKEN}}, "queryUrl": f"https://x/?token={SANDBOX_TOKEN.upper()}&a"}
    named = (("Content-Disposition", f"attachment; filename={SANDBOX_TOKEN}.json"), ("Set-Cookie", "id=1"))
    reply = json_reply(said)
    with Sandbox(token=SANDBOX_TOKEN) as sandbox:
        sandbox.interfere = lambda method, path, given: Reply(200, reply.media_type, reply.content, named)
        with recording("echo", sandbox.url, Token(SANDBOX_TOKEN), lambda seconds: None, tmp_path) as talk:
            talk.session.get_json("api/x", {})
    text = (tmp_path / "echo.yaml").read_text(encoding="utf-8")
    assert text.count(PLACEHOLDER) == 4, "in the address, in both members and in the name"
    assert "Cookie" not in text


def test_the_neutral_address_is_no_service() -> None:
    assert Session(NEUTRAL, PLACEHOLDER).host == "127.0.0.1"
