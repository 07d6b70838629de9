"""What happens when an entry cannot be asked, or means nothing any more: previous lines stand, nothing is lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from oncsync.errors import ProblemsError, TokenError, UnreachableError
from oncsync.lockfile import Lock
from oncsync.resolver import Resolution
from tests.resolver.conftest import Connect
from tests.resolver.making import at
from tests.resolver.world import DEPLOYED, TOKEN, World, entry, make_world, requests_of, resolved, session_with
from tests.support.scripted import Asked, Reply

CSV = "dataProductCode: TSSD\nextension: csv\n"
CTDS = entry(CSV + "deviceCategoryCode: CTD", "ctds")
SOUND = entry("locationCode: NORTH\ndeviceCategoryCode: HYDROPHONE\nextension: wav", "sound")
BOTH = CTDS + SOUND.removeprefix("downloads:\n")

Instead = Callable[[Asked], Reply | None]


def broken_for(path: str, reply: Reply, **parameters: str) -> Instead:
    """Gives a fault of one service, for questions with these parameters."""

    def instead(asked: Asked) -> Reply | None:
        is_meant = asked.path == f"/api/{path}" and parameters.items() <= asked.query.items()
        return reply if is_meant else None

    return instead


OUTAGES = {
    "503": Reply(503, b"busy"),
    "page": Reply.of_page(),
    "403": Reply.of_errors((403, "restricted", "x"), status=403),
    "cut": Reply(200, b"[{}, {}]", cut=3),
    "other refusal": Reply.of_errors((999, "no", "x")),
    "no list": Reply.of_json({"errors": [{"errorCode": 1, "errorMessage": "x", "parameter": "y"}]}),
}


@pytest.mark.parametrize("outage", OUTAGES)
@pytest.mark.parametrize("service", ["deployments", "dataProducts", "devices"])
def test_an_entry_that_cannot_be_asked_keeps_its_previous_lines(connect: Connect, service: str, outage: str) -> None:
    """Exit code 3; the other entry is resolved as ever, whatever the fault and wherever it strikes."""
    _, good = connect(World())
    before = resolved(BOTH, good)
    key = {"deployments": "deviceCategoryCode", "dataProducts": "deviceCategoryCode", "devices": "deviceCategoryCode"}
    _, bad = connect(World(instead=broken_for(service, OUTAGES[outage], **{key[service]: "CTD"})))
    after = resolved(BOTH, bad, previous=before.lock)
    assert after.lock == before.lock
    (failure,) = after.failures
    assert (failure.entry, failure.kept) == ("ctds", True)
    assert failure.error


def test_an_entry_that_was_never_resolved_has_no_lines_and_says_so(connect: Connect) -> None:
    _, bad = connect(World(instead=broken_for("deployments", OUTAGES["503"], deviceCategoryCode="CTD")))
    resolution = resolved(BOTH, bad)
    assert [one.name for one in resolution.lock.entries] == ["sound"]
    assert [(one.entry, one.kept) for one in resolution.failures] == [("ctds", False)]


def test_an_entry_that_was_changed_and_cannot_be_asked_keeps_the_lines_of_its_old_meaning(connect: Connect) -> None:
    """They keep their old digest, so that the next resolve knows that they are out of date."""
    _, good = connect(World())
    before = resolved(CTDS, good)
    _, bad = connect(World(instead=broken_for("deployments", OUTAGES["503"])))
    after = resolved(entry(CSV + "deviceCategoryCode: BPR", "ctds"), bad, previous=before.lock)
    assert after.lock == before.lock
    assert after.failures[0].kept


def test_an_outage_never_looks_like_nothing_deployed(connect: Connect) -> None:
    """Rule 4: a page with status 404 is no empty answer."""
    _, bad = connect(World(instead=broken_for("deployments", Reply.of_page("Not Found", status=404))))
    resolution = resolved(CTDS, bad)
    assert resolution.lock.entries == ()
    assert [one.entry for one in resolution.failures] == ["ctds"]


# --- What suddenly means nothing -------------------------------------------------------------------------------


def after_change(connect: Connect, text: str, second: World) -> tuple[Resolution, Resolution]:
    """Resolves a manifest in the small world, then again in another one."""
    _, first_session = connect(World())
    before = resolved(text, first_session)
    _, second_session = connect(second)
    return before, resolved(text, second_session, previous=before.lock)


WITHOUT_CTDS = World(make_world([row for row in DEPLOYED if not row[0].startswith("CTD")]))


def test_filters_that_suddenly_match_nothing_keep_their_lines(connect: Connect) -> None:
    """Exit code 3, with the reason; a change at ONC does not stop the other entries."""
    before, after = after_change(connect, BOTH, WITHOUT_CTDS)
    assert after.lock == before.lock
    (failure,) = after.failures
    assert failure.error == "`ctds`: no device of category `CTD` was ever deployed anywhere"
    assert failure.kept


def test_filters_that_never_matched_anything_stop_everything(connect: Connect) -> None:
    """Exit code 2: nobody has seen lines of this entry, so a person must look at it."""
    _, session = connect(WITHOUT_CTDS)
    with pytest.raises(ProblemsError) as caught:
        resolved(BOTH, session)
    assert caught.value.exit_code == 2
    assert str(caught.value).startswith("`oncsync.yaml` cannot be resolved:")


def test_an_entry_that_was_changed_until_it_matches_nothing_stops_everything(connect: Connect) -> None:
    """The lines of another meaning are no excuse."""
    _, session = connect(World())
    before = resolved(CTDS, session)
    with pytest.raises(ProblemsError):
        resolved(entry(CSV + "deviceCategoryCode: ADCP2MHZ", "ctds"), session, previous=before.lock)


def test_a_code_that_onc_forgets_keeps_its_lines(connect: Connect) -> None:
    def forget(asked: Asked, body: Any) -> Any:
        return [row for row in body if row.get("deviceCategoryCode") != "CTD"]

    before, after = after_change(connect, CTDS, World(alter=lambda asked, body: forget(asked, body)))
    assert after.lock == before.lock
    assert after.failures[0].error == "`ctds`: ONC knows no deviceCategoryCode `CTD`"


def test_a_format_that_onc_drops_keeps_its_lines_and_names_those_that_are_left(connect: Connect) -> None:
    def without_wav(asked: Asked, body: Any) -> Any:
        is_narrowed = asked.path == "/api/dataProducts" and "locationCode" in asked.query
        return [row for row in body if row["extension"] != "wav"] if is_narrowed else body

    before, after = after_change(connect, SOUND, World(alter=without_wav))
    assert after.lock == before.lock
    assert after.failures[0].error == "`sound`: the extension `wav` does not exist there"
    assert after.failures[0].hint == "these formats exist: `flac`"


def test_deployments_that_suddenly_lie_elsewhere_keep_their_lines(connect: Connect) -> None:
    """The span had deployments and has none now, though the filters still match: no warning but a failure."""
    moved = World(make_world([("CTD1", "NA", "2010-01-01", "2011-01-01")]))
    before, after = after_change(connect, CTDS, moved)
    assert after.lock == before.lock
    assert after.failures[0].error.startswith("nothing was deployed from 2020-01-01")
    assert after.remarks == ()


def test_a_span_that_moves_past_the_last_deployment_is_a_warning(connect: Connect) -> None:
    """What moves with the clock may well come to an end: exit code 0, and the lines go."""
    text = entry(CSV + "deviceCategoryCode: CTD\nlocationCode: NA\nbegin: -P1M\nend: now", "ctds")
    _, session = connect(World())
    before = resolved(text, session, now=at("2020-05-20"))
    assert len(requests_of(before, "ctds")) == 1
    after = resolved(text, session, previous=before.lock, now=at("2020-09-20"))
    assert requests_of(after, "ctds") == ()
    assert after.failures == ()
    assert after.remarks[0].message.startswith("nothing was deployed from 2020-08-01")


def test_lines_of_another_server_are_never_kept(connect: Connect) -> None:
    """What was true at the embedded service is no answer of ONC's."""
    _, good = connect(World())
    before = resolved(CTDS, good)
    other = Lock(server="production", entries=before.lock.entries)
    _, bad = connect(World(instead=broken_for("deployments", OUTAGES["503"])))
    after = resolved(CTDS, bad, previous=other)
    assert after.lock.entries == ()
    assert not after.failures[0].kept


