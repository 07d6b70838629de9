"""Q51 to Q54, options and dates: what is sent, what is kept of it, and what never moves.

Each class plays every answer that its question names; `Stage.sync_once` checks after each play that nothing was asked
for ever, shown or lost.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

import pytest

from oncsync.errors import ProblemsError, TokenError
from oncsync.lockfile import render_lock
from oncsync.resolver import Resolution
from oncsync.sandbox import Reply as SandboxReply
from oncsync.sandbox import json_reply
from oncsync.timespan import TimeTextError, evaluate_bounds, parse_duration
from tests.contract.questions import BODY, TWO_MONTHS, Stage
from tests.faults.staging import NO_SUCH_FILE, Clock, a_file, answers, asked_of, refused, runs, sync, the_chunk
from tests.resolver.making import at
from tests.resolver.world import NOW, entry, requests_of, resolved, session_with
from tests.resolver.world import World as Answering
from tests.support.scripted import Asked, Reply, ScriptedService
from tests.support.world import CTD_CSV, TOKEN, World, quick_sandbox

WHOLE = Reply.of_file(BODY, "a.csv")
SENT_FORM = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
CSV = "dataProductCode: TSSD\nextension: csv\n"


def requests_asked(stage: Stage) -> list[dict[str, str]]:
    """Gives the options of every `request` for February, in order."""
    asked = [one for one in stage.wire.asked if one.path.endswith("/request") and stage._is_february(one)]
    return [{name: value for name, value in one.query.items() if name.startswith("dpo_")} for one in asked]


class TestQ51RequiredOptions:
    """Q51: an option that was not sent is filled in, or refused with 128; a sub-option's default is an internal id."""

    WRITTEN: ClassVar[dict[str, str]] = {"dpo_average": "86400", "dpo_resample": "average"}

    @staticmethod
    def requiring(stage: Stage, *names: str, joined: bool = False) -> None:
        """Plays a service that requires options, told all at once or one by one."""

        def request(asked: Asked) -> Reply | None:
            missing = [name for name in names if name not in asked.query]
            told = "/".join(missing) if joined else "".join(missing[:1])
            return Reply.of_errors((128, "Missing parameter", told)) if missing else None

        stage.deliver({"1": WHOLE}, request=request)

    def test_where_defaults_are_filled_in_only_what_was_written_is_sent(self, stage: Stage) -> None:
        """What was sent and what it stood for is kept, without the token, also when the order is done."""
        stage.deliver({"1": WHOLE})
        ended = stage.sync_once()
        assert ended.outcome == "done"
        assert requests_asked(stage) == [self.WRITTEN]
        assert ended.chunk is not None
        assert ended.chunk.order is not None
        assert ended.chunk.order.options == self.WRITTEN
        address = ended.chunk.order.query_url or ""
        assert "token=***" in address
        assert "dpo_qualityControl=1" in address
        assert any("using its default" in note for note in ended.chunk.notes)

    @pytest.mark.parametrize("names", [("dpo_qualityControl",), ("dpo_qualityControl", "dpo_dataGaps")])
    def test_where_options_are_required_the_listing_s_default_is_added_once(
        self, stage: Stage, names: tuple[str, ...]
    ) -> None:
        self.requiring(stage, *names, joined=True)
        ended = stage.sync_once()
        corrected = self.WRITTEN | {"dpo_qualityControl": "1"} | ({"dpo_dataGaps": "0"} if len(names) > 1 else {})
        assert (ended.exit_code, ended.outcome) == (0, "done")
        assert requests_asked(stage) == [self.WRITTEN, corrected]
        assert ended.chunk is not None
        assert ended.chunk.corrected == corrected
        assert any("options corrected" in note for note in ended.chunk.notes)

    def test_the_correction_is_remembered_and_the_id_stays(self, stage: Stage) -> None:
        self.requiring(stage, "dpo_qualityControl")
        first = stage.sync_once()
        (path,) = [stage.folder / file.path for file in first.chunk.files] if first.chunk else []
        path.unlink()
        stage.deliver({"1": Reply(410)})
        stage.sync_once()
        corrected = self.WRITTEN | {"dpo_qualityControl": "1"}
        assert requests_asked(stage) == [self.WRITTEN, corrected, corrected]
        last = stage.february()
        assert last is not None
        assert first.chunk is not None
        assert last.product == first.chunk.product

    def test_a_sub_option_is_never_filled_in(self, stage: Stage) -> None:
        """Its default in the listing is an id of the service's own and no value."""
        stage.write(TWO_MONTHS.replace("{dpo_resample: average, dpo_average: 86400}", "{dpo_resample: minMax}"))
        self.requiring(stage, "dpo_minMax")
        ended = stage.sync_once()
        assert (ended.exit_code, ended.outcome) == (3, "refused")
        assert "dpo_minMax" in ended.reason
        assert requests_asked(stage) == [{"dpo_resample": "minMax"}]

    @pytest.mark.parametrize("code", [127, 128, 129])
    def test_a_service_that_is_never_content_is_asked_twice(self, stage: Stage, code: int) -> None:
        def request(asked: Asked) -> Reply:
            """Names another option each time: one that is missing, or one that was sent."""
            if code == 128:
                wrong = next(
                    name for name in ("dpo_dataGaps", "dpo_qualityControl", "dpo_x") if name not in asked.query
                )
            else:
                wrong = next((name for name in asked.query if name.startswith("dpo_")), "dpo_x")
            return Reply.of_errors((code, "No.", wrong))

        stage.deliver({"1": WHOLE}, request=request)
        ended = stage.sync_once()
        assert (ended.exit_code, ended.outcome, ended.orders) == (3, "refused", 2)
        assert stage.sync_once().orders == 0


