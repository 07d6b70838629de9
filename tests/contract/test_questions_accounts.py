"""Q55: orders that another account placed, in a folder that two people share."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.questions import BODY, PLAYED, Ended, Stage, a_run
from tests.support.scripted import Asked, Reply

WHOLE = Reply.of_file(BODY, "a.csv")
REVOKED = Reply.of_errors((127, "Invalid parameter value", "token"), status=401)
REFUSALS = {
    "400": Reply.of_errors((127, "Invalid search header ID.", "dpRequestId")),
    "401": REVOKED,
    "403": Reply.of_errors((1, "Not yours", "dpRequestId"), status=403),
}
PHASES: dict[str, dict[str, Any]] = {
    "ordered": {"run": REVOKED},
    "running": {"run": [a_run(0, "data product running", 202), REVOKED]},
    "made": {"run": a_run(1), "download": REVOKED},
}
"""How far an order came before its person's token stopped working."""
HOLDERS = {"us": None, "another user": "oncsync.engine.orders.current_user", "another machine": "socket.gethostname"}


class TestQ55AnotherAccount:
    """Q55: another's ids may work, or be refused with 400/127, 401 or 403: then the order is placed again, once."""

    @pytest.fixture(params=HOLDERS)
    def holder(self, request: pytest.FixtureRequest) -> str:
        """Who placed the order."""
        return str(request.param)

    @pytest.fixture(params=PHASES)
    def left(self, request: pytest.FixtureRequest, stage: Stage, holder: str) -> Stage:
        """A folder with an order that somebody left in some phase; the state names user and host with it."""
        with pytest.MonkeyPatch.context() as elsewhere:
            if HOLDERS[holder]:
                elsewhere.setattr(HOLDERS[holder] or "", lambda: "someone-else")
            stage.play(**PHASES[request.param])
            ended = stage.sync_once()
        assert ended.exit_code == 4
        assert ended.chunk is not None
        assert ended.chunk.order is not None
        assert ended.chunk.order.host
        assert ended.chunk.order.user
        assert (ended.chunk.order.request_id is not None, ended.outcome) == (True, None)
        return stage

    @staticmethod
    def refuse_old(stage: Stage, refusal: Reply) -> Ended:
        """Syncs while every question about the order that was left is refused."""
        old = set(stage._orders)

        def about(asked: Asked) -> Reply | None:
            is_old = asked.query.get("dpRequestId") in old or asked.query.get("dpRunId") == str(PLAYED)
            return refusal if is_old else None

        stage.play(run=about, download=about, status=about)
        return stage.sync_once()

    def test_ids_that_work_are_used(self, left: Stage) -> None:
        left.deliver({"1": WHOLE})
        ended = left.sync_once()
        assert (ended.exit_code, ended.outcome, ended.orders) == (0, "done", 0)
        assert left.files() == {"a.csv": BODY}

    @pytest.mark.parametrize("status", REFUSALS)
    def test_ids_that_are_refused_cost_one_new_order(self, left: Stage, holder: str, status: str) -> None:
        """Only where our own user has the order on this machine does 403 mean a restriction that may be lifted."""
        ended = self.refuse_old(left, REFUSALS[status])
        assert left.january_is_here()
        if holder == "us" and status == "403":
            assert (ended.exit_code, ended.orders) == (3, 0)
            assert "Not yours" in ended.reason
            return
        assert (ended.exit_code, ended.outcome, ended.orders) == (0, "done", 1)
        assert ended.said.count("placed anew") == 1
        assert ended.chunk is not None
        assert any("ordered anew" in note for note in ended.chunk.notes)

    def test_one_refusal_alone_costs_no_new_order(self, left: Stage) -> None:
        """Rule 3: a whim of the service is no word about the order; what is refused twice is."""
        left.deliver({"1": WHOLE})
        whims = [REVOKED]

        def whimsical(play: Any) -> Any:
            return lambda asked: whims.pop() if whims else play(asked)

        left._plays = {name: whimsical(play) for name, play in left._plays.items()}
        ended = left.sync_once()
        assert whims == []
        assert (ended.exit_code, ended.outcome, ended.orders) == (0, "done", 0)
        assert left.files() == {"a.csv": BODY}

    def test_a_token_that_is_refused_itself_drops_no_order(self, left: Stage) -> None:
        """401 to everything is told from 401 to these ids by one question that every token may ask."""
        before = left.february()
        as_it_is = left.dress
        left.dress = lambda reply: REVOKED
        left.play()
        ended = left.sync_once()
        assert (ended.exit_code, ended.orders) == (4, 0)
        assert ended.chunk == before
        left.dress = as_it_is
        left.deliver({"1": WHOLE})
        mended = left.sync_once()
        assert (mended.exit_code, mended.outcome, mended.orders) == (0, "done", 0)

    @pytest.mark.parametrize("status", REFUSALS)
    def test_a_new_order_that_is_refused_too_is_not_followed_by_a_third(self, left: Stage, status: str) -> None:
        left.play(run=REFUSALS[status], download=REFUSALS[status], status=REFUSALS[status])
        ended = left.sync_once()
        assert ended.exit_code in (3, 4)
        assert ended.orders <= 1
        assert ended.outcome not in ("done", "empty")
