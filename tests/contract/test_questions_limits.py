"""Q44 to Q49, limits, faults and access: what is asked again and how often, and what is never asked or shown.

Each class plays every answer that its question names. `Stage.sync_once` checks after each play: bounded questions, no
token in any file or text, nothing half in `partial/`, no file of anyone touched.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any, ClassVar

import pytest

from oncsync.api import Session, Timeouts
from oncsync.api.address import parse_address, redirect_target
from oncsync.cli.wording import describe_status
from oncsync.engine.pace import DEFAULT_PACE
from oncsync.errors import UnreachableError
from oncsync.sandbox import Reply as SandboxReply
from oncsync.sandbox import content_of
from tests.contract.questions import BODY, TRIES, Play, Stage
from tests.faults.staging import sync
from tests.support.scripted import Asked, Reply, ScriptedService
from tests.support.world import CTD_CSV, TOKEN, World, quick_sandbox

OK = Reply.of_json([])
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=timezone.utc)
DISCOVERY = "deployments"
CALLS = (DISCOVERY, "request", "run", "download")
"""One service of each kind, by the last part of its path, in the order in which a sync asks them."""


WHOLE = Reply.of_file(BODY, "a.csv")
FOUR_MONTHS = CTD_CSV.replace("2015-04-01", "2015-05-01")


def asked_of(stage: Stage, call: str) -> list[Asked]:
    """Gives the questions to one service, of the delivery services those about February and its first file."""
    asked = [one for one in stage.wire.asked if one.path.endswith(f"/{call}")]
    if call == DISCOVERY:
        return asked
    return [one for one in asked if stage._is_february(one) and one.query.get("index", "1") == "1"]


def play(stage: Stage, call: str, *replies: Reply) -> None:
    """Plays answers of one service in turn, the last one for ever; the rest of February is whole."""
    if call == "download":
        stage.deliver({"1": list(replies)})
    else:
        stage.deliver({"1": WHOLE}, **{call: list(replies)})


def play_once(stage: Stage, call: str, reply: Reply) -> None:
    """Plays one answer to the first question, then leaves the service as it is."""
    left = [reply]
    if call == "download":
        play(stage, call, reply, WHOLE)
    else:
        stage.play(**{call: lambda asked: left.pop() if left else None})


class TestQ44Pauses:
    """Q44: 429 and 503, with `Retry-After` in seconds, as a date, unusable, or not at all; one wait for everyone."""

    FORMS: ClassVar[dict[str, tuple[str | None, float]]] = {
        "seconds": ("30", 30.0),
        "a fraction": ("1.5", 1.5),
        "a date": (format_datetime(NOW + timedelta(seconds=42), usegmt=True), 42.0),
        "a date that is over": (format_datetime(NOW - timedelta(hours=1), usegmt=True), 0.0),
        "a day": ("86400", 600.0),
        "a date next year": (format_datetime(NOW + timedelta(days=365), usegmt=True), 600.0),
        "no number": ("soon", 0.0),
        "less than nothing": ("-5", 0.0),
        "nothing": (None, 0.0),
    }

    @pytest.mark.parametrize("status", [429, 503])
    @pytest.mark.parametrize("form", FORMS)
    def test_the_wait_is_what_was_asked_for_within_bounds(self, form: str, status: int) -> None:
        value, expected = self.FORMS[form]
        headers = {"Date": format_datetime(NOW, usegmt=True), **({"Retry-After": value} if value else {})}
        naps: list[float] = []
        with (
            ScriptedService([Reply(status, headers=headers), OK]) as service,
            Session(service.url, TOKEN, sleep=naps.append, jitter=lambda: 0.5, now=lambda: NOW) as session,
        ):
            session.get_json("api/locations", {})
        assert expected <= max(naps) <= expected + 1.0
        assert max(naps) > 0

    @pytest.mark.parametrize(("call", "status"), [("request", 429), ("run", 503), ("download", 429)])
    def test_the_pause_that_one_worker_met_holds_for_all(self, busy: World, call: str, status: int) -> None:
        """With one thread in each pool at most one other question is on its way when the pause begins."""
        pause, ends, early = 0.4, [0.0], []

        def limited(method: str, path: str, asked: Mapping[str, str]) -> SandboxReply | None:
            if ends == [0.0] and path.endswith(f"/{call}"):
                ends[0] = time.monotonic() + pause
                return SandboxReply(status, "text/plain", content_of(b""), (("Retry-After", str(pause)),))
            if time.monotonic() < ends[0] - 0.02:
                early.append(path)
            return None

        busy.sandbox.interfere = limited
        assert sync(busy).exit_code == 0
        assert ends != [0.0]
        assert len(early) <= 1

    @pytest.fixture
    def busy(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
        """Four chunks, and so always something that another worker could ask."""
        monkeypatch.setenv("ONC_TOKEN", TOKEN)
        with quick_sandbox() as sandbox:
            yield World(tmp_path, sandbox, FOUR_MONTHS, "  runThreads: 1\n  downloadThreads: 1\n  metadata: false\n")

    @pytest.mark.parametrize("call", ["request", "download"])
    def test_a_limit_that_never_ends_is_no_end_of_the_data(self, stage: Stage, call: str) -> None:
        play(stage, call, Reply(429))
        ended = stage.sync_once()
        assert (ended.exit_code, ended.outcome) == (3, "failed-retryable")
        assert len(asked_of(stage, call)) == TRIES
        assert stage.january_is_here()
        stage.deliver({"1": WHOLE})
        assert stage.sync_once().exit_code == 0


class TestQ45WhatIsAskedAgain:
    """Q45: faults of the moment are asked again, `request` a few times only; 400, 401 and 403 never."""

    PASSING: ClassVar[dict[str, Reply]] = {
        **{str(status): Reply(status) for status in (429, 500, 502, 503, 504)},
        "a page": Reply.of_page("Bad Gateway", 502),
        "no answer": Reply(raw=b""),
        "reset": Reply(200, b"{}", cut=0, reset=True),
        "cut off": Reply.of_json([{"dpRunId": 1}], cut=5),
    }

    SOME = ("429", "503", "no answer", "a page")

    @pytest.mark.parametrize(
        ("call", "fault"), [*product(("run",), PASSING), *product((DISCOVERY, "request", "download"), SOME)]
    )
    def test_a_fault_that_passes_costs_one_more_question(self, stage: Stage, call: str, fault: str) -> None:
        play_once(stage, call, self.PASSING[fault])
        ended = stage.sync_once()
        assert (ended.exit_code, ended.outcome) == (0, "done")
        assert ended.orders == (2 if call == "request" else 1)

    @pytest.mark.parametrize("fault", SOME)
    def test_request_has_a_small_bound_and_orders_nothing_twice(self, stage: Stage, fault: str) -> None:
        """Each answered `request` is an order of its own at the service, so it is not asked for ever."""
        assert DEFAULT_PACE.attempts <= 6
        play(stage, "request", self.PASSING[fault])
        ended = stage.sync_once()
        assert ended.outcome in (None, "failed-retryable")
        assert ended.orders == TRIES
        stage.play()
        mended = stage.sync_once()
        assert (mended.exit_code, mended.outcome, mended.orders) == (0, "done", 1)

    @pytest.mark.parametrize("status", [400, 401, 403])
    @pytest.mark.parametrize("call", CALLS)
    def test_a_refusal_is_asked_once(self, stage: Stage, call: str, status: int) -> None:
        play(stage, call, Reply.of_errors((130, "No.", "x"), status=status))
        ended = stage.sync_once()
        assert ended.exit_code == (4 if status == 401 else 3)
        assert len(asked_of(stage, call)) == 1


class TestQ46RefusedAndRestricted:
    """Q46: 401 stops everything with the state kept; 403 fails one item; restrictions may be told in messages only."""

    @pytest.mark.parametrize("call", CALLS)
    def test_a_token_refused_midway_stops_everything_and_the_next_sync_goes_on(self, stage: Stage, call: str) -> None:
        play(stage, call, Reply.of_errors((127, "Invalid parameter value", "token"), status=401))
        ended = stage.sync_once()
        assert ended.exit_code == 4
        assert "Generate Token" in ended.said
        assert len(asked_of(stage, call)) == 1
        assert ended.outcome is None
        kept = ended.chunk.order if ended.chunk else None
        assert (kept is not None and kept.request_id is not None) == (call in ("run", "download"))
        stage.deliver({"1": WHOLE})
        mended = stage.sync_once()
        assert (mended.exit_code, mended.outcome) == (0, "done")
        assert mended.orders == (0 if call in ("run", "download") else 1)

    def test_a_token_refused_everywhere_costs_each_worker_one_question_at_most(self, stage: Stage) -> None:
        stage.project().resolve()
        before = len(stage.wire.asked)
        as_it_is = stage.dress
        stage.dress = lambda reply: Reply.of_errors((127, "Invalid parameter value", "token"), status=401)
        assert stage.sync_once().exit_code == 4
        assert len(stage.wire.asked) - before <= 2
        stage.dress = as_it_is
        mended = stage.sync_once()
        assert (mended.exit_code, mended.outcome, mended.orders) == (0, "done", 1)

    @pytest.mark.parametrize("call", CALLS[1:])
    def test_a_restriction_fails_that_item_alone(self, stage: Stage, call: str) -> None:
        play(stage, call, Reply.of_errors((1, "Restricted to members", "x"), status=403))
        ended = stage.sync_once()
        assert ended.exit_code == 3
        assert ended.outcome not in (None, "done", "empty")
        assert "Restricted to members" in ended.reason
        assert stage.january_is_here()
        stage.deliver({"1": WHOLE})
        mended = stage.sync_once(retry_failed=True)
        assert (mended.exit_code, mended.outcome) == (0, "done")
        assert mended.orders == (0 if call == "run" else 1)

    TOLD: ClassVar[dict[str, dict[str, Any]]] = {
        "messages": {"messages": ["Data of 2015-02-03 are RESTRICTED and were left out"]},
        "warningMessages": {"messages": [], "warningMessages": ["Data of 2015-02-03 are RESTRICTED and were left out"]},
        "a bare text": {"messages": "Data of 2015-02-03 are RESTRICTED and were left out"},
    }

    @pytest.mark.parametrize("form", TOLD)
    def test_a_restriction_told_in_a_message_is_never_called_complete(self, stage: Stage, form: str) -> None:
        """The files that came are kept; the warning, the state and the status say that data may be missing."""
        stage.deliver({"1": WHOLE}, request=Reply.of_json({"dpRequestId": 1, **self.TOLD[form]}))
        ended = stage.sync_once()
        assert (ended.outcome, stage.files()) == ("done", {"a.csv": BODY})
        text = "Data of 2015-02-03 are RESTRICTED and were left out"
        assert ended.said.splitlines().count(text) == 1
        assert f"done: data may be missing: {text}" in ended.said
        assert ended.chunk is not None
        assert ended.chunk.notes == (text,)
        shown = "\n".join(describe_status(stage.project().status()))
        assert f"data may be missing: {text}" in shown
        assert shown.count("1 may lack restricted data") == 2

    @pytest.mark.parametrize("form", TOLD)
    def test_a_restriction_and_no_file_are_not_no_data(self, stage: Stage, form: str) -> None:
        stage.deliver({}, 0, request=Reply.of_json({"dpRequestId": 1, **self.TOLD[form]}))
        ended = stage.sync_once()
        assert (ended.exit_code, ended.outcome) == (3, "refused")
        assert "RESTRICTED" in ended.reason

    @pytest.mark.parametrize(("files", "count", "outcome"), [({}, 0, "refused"), ({"1": WHOLE}, 1, "done")])
    def test_a_restriction_is_remembered_by_the_sync_that_takes_the_order_up(
        self, stage: Stage, files: dict[str, Play], count: int, outcome: str
    ) -> None:
        """Only the answer to `request` told it, in a sync that never saw the end of the order."""
        restricted = Reply.of_json({"dpRequestId": 1, **self.TOLD["messages"]})
        refused = Reply.of_errors((127, "Invalid parameter value", "token"), status=401)
        stage.deliver(files, count, request=restricted, run=refused)
        assert stage.sync_once().exit_code == 4
        stage.deliver(files, count)
        ended = stage.sync_once()
        assert (ended.outcome, ended.orders) == (outcome, 0)
        assert ended.chunk is not None
        assert any("RESTRICTED" in note for note in ended.chunk.notes)


class TestQ47TimeOuts:
    """Q47: how long may an answer take? There are limits to connect, to the first byte and between two; none in all."""

    SLOW = Reply.of_file(BODY, "a.csv", drip=(256, 0.08))
    """Takes longer in all than each limit allows for silence."""
    SILENT: ClassVar[dict[str, Reply]] = {
        "before the answer": Reply(stall=-1),
        "before the body": Reply.of_file(BODY, "a.csv", stall=0),
        "in the body": Reply.of_file(BODY, "a.csv", stall=1000),
    }

    @pytest.fixture
    def hasty(self, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Stage:
        """A stage whose sessions bear no long silence."""
        limits = Timeouts(connect=10, first_byte=0.8, idle=0.8)
        monkeypatch.setattr("oncsync.connection.Session", partial(Session, sleep=lambda seconds: None, timeouts=limits))
        return stage

    def test_a_transfer_may_last_as_long_as_it_flows(self, hasty: Stage) -> None:
        hasty.deliver({"1": self.SLOW})
        ended = hasty.sync_once()
        assert (ended.exit_code, ended.outcome, hasty.files()) == (0, "done", {"a.csv": BODY})
        assert ended.indexes.count("1") == 1

    @pytest.mark.parametrize("silence", SILENT)
    def test_silence_is_a_fault_and_what_came_is_not_taken_for_the_file(self, hasty: Stage, silence: str) -> None:
        hasty.deliver({"1": [self.SILENT[silence], WHOLE]})
        ended = hasty.sync_once()
        assert (ended.exit_code, ended.outcome, hasty.files()) == (0, "done", {"a.csv": BODY})
        assert ended.indexes.count("1") == 2

    def test_each_limit_has_a_default_of_its_own(self) -> None:
        limits = Timeouts()
        assert 0 < limits.connect <= 30
        assert limits.first_byte >= 60
        assert limits.idle >= 30
        assert set(limits.__struct_fields__) == {"connect", "first_byte", "idle"}

    def test_a_connection_that_is_never_made_is_told(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def slow(*_: Any, **__: Any) -> None:
            raise TimeoutError("timed out")

        monkeypatch.setattr("urllib3.util.connection.create_connection", slow)
        with (
            Session("http://127.0.0.1:9/", TOKEN, timeouts=Timeouts(connect=3)) as session,
            pytest.raises(UnreachableError, match="no connection within 3 s"),
        ):
            session.get_json("api/locations", {}, attempts=1)


class TestQ48Redirects:
    """Q48: a redirect within scheme and host is followed; to any other place never, for the token would follow."""

    @pytest.mark.parametrize(
        ("call", "status"),
        [*((call, 302) for call in CALLS), *(("download", status) for status in (301, 303, 307, 308))],
    )
    def test_within_the_service_it_is_followed(self, stage: Stage, call: str, status: int) -> None:
        def moved(asked: Asked) -> Reply | None:
            return left.pop()(asked) if left else None

        forms = [lambda asked: Reply(status, headers={"Location": asked.target})]
        forms += [lambda asked: Reply(status, headers={"Location": stage.wire.url.rstrip("/") + asked.target})]
        left = forms
        if call == "download":
            stage.deliver({"1": lambda asked: moved(asked) or WHOLE})
        else:
            stage.play(**{call: moved})
        ended = stage.sync_once()
        assert (ended.exit_code, ended.outcome) == (0, "done")
        assert all(asked.target.count(TOKEN) == 1 for asked in stage.wire.asked)

    FORMS = ("other name", "no scheme", "other scheme", "user name", "none")

    @pytest.mark.parametrize(
        ("call", "form"), [*((call, "other port") for call in CALLS), *(("download", form) for form in FORMS)]
    )
    def test_elsewhere_it_is_a_fault_and_nobody_there_is_asked(self, stage: Stage, call: str, form: str) -> None:
        with ScriptedService(lambda asked: WHOLE) as elsewhere:
            targets = {
                "other port": elsewhere.url + "login",
                "other name": f"http://localhost:{stage.wire.port}/login",
                "no scheme": f"//127.0.0.1:{elsewhere.port}/login",
                "other scheme": f"ftp://127.0.0.1:{stage.wire.port}/login",
                "user name": f"http://127.0.0.1:{stage.wire.port}@127.0.0.1:{elsewhere.port}/",
                "none": "",
            }
            location = {"Location": targets[form]} if targets[form] else {}
            play(stage, call, Reply(302, headers=location))
            ended = stage.sync_once()
            assert elsewhere.connections == 0
        assert ended.exit_code in (3, 5)
        assert ended.outcome in (None, "failed-retryable")
        assert stage.files() == {}
        stage.deliver({"1": WHOLE})
        mended = stage.sync_once()
        assert (mended.exit_code, mended.outcome) == (0, "done")

    def test_https_never_becomes_http(self) -> None:
        address = parse_address("https://data.oceannetworks.ca/")
        for target in ("http://data.oceannetworks.ca/x", "https://data.oceannetworks.ca:8443/x", "//other.example/x"):
            assert redirect_target(address, "/api/locations", target) is None
        assert redirect_target(address, "/api/locations", "/x?a=1") == ("/x", "a=1")

    def test_a_login_page_within_the_service_is_no_data(self, stage: Stage) -> None:
        """Followed, and found to be a page: a fault, whatever its status."""
        stage.deliver({"1": Reply(302, headers={"Location": "/login"})})
        login = Reply.of_page("Log in")
        stage.dress = lambda reply: login if b"Not Found" in reply.body and reply.status == 404 else reply
        ended = stage.sync_once()
        assert (ended.exit_code, ended.outcome, stage.files()) == (3, "failed-retryable", {})
        assert "Log in" in ended.reason


class TestQ49UnknownCodes:
    """Q49: a code that no table has, 130 or another, is a fault with its text: never "no data", never for good."""

    CODES: ClassVar[dict[str, Any]] = {
        "130": 130,
        "as text": "130",
        "1": 1,
        "99999": 99999,
        "negative": -1,
        "none": None,
    }

    def refusal(self, code: str) -> Reply:
        error = {"errorCode": self.CODES[code], "errorMessage": "The tide is out", "parameter": "moon"}
        return Reply.of_json({"errors": [error]}, 400)

    @pytest.mark.parametrize("code", ["130", "none"])
    def test_in_discovery_it_is_not_nothing_there(self, stage: Stage, code: str) -> None:
        play(stage, DISCOVERY, self.refusal(code))
        (failure,) = stage.project().resolve(write=False).failures
        assert "The tide is out" in failure.error
        assert len(asked_of(stage, DISCOVERY)) == 1

    @pytest.mark.parametrize(
        ("call", "code"),
        [*product(("request", "run"), ("130", "none", "several")), *product(("download",), (*CODES, "several"))],
    )
    def test_its_text_is_told_and_the_next_sync_tries_again(self, stage: Stage, call: str, code: str) -> None:
        several = Reply.of_errors((130, "The tide is out", "moon"), (127, "Invalid parameter value", "x"))
        play(stage, call, several if code == "several" else self.refusal(code))
        ended = stage.sync_once()
        assert (ended.exit_code, ended.outcome) == (3, "failed-retryable")
        assert "The tide is out" in ended.reason
        assert len(asked_of(stage, call)) == 1
        stage.deliver({"1": WHOLE})
        mended = stage.sync_once()
        assert (mended.exit_code, mended.outcome) == (0, "done")
        assert mended.orders == (0 if call in ("run", "download") else 1)