class TestQ52Durations:
    """Q52: durations, in any spelling, become absolute instants once, here; a job that is resumed keeps its window."""

    SAME: ClassVar[dict[str, tuple[str, str]]] = {
        "one day": ("begin: -P1D\nend: 2020-03-01", "begin: 2020-02-29\nend: 2020-03-01"),
        "lower case": ("begin: -p1dt6h\nend: 2020-03-01", "begin: 2020-02-28T18:00\nend: 2020-03-01"),
        "a fraction": ("begin: -PT0.5S\nend: 2020-03-01", "begin: 2020-02-29T23:59:59.500Z\nend: 2020-03-01"),
        "a month of the calendar": ("begin: -P1M\nend: 2020-03-31", "begin: 2020-02-29\nend: 2020-03-31"),
        "a leap year": ("begin: 2020-02-29\nend: P1Y", "begin: 2020-02-29\nend: 2021-02-28"),
        "weeks": ("begin: 2020-02-01\nend: P2W", "begin: 2020-02-01\nend: 2020-02-15"),
        "until now": ("begin: -P1D\nsplitDateRange: day", "begin: 2026-11-20\nend: 2026-11-22\nsplitDateRange: day"),
    }

    @pytest.mark.parametrize("spelling", SAME)
    def test_a_duration_is_the_instants_it_stands_for(self, spelling: str) -> None:
        locks = []
        for lines in self.SAME[spelling]:
            with ScriptedService(Answering()) as service, session_with(service.url) as session:
                found = resolved(entry(f"locationCode: NB\ndeviceCategoryCode: CTD\n{CSV}{lines}\n"), session)
                assert not any(
                    "P" in value for one in service.asked for key, value in one.query.items() if "date" in key
                )
            locks.append([(one.begin, one.end, one.chunks) for one in requests_of(found)])
        assert locks[0] == locks[1]
        assert locks[0]

    def test_two_durations_and_half_a_month_mean_nothing(self) -> None:
        with pytest.raises(TimeTextError, match="relative to each other"):
            evaluate_bounds("-P1D", "P1D", NOW)
        with pytest.raises(TimeTextError, match="not a duration"):
            parse_duration("P1.5M")

    @pytest.fixture
    def clocked(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[World, Clock]]:
        """A month that has begun and not ended, by a clock of its own."""
        monkeypatch.setenv("ONC_TOKEN", TOKEN)
        clock = Clock(at("2026-11-10T12:00"))
        text = CTD_CSV.replace("begin: 2015-01-01", "begin: 2026-11-01").replace("end: 2015-04-01", "end: 2026-12-01")
        with quick_sandbox(now=clock.now) as sandbox:
            yield World(tmp_path, sandbox, text, "  metadata: false\n"), clock

    @pytest.mark.parametrize("hours", [1, 40])
    def test_an_order_that_is_resumed_keeps_the_window_it_was_placed_for(
        self, clocked: tuple[World, Clock], hours: int
    ) -> None:
        world, clock = clocked
        world.sandbox.interfere = answers(run=lambda asked: refused(401, 127, "No.", "token"))
        with pytest.raises(TokenError):
            sync(world, tools=clock.tools())
        placed = the_chunk(world).order
        clock.jump(hours=hours)
        world.sandbox.interfere = None
        assert sync(world, tools=clock.tools()).counts.done == 1
        assert [asked["dateTo"] for asked in asked_of(world.sandbox, "request")] == ["2026-11-10T12:00:00.000Z"]
        assert placed is not None
        assert abs(placed.date_to - at("2026-11-10T12:00")) < timedelta(minutes=1)
        assert the_chunk(world).fetched_to == placed.date_to