# --- Known codes and no data -----------------------------------------------------------------------------------


NOTHING = {
    "404": Reply(404),
    "404 json": Reply.of_errors((127, "nothing", "x"), status=404),
    "200": Reply.of_json([]),
    "400/127": Reply.of_errors((127, "Invalid parameter value", "locationCode,deviceCategoryCode")),
    "window": Reply.of_errors((127, "deployed, but not during the provided time range", "x")),
}


@pytest.mark.parametrize("nothing", NOTHING)
def test_no_deployment_of_known_codes_is_told_in_several_ways(connect: Connect, nothing: str) -> None:
    """onc-api.md 1.3: codes that are known to exist make 400/127 mean "none"."""
    _, session = connect(World(instead=broken_for("deployments", NOTHING[nothing], deviceCategoryCode="CTD")))
    with pytest.raises(ProblemsError, match="no device of category `CTD` was ever deployed anywhere"):
        resolved(CTDS, session)


@pytest.mark.parametrize("nothing", NOTHING)
def test_a_place_without_products_leaves_the_others(connect: Connect, nothing: str) -> None:
    _, session = connect(World(instead=broken_for("dataProducts", NOTHING[nothing], locationCode="NB")))
    assert {one.source["locationCode"] for one in requests_of(resolved(CTDS, session), "ctds")} == {"NA"}


