"""How the tests ask the sandbox: in process, with a clock that they turn themselves."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any
from urllib.parse import urlencode

from oncsync.sandbox import Catalogue, Sandbox

NOW = datetime(2026, 11, 1, 12, 0, tzinfo=timezone.utc)
MAY = {"dateFrom": "2017-05-01T00:00:00.000Z", "dateTo": "2017-06-01T00:00:00.000Z"}
CTD_CSV = {"locationCode": "USDDL", "deviceCategoryCode": "CTD", "dataProductCode": "TSSD", "extension": "csv"}


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds

    def pass_by(self, seconds: float) -> None:
        self.seconds += seconds


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def complaints(self) -> list[tuple[int, str]]:
        return [(error["errorCode"], error["parameter"]) for error in self.json["errors"]]


class Asked:
    """A sandbox at a fixed date, without HTTP; jobs take ten seconds, the file system two more."""

    def __init__(self, catalogue: Catalogue, *, job: float = 10.0, sync: float = 2.0, max_running: int = 4) -> None:
        self.clock = Clock()
        self.sandbox = Sandbox(
            catalogue=catalogue,
            now=lambda: NOW,
            clock=self.clock,
            job_seconds=(job, job),
            sync_seconds=sync,
            max_running=max_running,
            seed=1,
        )

    def __call__(self, service: str, **given: object) -> Answer:
        """Asks a service with the token."""
        return self.raw("GET", service, {"token": self.sandbox.token, **given})

    def raw(self, method: str, service: str, given: Mapping[str, object]) -> Answer:
        """Asks a service with these parameters and no others."""
        reply = self.sandbox.answer(method, f"/api/{service}?{urlencode(given)}")
        body = b"".join(reply.content.blocks())
        assert len(body) == reply.content.length
        assert not self.sandbox.broken
        headers = {"Content-Type": reply.media_type} | dict(reply.headers)
        return Answer(reply.status, headers, body)

    def order(self, **given: object) -> int:
        """Requests a product and gives the id."""
        answer = self("dataProductDelivery/request", **given)
        assert answer.status == 200, answer.body
        number = answer.json["dpRequestId"]
        assert isinstance(number, int)
        return number

    def run(self, request_id: int) -> int:
        """Starts or polls the run of a request and gives its id."""
        number = self("dataProductDelivery/run", dpRequestId=request_id).json[0]["dpRunId"]
        assert isinstance(number, int)
        return number

    def files(self, **given: object) -> dict[str, bytes]:
        """Orders a product, waits by the clock, and gives every file by name, metadata last."""
        run_id = self.run(self.order(**given))
        self.clock.pass_by(3600)
        got: dict[str, bytes] = {}
        index = 1
        while (answer := self("dataProductDelivery/download", dpRunId=run_id, index=index)).status == 200:
            got[name_of(answer)] = answer.body
            index += 1
        assert answer.status == 404
        answer = self("dataProductDelivery/download", dpRunId=run_id, index="meta")
        return got | ({name_of(answer): answer.body} if answer.status == 200 else {})


def name_of(answer: Answer) -> str:
    """Gives the file name of a download, from the service's misspelled header."""
    return answer.headers["Content-Disposition"].removeprefix("attachement; filename=")
