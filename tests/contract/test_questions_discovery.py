"""Q37 to Q43, discovery: whatever the service answers, the same lock, and no outage taken for "nothing there".

Each class plays every answer that its question names, in the small world of the resolver's tests.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import pairwise
from typing import Any, ClassVar, NamedTuple

import pytest

from oncsync.engine.plan import Terms, make_plan
from oncsync.errors import ProblemsError, UnreachableError
from oncsync.lockfile import Lock, render_lock
from oncsync.resolver import Resolution
from oncsync.state import State
from oncsync.timespan import Span, merge_spans
from tests.resolver.making import at, between
from tests.resolver.world import NOW, World, briefly, entry, make_world, requests_of, resolved, session_with
from tests.support.scripted import Asked, Reply, ScriptedService

CSV = "dataProductCode: TSSD\nextension: csv\n"
PAGE = Reply.of_page("Down for maintenance", 404)


class Told(NamedTuple):
    """What resolving gave, what the service was asked, and what was said besides."""

    resolution: Resolution
    asked: list[Asked]
    messages: list[str]

    @property
    def text(self) -> bytes:
        """The lock as it is written."""
        return render_lock(self.resolution.lock, "oncsync.yaml")


def resolve(text: str, *, previous: Lock | None = None, now: datetime = NOW, **world: Any) -> Told:
    """Resolves a manifest against a service that answers as `world` says; at most a hundred questions are asked."""
    messages: list[str] = []
    with (
        ScriptedService(World(**world)) as service,
        session_with(service.url, on_message=messages.append) as session,
    ):
        resolution = resolved(text, session, previous=previous, now=now)
        assert len(service.asked) < 100
        return Told(resolution, service.asked, messages)


def rows_of(service: str, change: Callable[[Asked, list[Any]], Any]) -> Callable[[Asked, Any], Any]:
    """Gives a change of the rows that one service answers with."""
    return lambda asked, body: change(asked, body) if asked.path == f"/api/{service}" else body


def everywhere(change: Callable[[Any], Any]) -> Callable[[Asked, Any], Any]:
    """Gives a change of every value in every answer, at each level."""

    def changed(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: changed(member) for key, member in value.items()}
        return [changed(one) for one in value] if isinstance(value, list) else change(value)

    return lambda asked, body: changed(body)


class TestQ37WindowOfDiscovery:
    """Q37: do `dateFrom` and `dateTo` match by overlap, by "begins on or after", or not at all?"""

    TEXT = entry(f"locationCode: NA\ndeviceCategoryCode: CTD\n{CSV}begin: 2020-02-01\nend: 2020-05-01\n")
    RULES: ClassVar[dict[str, Callable[[datetime, datetime | None, Span], bool]]] = {
        "overlap": lambda begin, end, window: begin < window.end and (end is None or end > window.begin),
        "begins on or after": lambda begin, end, window: window.begin <= begin < window.end,
        "ignored": lambda begin, end, window: True,
    }

    @pytest.mark.parametrize("rule", RULES)
    def test_the_lock_is_the_same_whatever_the_rule(self, rule: str) -> None:
        def matching(asked: Asked, rows: list[Any]) -> list[Any]:
            if not {"dateFrom", "dateTo"} & asked.query.keys():
                return rows
            window = between(asked.query.get("dateFrom", "0001-01-01"), asked.query.get("dateTo", "9999-01-01"))
            ends = [at(row["end"]) if row["end"] else None for row in rows]
            fits = self.RULES[rule]
            return [row for row, end in zip(rows, ends, strict=True) if fits(at(row["begin"]), end, window)]

        told = resolve(self.TEXT, alter=rows_of("deployments", matching))
        assert briefly(requests_of(told.resolution)) == [
            "NA CTD TSSD/csv 2020-02-01..2020-03-10 2",
            "NA CTD TSSD/csv 2020-02-20..2020-05-01 2",
        ]
        assert not any({"dateFrom", "dateTo"} & asked.query.keys() for asked in told.asked)


class TestQ38Children:
    """Q38: `deployments` takes no `includeChildren`; a place may or may not bring its children's deployments."""

    TEXT = entry("locationCode: NORTH\ndataProductCode: TSSD\nextension: csv\nsplitDateRange: all")
    NOT_BELOW = entry(f"locationCode: NA\nexclude: {{locationCode: NA.1}}\n{CSV}splitDateRange: all")

    @staticmethod
    def with_children(asked: Asked, rows: list[Any]) -> list[Any]:
        """What `NA` answers when the service counts children in: also what was deployed at `NA.1`."""
        if asked.query.get("locationCode") != "NA":
            return rows
        child = {"locationCode": "NA.1", "deviceCode": "BPR1", "deviceCategoryCode": "BPR", "hasDeviceData": True}
        return [*rows, {**child, "begin": "2019-06-01T00:00:00.000Z", "end": "2020-02-15T00:00:00.000Z"}]

    @pytest.mark.parametrize("text", [TEXT, NOT_BELOW], ids=["below", "not-below"])
    def test_children_are_found_by_the_tree_once_each(self, text: str) -> None:
        alone = resolve(text)
        counted_in = resolve(text, alter=rows_of("deployments", self.with_children))
        sources = [request.source["locationCode"] for request in requests_of(counted_in.resolution)]
        assert sources.count("NA.1") == (1 if text == self.TEXT else 0)
        assert sources == [request.source["locationCode"] for request in requests_of(alone.resolution)]
        for told in (alone, counted_in):
            assert not any("includeChildren" in asked.query for asked in told.asked)