# --- Nobody there, no entry ------------------------------------------------------------------------------------


def test_a_service_that_is_not_there_is_told_as_such(connect: Connect) -> None:
    """Exit code 5, when no entry at all could be asked."""
    with session_with("http://127.0.0.1:1/") as session, pytest.raises(UnreachableError) as caught:
        resolved(BOTH, session)
    assert caught.value.exit_code == 5
    assert TOKEN not in str(caught.value)


NO_ANSWERS = {
    "500": (Reply(500, b"<html>"), "500"),
    "page": (Reply.of_page("Maintenance"), "Maintenance"),
    "elsewhere": (Reply(302, headers={"Location": "https://login.example.org/"}), "redirects to another address"),
    "no JSON": (Reply(200, b"hello"), "no JSON"),
}


@pytest.mark.parametrize("no_answer", NO_ANSWERS)
def test_a_service_that_answers_nothing_but_faults_is_not_there_either(connect: Connect, no_answer: str) -> None:
    """F7: exit code 5, and no lock without entries is written in its name."""
    reply, words = NO_ANSWERS[no_answer]
    _, session = connect(lambda asked: reply)
    with pytest.raises(UnreachableError, match=words) as caught:
        resolved(BOTH, session)
    assert caught.value.hint


def test_a_service_that_goes_away_in_between_is_a_failure_of_what_was_not_asked_yet(connect: Connect) -> None:
    """One entry was asked: exit code 3, not 5."""
    gone = Reply(raw=b"")
    _, session = connect(World(instead=broken_for("deployments", gone, deviceCategoryCode="HYDROPHONE")))
    resolution = resolved(BOTH, session)
    assert [one.name for one in resolution.lock.entries] == ["ctds"]
    assert [one.entry for one in resolution.failures] == ["sound"]


def test_a_refused_token_stops_at_once(connect: Connect) -> None:
    """Open question 46: no previous line is called kept when nobody may ask."""
    refused = Reply.of_errors((127, "Invalid parameter value", "token"), status=401)
    service, session = connect(World(instead=lambda asked: refused))
    with pytest.raises(TokenError):
        resolved(BOTH, session)
    assert len(service.asked) <= 2


@pytest.mark.parametrize("service", ["deployments", "dataProducts"])
def test_a_refusal_that_speaks_of_the_token_is_never_no_data(connect: Connect, service: str) -> None:
    """A 400 with code 127 about `token` is no answer about deployments."""
    refused = Reply.of_errors((127, "Invalid parameter value", "token"))
    _, session = connect(World(instead=broken_for(service, refused)))
    resolution = resolved(CTDS, session)
    assert resolution.lock.entries == ()
    assert [one.entry for one in resolution.failures] == ["ctds"]


def test_mistakes_are_told_even_when_another_entry_could_not_be_asked(connect: Connect) -> None:
    _, session = connect(World(instead=broken_for("deployments", OUTAGES["503"], deviceCategoryCode="CTD")))
    with pytest.raises(ProblemsError, match="HYDROFONE"):
        resolved(BOTH.replace("HYDROPHONE", "HYDROFONE"), session)
