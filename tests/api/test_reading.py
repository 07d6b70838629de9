"""Reading answers into records, however they vary."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oncsync.api import (
    ArchiveFile,
    Citation,
    DataProduct,
    Deployment,
    Device,
    Location,
    LocationNode,
    Property,
    Run,
    VocabularyTerm,
    VocabularyTerms,
)
from oncsync.api.answers import clean_text, error_entries, messages_of, page_title, parse_json, state_words
from oncsync.api.reading import Notes, UnreadableError, read_list, read_record, to_instant, to_whole
from oncsync.api.redact import Token
from oncsync.timespan import TimeTextError, parse_instant
from tests.api.conftest import TOKEN

UTC = timezone.utc
redact = Token(TOKEN).redact
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)


def read(kind: type[Any], value: Any) -> tuple[Any, list[str]]:
    notes = Notes("api/x")
    return read_list(kind, value, notes), notes.render()


def one(kind: type[Any], **members: Any) -> Any:
    entries, notes = read(kind, members)
    assert notes == []
    return entries[0]


@pytest.mark.parametrize(
    ("raw", "flag"),
    [("true", True), ("false", False), ("TRUE", True), (" False ", False), (True, True), (False, False), (0, False)],
)
def test_booleans_are_read_as_texts_too(raw: Any, flag: bool) -> None:
    """onc-api.md 1.4: `hasDeviceData` is a string in some services."""
    assert one(Location, locationCode="A", hasDeviceData=raw).has_device_data is flag


@pytest.mark.parametrize("members", [{}, {"hasDeviceData": None}, {"hasDeviceData": ""}])
def test_a_missing_flag_hides_nothing(members: dict[str, Any]) -> None:
    assert one(Location, locationCode="A", **members).has_device_data is True


def test_a_flag_that_cannot_be_read_is_noted_and_hides_nothing() -> None:
    entries, notes = read(Location, [{"locationCode": "A", "hasDeviceData": "perhaps"}])
    assert entries[0].has_device_data is True
    assert notes == ["The answer of `api/x`: `hasDeviceData` of an entry for a location cannot be read and is ignored"]


@pytest.mark.parametrize(
    ("raw", "number"), [(982, 982.0), (982.0, 982.0), ("982.5", 982.5), (" -3 ", -3.0), (None, None)]
)
def test_numbers_are_read_as_texts_too(raw: Any, number: float | None) -> None:
    """Open question 39."""
    assert one(Location, locationCode="A", depth=raw).depth == number


@pytest.mark.parametrize("raw", ["deep", "NaN", "Infinity", True, [1, 2], {}])
def test_a_number_that_is_none_is_noted_and_missing(raw: Any) -> None:
    entries, notes = read(Location, {"locationCode": "A", "depth": raw})
    assert entries[0].depth is None
    assert len(notes) == 1


def test_a_bare_nan_is_a_missing_number() -> None:
    """onc-api.md 1.4: not every answer is strict JSON."""
    body = parse_json(b'[{"locationCode":"A","depth":NaN,"lat":-Infinity,"lon":1}]', redact)
    location = one(Location, **body[0])
    assert (location.depth, location.lat, location.lon) == (None, None, 1.0)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2014-05-09T15:50:42.000Z", datetime(2014, 5, 9, 15, 50, 42, tzinfo=UTC)),
        ("2014-05-09T15:50:42Z", datetime(2014, 5, 9, 15, 50, 42, tzinfo=UTC)),
        ("2014-05-09T15:50:42.123Z", datetime(2014, 5, 9, 15, 50, 42, 123000, tzinfo=UTC)),
        ("2014-05-09T15:50:42.000+00:00", datetime(2014, 5, 9, 15, 50, 42, tzinfo=UTC)),
        ("2014-05-09T08:50:42-0700", datetime(2014, 5, 9, 15, 50, 42, tzinfo=UTC)),
    ],
)
def test_timestamps_are_read_with_and_without_fraction(text: str, instant: datetime) -> None:
    """Open question 53."""
    assert to_instant(text) == instant
    assert to_instant(text).utcoffset() == timedelta()


@given(st.from_regex(r"[12][0-9]{3}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-6][0-9]:[0-6][0-9]\.[0-9]{3}Z", fullmatch=True))
def test_the_usual_form_of_a_timestamp_means_what_every_other_form_of_it_means(text: str) -> None:
    """The quick way and the careful way agree, also about what is no time."""
    try:
        expected: datetime | None = parse_instant(text)
    except TimeTextError:
        expected = None
    try:
        assert to_instant(text) == expected
    except UnreadableError:
        assert expected is None


def test_a_date_that_cannot_be_read_costs_the_entry_only_where_missing_means_something() -> None:
    """A deployment without an end is still there; an archive file without one is a file (Q28)."""
    notes = Notes("x")
    row = {"filename": "a", "locationCode": "A", "deviceCode": "D", "begin": "2020-01-01T00:00:00Z", "end": "soon"}
    assert read_list(Deployment, [row], notes) == []
    assert read_list(ArchiveFile, [{**row, "dateTo": "soon"}], notes) == [ArchiveFile(name="a", device_code="D")]
    assert any("an entry for an archive file" in text for text in notes.render())


def test_vocabulary_terms_are_read_as_far_as_they_go() -> None:
    """onc-api.md 2.4 to 2.6."""
    row = {"propertyCode": "p", "cvTerm": {"property": [], "uom": [{"uri": "http://x", "vocabulary": "v"}, {}]}}
    assert read_record(Property, row, Notes("x")).cv_term == VocabularyTerms(
        uom=(VocabularyTerm(uri="http://x", vocabulary="v"), VocabularyTerm())
    )
    nothings: list[Any] = [None, {}, [], "text"]
    for nothing in nothings:
        terms = read_record(Device, {"deviceCode": "d", "cvTerm": nothing}, Notes("x")).cv_term
        assert terms in (None, VocabularyTerms())


@pytest.mark.parametrize(
    "text", ["2014-05-09T15:50:42.000", "2014-05-09", "yesterday", 1399650642000, "", "2014-13-01T00:00Z"]
)
def test_a_timestamp_without_a_zone_is_refused(text: Any) -> None:
    """Open question 53."""
    with pytest.raises(UnreadableError):
        to_instant(text)


DEPLOYMENT = {"begin": "2016-06-24T00:00:00.000Z", "end": None, "deviceCode": "D1", "locationCode": "L1"}


@pytest.mark.parametrize("members", [{}, {"end": None}, {"end": ""}])
def test_a_deployment_without_an_end_is_still_there(members: dict[str, Any]) -> None:
    """Open question 41."""
    present = {name: value for name, value in DEPLOYMENT.items() if name != "end"}
    assert one(Deployment, **{**present, **members}).end is None


@pytest.mark.parametrize("end", ["later", "2016-07-01T00:00:00", {}])
def test_an_end_that_cannot_be_read_never_means_still_there(end: Any) -> None:
    entries, notes = read(Deployment, [{**DEPLOYMENT, "end": end}, DEPLOYMENT])
    assert len(entries) == 1
    assert notes == ["The answer of `api/x`: an entry for a deployment has an unreadable `end`; it is left out"]


def test_a_deployment_reads_every_member_of_the_contract() -> None:
    """onc-api.md 2.3."""
    deployment = one(
        Deployment,
        **DEPLOYMENT,
        deviceCategoryCode="CTD",
        lat=48.1,
        lon="-126.5",
        depth=-1,
        heading=None,
        pitch=2,
        roll=0.5,
        hasDeviceData="false",
        citation={
            "citation": "Somebody. 2016.",
            "doi": "10.1/x",
            "landingPageUrl": "https://doi.org/x",
            "queryPid": None,
        },
        somethingNew={"deep": [1]},
    )
    assert deployment == Deployment(
        begin=datetime(2016, 6, 24, tzinfo=UTC),
        device_code="D1",
        location_code="L1",
        device_category_code="CTD",
        lat=48.1,
        lon=-126.5,
        depth=-1.0,
        pitch=2.0,
        roll=0.5,
        has_device_data=False,
        citation=Citation(citation="Somebody. 2016.", doi="10.1/x", landing_page_url="https://doi.org/x"),
    )


@pytest.mark.parametrize("citation", [None, [], [{"doi": "10.1/x"}], {"doi": "10.1/x"}])
def test_a_citation_may_be_missing_or_a_list_of_one(citation: Any) -> None:
    found = one(Deployment, **DEPLOYMENT, citation=citation).citation
    assert found == (Citation(doi="10.1/x") if citation else None)


@pytest.mark.parametrize("missing", ["begin", "deviceCode", "locationCode"])
@pytest.mark.parametrize("blank", [None, " "])
def test_an_entry_that_lacks_what_it_needs_is_left_out_and_noted(missing: str, blank: Any) -> None:
    entries, notes = read(Deployment, [{**DEPLOYMENT, missing: blank}, DEPLOYMENT])
    assert len(entries) == 1
    assert notes == [f"The answer of `api/x`: an entry for a deployment lacks `{missing}`; it is left out"]


def test_many_like_entries_make_one_note() -> None:
    entries, notes = read(Location, [{}] * 1000 + ["text", {"locationCode": "A"}])
    assert len(entries) == 1
    assert notes[0].endswith("lacks `locationCode`; it is left out (1000 times)")
    assert len(notes) == 2


@pytest.mark.parametrize("value", [{"locationCode": "A"}, [{"locationCode": "A"}], [[{"locationCode": "A"}]]])
def test_an_object_stands_for_a_list_of_one_and_the_other_way_round(value: Any) -> None:
    entries, notes = read(Location, value)
    assert [entry.location_code for entry in entries] == ["A"]
    assert notes == []


def test_a_tree_is_read_at_every_level() -> None:
    """onc-api.md 2.2: `children` is a list, or null at a leaf; flags are strings at every level."""
    leaf = {"locationCode": "A.1", "locationName": "Leaf", "children": None, "hasDeviceData": "true"}
    node = one(LocationNode, locationCode="A", hasDeviceData="false", children=[leaf, {**leaf, "locationCode": "A.2"}])
    assert [child.location_code for child in node.children] == ["A.1", "A.2"]
    assert (node.has_device_data, node.children[0].has_device_data, node.children[0].children) == (False, True, ())


def test_a_product_reads_its_options_and_their_sub_options() -> None:
    """onc-glossary.md "How to read an option"."""
    product = one(
        DataProduct,
        dataProductCode="TSSD",
        dataProductName="Series",
        extension="csv",
        hasDeviceData=True,
        helpDocument="https://h/DP/1",
        dataProductOptions=[
            {
                "option": "dpo_resample",
                "allowableValues": ["none", "average"],
                "defaultValue": "none",
                "documentation": "https://h/Resampling",
                "suboptions": [{"option": "dpo_average", "allowableValues": ["60", 600], "defaultValue": 41}],
            },
            {
                "option": "dpo_limit",
                "allowableValues": "-1000",
                "allowableRange": {
                    "lowerBound": "-160.0",
                    "upperBound": 140,
                    "onlyIntegers": "false",
                    "unitOfMeasure": None,
                },
            },
        ],
    )
    resample, limit = product.options
    assert resample.suboptions[0].allowable_values == ("60", "600")
    assert resample.suboptions[0].default_value == "41"
    assert resample.documentation == ("https://h/Resampling",)
    assert limit.allowable_values == ("-1000",)
    assert (limit.allowable_range.lower_bound, limit.allowable_range.upper_bound) == (-160.0, 140.0)
    assert limit.allowable_range.only_integers is False


def test_a_product_of_before_options_existed_has_none() -> None:
    assert one(DataProduct, dataProductCode="LF", extension="txt").options == ()


def test_a_device_reads_its_ratings() -> None:
    device = one(
        Device,
        deviceCode="D1",
        deviceId="22503",
        dataRating={"dateFrom": "2018-04-25T09:21:06.000Z", "dateTo": None, "samplePeriod": "0.5", "sampleSize": 1.0},
    )
    assert device.device_id == 22503
    assert (device.data_rating[0].sample_period, device.data_rating[0].sample_size) == (0.5, 1)


def test_members_are_found_without_regard_to_case() -> None:
    """onc-api.md 1.4: `queryUrl` and `queryURL` both exist."""
    assert one(Location, locationCode="A", dataSearchUrl="https://h/").data_search_url == "https://h/"


def test_records_are_written_in_the_spelling_of_the_service() -> None:
    location = Location(location_code="A", data_search_url="https://h/")
    written = json.loads(msgspec.json.encode(location))
    assert written["locationCode"] == "A"
    assert written["dataSearchURL"] == "https://h/"
    assert json.loads(msgspec.json.encode(Run(dp_run_id=1)))["dpRunId"] == 1


@pytest.mark.parametrize(
    ("raw", "whole"), [(3, 3), ("3", 3), (3.0, 3), ("3.0", 3), ("12345678901234567890", 12345678901234567890)]
)
def test_whole_numbers_are_read_in_every_form(raw: Any, whole: int) -> None:
    assert to_whole(raw) == whole


@pytest.mark.parametrize("raw", [True, 3.5, "3.5", "x", "", None, [3]])
def test_a_whole_number_that_is_none_is_refused(raw: Any) -> None:
    with pytest.raises(UnreadableError):
        to_whole(raw)


@given(ANY_JSON)
def test_no_answer_breaks_the_reading(value: Any) -> None:
    for kind in (LocationNode, Deployment, Device, DataProduct, Run):
        entries, _ = read(kind, value)
        assert all(isinstance(entry, kind) for entry in entries)


@given(st.dictionaries(st.sampled_from(["begin", "end", "deviceCode", "locationCode", "lat", "citation"]), ANY_JSON))
def test_no_value_of_a_known_member_breaks_the_reading(members: dict[str, Any]) -> None:
    notes = Notes("api/x")
    try:
        deployment = read_record(Deployment, members, notes)
    except UnreadableError:
        return
    assert deployment.begin.tzinfo is not None


@given(st.binary(max_size=60))
def test_any_bytes_are_json_or_a_value_error(body: bytes) -> None:
    try:
        parse_json(body, redact)
    except ValueError:
        return


def test_absurd_depth_is_an_unreadable_answer() -> None:
    with pytest.raises(ValueError, match=r"deep|recursion|JSON"):
        parse_json(b"[" * 100_000, redact)
    with pytest.raises(ValueError, match="nested too deeply"):
        parse_json(b"[" * 900 + b"]" * 900, redact)


def test_a_byte_order_mark_is_no_obstacle() -> None:
    assert parse_json("\ufeff[1]".encode(), redact) == [1]


def test_no_text_of_an_answer_keeps_the_token() -> None:
    """P41, open question 50: the service echoes it in `queryUrl` and `next`; escapes do not hide it."""
    escaped = TOKEN.replace("-", "\\u002d")
    body = parse_json(
        json.dumps(
            {
                "queryUrl": f"https://h/api?a=1&token={TOKEN}",
                "next": {"parameters": {"token": TOKEN, "page": "2"}, "url": f"https://h/?TOKEN={TOKEN}"},
                TOKEN: [TOKEN],
                "escaped": "PLACE",
            }
        )
        .replace("PLACE", escaped)
        .encode(),
        redact,
    )
    assert TOKEN.lower() not in repr(body).lower()
    assert body["next"]["parameters"] == {"token": "***", "page": "2"}


@given(st.text(max_size=60))
def test_texts_of_an_answer_are_one_printable_line(text: str) -> None:
    """Rule 7: a description must not move the cursor, forge a log line or break the lock's encoding."""
    cleaned = clean_text(text)
    cleaned.encode()
    assert len(cleaned.splitlines()) <= 1
    assert not any(ord(character) < 32 or 127 <= ord(character) < 160 for character in cleaned)


