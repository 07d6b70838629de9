"""`oncsync sandbox` in the foreground: one line once it listens, and a quiet end."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from oncsync.cli.ending import TerminatedError
from oncsync.sandbox import Fault, Sandbox, list_faults
from tests.cli.conftest import Command
from tests.support.world import AS_IN_A_TERMINAL, child_environment


@pytest.fixture
def started(oncsync: Command, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Sandbox]:
    """Runs the command as far as to where it would wait for ever, and gives the service that it started."""
    seen: list[Sandbox] = []
    start = Sandbox.start

    def remember(self: Sandbox) -> Sandbox:
        seen.append(self)
        return start(self)

    class Never:
        def wait(self) -> None:
            raise TerminatedError

    def run(*arguments: str) -> Sandbox:
        with monkeypatch.context() as patch:
            patch.setattr(Sandbox, "start", remember)
            patch.setattr("oncsync.cli.serving.forever", Never().wait)
            said = oncsync("sandbox", *arguments)
        assert said.code == 143, said.err
        return seen[-1]

    return run


def ask(sandbox: Sandbox, service: str, **given: str) -> tuple[int, Any]:
    query = "&".join(f"{name}={value}" for name, value in {"token": sandbox.token, **given}.items())
    reply = sandbox.answer("GET", f"/api/{service}?{query}")
    body = b"".join(reply.content.blocks())
    return reply.status, json.loads(body) if reply.media_type.startswith("application/json") else None


def test_faults_come_from_a_file(started: Callable[..., Sandbox], tmp_path: Path) -> None:
    path = tmp_path / "faults.json"
    path.write_text('{"seed": 3, "faults": [{"fault": "status-410", "on": "locations", "nth": [2]}]}')
    sandbox = started("--faults", str(path))
    assert sandbox.faults.rules == (Fault("status-410", on="locations", nth=[2]),)
    assert sandbox.faults.seed == 3
    assert [ask(sandbox, "locations", locationCode="BACAX")[0] for _ in range(3)] == [200, 410, 200]
    assert started("--faults", str(path), "--seed", "8").faults.seed == 8


def test_questions_are_logged_without_the_token(started: Callable[..., Sandbox], tmp_path: Path) -> None:
    path = tmp_path / "asked.jsonl"
    sandbox = started("--log", str(path))
    ask(sandbox, "locations", locationCode="BACAX")
    ask(sandbox, "nothing")
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [(line["path"], line["status"]) for line in lines] == [("/api/locations", 200), ("/api/nothing", 404)]
    assert sandbox.token not in path.read_text()


def test_jobs_queue_and_quota_are_settings(started: Callable[..., Sandbox]) -> None:
    quick = ("--job-seconds", "600:600", "--sync-seconds", "0", "--max-running", "1", "--max-alive", "2")
    sandbox = started(*quick, "--beyond", "429", "--seed", "1")
    order = {"locationCode": "USDDL", "deviceCategoryCode": "CTD", "dataProductCode": "TSSD", "extension": "csv",
             "dateFrom": "2017-05-01", "dateTo": "2017-05-02"}  # fmt: skip
    ids = [ask(sandbox, "dataProductDelivery/request", **order)[1]["dpRequestId"] for _ in range(3)]
    assert [ask(sandbox, "dataProductDelivery/run", dpRequestId=one)[0] for one in ids] == [202, 202, 429]
    states = [ask(sandbox, "dataProductDelivery/run", dpRequestId=one)[1][0]["status"] for one in ids[:2]]
    assert states == ["data product running", "queued"]


@pytest.mark.parametrize(("text", "seconds"), [("0.5:2", (0.5, 2.0)), ("3", (3.0, 3.0)), ("0:0", (0.0, 0.0))])
def test_job_seconds_are_two_numbers_or_one(
    text: str, seconds: tuple[float, float], started: Callable[..., Sandbox]
) -> None:
    assert started("--job-seconds", text).deliveries._job_seconds == seconds


@pytest.mark.parametrize("text", ["x", "3:1", "-1:2", "1:nan", "0:inf", "", "1:2:3"])
def test_job_seconds_that_are_none_get_one_message(text: str, oncsync: Command) -> None:
    said = oncsync("sandbox", "--job-seconds", text)
    assert said.code == 2
    assert "--job-seconds" in said.err


def test_the_faults_are_listed_one_on_a_line(oncsync: Command) -> None:
    said = oncsync("sandbox", "--list-faults")
    assert said.code == 0
    listed = [tuple(re.split(r"  +", line, maxsplit=1)) for line in said.out.splitlines()]
    assert listed == list_faults()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"faults": [{"fault": "truncated-bdy"}]}',
         "error: faults.json: faults[0]: No fault is called `truncated-bdy`\n\nhint: did you mean `truncated-body`?\n"),
        ("{", "error: faults.json:1:2: Not JSON: Expecting property name enclosed in double quotes\n"),
        (None, "error: Cannot read `faults.json`: No such file or directory\n"),
    ],
)  # fmt: skip
def test_a_bad_faults_file_is_one_message(
    text: str | None, expected: str, oncsync: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    if text is not None:
        Path("faults.json").write_text(text)
    said = oncsync("sandbox", "--faults", "faults.json")
    assert (said.code, said.out, said.err) == (2, "", expected)


def test_a_log_that_cannot_be_written_is_one_message(oncsync: Command, tmp_path: Path) -> None:
    said = oncsync("sandbox", "--log", str(tmp_path / "missing" / "asked.jsonl"))
    assert said.code == 2
    assert said.err.startswith("error: Cannot write `")


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_service_says_where_it_is_and_ends_quietly(number: signal.Signals, code: int) -> None:
    command = [sys.executable, "-c", AS_IN_A_TERMINAL, "sandbox", "--json"]
    child = subprocess.Popen(command, env=child_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert child.stdout is not None
    try:
        told = json.loads(child.stdout.readline())
        assert told["url"].endswith("/")
        assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", told["token"])
        with urllib.request.urlopen(f"{told['url']}api/locations?locationCode=BACAX&token={told['token']}") as answer:
            assert json.load(answer)[0]["locationName"] == "Axis"
    finally:
        child.send_signal(number)
        out, err = child.communicate(timeout=20)
    assert (child.returncode, out, err) == (code, b"", b"")


@pytest.mark.slow
def test_a_port_that_is_taken_gets_one_message() -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        command = [sys.executable, "-m", "oncsync", "sandbox", "--port", str(taken.getsockname()[1])]
        ended = subprocess.run(command, env=child_environment(), capture_output=True, check=False, timeout=30)
    assert ended.returncode == 2
    assert b"Cannot listen on port" in ended.stderr
