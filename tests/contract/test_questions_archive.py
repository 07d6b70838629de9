"""Q27 to Q36, the archive: whatever the service answers, nothing is lost, looped on, leaked, or taken for "no data".

Each class plays every answer that its question names: to the client, and to the pure functions on which the resolver
and the engine build.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, ClassVar, NamedTuple

import pytest

from oncsync.api import (
    SIZE_DIFFERS,
    ArchiveAnswer,
    ArchiveFile,
    ArchiveListing,
    ArrivingFile,
    Deployment,
    MissingFile,
    Session,
    Timeouts,
    archived_since,
    changed_members,
    clip_to_deployments,
    compare_listing,
    devices_of,
    get_availability,
    judge_size,
    list_archive_files,
    local_name,
    open_archive_file,
)
from oncsync.errors import FaultError, ForbiddenError, OncsyncError, RefusedError, ServiceError
from oncsync.sandbox import Sandbox
from oncsync.timespan import format_instant, parse_instant
from tests.support.scripted import Asked, Reply, Script, ScriptedService

TOKEN = "5A6b7c8d-1234-4abc-9DEF-0123456789ab"
NOW = parse_instant("2026-11-21T12:00:00.000Z")
DEVICE: dict[str, Any] = {"device_code": "HYD1"}
PLACE: dict[str, Any] = {"location_code": "FGPD", "device_category_code": "HYDROPHONE"}
BESIDE = "A device with category HYDROPHONE was deployed at location FGPD but not during the provided time range"
FUTURE = "Invalid Time Range, Start Time is in the future."
MOST_QUESTIONS = 60
"""More than any listing here needs, whatever it is answered."""


class Stage(NamedTuple):
    """A session on a scripted service, which knows what it was asked and what was told to the user."""

    session: Session
    service: ScriptedService
    told: list[str]


@contextmanager
def stage(script: Script) -> Iterator[Stage]:
    """Plays a script; nobody waits, and whatever was told or asked holds no token where it could be seen."""
    told: list[str] = []
    with (
        ScriptedService(script) as service,
        Session(
            service.url,
            TOKEN,
            timeouts=Timeouts(connect=5.0, first_byte=10.0, idle=10.0),
            sleep=lambda seconds: None,
            now=lambda: NOW,
            on_message=told.append,
        ) as session,
    ):
        yield Stage(session, service, told)
        assert len(service.asked) <= MOST_QUESTIONS
        assert TOKEN.lower() not in repr(told).lower()


def at(text: str) -> datetime:
    return parse_instant(text)


def row(name: Any, begin: str | None = None, end: str | None = None, **members: Any) -> dict[str, Any]:
    """Gives a row of a full listing; `None` members are sent as null."""
    told = {"filename": name, "deviceCode": "HYD1", "dateFrom": begin, "dateTo": end}
    return {**told, "fileSize": 10, "uncompressedFileSize": 10, **members}


def page(files: Any, following: dict[str, Any] | None = None, **more: Any) -> Reply:
    """Gives a page; `following` are the parameters of the next one, which the service repeats with the token."""
    turn = following and {
        "parameters": {**following, "token": TOKEN},
        "url": f"https://elsewhere.example/api/archivefile/device?token={TOKEN}",
    }
    return Reply.of_json({"files": files, "next": turn, "queryUrl": f"https://x/?token={TOKEN}", **more})


def names(listing: ArchiveListing) -> list[str]:
    return [file.name for file in listing.files]


def outcome(script: Script, **asked: Any) -> ArchiveListing | OncsyncError:
    """Gives the listing, or the error in its place."""
    failure: OncsyncError | None = None
    with stage(script) as play:
        try:
            return list_archive_files(play.session, **(asked or DEVICE))
        except OncsyncError as error:
            failure = error
    assert TOKEN.lower() not in (failure.render() + repr(vars(failure))).lower()
    return failure


def received(answer: ArchiveAnswer) -> bytes:
    """Gives the bytes of a file that arrives."""
    assert isinstance(answer, ArrivingFile)
    with answer:
        return b"".join(answer.blocks())


HOURLY = [
    (f"HYD1_{begin:%Y%m%dT%H%M%S}.000Z.wav", begin, begin + timedelta(hours=1))
    for begin in (at("2024-05-01") + timedelta(hours=hour) for hour in range(72))
]
DAILY = [
    (f"HYD1_{begin:%Y%m%dT%H%M%S}.000Z.txt", begin, begin + timedelta(days=1))
    for begin in (at("2024-04-28") + timedelta(days=day) for day in range(8))
]
ODD = [
    ("HYD1_20240502T093000.000Z.wav", at("2024-05-02T09:30"), at("2024-05-02T10:30")),
    ("HYD1_20240502T123000.000Z.wav", at("2024-05-02T12:30"), at("2024-05-02T13:30")),
]
ARCHIVE = sorted([*HOURLY, *DAILY, *ODD], key=lambda file: file[1])
Rule = Callable[[datetime, datetime, datetime, datetime], bool]
RULES: dict[str, Rule] = {
    "overlap, both ends exclusive": lambda begin, end, low, high: end > low and begin < high,
    "overlap, both ends inclusive": lambda begin, end, low, high: end >= low and begin <= high,
    "begins on or after, as the manual says": lambda begin, end, low, high: low <= begin < high,
    "begins on or after, end inclusive": lambda begin, end, low, high: low <= begin <= high,
    "lists every file": lambda begin, end, low, high: True,
}


class TestQ27:
    """Q27: whichever rule the service has for the window, the same files are listed: those that overlap it."""

    @pytest.mark.parametrize("rule", RULES)
    @pytest.mark.parametrize(
        ("low", "high"),
        [
            ("2024-05-02T10:00", "2024-05-02T13:00"),
            ("2024-05-02", "2024-05-03"),
            ("2024-05-02T10:15", "2024-05-02T10:20"),
        ],
    )
    def test_the_rule_of_the_window_does_not_matter(self, rule: str, low: str, high: str) -> None:
        def answer(asked: Asked) -> Reply:
            sent = at(asked.query["dateFrom"]), at(asked.query["dateTo"])
            return page(
                [
                    row(name, format_instant(begin), format_instant(end))
                    for name, begin, end in ARCHIVE
                    if RULES[rule](begin, end, *sent)
                ]
            )

        expected = [name for name, begin, end in ARCHIVE if end > at(low) and begin < at(high)]
        listing = outcome(answer, **DEVICE, date_from=at(low), date_to=at(high))
        assert isinstance(listing, ArchiveListing)
        assert names(listing) == expected
        assert expected

    @pytest.mark.parametrize("rule", RULES)
    def test_adjacent_windows_list_every_file_and_none_outside(self, rule: str) -> None:
        def answer(asked: Asked) -> Reply:
            low, high = at(asked.query["dateFrom"]), at(asked.query["dateTo"])
            found = [file for file in ARCHIVE if RULES[rule](file[1], file[2], low, high)]
            return page([row(name, format_instant(begin), format_instant(end)) for name, begin, end in found])

        days = [at("2024-05-01") + timedelta(days=day) for day in range(4)]
        seen: list[str] = []
        for low, high in pairwise(days):
            listing = outcome(answer, **DEVICE, date_from=low, date_to=high)
            assert isinstance(listing, ArchiveListing)
            assert len(set(names(listing))) == len(listing.files)
            seen += names(listing)
        assert set(seen) == {name for name, begin, end in ARCHIVE if end > days[0] and begin < days[-1]}

    def test_names_alone_are_all_kept_because_nothing_tells_their_span(self) -> None:
        listing = outcome([page(["a.txt", "b.txt"])], **DEVICE, date_from=at("2024-05-02"), date_to=at("2024-05-03"))
        assert isinstance(listing, ArchiveListing)
        assert names(listing) == ["a.txt", "b.txt"]

    def test_the_embedded_service_lists_the_same_with_and_without_a_margin(self) -> None:
        with Sandbox() as sandbox, Session(sandbox.url, sandbox.token) as session:
            window: dict[str, Any] = {"date_from": at("2019-11-23T12:00"), "date_to": at("2019-11-26")}
            wide = list_archive_files(session, device_code="BPR-Folger-59", **window)
            bare = list_archive_files(session, device_code="BPR-Folger-59", margin=timedelta(), **window)
        assert names(wide) == names(bare)
        assert names(wide)[0] == "BPR-Folger-59_20191123T000000.000Z.txt", "it begins before the window"


ODD_ROWS: dict[str, dict[str, Any]] = {
    "only a name": {"filename": "f.txt"},
    "nulls": row("f.txt", None, None, fileSize=None, uncompressedFileSize=None, compression=None, archivedDate=None),
    "open end": row("f.txt", "2024-05-02T01:00:00.000Z", None),
    "no begin": row("f.txt", None, "2024-05-02T01:00:00.000Z"),
    "equal dates": row("f.txt", "2024-05-02T01:00:00.000Z", "2024-05-02T01:00:00.000Z"),
    "equal dates, at the begin": row("f.txt", "2024-05-02T00:00:00.000Z", "2024-05-02T00:00:00.000Z"),
    "end before begin": row("f.txt", "2024-05-02T02:00:00.000Z", "2024-05-01T00:00:00.000Z"),
    "no fraction": row("f.txt", "2024-05-02T01:00:00Z", "2024-05-02T02:00:00Z"),
    "dates that are none": row("f.txt", "soon", dateTo=17, archivedDate="?", modifyDate=[]),
    "empty compression": row("f.txt", "2024-05-02T01:00:00.000Z", "2024-05-02T02:00:00.000Z", compression=""),
    "sizes of 0": row("f.txt", fileSize=0, uncompressedFileSize=0, compression="gz"),
    "sizes as text": row("f.txt", fileSize="12", uncompressedFileSize="12.0"),
    "sizes that are none": row("f.txt", fileSize="big", uncompressedFileSize=-1),
    "new members": row("f.txt", checksum="?", dataRating={"a": []}),
}


class TestQ28:
    """Q28: a row needs nothing but its name; a size of 0 is no proof that the file is empty."""

    @pytest.mark.parametrize("odd", ODD_ROWS.values(), ids=ODD_ROWS.keys())
    def test_no_odd_row_is_lost(self, odd: dict[str, Any]) -> None:
        listing = outcome([page([odd])], **DEVICE, date_from=at("2024-05-02"), date_to=at("2024-05-03"))
        assert isinstance(listing, ArchiveListing)
        assert names(listing) == ["f.txt"]

    def test_a_date_that_cannot_be_read_is_told(self) -> None:
        with stage([page([ODD_ROWS["dates that are none"]])]) as play:
            list_archive_files(play.session, **DEVICE)
            assert any("dateFrom" in text for text in play.told)

    @pytest.mark.parametrize("sizes", [(0, 0), (None, None), (0, None), (None, 0)])
    def test_a_size_of_0_or_none_condemns_no_file(self, sizes: tuple[int | None, int | None]) -> None:
        listed = ArchiveFile(name="f.txt", stored_size=sizes[0], delivered_size=sizes[1])
        assert judge_size(500, listed, has_length=True) == "good"
        assert judge_size(500, listed, has_length=False) == "unverified"

    def test_no_byte_is_believed_only_of_a_file_that_is_listed_with_0(self) -> None:
        for listed in (ArchiveFile(name="f"), ArchiveFile(name="f", stored_size=5), None):
            with stage([Reply.of_file(b"")]) as play, pytest.raises(FaultError):
                open_archive_file(play.session, "f", listed=listed)
        empty = ArchiveFile(name="f", stored_size=20, delivered_size=0)
        with stage([Reply.of_file(b"")]) as play:
            assert received(open_archive_file(play.session, "f", listed=empty)) == b""
        assert judge_size(0, empty, has_length=True) == "good"
        assert judge_size(0, ArchiveFile(name="f", delivered_size=5), has_length=True) == "fault"

    @pytest.mark.parametrize(
        ("count", "verdict"), [(71139520, "good"), (8585653, "good"), (71139519, "differs"), (1, "differs")]
    )
    def test_either_listed_size_is_good_and_another_is_marked(self, count: int, verdict: str) -> None:
        """Also Q1: kept, marked, never fetched for ever."""
        listed = ArchiveFile(name="f", stored_size=8585653, delivered_size=71139520, compression="gz")
        assert judge_size(count, listed, has_length=True) == verdict
        assert SIZE_DIFFERS == "size differs from listing"

    def test_a_length_that_nobody_announced_must_agree_once_or_come_twice(self) -> None:
        """Also Q2: what may have been cut off is tried again, but not for ever."""
        listed = ArchiveFile(name="f", stored_size=100)
        assert judge_size(99, listed, has_length=False) == "fault"
        assert judge_size(99, listed, has_length=False, came_before=True) == "differs"
        assert judge_size(100, listed, has_length=False) == "good"


HOSTILE = {
    "/NA_Archive_04/14/10/96/f.txt": "f.txt",
    "NA_Archive_04\\14\\f.txt": "f.txt",
    "../../etc/passwd": "passwd",
    "C:\\Windows\\f.txt": "f.txt",
    "/f.txt": "f.txt",
    "f\u0000\u001b[2J.txt": "f  [2J.txt",
}
"""Names as they may come, and what is asked for at most: their last component, printable."""
NO_NAMES: list[Any] = ["", ".", "..", "a/..", "../", "dir/", "   ", None, [], {}]


class TestQ29:
    """Q29: names and objects are both read, only the last component of a name counts, and none leads anywhere."""

    def test_names_and_objects_are_read_alike(self) -> None:
        for files in (["a.txt", "b.txt"], [row("a.txt"), row("b.txt")], ["a.txt", row("b.txt")]):
            listing = outcome([page(files)])
            assert isinstance(listing, ArchiveListing)
            assert names(listing) == ["a.txt", "b.txt"]

    @pytest.mark.parametrize("as_object", [True, False])
    @pytest.mark.parametrize(("name", "last"), HOSTILE.items())
    def test_only_the_last_component_counts(self, name: str, last: str, as_object: bool) -> None:
        listing = outcome([page([row(name) if as_object else name])])
        assert isinstance(listing, ArchiveListing)
        assert names(listing) == [last]

    @pytest.mark.parametrize("name", NO_NAMES)
    def test_what_is_no_name_is_left_out_and_told(self, name: Any) -> None:
        with stage([page([{"filename": name}, "good.txt"])]) as play:
            assert names(list_archive_files(play.session, **DEVICE)) == ["good.txt"]
            assert any("filename" in text for text in play.told)

    def test_a_listing_without_one_name_is_a_fault_not_nothing(self) -> None:
        unusable: list[list[Any]] = [[""], [{}], [5], [["a"]], [{"filename": ".."}]]
        for files in unusable:
            assert isinstance(outcome([page(files)] * 5), FaultError)

    @pytest.mark.parametrize(
        "name", ["NUL", "con.txt", "a:b.txt", "x\u202egnp.exe", ".oncsync", "a" * 400, "trailing. ", "a\nb"]
    )
    def test_a_local_name_is_safe_wherever_it_lands(self, name: str) -> None:
        listing = outcome([page([row(name)])])
        assert isinstance(listing, ArchiveListing)
        local = local_name(listing.files[0])
        assert local not in ("", ".", "..")
        assert not set(local) & set('/\\:*?"<>|\n\u202e')
        assert local.casefold().partition(".")[0] not in ("nul", "con")
        assert local.casefold() != ".oncsync"
        assert len(local.encode()) <= 255

    def test_names_that_differ_by_case_are_both_kept_and_told(self) -> None:
        with stage([page([row("A.txt"), row("a.TXT"), row("b.txt")])]) as play:
            assert names(list_archive_files(play.session, **DEVICE)) == ["A.txt", "a.TXT", "b.txt"]
            assert any("A.txt, a.TXT" in text for text in play.told)

    def test_the_name_asked_for_is_one_component_and_is_sent_quoted(self) -> None:
        with stage([Reply.of_file(b"x", "other.bin")]) as play:
            arriving = open_archive_file(play.session, "a&token=b c.txt")
            assert isinstance(arriving, ArrivingFile)
            assert arriving.name == "a&token=*** c.txt", "what looks like a token is shown nowhere"
            assert play.service.asked[0].query == {"filename": "a&token=b c.txt", "token": TOKEN}
            arriving.close()


def paged(pages: Sequence[Sequence[str]]) -> Script:
    """Gives a service whose pages are these names."""

    def answer(asked: Asked) -> Reply:
        number = int(asked.query.get("page", "1"))
        following = {**asked.query, "page": str(number + 1)} if number < len(pages) else None
        return page(list(pages[number - 1]), following)

    return answer


class TestQ30:
    """Q30: `next` alone is followed, from its parameters; pages may be short or shift, but never turn in circles."""

    @pytest.mark.parametrize(
        "pages",
        [
            [["a", "b"], ["c"]],
            [["a"], ["b", "c"]],
            [[], ["a", "b", "c"]],
            [["a", "b"], [], ["c"]],
            [["a", "b"], ["b", "c"]],
            [["a", "b", "c"], []],
            [["a", "b", "c"], ["c"]],
        ],
        ids=["full", "short", "empty first", "empty between", "shifted", "empty last", "all seen before"],
    )
    def test_every_page_is_read_and_every_name_comes_once(self, pages: list[list[str]]) -> None:
        listing = outcome(paged(pages))
        assert isinstance(listing, ArchiveListing)
        assert names(listing) == ["a", "b", "c"]

    def test_the_question_is_rebuilt_from_the_parameters_and_the_address_is_never_used(self) -> None:
        with stage(paged([["a"], ["b"]])) as play:
            list_archive_files(play.session, **PLACE, date_from=at("2024-05-02"), date_to=at("2024-05-03"))
            first, second = play.service.asked
            assert second.path == first.path == "/api/archivefile/location"
            assert second.query == {**first.query, "page": "2"}
            assert second.query["token"] == TOKEN

    @pytest.mark.parametrize("value", ["2", 2, ["2"]])
    def test_the_page_may_be_a_text_or_a_number(self, value: Any) -> None:
        pages = [page(["a"], {"deviceCode": "HYD1", "page": value}), page(["b"])]
        with stage(pages) as play:
            assert names(list_archive_files(play.session, **DEVICE)) == ["a", "b"]
            assert play.service.asked[1].query == {**play.service.asked[0].query, "page": "2"}

    def test_a_next_of_nothing_but_the_page_keeps_its_subject(self) -> None:
        with stage([page(["a"], {"page": "2"}), page(["b"])]) as play:
            assert names(list_archive_files(play.session, **DEVICE)) == ["a", "b"]
            assert play.service.asked[1].query == {**play.service.asked[0].query, "page": "2"}

    @pytest.mark.parametrize(
        "following",
        [
            {"url": "https://elsewhere.example/?page=2"},
            {"parameters": None, "url": "https://elsewhere.example/"},
            {"parameters": {}},
            {"parameters": {"page": {"a": 1}}},
            {"parameters": [1]},
            {"parameters": {"deviceCode": "OTHER", "page": "2"}},
            "https://elsewhere.example/?page=2",
            2,
            True,
        ],
        ids=repr,
    )
    def test_a_next_that_cannot_be_followed_is_a_fault_because_the_page_is_cut(self, following: Any) -> None:
        """Nothing is asked at its behest: the fault is no answer of the service to a question that nobody meant."""
        replies = [Reply.of_json({"files": ["a"], "next": following}), page(["b"])]
        with stage(replies) as play:
            with pytest.raises(FaultError, match="is not whole"):
                list_archive_files(play.session, **DEVICE)
            assert len(play.service.asked) == 1

    @pytest.mark.parametrize("nothing", [None, {}, [], ""])
    def test_no_next_in_any_form_is_the_end(self, nothing: Any) -> None:
        listing = outcome([Reply.of_json({"files": ["a"], "next": nothing})])
        assert isinstance(listing, ArchiveListing)
        assert names(listing) == ["a"]

    @pytest.mark.parametrize(
        "turn",
        [
            lambda asked: dict(asked.query),
            lambda asked: {**asked.query, "page": "1"},
            lambda asked: {**asked.query, "page": "2" if asked.query.get("page") == "3" else "3"},
            lambda asked: {**asked.query, "page": str(int(asked.query.get("page", "1")) + 1)},
        ],
        ids=["itself", "first again", "to and fro", "the same files for ever"],
    )
    def test_pages_that_turn_in_circles_are_a_fault(self, turn: Callable[[Asked], dict[str, str]]) -> None:
        error = outcome(lambda asked: page(["a", "b"], turn(asked)))
        assert isinstance(error, FaultError)

    def test_empty_pages_for_ever_are_a_fault(self) -> None:
        def answer(asked: Asked) -> Reply:
            return page([], {**asked.query, "page": str(int(asked.query.get("page", "1")) + 1)})

        assert isinstance(outcome(answer), FaultError)

    @pytest.mark.parametrize(
        "later",
        [
            Reply.of_errors((127, BESIDE, "dateFrom")),
            Reply.of_errors((25, FUTURE, "dateFrom")),
            Reply.of_errors((127, "Invalid parameter value", "page")),
            Reply.of_errors((129, "Invalid parameter name", "page")),
            Reply(400),
            Reply(404),
            Reply.of_json([], 404),
            Reply.of_page("Not found", 404),
            Reply.of_page(),
            Reply(500),
            Reply(204),
            Reply.of_json({"files": None, "next": None}),
            Reply.of_json({"messages": []}),
            Reply.of_json({"files": []}, 202),
            Reply.of_json([["x"]]),
        ],
        ids=lambda reply: f"{reply.status} {reply.body[:60]!r}",
    )
    def test_a_later_page_that_fails_is_a_fault_and_never_the_end(self, later: Reply) -> None:
        """Also Q10 (c) and (d): what would be "nothing" on page 1 is a contradiction on page 2."""
        begun = [page(["a"], {"deviceCode": "HYD1", "page": "2"})]
        far = NOW + timedelta(days=9)
        assert isinstance(outcome([*begun, *[later] * 6], **DEVICE, date_from=far), FaultError)

    def test_a_later_page_that_is_restricted_or_refuses_the_token_ends_the_listing(self) -> None:
        begun = page(["a"], {"deviceCode": "HYD1", "page": "2"})
        assert isinstance(outcome([begun, Reply(403)]), ForbiddenError)
        error = outcome([begun, Reply(401)])
        assert isinstance(error, OncsyncError)
        assert error.exit_code == 4

    def test_a_passing_fault_between_pages_loses_nothing(self) -> None:
        listing = outcome([page(["a"], {"deviceCode": "HYD1", "page": "2"}), Reply(503), Reply(502), page(["b"])])
        assert isinstance(listing, ArchiveListing)
        assert names(listing) == ["a", "b"]

    def test_of_one_file_on_two_pages_the_younger_record_is_kept(self) -> None:
        old = row("a", archivedDate="2024-05-03T00:00:00.000Z", fileSize=10)
        new = row("a", archivedDate="2024-05-09T00:00:00.000Z", fileSize=99)
        for first, second in ((old, new), (new, old)):
            listing = outcome([page([first], {"deviceCode": "HYD1", "page": "2"}), page([second, row("b")])])
            assert isinstance(listing, ArchiveListing)
            assert [file.stored_size for file in listing.files] == [99, 10]

    def test_what_slipped_between_two_pages_is_in_the_next_listing(self) -> None:
        """A file that vanishes from page 1 draws the first of page 2 to where nobody looks any more."""
        stamp = "2024-05-03T00:00:00.000Z"
        rows = {name: row(name, archivedDate=stamp) for name in "abcd"}
        torn = outcome([page([rows["a"], rows["b"]], {"deviceCode": "HYD1", "page": "2"}), page([rows["d"]])])
        assert isinstance(torn, ArchiveListing)
        since = archived_since(torn.files)
        assert since is not None
        assert since < at(stamp)
        again = outcome([page([rows["b"], rows["c"], rows["d"]])], **DEVICE, date_archived_from=since)
        assert isinstance(again, ArchiveListing)
        assert compare_listing(again.files, torn.files, is_full=False).new == ("c",)

    def test_the_pages_of_the_embedded_service_are_the_whole_list(self) -> None:
        with Sandbox() as sandbox, Session(sandbox.url, sandbox.token) as session:
            window: dict[str, Any] = {"date_from": at("2019-11-01"), "date_to": at("2019-11-15")}
            whole = list_archive_files(session, device_code="BPR-Folger-59", **window)
            paged = list_archive_files(session, device_code="BPR-Folger-59", **window, more={"rowLimit": "3"})
            assert sandbox.token not in repr(paged)
        assert len(whole.files) > 6
        assert paged == whole

    def test_availability_is_paged_alike(self) -> None:
        def answer(asked: Asked) -> Reply:
            number = int(asked.query.get("page", "1"))
            turn = {"parameters": {**asked.query, "page": str(number + 1)}} if number < 3 else None
            rows = [{"dataProductCode": "LF", "deviceCode": f"D{number}"}]
            return Reply.of_json({"availableDataProducts": rows, "next": turn})

        with stage(answer) as play:
            rows = get_availability(play.session, **PLACE).rows
            assert [one.device_code for one in rows] == ["D1", "D2", "D3"]
        circle = Reply.of_json({"availableDataProducts": [], "next": {"parameters": {"page": "1"}}})
        with stage([circle] * 3) as play, pytest.raises(FaultError):
            get_availability(play.session, **PLACE)


HELD = ArchiveFile(
    name="a",
    archived=at("2024-05-03"),
    modified=at("2024-05-03T00:00:03"),
    stored_size=10,
    delivered_size=80,
)


def listed(**changed: Any) -> ArchiveFile:
    """Gives the row of the held file with some members changed."""
    return ArchiveFile(
        **{
            "name": "a",
            "archived": HELD.archived,
            "modified": HELD.modified,
            "stored_size": 10,
            "delivered_size": 80,
            **changed,
        }
    )


class TestQ31:
    """Q31: any change of the dates or sizes means another file; a sync mark reaches back over every way to be late."""

    @pytest.mark.parametrize(
        "changed",
        [
            {"archived": at("2025-01-01")},
            {"modified": at("2025-01-01")},
            {"archived": at("2024-05-02")},
            {"stored_size": 11},
            {"delivered_size": 81},
            {"archived": at("2025-01-01"), "modified": at("2025-01-01"), "stored_size": 9, "delivered_size": 79},
        ],
        ids=str,
    )
    def test_a_file_archived_again_is_fetched_again_whichever_member_tells(self, changed: dict[str, Any]) -> None:
        assert set(changed_members(listed(**changed), HELD)) == set(changed)
        assert compare_listing([listed(**changed)], [HELD], is_full=True).changed == ("a",)

    def test_a_date_that_was_not_told_before_is_a_change(self) -> None:
        """A record without `modifyDate` may be one that was never modified."""
        held = ArchiveFile(name="a", archived=HELD.archived, stored_size=10, delivered_size=80)
        assert changed_members(listed(), held) == ("modified",)

    def test_what_is_told_no_more_is_no_change(self) -> None:
        """A listing of names alone, or a size of 0 (Q28), does not fetch an archive once more."""
        poor = [listed(modified=None), listed(stored_size=0, delivered_size=None), ArchiveFile(name="a")]
        for file in (listed(), *poor):
            assert compare_listing([file], [HELD], is_full=True).same == ("a",)

    def test_the_mark_reaches_back_a_day_so_that_late_records_and_boundaries_are_listed(self) -> None:
        newest = listed(name="b", archived=at("2024-06-01T12:00"))
        assert archived_since([HELD, newest]) == at("2024-05-31T12:00")
        assert archived_since([ArchiveFile(name="a")]) is None, "without a date only a full listing is safe"
        assert archived_since([]) is None

    @pytest.mark.parametrize("is_inclusive", [True, False])
    def test_a_boundary_of_the_mark_loses_nothing(self, is_inclusive: bool) -> None:
        late = format_instant(at("2024-06-01T11:59:59"))
        rows = [row("old", archivedDate=format_instant(at("2024-06-01T12:00"))), row("late", archivedDate=late)]

        def answer(asked: Asked) -> Reply:
            since = at(asked.query["dateArchivedFrom"])
            found = [at(one["archivedDate"]) for one in rows]
            return page(
                [
                    one
                    for one, archived in zip(rows, found, strict=True)
                    if archived > since or (is_inclusive and archived == since)
                ]
            )

        mark = archived_since([ArchiveFile(name="old", archived=at("2024-06-01T12:00"))])
        listing = outcome(answer, **DEVICE, date_archived_from=mark)
        assert isinstance(listing, ArchiveListing)
        change = compare_listing(listing.files, [ArchiveFile(name="old")], is_full=False)
        assert change.new == ("late",)

    def test_the_times_of_archiving_are_sent_as_instants_and_never_widened_twice(self) -> None:
        with stage([page([])]) as play:
            list_archive_files(
                play.session, **DEVICE, date_archived_from=at("2024-05-31T12:00"), date_archived_to=at("2024-06-02")
            )
            query = play.service.asked[0].query
            assert query["dateArchivedFrom"] == "2024-05-31T12:00:00.000Z"
            assert query["dateArchivedTo"] == "2024-06-02T00:00:00.000Z"
            assert "dateFrom" not in query

    def test_a_file_of_the_embedded_service_that_is_archived_again_is_seen(self) -> None:
        with Sandbox() as sandbox, Session(sandbox.url, sandbox.token) as session:
            asked: dict[str, Any] = {
                "device_code": "BPR-Folger-59",
                "date_from": at("2019-11-23"),
                "date_to": at("2019-11-25"),
            }
            before = list_archive_files(session, **asked)
            again = before.files[0].name
            sandbox.archive.archive_again(again, b"newer\n")
            after = list_archive_files(session, **asked)
            since = list_archive_files(session, **asked, date_archived_from=archived_since(before.files))
        assert compare_listing(after.files, before.files, is_full=True).changed == (again,)
        assert again in names(since)


class TestQ32:
    """Q32: a file that a listing lacks is marked at most; a failed listing says nothing about any file."""

    def test_a_missing_row_is_told_and_takes_nothing_away(self) -> None:
        change = compare_listing([listed()], [HELD, ArchiveFile(name="gone")], is_full=True)
        assert (change.same, change.not_listed, change.new, change.changed) == (("a",), ("gone",), (), ())

    def test_a_listing_of_what_is_recent_misses_nothing(self) -> None:
        assert compare_listing([], [HELD], is_full=False).not_listed == ()

    @pytest.mark.parametrize(
        "failed",
        [Reply.of_page(), Reply(500), Reply(404), Reply.of_json({"files": None}), Reply(403), Reply(200, b"{")],
        ids=str,
    )
    def test_a_failed_listing_never_looks_like_an_empty_one(self, failed: Reply) -> None:
        """Also Q11: a 404 is a wrong address or an outage, for an archive listing in any form."""
        assert isinstance(outcome([failed] * 6), ServiceError)

    def test_what_another_account_does_not_see_is_told_with_the_services_words(self) -> None:
        warning = "Some files are restricted and not shown"
        for member in ("messages", "warningMessages", "warnings"):
            said: dict[str, Any] = {member: [warning, f"see https://x/?token={TOKEN}"]}
            with stage([page(["a"], **said)]) as play:
                listing = list_archive_files(play.session, **DEVICE)
                assert warning in listing.messages
                assert play.told == [warning, "see https://x/?token=***"]


class TestQ33:
    """Q33: a listed file that is not there is one outcome of its own: neither data, nor "no data", nor an outage."""

    @pytest.mark.parametrize(
        "missing",
        [
            Reply.of_errors((96, "No file could be found.", "filename")),
            Reply.of_json({"errors": [{"errorCode": 96}]}, 400),
            Reply.of_json({"errors": {"errorCode": "96", "errorMessage": "gone"}}, 400),
        ],
        ids=["told", "code alone", "odd form"],
    )
    def test_a_file_that_is_not_there_is_missing_and_the_next_one_comes(self, missing: Reply) -> None:
        with stage([missing, Reply.of_file(b"data", "b.txt"), Reply.of_file(b"back", "a.txt")]) as play:
            assert isinstance(open_archive_file(play.session, "a.txt"), MissingFile)
            for name, body in (("b.txt", b"data"), ("a.txt", b"back")):
                assert received(open_archive_file(play.session, name)) == body
            assert len(play.service.asked) == 3, "missing is asked once, and may be asked again later"

    @pytest.mark.parametrize(
        ("reply", "kind"),
        [
            (Reply.of_errors((127, "Invalid parameter value", "filename")), RefusedError),
            (Reply.of_errors((128, "Missing parameter", "filename")), RefusedError),
            (Reply.of_errors((96, "No file could be found.", "x"), (127, "bad", "y")), RefusedError),
            (Reply(400), RefusedError),
            (Reply(403), ForbiddenError),
            (Reply(404), FaultError),
            (Reply.of_json([], 404), FaultError),
            (Reply(204), FaultError),
            (Reply.of_json({"status": "running"}, 202), FaultError),
            (Reply(500), FaultError),
            (Reply.of_page("Maintenance"), FaultError),
            (Reply.of_json({"errors": [{"errorCode": 96}]}), FaultError),
            (Reply.of_json({"status": "error", "message": "no"}), FaultError),
            (Reply.of_file(b"half", "a.txt", length=9, cut=4), FaultError),
        ],
        ids=lambda value: f"{value.status} {value.body[:40]!r}" if isinstance(value, Reply) else value.__name__,
    )
    def test_nothing_else_is_taken_for_missing_or_for_the_file(self, reply: Reply, kind: type[ServiceError]) -> None:
        with stage([reply]) as play, pytest.raises(kind) as caught:
            received(open_archive_file(play.session, "a.txt"))
        assert TOKEN not in caught.value.render()

    @pytest.mark.parametrize("name", ["a.json", "a.html", "a.txt.gz", "a"])
    def test_a_file_that_resembles_an_answer_is_the_file_it_is_named(self, name: str) -> None:
        body = {"a.json": json.dumps({"status": "ok", "message": "calibrated"}).encode(), "a.html": b"<html></html>"}
        content = body.get(name, b"\x1f\x8bdata")
        with stage([Reply.of_file(content, name)]) as play:
            assert received(open_archive_file(play.session, name)) == content

    def test_the_embedded_service_says_it_the_same_way(self) -> None:
        with Sandbox() as sandbox, Session(sandbox.url, sandbox.token) as session:
            assert isinstance(open_archive_file(session, "BPR-Folger-59_20500101T000000.000Z.txt"), MissingFile)


UNKNOWN = ("getLatest", "groupBy", "mergeGaps", "includeEmptyDays")


class TestQ34:
    """Q34: parameters whose meaning is not known are sent when a user names them, and only then."""

    def test_no_listing_sends_them_by_itself(self) -> None:
        empty: dict[str, Any] = {"files": [], "availableDataProducts": [], "next": None}
        with stage([Reply.of_json(empty)] * 3) as play:
            list_archive_files(
                play.session,
                **DEVICE,
                date_from=at("2024-05-02"),
                date_to=at("2024-05-03"),
                file_extension=".txt",
                data_product_code="LF",
            )
            list_archive_files(play.session, **PLACE)
            get_availability(play.session, **PLACE, minimum_coverage=0.5, maximum_coverage=1)
            first, second, third = (asked.query for asked in play.service.asked)
        assert first == {
            "deviceCode": "HYD1",
            "dateFrom": "2024-05-01T00:00:00.000Z",
            "dateTo": "2024-05-03T00:00:00.000Z",
            "fileExtension": "txt",
            "dataProductCode": "LF",
            "returnOptions": "all",
            "token": TOKEN,
        }
        assert second == {
            "locationCode": "FGPD",
            "deviceCategoryCode": "HYDROPHONE",
            "returnOptions": "all",
            "token": TOKEN,
        }
        assert third == {
            "locationCode": "FGPD",
            "deviceCategoryCode": "HYDROPHONE",
            "minimumCoverage": "0.5",
            "maximumCoverage": "1",
            "token": TOKEN,
        }

    def test_what_a_user_names_is_passed_through_as_it_is(self) -> None:
        with stage([page(["new", "old"]), Reply.of_json({"availableDataProducts": [], "next": None})]) as play:
            listing = list_archive_files(play.session, **DEVICE, more={"getLatest": "true", "rowLimit": "5"})
            get_availability(play.session, **DEVICE, more={"groupBy": "day", "mergeGaps": "x", "token": "mine"})
            first, second = (asked.query for asked in play.service.asked)
        assert names(listing) == ["new", "old"], "the service's order stays"
        assert (first["getLatest"], first["rowLimit"]) == ("true", "5")
        assert (second["groupBy"], second["mergeGaps"], second["token"]) == ("day", "x", TOKEN)

    @pytest.mark.parametrize("name", UNKNOWN)
    def test_a_service_that_does_not_know_one_is_told_with_its_name(self, name: str) -> None:
        error = outcome([Reply.of_errors((129, "Invalid parameter name", name))], **DEVICE, more={name: "true"})
        assert isinstance(error, RefusedError)
        assert error.parameter == name

    def test_newest_first_in_several_pages_is_still_the_whole_list(self) -> None:
        listing = outcome(paged([["d", "c"], ["b", "a"]]), **DEVICE, more={"getLatest": "true"})
        assert isinstance(listing, ArchiveListing)
        assert names(listing) == ["d", "c", "b", "a"]


class TestQ35:
    """Q35: a listing by place may mix devices, and may or may not know of children: every file names its device."""

    def test_the_devices_of_a_place_are_named_by_row_or_by_name(self) -> None:
        files = [
            row("ICLISTENHF1266_20240501T000000.000Z.wav", deviceCode="ICLISTENHF1266"),
            row("NAXYS_HYD_007_20240502T000000.000Z.wav", deviceCode=None),
            "ICLISTENHF1560_20181002T172557.000Z-spect-small.png",
            "readme.txt",
        ]
        listing = outcome([page(files)], **PLACE)
        assert isinstance(listing, ArchiveListing)
        assert devices_of(listing.files) == ("ICLISTENHF1266", "ICLISTENHF1560", "NAXYS_HYD_007")

    @pytest.mark.parametrize("lists_children", [True, False])
    def test_asking_each_device_gives_the_same_whether_or_not_children_are_listed(self, lists_children: bool) -> None:
        """The deployments name the devices of the place itself; those of its children are asked for by their own."""
        own, child = row("HYD1_20240502T000000.000Z.wav"), row("HYD2_20240502T000000.000Z.wav", deviceCode="HYD2")

        def answer(asked: Asked) -> Reply:
            if "deviceCode" in asked.query:
                return page([own if asked.query["deviceCode"] == "HYD1" else child])
            return page([own, child] if lists_children else [own])

        with stage(answer) as play:
            by_place = list_archive_files(play.session, **PLACE)
            clipped = clip_to_deployments(by_place.files, [deployed("HYD1", "2024-01-01", None)])
            by_device = list_archive_files(play.session, **DEVICE)
        assert [file.name for file in clipped.kept] == names(by_device) == ["HYD1_20240502T000000.000Z.wav"]

    def test_a_place_and_a_device_are_never_asked_for_together(self) -> None:
        for asked in ({}, {**PLACE, **DEVICE}, {"location_code": "FGPD"}, {"device_category_code": "CTD"}):
            with stage([]) as play:
                with pytest.raises(OncsyncError) as caught:
                    list_archive_files(play.session, **asked)
                assert caught.value.exit_code == 2
                assert play.service.asked == []


def deployed(device: str, begin: str, end: str | None) -> Deployment:
    """Gives a deployment."""
    return Deployment(device_code=device, location_code="FGPD", begin=at(begin), end=end and at(end))  # type: ignore[arg-type]


class TestQ36:
    """Q36: asked by place, files from outside of every deployment there are set apart, whoever clipped or did not."""

    FILES: ClassVar = [
        ArchiveFile(name="before", device_code="HYD1", begin=at("2019-12-30"), end=at("2019-12-31")),
        ArchiveFile(name="touching", device_code="HYD1", begin=at("2019-12-31"), end=at("2020-01-01")),
        ArchiveFile(name="across", device_code="HYD1", begin=at("2019-12-31T23:00"), end=at("2020-01-01T01:00")),
        ArchiveFile(name="within", device_code="HYD1", begin=at("2020-03-01"), end=at("2020-03-02")),
        ArchiveFile(name="after", device_code="HYD1", begin=at("2020-07-01"), end=at("2020-07-02")),
        ArchiveFile(name="another", device_code="HYD2", begin=at("2020-03-01"), end=at("2020-03-02")),
        ArchiveFile(name="unknown"),
    ]

    def test_only_what_a_deployment_explains_is_kept_and_the_rest_is_told(self) -> None:
        clipped = clip_to_deployments(self.FILES, [deployed("HYD1", "2020-01-01", "2020-07-01")])
        assert [file.name for file in clipped.kept] == ["across", "within", "unknown"]
        assert [file.name for file in clipped.outside] == ["before", "touching", "after", "another"]

    def test_a_listing_that_is_clipped_already_stays_as_it_is(self) -> None:
        inside = [file for file in self.FILES if file.name in ("across", "within")]
        clipped = clip_to_deployments(inside, [deployed("HYD1", "2020-01-01", "2020-07-01")])
        assert (list(clipped.kept), clipped.outside) == (inside, ())

    @pytest.mark.parametrize("end", [None, "2150-01-01"])
    def test_a_deployment_that_goes_on_keeps_all_that_comes(self, end: str | None) -> None:
        """Also Q41."""
        clipped = clip_to_deployments(self.FILES, [deployed("HYD1", "2020-01-01", end)])
        assert "after" in [file.name for file in clipped.kept]

    def test_a_device_that_came_back_has_both_its_spans(self) -> None:
        """Also Q42."""
        twice = [deployed("HYD1", "2019-01-01", "2019-12-31"), deployed("HYD1", "2020-06-30", None)]
        assert [file.name for file in clip_to_deployments(self.FILES, twice).kept] == ["before", "after", "unknown"]

    def test_a_name_alone_is_judged_by_its_device(self) -> None:
        files = [ArchiveFile(name=f"{device}_20200301T000000.000Z.wav") for device in ("HYD1", "HYD_2", "odd")]
        clipped = clip_to_deployments(files, [deployed("HYD1", "2020-01-01", None)])
        assert clipped.kept == tuple(files), "a device that is only guessed takes no file away"

    def test_without_a_deployment_nothing_is_explained(self) -> None:
        assert clip_to_deployments(self.FILES, []).kept == ()


class TestEmptyListings:
    """Q10 and Q12, of listings: "nothing" is believed in its known forms on page 1 alone, and its words are kept."""

    @pytest.mark.parametrize("reply", [page([]), Reply.of_json([])], ids=["files", "bare"])
    def test_an_empty_list_is_nothing(self, reply: Reply) -> None:
        assert outcome([reply]) == ArchiveListing()

    @pytest.mark.parametrize(
        ("reply", "words"),
        [
            (Reply.of_errors((127, BESIDE, "deviceCategoryCode")), BESIDE),
            (Reply.of_errors((127, BESIDE.upper(), "locationCode")), BESIDE.upper()),
            (Reply.of_errors((25, FUTURE, "dateFrom")), FUTURE),
        ],
    )
    def test_the_words_of_nothing_are_kept(self, reply: Reply, words: str) -> None:
        listing = outcome([reply], **PLACE, date_from=NOW + timedelta(days=9))
        assert listing == ArchiveListing(nothing_because=words)

    @pytest.mark.parametrize(
        "reply",
        [
            Reply.of_errors((127, "Invalid parameter value", "locationCode")),
            Reply.of_errors((127, BESIDE, "a"), (127, "Invalid parameter value", "b")),
            Reply.of_errors((25, FUTURE, "dateFrom")),
            Reply.of_errors((23, "Start after end", "dateFrom")),
            Reply.of_errors((33, "No data", "")),
            Reply.of_errors((130, BESIDE, "")),
            Reply(400),
        ],
        ids=["typo", "typo beside", "begun", "order", "no data", "unknown code", "bare"],
    )
    def test_every_other_refusal_is_told(self, reply: Reply) -> None:
        """A window that has begun does not lie in the future, whatever the service says."""
        assert isinstance(outcome([reply], **PLACE, date_from=NOW - timedelta(days=9)), RefusedError)

    def test_availability_is_a_discovery_service_a_404_of_it_is_nothing(self) -> None:
        for reply in (Reply(404), Reply.of_errors((127, BESIDE, "x")), Reply.of_errors((127, "none", "x"), status=404)):
            with stage([reply]) as play:
                assert get_availability(play.session, **PLACE).rows == ()
        for reply in (Reply.of_page("Not found", 404), Reply.of_json({"availableDataProducts": None}), Reply(204)):
            with stage([reply] * 6) as play, pytest.raises(FaultError):
                get_availability(play.session, **PLACE)