def test_half_characters_do_not_survive() -> None:
    assert parse_json(b'["a\\ud800b\\u001b[31m"]', redact) == ["a b [31m"]


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ({"errors": [{"errorCode": 127, "errorMessage": "Bad", "parameter": "token"}]}, [(127, "Bad", "token")]),
        ({"errors": {"errorCode": "127", "errorMessage": "Bad"}}, [(127, "Bad", None)]),
        ({"errors": ["odd", {"errorCode": None}]}, [(None, "odd", None), (None, None, None)]),
        ({"errors": [{"errorCode": "x1", "errorMessage": 5}]}, [(None, "5", None)]),
        ({"errors": []}, []),
        ({"errors": None}, []),
        ({}, []),
        ([], []),
        (None, []),
    ],
)
def test_error_bodies_are_read_as_far_as_they_go(body: Any, found: list[tuple[Any, ...]]) -> None:
    """onc-api.md 1.3."""
    assert [(entry.code, entry.text, entry.parameter) for entry in error_entries(body)] == found


@pytest.mark.parametrize(
    ("body", "messages"),
    [
        ({"messages": ["a", "b", "a"], "warningMessages": ["c"]}, ("a", "b", "c")),
        ({"messages": "a"}, ("a",)),
        ({"messages": [None, {}, " "]}, ()),
        ({}, ()),
        ([{"messages": ["a"]}], ()),
    ],
)
def test_warnings_are_collected_once_each(body: Any, messages: tuple[str, ...]) -> None:
    assert messages_of(body) == messages


def test_a_warning_may_be_an_object() -> None:
    body = {"messages": [{"message": "restricted"}, {"status": "note", "message": "default used"}, {"other": 1}, []]}
    assert messages_of(body) == ("restricted", "note: default used")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"status": "running", "message": "Running"}, ("running", "Running")),
        ([{"status": "error"}], ("error", "")),
        ({"status": 500}, ("500", "")),
        ([], ("", "")),
        (None, ("", "")),
        ("text", ("", "")),
    ],
)
def test_state_words_are_found_in_any_body(body: Any, words: tuple[str, str]) -> None:
    """Open question 13."""
    assert state_words(body) == words


def test_the_title_of_a_page_is_one_short_line() -> None:
    body = f"<html><TITLE lang='en'>We&#39;ll be\n back token={TOKEN} {'x' * 200}</title>".encode()
    title = page_title(body, redact)
    assert title.startswith("We'll be back token=*** xxx")
    assert len(title) == 80
