"""Open questions 10 to 12: what "no data" looks like, and what only resembles it. Each answer left open is played.

`Stage.sync_once` checks after every play: bounded questions, no token anywhere, nothing half in `partial/`, no file of
anyone touched.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from oncsync.api import get_deployments
from oncsync.errors import FaultError, RefusedError, UnreachableError
from tests.api.conftest import NOW, Connect
from tests.contract.questions import NO_FILE, TRIES, TWO_MONTHS, Play, Stage, cases, names, some
from tests.faults.staging import NO_METADATA, Clock
from tests.support.scripted import Reply, Serve
from tests.support.world import TOKEN

PAGE_404 = Reply.of_page(f"Not here token={TOKEN}", 404)
NOT_THEN = "A device with category CTD was deployed at location BACAX but not during the provided time range"
FUTURE = "Invalid Time Range, Start Time is in the future."


# --- Q10 -----------------------------------------------------------------------------------------------------------


def refusal(*errors: tuple[int, str, str], status: int = 400) -> Reply:
    """Gives the service's error body."""
    return Reply.of_errors(*errors, status=status)


NO_DATA_OF_REQUEST = {
    "33": (refusal((33, f"No data there, token={TOKEN}", "dateFrom")), "No data there, token=*** (code 33)"),
    "127 not then": (refusal((127, NOT_THEN, "dateFrom")), f"{NOT_THEN} (code 127)"),
    "127 not then, twice": (refusal((127, NOT_THEN, "a"), (127, NOT_THEN, "b")), "not during the provided time range"),
    "25 of a window to come": (
        refusal((25, FUTURE, "dateFrom"))._replace(
            headers={"Content-Type": "application/json", "Date": "Thu, 15 Jan 2015 00:00:00 GMT"}
        ),
        f"{FUTURE} (code 25)",
    ),
}
NO_WORD_OF_REQUEST = {
    "25 of a window that has begun": refusal((25, FUTURE, "dateFrom")),
    "127 of another text": refusal((127, "Invalid parameter value", "locationCode")),
    "127 not then, and another": refusal((127, NOT_THEN, "a"), (127, "Invalid parameter value", "b")),
    "another code with that text": refusal((130, NOT_THEN, "dateFrom")),
    "33 beside another code": refusal((33, "No data", ""), (127, "Invalid parameter value", "x")),
    "33 with another status": refusal((33, "No data", ""), status=409),
    "33 with 404": refusal((33, "No data", ""), status=404),
    "33 with 500": refusal((33, "No data", ""), status=500),
    "33 with 200": refusal((33, "No data", ""), status=200),
    "404": NO_FILE,
    "204": Reply(204, close=True),
    "200 and nothing in it": Reply.of_json([]),
    "200 and no order in it": Reply.of_json({"messages": ["No data"]}),
}
LISTS_NOTHING = {"200": Reply.of_json([]), "404": Reply(404), "404 JSON": refusal((127, "none", "x"), status=404)}