class TestQ39Typing:
    """Q39: flags as texts or booleans, numbers as numbers or texts, at every level of every answer."""

    TEXT = entry("locationCode: ROOT\nprefer: [csv]\nbegin: 2019-01-01\nend: 2021-01-01\n")
    SPELLINGS: ClassVar[dict[str, Callable[[Any], Any]]] = {
        "all texts": lambda value: str(value).lower() if isinstance(value, (bool, int, float)) else value,
        "capitals": lambda value: str(value) if isinstance(value, bool) else value,
        "booleans": lambda value: {"true": True, "false": False}.get(value, value) if type(value) is str else value,
        "digits": lambda value: int(value) if isinstance(value, bool) else value,
        "no fraction": lambda value: int(value) if isinstance(value, float) and value.is_integer() else value,
        "exponents": lambda value: f"{value:.17e}" if isinstance(value, float) else value,
        "blank for nothing": lambda value: "" if value is None else value,
    }

    @pytest.mark.parametrize("spelling", SPELLINGS)
    def test_every_spelling_gives_the_same_lock(self, spelling: str) -> None:
        told = resolve(self.TEXT, alter=everywhere(self.SPELLINGS[spelling]))
        assert told.text == resolve(self.TEXT).text
        assert told.messages == []

    def test_what_is_no_flag_and_no_number_is_told_and_costs_no_deployment(self) -> None:
        alter = everywhere(lambda value: "maybe" if isinstance(value, (bool, float)) else value)
        told = resolve(self.TEXT, alter=alter)
        before = requests_of(resolve(self.TEXT).resolution)
        assert briefly(requests_of(told.resolution)) == briefly(before)
        assert any("`depth`" in message and "cannot be read" in message for message in told.messages)