class TestQ53Instants:
    """Q53: instants with and without a fraction, in other zones, without a zone, a leap second, the year 9999."""

    LINES = f"locationCode: NB\ndeviceCategoryCode: CTD\n{CSV}begin: 2019-01-01\nend: 2021-01-01\n"
    FORMS: ClassVar[tuple[str, ...]] = (
        "2020-01-15T00:00:00.000Z",
        "2020-01-15T00:00:00Z",
        "2020-01-15T00:00:00.000000Z",
        "2020-01-15T00:00:00.000+00:00",
        "2020-01-15T00:00:00+0000",
        "2020-01-14T16:00:00.000-08:00",
        "2020-01-15t00:00:00z",
        " 2020-01-15T00:00:00Z ",
        "2020-01-14T24:00:00Z",
        "2020-01-14T23:59:60Z",
        "2020-01-14T23:59:60.000Z",
    )
    UNREADABLE = ("2020-01-15T00:00:00", "2020-01-15", "15.01.2020", "2020-13-15T00:00:00Z", "soon", 1579046400)

    @staticmethod
    def resolve(*rows: dict[str, Any]) -> tuple[Resolution, list[str]]:
        """Resolves where the service knows the CTD of NB with the dates of each row; gives what was said too."""

        def change(asked: Asked, body: Any) -> Any:
            if not asked.path.endswith("deployments"):
                return body
            return [known | row for known in body if known["deviceCode"] == "CTD3" for row in rows]

        told: list[str] = []
        with (
            ScriptedService(Answering(alter=change)) as service,
            session_with(service.url, on_message=told.append) as session,
        ):
            return resolved(entry(TestQ53Instants.LINES), session), told

    def lock_of(self, begin: Any, end: Any = None) -> tuple[bytes, list[str]]:
        """Gives the lock of one deployment, and what was said."""
        resolution, told = self.resolve({"begin": begin, "end": end})
        assert requests_of(resolution)
        return render_lock(resolution.lock, "oncsync.yaml"), told

    @pytest.mark.parametrize("form", FORMS)
    def test_every_form_with_a_zone_is_the_same_instant(self, form: str) -> None:
        assert self.lock_of(form) == (self.lock_of(self.FORMS[0])[0], [])

    @pytest.mark.parametrize("end", ["9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59Z", "9999-12-31T00:00:00.000Z"])
    def test_the_last_year_is_still_deployed(self, end: str) -> None:
        assert self.lock_of(self.FORMS[0], end) == (self.lock_of(self.FORMS[0])[0], [])

    @pytest.mark.parametrize("form", UNREADABLE)
    @pytest.mark.parametrize("member", ["begin", "end"])
    def test_what_has_no_zone_is_refused(self, member: str, form: Any) -> None:
        """It is told; where nothing else is left it is a fault, never "nothing deployed" or "still deployed"."""
        good = {"begin": self.FORMS[0], "end": "2020-06-01T00:00:00Z"}
        resolution, _ = self.resolve(good | {member: form})
        assert list(resolution.lock.chunks()) == []
        (failure,) = resolution.failures
        assert "another kind" in failure.error
        resolution, told = self.resolve(good, good | {member: form})
        assert len(requests_of(resolution)) == 1
        assert any(f"unreadable `{member}`" in message for message in told)

    def test_what_is_sent_has_milliseconds_and_z(self, stage: Stage) -> None:
        stage.deliver({"1": WHOLE})
        assert stage.sync_once().exit_code == 0
        dates = [value for asked in stage.wire.asked for key, value in asked.query.items() if key.startswith("date")]
        assert len(dates) == 4
        assert all(SENT_FORM.fullmatch(value) for value in dates)

    def test_a_person_s_date_without_a_zone_is_utc(self) -> None:
        assert evaluate_bounds("2020-01-15", "2020-01-15T12:00", NOW).begin == at("2020-01-15T00:00:00Z")
        with pytest.raises(ProblemsError):
            resolved(entry(self.LINES.replace("2019-01-01", "15.01.2019")), None)  # type: ignore[arg-type]