class TestQ10WhatNoDataLooksLike:
    """Q10: "no data" is what the contract lists, and nothing that only resembles it; its words are kept."""

    @cases(NO_DATA_OF_REQUEST)
    def test_an_order_for_nothing_is_empty_with_the_services_words(
        self, stage: Stage, answer: tuple[Reply, str]
    ) -> None:
        reply, words = answer
        stage.play(request=reply)
        ended = stage.sync_once()
        assert (ended.exit_code, ended.outcome, ended.orders) == (0, "empty", 1)
        assert words in ended.reason
        assert ended.chunk is not None
        assert ended.chunk.status == 400
        assert stage.january_is_here()

    @cases(NO_WORD_OF_REQUEST)
    def test_what_resembles_no_data_is_none(self, stage: Stage, answer: Reply) -> None:
        stage.play(request=answer)
        ended = stage.sync_once()
        assert ended.exit_code in (3, 5)
        assert ended.outcome in ("failed-retryable", "refused", None)
        assert 1 <= ended.orders <= TRIES

    @cases(NO_DATA_OF_REQUEST)
    def test_no_data_takes_nothing_away_and_is_not_the_last_word_on_an_open_span(
        self, stage: Stage, answer: tuple[Reply, str]
    ) -> None:
        """The files of an earlier answer stay; the next order asks for the same window again."""
        stage.write(TWO_MONTHS, settings=NO_METADATA + "  lateDays: 9999\n  refreshOpen: PT15M\n")
        clock = Clock()
        stage.deliver(some(1))
        assert stage.sync_once(tools=clock.tools()).outcome == "done"
        clock.jump(minutes=20)
        stage.play(request=answer[0])
        ended = stage.sync_once(tools=clock.tools())
        assert (ended.outcome, stage.files()) == ("done", names(1))
        held = stage.february()  # it stays done, with what the service said to the second order
        assert held is not None
        assert held.refresh is not None
        assert held.refresh.outcome == "empty"
        clock.jump(minutes=20)
        stage.deliver(some(2), 2)
        ended = stage.sync_once(tools=clock.tools())
        assert (ended.outcome, ended.orders, stage.files()) == ("done", 1, names(2))
        asked = [one.query for one in stage.wire.asked if one.path.endswith("/request") and stage._is_february(one)]
        assert {(query["dateFrom"], query["dateTo"]) for query in asked} == {
            ("2015-02-01T00:00:00.000Z", "2015-03-01T00:00:00.000Z")
        }

    @cases(LISTS_NOTHING | {"400 not then": refusal((127, NOT_THEN, "a"))})
    @pytest.mark.parametrize("service", ["deployments", "dataProducts"])
    def test_discovery_that_finds_nothing_any_more_keeps_lock_and_files(
        self, stage: Stage, service: str, answer: Reply
    ) -> None:
        check_lock_and_files_stay(stage, **{service: answer})

    @cases(LISTS_NOTHING | {"400 not then": refusal((127, NOT_THEN, "a"))})
    def test_discovery_that_never_found_anything_is_told_with_what_was_asked(self, stage: Stage, answer: Reply) -> None:
        stage.play(deployments=answer)
        ended = stage.sync_once()
        assert ended.exit_code == 2
        assert "no device of category `CTD` was ever deployed at or below `BACAX`" in ended.said

    @cases({"25": (25, None), "25 of the past": (25, NOW - timedelta(days=1)), "33": (33, NOW + timedelta(days=1))})
    def test_a_refusal_of_deployments_that_does_not_fit_the_question_is_raised(
        self, serve: Serve, connect: Connect, answer: tuple[int, Any]
    ) -> None:
        code, begin = answer
        with pytest.raises(RefusedError):
            get_deployments(connect(serve([refusal((code, FUTURE, "dateFrom"))])), date_from=begin)


def check_lock_and_files_stay(stage: Stage, **services: Play) -> None:
    """Resolves again while discovery answers so: not a byte of the lock changes, nothing is fetched or lost.

    Exit 3, or 5 when the first of all questions, about the tree, is the one without an answer.
    """
    stage.deliver(some(1))
    assert stage.sync_once().outcome == "done"
    lock = stage.project().lock_path.read_bytes()
    tree = stage.tree()
    stage.play(**services)
    before = len(stage.wire.asked)
    if services.get("tree") is PAGE_404:
        with pytest.raises(UnreachableError):
            stage.project().resolve()
    else:
        resolved = stage.project().resolve()
        assert resolved.exit_code == 3
        assert [failure.kept for failure in resolved.failures] == [True]
        assert TOKEN not in repr(resolved)
    assert len(stage.wire.asked) - before < 20
    assert (stage.project().lock_path.read_bytes(), stage.tree()) == (lock, tree)
    assert stage.sync_once().indexes == []


# --- Q11 -----------------------------------------------------------------------------------------------------------


