"""`oncsync sandbox` in the foreground: one line once it listens, and a quiet end."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import urllib.request

import pytest

from tests.support.world import child_environment


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_service_says_where_it_is_and_ends_quietly(number: signal.Signals, code: int) -> None:
    command = [sys.executable, "-m", "oncsync", "sandbox", "--json"]
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
