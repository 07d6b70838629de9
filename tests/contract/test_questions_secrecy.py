"""Q50: the token, which the service echoes in its answers, stays nowhere.

Each answer that can carry it is played; `Stage.sync_once` looks for it in the result, errors, tracebacks, notices, and
in every file below the project and the user's folders.
"""

from __future__ import annotations

import logging
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, ClassVar

import pytest

from tests.contract.questions import BODY, PLAYED, Stage, files_that_hold
from tests.support.scripted import Reply
from tests.support.world import TOKEN, child_environment

WHOLE = Reply.of_file(BODY, "a.csv")
ECHO = f"https://data.example/api/x?dpRunId=1&token={TOKEN}"


def named_after_the_token(reply: Reply) -> Reply:
    """Writes the token into every text for people that discovery gives, and into every header."""
    body = re.sub(
        rb'("(?:\w+Name|description|citation|doi|helpDocument|deviceLink)":")', rb"\g<1>" + TOKEN.encode(), reply.body
    )
    echoes = {"X-Echo": ECHO, "Link": f"<{ECHO}>; rel=next", "Set-Cookie": f"t={TOKEN}"}
    return reply._replace(body=body, headers={**reply.headers, **echoes})


class TestQ50EchoedToken:
    """Q50: the service echoes the token in addresses, texts, names, headers, redirects; it stays nowhere."""

    ORDERED: ClassVar[dict[str, Any]] = {
        "dpRequestId": 1,
        "queryURL": ECHO,
        "queryUrl": f"{ECHO}&a=1",
        "next": {"parameters": {"token": TOKEN}, "url": ECHO},
        "messages": [f"restricted: see {ECHO}", TOKEN.upper(), f"token={TOKEN}"],
        "citations": [{"citation": TOKEN, "doi": ECHO}],
        "estimatedProcessingTime": TOKEN,
        TOKEN: TOKEN,
    }
    ERROR = Reply.of_errors((127, f"bad token={TOKEN}", f"token={TOKEN}"), (127, TOKEN, TOKEN))
    ANSWERS: ClassVar[dict[str, dict[str, Any]]] = {
        "a good request": {"request": Reply.of_json(ORDERED)},
        "a refused request": {"request": ERROR},
        "a fault with a page": {"request": [Reply.of_page(f"{TOKEN} {ECHO}", 503)] * 3 + [Reply.of_page(TOKEN)]},
        "a failed run": {"run": Reply.of_json([{"dpRunId": 5, "status": f"error {TOKEN}", "message": ECHO}])},
        "a refused run": {"run": ERROR},
        "a body that is cut": {"run": Reply.of_json(ORDERED, cut=40)},
        "no HTTP": {"run": Reply(raw=TOKEN.encode() + b"\r\n\r\n")},
        "a redirect elsewhere": {"run": Reply(302, headers={"Location": f"https://{TOKEN}.example/?token={TOKEN}"})},
        "a bad redirect": {"request": Reply(301, headers={"Location": f"http://[{TOKEN}"})},
    }
    FILES: ClassVar[dict[str, Any]] = {
        "a name": Reply.of_file(BODY, f"a_{TOKEN}_{TOKEN.upper()}.csv"),
        "a quoted name": Reply.of_file(BODY, f'"{TOKEN}.csv"'),
        "a coded name": Reply.of_file(BODY, f"x.csv; filename*=UTF-8''{TOKEN.replace('-', '%2D')}.csv"),
        "a redirect within": lambda asked: (
            WHOLE
            if "s" in asked.query
            else Reply(
                302, headers={"Location": f"{asked.path}?dpRunId={PLAYED}&index={asked.query['index']}&s={TOKEN}"}
            )
        ),
        "an answer in its place": Reply.of_json({"status": TOKEN, "message": ECHO}),
        "a page in its place": Reply.of_page(f"{ECHO} {TOKEN}"),
        "a refusal": ERROR,
        "a deleted file": Reply.of_json({"message": ECHO}, 410),
    }

    @pytest.mark.parametrize("place", [*ANSWERS, *FILES])
    def test_it_is_taken_out_wherever_it_stands(
        self, stage: Stage, caplog: pytest.LogCaptureFixture, place: str
    ) -> None:
        """`Stage.sync_once` looks for it in the result, errors, tracebacks, notices and files of any kind."""
        caplog.set_level(logging.DEBUG)
        stage.dress = named_after_the_token
        stage.deliver({"1": self.FILES.get(place, WHOLE)}, **self.ANSWERS.get(place, {}))
        assert stage.sync_once().exit_code in (0, 3, 5)
        assert len(caplog.records) > 10
        assert TOKEN.lower() not in caplog.text.lower()
        assert TOKEN.lower() not in (stage.folder / ".oncsync" / "oncsync.log").read_text().lower()

    COMMANDS: ClassVar[dict[str, str]] = {
        "sync -v": "1 may lack restricted data",
        "resolve --dry-run": "",
        "status --json": "BACAX",
        "plan --json": "BACAX",
    }

    @pytest.mark.parametrize("command", COMMANDS)
    def test_no_command_shows_it(self, stage: Stage, command: str) -> None:
        """Neither what a command prints nor how it was called; it got the token by its environment."""
        stage.dress = named_after_the_token
        stage.deliver({"1": WHOLE}, request=Reply.of_json(self.ORDERED))
        stage.project().resolve()
        call = [sys.executable, "-m", "oncsync", *command.split()]
        ended = subprocess.run(call, cwd=stage.directory, env=child_environment(), capture_output=True, check=False)
        assert ended.returncode == 0
        assert self.COMMANDS[command] in ended.stdout.decode()
        assert TOKEN.lower().encode() not in (ended.stdout + ended.stderr).lower()
        assert files_that_hold(TOKEN, stage.directory, Path(os.environ["HOME"])) == []