class TestQ40Empty:
    """Q40: an empty discovery answer is 404, with or without a body, or 200 with `[]`; a page is an outage."""

    TEXT = entry(f"locationCode: NA\ndeviceCategoryCode: CTD\npropertyCode: salinity\n{CSV}")
    EMPTY: ClassVar = {
        "404": Reply.of_errors((127, "Nothing matches these filters", "x"), status=404),
        "404 bare": Reply(404),
        "404 []": Reply.of_json([], 404),
        "200 []": Reply.of_json([]),
    }
    SERVICES = ("locations/tree", "deviceCategories", "properties", "deployments", "dataProducts")

    @staticmethod
    def instead(service: str, reply: Reply) -> Callable[[Asked], Reply | None]:
        """Gives one answer to every question to a service; a place is then not found one by one either."""
        paths = {f"/api/{service}"} | ({"/api/locations"} if service == "locations/tree" else set())
        return lambda asked: reply if asked.path in paths else None

    def outcome(self, service: str, reply: Reply) -> list[str]:
        """Gives what a person is told when the entry was never resolved before."""
        try:
            told = resolve(self.TEXT, instead=self.instead(service, reply))
        except ProblemsError as error:
            return [problem.message for problem in error.problems]
        except UnreachableError as error:
            return [error.message]
        return [failure.error for failure in told.resolution.failures]

    @pytest.mark.parametrize("service", SERVICES)
    def test_all_forms_mean_nothing_and_a_page_means_an_outage(self, service: str) -> None:
        outcomes = [self.outcome(service, reply) for reply in self.EMPTY.values()]
        assert outcomes == outcomes[:1] * len(outcomes)
        assert outcomes[0]
        assert self.outcome(service, PAGE) != outcomes[0]
        assert "answered with a page" in self.outcome(service, PAGE)[0]

    @pytest.mark.parametrize("service", SERVICES)
    @pytest.mark.parametrize("form", [*EMPTY, "page"])
    def test_no_form_takes_lines_out_of_a_lock(self, service: str, form: str) -> None:
        """What was there and suddenly is not keeps its lines, and is told (exit 3).

        A page in place of the tree, the first question of all, leaves nothing to go on with (exit 5).
        """
        before = resolve(self.TEXT)
        instead = self.instead(service, self.EMPTY.get(form, PAGE))
        if (service, form) == ("locations/tree", "page"):
            with pytest.raises(UnreachableError):
                resolve(self.TEXT, previous=before.resolution.lock, instead=instead)
            return
        after = resolve(self.TEXT, previous=before.resolution.lock, instead=instead)
        assert after.text == before.text
        assert [failure.kept for failure in after.resolution.failures] == [True]


class TestQ41StillDeployed:
    """Q41: an open deployment has an `end` that is null, missing, blank, or in the future."""

    MISSING = "missing"
    ENDS = (None, MISSING, "", "2026-11-22T00:00:00.000Z", "2027-06-01T00:00:00Z", "9999-12-31T23:59:59.999Z")
    SPANS: ClassVar = {
        "past": "begin: 2020-03-01\nend: 2020-05-01",
        "until now": "begin: 2026-09-10\nend: now\nsplitDateRange: month",
        "by the day": "begin: -P2D\nsplitDateRange: day",
        "into the future": "begin: 2026-09-10\nend: 2028-01-01\nsplitDateRange: all",
    }

    def told(self, span: str, end: str | None) -> Told:
        def ended(asked: Asked, rows: list[Any]) -> list[Any]:
            for row in rows:
                if row["end"] is None:
                    row["end"] = end
                if row["end"] == self.MISSING:
                    del row["end"]
            return rows

        text = entry(f"locationCode: NB\ndeviceCategoryCode: CTD\n{CSV}{self.SPANS[span]}")
        return resolve(text, alter=rows_of("deployments", ended))

    @pytest.mark.parametrize("end", ENDS)
    @pytest.mark.parametrize("span", SPANS)
    def test_every_form_means_still_deployed(self, span: str, end: str | None) -> None:
        told = self.told(span, end)
        assert requests_of(told.resolution)
        assert told.text == self.told(span, None).text

    @pytest.mark.parametrize("end", ENDS)
    def test_the_useful_end_is_now_with_a_margin_for_late_data(self, end: str | None) -> None:
        """Nothing beyond now is asked for, and the chunk counts as open until data can no longer be late."""
        lock = self.told("until now", end).resolution.lock
        plan = make_plan(lock, State(), (), NOW, Terms())
        assert [one.date_to for one in plan.chunks] == [at("2026-10-01"), at("2026-11-01"), NOW]


