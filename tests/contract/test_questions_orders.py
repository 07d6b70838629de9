"""Q20 to Q23, orders: the metadata beside the files, retention, the quota, and products of many files.

Each class plays every answer that its question names, through whole syncs. `Stage.sync_once` checks after each one:
bounded questions, no token in any file or text, nothing half in `partial/`, no file of anyone touched.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import pytest

from tests.contract.ordering import (
    COMPLETED,
    FEBRUARY,
    OTHER,
    UNKNOWN,
    WHOLE,
    WHOLE_RUN,
    alive_orders,
    asked,
    check_mended,
    file,
    files_of,
    interrupt,
    order_february_alone,
    run_rows,
)
from tests.contract.questions import BODY, NO_FILE, PLAYED, WORKING, Stage, a_run
from tests.faults.staging import EIGHT_MONTHS, NO_METADATA, Clock, sync
from tests.support.scripted import Asked, Reply
from tests.support.world import TOKEN, World, quick_sandbox

METADATA = "  metadata: true\n"
META = Reply.of_file(b"<metadata/>\n", "a_META.xml")
ARCHIVED: dict[str, Any] = {
    "dpRequestId": 28892270,
    "fileSize": 3072,
    "numFiles": 1,
    "compressedFileSize": 900,
    "downloadTimes": {"10Mb/s": 0.5, "100Mb/s": 0.05},
}


class TestQ20Metadata:
    """Q20: the metadata file comes late, after a fault, or never, also for archived products: the data are complete."""

    NEVER: ClassVar[dict[str, Reply]] = {
        "202 for ever": WORKING,
        "404": NO_FILE,
        "404 page": Reply.of_page("Not Found", 404),
        "204": Reply(204),
        "410": Reply(410),
        "400": UNKNOWN,
        "403": Reply(403),
        "500": Reply.of_json({}, 500),
        "503": Reply.of_page("Maintenance", 503),
        "a failed run": Reply.of_json({"status": "error", "message": "no metadata"}, 202),
        "a cancelled run": Reply.of_json({"status": "cancelled"}, 400),
        "a page": Reply.of_page("Maintenance"),
        "nothing": Reply.of_file(b"", "a_META.xml"),
        "half of it": Reply.of_file(b"<metadata/>", "a_META.xml", cut=3),
    }
    PRODUCTS: ClassVar[dict[str, Reply | None]] = {"generated": None, "archived": Reply.of_json(ARCHIVED)}

    @pytest.mark.parametrize("product", PRODUCTS.values(), ids=PRODUCTS)
    @pytest.mark.parametrize("answer", NEVER.values(), ids=NEVER)
    def test_without_it_the_data_are_complete_and_it_is_said(
        self, stage: Stage, answer: Reply, product: Reply | None
    ) -> None:
        clock, count = Clock(), 0

        def meta(one: Asked) -> Reply:
            nonlocal count
            count += 1
            if count == 4:
                clock.jump(seconds=30)
            return answer

        stage.write(FEBRUARY, METADATA)
        stage.deliver({"1": WHOLE, "meta": meta}, request=lambda one: product)
        ended = stage.sync_once(tools=clock.tools())
        assert (ended.exit_code, ended.outcome, ended.orders) == (0, "done", 1)
        assert count <= 5
        assert stage.files() == {"a.csv": BODY}
        assert "no metadata file" in ended.said
        assert ended.chunk is not None
        assert any("no metadata file" in note for note in ended.chunk.notes)
        again = stage.sync_once()
        assert (again.exit_code, again.indexes) == (0, [])

    LATE: ClassVar[dict[str, Reply]] = {
        "202": WORKING,
        "500": Reply.of_json({}, 500),
        "503": Reply.of_page("Maintenance", 503),
        "half of it": Reply.of_file(b"<metadata/>", "a_META.xml", cut=3),
    }

    @pytest.mark.parametrize("product", PRODUCTS.values(), ids=PRODUCTS)
    @pytest.mark.parametrize("answer", LATE.values(), ids=LATE)
    def test_late_it_is_waited_for_by_itself(self, stage: Stage, answer: Reply, product: Reply | None) -> None:
        """The order holds no slot meanwhile."""
        slots: list[int] = []
        left = [answer] * 3

        def meta(one: Asked) -> Reply:
            slots.append(alive_orders(stage))
            return left.pop() if left else META

        stage.write(FEBRUARY, METADATA)
        stage.deliver({"1": WHOLE, "meta": meta}, request=lambda one: product)
        ended = stage.sync_once()
        assert (ended.exit_code, ended.outcome, ended.orders) == (0, "done", 1)
        assert stage.files() == {"a.csv": BODY, "a_META.xml": META.body}
        assert slots == [0] * 4

    def test_of_a_run_without_data_none_is_asked_for(self, stage: Stage) -> None:
        stage.write(FEBRUARY, METADATA)
        stage.deliver({"meta": META}, count=0)
        ended = stage.sync_once()
        assert (ended.outcome, ended.indexes) == ("empty", ["1", "1"])


class TestQ21Retention:
    """Q21: files and ids are forgotten by the service: 410, or 400 with 127; ordered again once, and that is said."""

    GONE: ClassVar[dict[str, Reply]] = {"410": Reply(410), "400/127": UNKNOWN, "400 bare": Reply(400)}

    @pytest.mark.parametrize("gone", GONE.values(), ids=GONE)
    @pytest.mark.parametrize("state", ["complete", "running"])
    def test_an_order_of_an_earlier_sync(self, stage: Stage, gone: Reply, state: str) -> None:
        """Also where `status` knows nothing of it any more."""
        interrupt(stage)

        def run(one: Asked) -> Reply:
            return a_run(1) if asked(stage, "request") > 1 else UNKNOWN

        def download(one: Asked) -> Reply | None:
            return WHOLE_RUN(one) if asked(stage, "request") > 1 else gone

        stage.play(run=run, download=download, status=COMPLETED if state == "complete" else UNKNOWN)
        ended = stage.sync_once()
        assert (ended.exit_code, ended.outcome, ended.orders) == (0, "done", 1)
        assert "placed anew" in ended.said
        assert stage.files() == {"a.csv": BODY}
        assert alive_orders(stage) == 0

    @pytest.mark.parametrize("gone", GONE.values(), ids=GONE)
    def test_a_file_that_is_missing_here(self, stage: Stage, gone: Reply) -> None:
        """The other file stays in its place until the new order is whole, which gives that one twice."""
        second = file("b.csv", b"b\n")
        stage.deliver({"1": WHOLE, "2": second}, count=2)
        assert stage.sync_once().outcome == "done"
        chunk = stage.february()
        assert chunk is not None
        first, second_path = (stage.folder / one.path for one in chunk.files)
        second_path.unlink()
        new = files_of({(OTHER, "1"): WHOLE, (OTHER, "2"): second, (OTHER, "3"): WHOLE}, gone)

        def download(one: Asked) -> Reply:
            assert first.read_bytes() == BODY
            return NO_FILE if (one.query["dpRunId"], one.query["index"]) == (str(OTHER), "4") else new(one)

        stage.play(run=run_rows((OTHER, "complete", 3)), download=download)
        ended = stage.sync_once()
        assert (ended.exit_code, ended.outcome, ended.orders) == (0, "done", 1)
        assert "placed anew" in ended.said
        assert stage.files() == {"a.csv": BODY, "b.csv": b"b\n"}

    @pytest.mark.parametrize("gone", GONE.values(), ids=GONE)
    def test_for_ever(self, stage: Stage, gone: Reply) -> None:
        """Two orders in a sync at most; never "no data"; held files stay."""
        stage.deliver({"1": gone}, count=1)
        ended = stage.sync_once()
        assert (ended.exit_code, ended.outcome, ended.orders) == (3, "expired", 2)
        assert stage.january_is_here()
        check_mended(stage, orders=1)

    def test_the_request_is_forgotten_between_request_and_run(self, stage: Stage) -> None:
        stage.play(run=[UNKNOWN, a_run(1)], download=WHOLE_RUN)
        ended = stage.sync_once()
        assert (ended.exit_code, ended.outcome, ended.orders) == (0, "done", 2)
        assert "placed anew" in ended.said


class TestQ22TheQuota:
    """Q22: how many orders may be alive, how long they queue, and whether identical requests share a run."""

    @pytest.mark.parametrize("threads", [1, 2, 4])
    @pytest.mark.parametrize("places", [1, 8], ids=["one at a time", "all at once"])
    def test_no_more_than_run_threads_are_alive(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, threads: int, places: int
    ) -> None:
        """As the service counts them, whether it queues or runs them."""
        monkeypatch.setenv("ONC_TOKEN", TOKEN)
        with quick_sandbox(max_running=places) as sandbox:
            world = World(tmp_path, sandbox, EIGHT_MONTHS, f"{NO_METADATA}  runThreads: {threads}\n")
            result = sync(world)
        assert (result.exit_code, result.counts.done) == (0, 8)
        assert 1 <= world.sandbox.peak_alive_orders <= threads
        assert world.asked("request") == 8

    @pytest.mark.parametrize("state", ["queued", "Queued", "QUEUED"])
    def test_a_queue_of_days_is_no_failure(self, stage: Stage, state: str) -> None:
        """Forty hours, with 48 allowed: the order is not placed again."""
        clock, queued = Clock(), [a_run(0, state, 202)] * 4

        def run(one: Asked) -> Reply:
            clock.jump(hours=10)
            return queued.pop() if queued else a_run(1)

        stage.write(FEBRUARY, NO_METADATA)
        stage.play(run=run, download=WHOLE_RUN)
        ended = stage.sync_once(tools=clock.tools())
        assert (ended.exit_code, ended.outcome, ended.orders) == (0, "done", 1)

    @pytest.mark.parametrize("shares", ["a run of their own", "a run", "a request and a run"])
    def test_identical_requests_of_two_folders(self, stage: Stage, shares: str) -> None:
        """Each folder gets its files, and no order outlives its slot."""
        stage.write(FEBRUARY, NO_METADATA)
        placed: list[int] = []

        def request(one: Asked) -> Reply:
            placed.append(28892270 + (len(placed) if shares != "a request and a run" else 0))
            return Reply.of_json({"dpRequestId": placed[-1]})

        def run(one: Asked) -> Reply:
            own = shares == "a run of their own" and one.query["dpRequestId"] != str(placed[0])
            return run_rows((OTHER if own else PLAYED, "complete", 1))

        stage.play(request=request, run=run, download=files_of({(PLAYED, "1"): WHOLE, (OTHER, "1"): WHOLE}))
        assert stage.sync_once().outcome == "done"
        stage.folder = stage.directory / "elsewhere"
        text = stage.manifest.read_text().replace("folder: data", "folder: elsewhere")
        stage.manifest.write_text(text)
        stage.mine = stage.folder / "mine.csv"
        stage.mine.parent.mkdir()
        stage.mine.write_bytes(b"a file of someone else\n")
        assert stage.sync_once().outcome == "done"
        assert stage.files() == {"a.csv": BODY}
        assert (len(placed), alive_orders(stage)) == (2, 0)


class TestQ23LargeProducts:
    """Q23: a part may come as many files, and their names carry other times than those asked for."""

    NAMES: ClassVar[list[str]] = [f"BACAX_{2014 + number % 3}06{number + 1:02}T120000.000Z.csv" for number in range(28)]

    @pytest.mark.parametrize("count", [28, None, 0, 5], ids=["said", "not said", "none said", "too few said"])
    def test_all_are_here_whatever_they_are_called(self, stage: Stage, count: int | None) -> None:
        """Nothing is made of the times in a name: each file lies with its part, and the part is done."""
        files = {(PLAYED, str(index)): file(name, name.encode()) for index, name in enumerate(self.NAMES, 1)}
        stage.play(run=a_run(count), download=files_of(files))
        ended = stage.sync_once()
        assert (ended.exit_code, ended.outcome, ended.orders) == (0, "done", 1)
        assert stage.files() == {name: name.encode() for name in self.NAMES}
        assert ended.chunk is not None
        assert {file.path.rpartition("/")[0] for file in ended.chunk.files} == {"BACAX/CTD/TSSD_csv/2015"}
        assert set(ended.indexes) == {str(index) for index in range(1, 30)}

    def test_parts_are_remembered_one_by_one(self, stage: Stage) -> None:
        """The service cannot take one of them now: only that one is ordered again, though all names are alike."""
        order_february_alone(stage)
        stage.write(FEBRUARY + "    splitDateRange: week\n", NO_METADATA)
        refusals = ["2015-02-08"]

        def request(one: Asked) -> Reply:
            begin = one.query["dateFrom"][:10]
            if begin in refusals:
                return Reply.of_errors((130, "Too many requests", "dateFrom"))
            return Reply.of_json({"dpRequestId": int(begin.replace("-", ""))})

        def run(one: Asked) -> Reply:
            return run_rows((int(one.query["dpRequestId"]), "complete", 1))

        def download(one: Asked) -> Reply:
            return file("same.csv", one.query["dpRunId"].encode()) if one.query["index"] == "1" else NO_FILE

        stage.play(request=request, run=run, download=download)
        assert stage.sync_once().exit_code == 3
        placed = asked(stage, "request")
        refusals.clear()
        ended = stage.sync_once()
        assert (ended.exit_code, ended.orders, asked(stage, "request")) == (0, 1, placed + 1)
        bodies = [body for path, body in stage.tree().items() if "same" in path]
        assert sorted(bodies) == [b"20150201", b"20150208", b"20150215", b"20150222"]