PAGES = {
    "HTML": PAGE_404,
    "HTML without a type": PAGE_404._replace(headers={}),
    "HTML that says it is JSON": PAGE_404._replace(headers={"Content-Type": "application/json"}),
    "text": Reply(404, f"404 page not found {TOKEN}".encode(), {"Content-Type": "text/plain"}),
}


class TestQ11A404ThatIsNoAnswer:
    """Q11: a 404 with a page, from a proxy or a wrong address, is a fault on discovery, never "nothing there"."""

    @cases(PAGES)
    def test_the_lock_and_the_files_stay(self, stage: Stage, answer: Reply) -> None:
        check_lock_and_files_stay(stage, deployments=answer)

    @pytest.mark.parametrize("service", ["tree", "deviceCategories", "dataProducts", "devices"])
    def test_it_is_one_wherever_it_comes(self, stage: Stage, service: str) -> None:
        check_lock_and_files_stay(stage, **{service: PAGE_404})

    @cases(PAGES)
    def test_a_wrong_address_is_told_as_one(self, stage: Stage, serve: Serve, connect: Connect, answer: Reply) -> None:
        stage.dress = lambda reply: answer
        ended = stage.sync_once()
        assert ended.exit_code in (3, 5)
        assert ended.chunk is None
        assert len(stage.wire.asked) <= 2
        session = connect(serve([answer] * 9))
        with pytest.raises(FaultError, match="answered with a page") as caught:
            get_deployments(session, location_code="BACAX")
        assert "check the address" in (caught.value.hint or "")


# --- Q12 -----------------------------------------------------------------------------------------------------------


TYPOS = {
    "place": ("locationCode: BACAX", "locationCode: BACAXX", "locationCode `BACAXX`", "BACAX"),
    "category": ("deviceCategoryCode: CTD", "deviceCategoryCode: CDT", "deviceCategoryCode `CDT`", "CTD"),
    "product": ("dataProductCode: TSSD", "dataProductCode: TSSSD", "dataProductCode `TSSSD`", "TSSD"),
    "format": ("extension: csv", "extension: cvs", "extension `cvs`", "csv"),
    "case": ("locationCode: BACAX", "locationCode: Bacax", "locationCode `Bacax`", "BACAX"),
}


class TestQ12UnknownCodes:
    """Q12: 400 with code 127 means a typo or no data; codes are checked once against discovery, and what was said is
    shown."""

    @cases(TYPOS)
    def test_a_typo_is_told_with_the_code_that_exists(self, stage: Stage, answer: tuple[str, str, str, str]) -> None:
        right, wrong, told, near = answer
        stage.write(TWO_MONTHS.replace(right, wrong), settings=NO_METADATA)
        ended = stage.sync_once()
        assert (ended.exit_code, ended.orders, ended.chunk) == (2, 0, None)
        assert f"ONC knows no {told}" in ended.said
        assert f"did you mean `{near}`" in ended.said
        asked = [(one.path, *sorted(one.query.items())) for one in stage.wire.asked]
        assert len(asked) == len(set(asked))

    def test_what_the_service_does_not_know_is_shown_and_not_asked_again(self, stage: Stage) -> None:
        stage.play(request=refusal((127, "Invalid parameter value", "dataProductCode,extension")))
        ended = stage.sync_once()
        assert (ended.exit_code, ended.outcome, ended.orders) == (3, "refused", 1)
        assert ended.reason == "Invalid parameter value (code 127), parameter dataProductCode,extension"
        assert f"refused: {ended.reason} (not tried again without `--retry-failed`)" in ended.said
        again = stage.sync_once()
        assert (again.exit_code, again.orders) == (3, 0)
        stage.deliver(some(1))
        assert stage.sync_once(retry_failed=True).outcome == "done"

    def test_the_order_of_a_code_that_is_gone_is_refused_never_empty(self, stage: Stage) -> None:
        """`frozen` takes the lock as it is: the code was known when it was made."""
        stage.project().resolve()
        stage.play(request=refusal((127, "Invalid parameter value", "locationCode")))
        assert stage.sync_once(frozen=True).outcome == "refused"