class TestQ42RepeatedDeployments:
    """Q42: deployments of one device that overlap, touch, contain each other, or come twice."""

    SHAPES: ClassVar[dict[str, Sequence[tuple[str, str | None]]]] = {
        "one": [("2020-01-10", "2020-06-01")],
        "overlapping": [("2020-01-10", "2020-04-20"), ("2020-03-05", "2020-06-01")],
        "touching": [("2020-01-10", "2020-03-15"), ("2020-03-15", "2020-06-01")],
        "contained": [("2020-01-10", "2020-06-01"), ("2020-02-01", "2020-03-01")],
        "same begin": [("2020-01-10", "2020-02-01"), ("2020-01-10", "2020-06-01")],
        "without an end": [("2020-01-10", "2020-06-01"), ("2020-01-10", "2020-01-10")],
        "backwards": [("2020-01-10", "2020-06-01"), ("2020-05-01", "2020-02-01")],
        "open twice": [("2020-01-10", None), ("2020-03-05", None)],
    }

    @pytest.mark.parametrize("copies", [1, 2])
    @pytest.mark.parametrize("shape", SHAPES)
    @pytest.mark.parametrize("method", ["byLocation", "byDevice", "all"])
    def test_every_instant_is_asked_for_once(self, method: str, shape: str, copies: int) -> None:
        catalogue = make_world([("CTD1", "NA", begin, end) for begin, end in self.SHAPES[shape]])
        text = entry(f"deviceCode: CTD1\ndownloadMethod: {method}\n{CSV}begin: 2020-01-01\nend: 2020-06-01\n")
        told = resolve(text, catalogue=catalogue, alter=rows_of("deployments", lambda asked, rows: rows * copies))
        chunks = [chunk for _, _, chunk in told.resolution.lock.chunks()]
        spans = sorted(chunk.span for chunk in chunks)
        assert merge_spans(spans) == [between("2020-01-10", "2020-06-01")]
        assert all(before.end == after.begin for before, after in pairwise(spans))
        assert len({chunk.id for chunk in chunks}) == len(chunks)


class TestQ43Codes:
    """Q43: codes may be matched with or without regard to case, so they are sent as discovery spells them."""

    ODD = "nB +é/%2F&x=1"

    @pytest.mark.parametrize("is_lenient", [False, True], ids=["case counts", "any case"])
    def test_another_case_is_a_mistake_with_a_hint(self, is_lenient: bool) -> None:
        def lenient(asked: Asked) -> Reply | None:
            known = {"locationCode": "NB", "hasDeviceData": "true"}
            return Reply.of_json([known]) if is_lenient and asked.path == "/api/locations" else None

        with pytest.raises(ProblemsError) as raised:
            resolve(entry(f"locationCode: nb\ndeviceCategoryCode: CTD\n{CSV}"), instead=lenient)
        assert [problem.hint for problem in raised.value.problems] == ["did you mean `NB`? Codes are matched exactly"]

    def test_a_code_is_sent_and_stored_letter_by_letter(self) -> None:
        """Blanks, signs and letters of other alphabets are no mistake of ours to mend."""
        world = make_world()
        places = {self.ODD if code == "NB" else code: place for code, place in world.locations.items()}
        odd = replace(
            world,
            locations={code: replace(place, code=code) for code, place in places.items()},
            deployments=tuple(
                replace(one, location=self.ODD) if one.location == "NB" else one for one in world.deployments
            ),
        )
        told = resolve(entry("locationCode: NORTH\ndeviceCategoryCode: VIDEOCAM\ndataProductCode: MP4V"), catalogue=odd)
        assert [request.source["locationCode"] for request in requests_of(told.resolution)] == [self.ODD]
        listings = [asked.query for asked in told.asked if asked.path == "/api/dataProducts"]
        assert listings == [{"locationCode": self.ODD, "deviceCategoryCode": "VIDEOCAM", "token": listings[0]["token"]}]