class TestQ54Boundaries:
    """Q54: `dateTo` may belong to the span or not; neighbours share their boundary, so no sample falls between."""

    HOURS = 24 * 3

    @pytest.mark.parametrize("is_inclusive", [True, False], ids=["inclusive", "exclusive"])
    def test_every_sample_arrives_and_a_double_one_only_at_a_boundary(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_inclusive: bool
    ) -> None:
        monkeypatch.setenv("ONC_TOKEN", TOKEN)
        spans: list[tuple[datetime, datetime]] = []

        def request(asked: Any) -> SandboxReply:
            spans.append((at(asked["dateFrom"]), at(asked["dateTo"])))
            return json_reply({"dpRequestId": len(spans)})

        def download(asked: Any) -> SandboxReply:
            begin, end = spans[int(asked["dpRunId"]) - 1]
            hours = [begin + timedelta(hours=hour) for hour in range(self.HOURS + 1)]
            inside = [one for one in hours if one < end or (is_inclusive and one == end)]
            body = "".join(f"{one:%Y-%m-%dT%H}\n" for one in inside).encode()
            return a_file(f"{begin:%d}.csv", body) if asked["index"] == "1" else NO_SUCH_FILE

        days = CTD_CSV.replace("2015-04-01", "2015-01-04") + "    splitDateRange: day\n"
        with quick_sandbox() as sandbox:
            world = World(tmp_path, sandbox, days, "  metadata: false\n")
            run = lambda asked: runs((int(asked["dpRequestId"]), "complete", 1), is_over=True)  # noqa: E731
            sandbox.interfere = answers(request=request, run=run, download=download)
            assert sync(world).counts.done == 3
            samples = sorted(line for body in world.tree().values() for line in body.decode().split())
        assert all(before[1] == after[0] for before, after in pairwise(sorted(spans)))
        wanted = [f"{at('2015-01-01') + timedelta(hours=hour):%Y-%m-%dT%H}" for hour in range(self.HOURS)]
        assert set(wanted) <= set(samples)
        doubled = {sample for sample in samples if samples.count(sample) > 1}
        assert doubled == ({"2015-01-02T00", "2015-01-03T00"} if is_inclusive else set())

    def test_it_is_said_that_a_boundary_sample_may_come_twice(self) -> None:
        page = Path(__file__).resolve().parents[2] / "docs" / "manifest.md"
        assert "in both files" in " ".join(page.read_text(encoding="utf-8").split())
