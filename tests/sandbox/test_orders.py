"""What may be ordered (onc-api.md 3.1)."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from oncsync.sandbox import Catalogue
from tests.sandbox.asking import CTD_CSV, MAY, NOW, Answer, Asked

SERVICE = "dataProductDelivery/request"
AUDIO = {"dataProductCode": "AD", "extension": "wav", "dateFrom": "2011-07-13", "dateTo": "2011-07-14"}


def request(ask: Asked, **given: object) -> Answer:
    return ask(SERVICE, **(CTD_CSV | MAY | given))


def body(ask: Asked, **given: object) -> dict[str, Any]:
    answer = request(ask, **given)
    assert answer.status == 200, answer.body
    loaded = answer.json
    assert isinstance(loaded, dict)
    return loaded


def test_a_generated_product_answers_with_estimates(ask: Asked) -> None:
    answer = body(ask)
    assert set(answer) == {
        *("dpRequestId", "estimatedFileSize", "estimatedProcessingTime", "disclaimer"),
        *("citations", "queryPids", "messages", "queryURL"),
    }
    assert 10_000_000 <= answer["dpRequestId"] <= 99_999_999
    assert answer["estimatedFileSize"].split()[1] in ("kB", "MB")
    number, unit = answer["estimatedProcessingTime"].split()
    assert number.isdigit()
    assert unit == "s"
    assert [type(pid) for pid in answer["queryPids"]] == [int]


@pytest.mark.parametrize(("job", "text"), [(0.0, "1 s"), (2.5, "3 s"), (119.0, "119 s"), (600.0, "10 min")])
def test_the_estimate_is_a_whole_number_and_a_unit(catalogue: Catalogue, job: float, text: str) -> None:
    assert body(Asked(catalogue, job=job))["estimatedProcessingTime"] == text


def test_longer_spans_are_estimated_larger(ask: Asked) -> None:
    assert body(ask)["estimatedFileSize"] == "450 kB"
    assert body(ask, dateFrom="2012-01-01", dateTo="2016-01-01")["estimatedFileSize"] == "21 MB"


def test_an_archived_product_answers_with_sizes(ask: Asked) -> None:
    answer = ask(SERVICE, locationCode="BACAX", deviceCategoryCode="HYDROPHONE", **AUDIO).json
    assert "estimatedFileSize" not in answer
    assert "estimatedProcessingTime" not in answer
    assert answer["numFiles"] == 12
    assert answer["fileSize"] == 12 * 80_044
    assert answer["compressedFileSize"] < answer["fileSize"]
    assert answer["downloadTimes"]["10Mb/s"] > answer["downloadTimes"]["100Mb/s"]


def test_the_address_echoes_the_token_and_the_options_in_force(ask: Asked) -> None:
    """The options stand after the token, one of them twice."""
    echoed = body(ask, dpo_qualityControl="0")["queryURL"]
    assert f"token={ask.sandbox.token}" in echoed
    pairs = parse_qsl(urlsplit(echoed).query)
    names = [name for name, _ in pairs]
    assert all(name.startswith("dpo_") for name in names[names.index("token") + 1 :])
    assert len(names) == len(set(names)) + 1
    assert ("dpo_qualityControl", "0") in pairs
    assert ("dpo_resample", "none") in pairs


def test_each_default_that_is_filled_in_brings_a_message(ask: Asked) -> None:
    messages = body(ask, dpo_resample="average", dpo_average="3600")["messages"]
    assert len(messages) == 5
    assert any("dpo_qualityControl" in message and " 1" in message for message in messages)
    assert not any("dpo_resample" in message for message in messages)


def test_citations_carry_the_query_and_the_day(ask: Asked) -> None:
    answer = body(ask)
    (citation,) = answer["citations"]
    assert citation["queryPid"] == answer["queryPids"][0]
    assert f"Subset Query: {citation['queryPid']}. Accessed {NOW:%Y-%m-%d}." in citation["citation"]


def test_deployments_without_citation_bring_none(ask: Asked) -> None:
    answer = body(ask, locationCode="NC89", deviceCategoryCode="BPR")
    assert answer["citations"] == []


@pytest.mark.parametrize(
    "source",
    [
        {"locationCode": "USDDL", "deviceCategoryCode": "CTD"},
        {"locationCode": "USDDL", "deviceCategoryCode": "CTD", "propertyCode": "salinity"},
        {"locationCode": "USDDL", "propertyCode": "salinity"},
        {"deviceCode": "SBECTD37SIP8451"},
        {"deviceCode": "SBECTD37SIP8451", "propertyCode": "salinity"},
    ],
)
def test_the_five_ways_to_name_a_source_all_work(ask: Asked, source: dict[str, str]) -> None:
    answer = ask(SERVICE, dataProductCode="TSSD", extension="csv", **source, **MAY)
    assert answer.status == 200


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ({}, (128, "locationCode/deviceCode")),
        ({"propertyCode": "salinity"}, (128, "locationCode/deviceCode")),
        ({"deviceCategoryCode": "CTD"}, (128, "locationCode/deviceCode")),
        ({"locationCode": "USDDL"}, (128, "deviceCategoryCode/propertyCode")),
        ({"deviceCode": "SBECTD37SIP8451", "locationCode": "USDDL"}, (127, "deviceCode")),
    ],
)
def test_half_a_source_or_a_mixed_one_is_refused(ask: Asked, source: dict[str, str], complaint: object) -> None:
    answer = ask(SERVICE, dataProductCode="TSSD", extension="csv", **source, **MAY)
    assert answer.status == 400
    assert answer.complaints == [complaint]


@pytest.mark.parametrize(
    "given",
    [
        {"dataProductCode": "AD", "extension": "wav"},
        {"dataProductCode": "TSSD", "extension": "png"},
        {"deviceCategoryCode": "LIDAR"},
        {"locationCode": "BARC"},
        {"locationCode": "FGPD", "deviceCategoryCode": "HYDROPHONE", "dataProductCode": "AD", "extension": "mp3"},
        {"propertyCode": "voltage"},
        {"propertyCode": "salinity", "dataProductCode": "LF", "extension": "txt"},
    ],
)
def test_a_product_that_the_source_lacks_is_code_127(ask: Asked, given: dict[str, str]) -> None:
    answer = request(ask, **given)
    assert answer.status == 400
    (error,) = answer.json["errors"]
    assert error["errorCode"] == 127
    assert "does not have corresponding dataProductCode and extension" in error["errorMessage"]


@pytest.mark.parametrize(("code", "extension"), [("SHV", "png"), ("HSD", "oct")])
def test_some_listed_products_cannot_be_ordered(ask: Asked, code: str, extension: str) -> None:
    listed = ask("dataProducts", locationCode="FGPD", deviceCategoryCode="HYDROPHONE", dataProductCode=code).json
    assert extension in [row["extension"] for row in listed]
    given = {"locationCode": "FGPD", "deviceCategoryCode": "HYDROPHONE", "dataProductCode": code}
    assert request(ask, extension=extension, **given).status == 400


def test_an_option_that_the_pair_lacks_is_code_129(ask: Asked) -> None:
    answer = request(ask, dpo_hydrophoneChannel="H1", dpo_bogus="1")
    assert answer.complaints == [(129, "dpo_hydrophoneChannel"), (129, "dpo_bogus")]


def test_an_option_that_the_device_lacks_is_refused(ask: Asked) -> None:
    """Arrays take no diversion mode and convert always."""
    given = {"deviceCode": "TC4032ARRAY01", "dataProductCode": "AD", "extension": "wav", **MAY}
    assert ask(SERVICE, dpo_hydrophoneDataDiversionMode="OD", **given).complaints[0][0] == 129
    assert ask(SERVICE, dpo_audioFormatConversion="0", **given).complaints == [(127, "dpo_audioFormatConversion")]
    assert ask(SERVICE, dpo_audioFormatConversion="1", **given).status == 200


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("dpo_qualityControl", "2"),
        ("dpo_resample", "AVERAGE"),
        ("dpo_average", "41"),
        ("dpo_average", "61"),
        ("dpo_qualityControl", ""),
    ],
)
def test_a_value_that_is_not_allowed_is_code_127_and_names_the_allowed_ones(ask: Asked, name: str, value: str) -> None:
    answer = request(ask, **{name: value})
    assert answer.complaints == [(127, name)]
    assert "Expected values: " in answer.json["errors"][0]["errorMessage"]


def test_the_internal_default_of_a_suboption_is_never_accepted(ask: Asked) -> None:
    assert request(ask, dpo_resample="average", dpo_average="39").complaints == [(127, "dpo_average")]
    assert request(ask, dpo_none="41").complaints == [(129, "dpo_none")]


@pytest.mark.parametrize(
    ("name", "value", "status"),
    [
        ("dpo_lowerColourLimit", "-1000", 200),
        ("dpo_lowerColourLimit", "-12.5", 200),
        ("dpo_lowerColourLimit", "-161", 400),
        ("dpo_lowerColourLimit", "low", 400),
        ("dpo_spectrogramFrequencyUpperLimit", "-1", 200),
        ("dpo_spectrogramFrequencyUpperLimit", "2000", 200),
        ("dpo_spectrogramFrequencyUpperLimit", "2000.5", 400),
        ("dpo_spectrogramFrequencyUpperLimit", "nan", 400),
        ("dpo_spectrogramFrequencyUpperLimit", "99", 400),
    ],
)
def test_a_range_takes_its_presets_and_the_numbers_within(ask: Asked, name: str, value: str, status: int) -> None:
    given = {"locationCode": "FGPD", "deviceCategoryCode": "HYDROPHONE", "dataProductCode": "HSD", "extension": "png"}
    assert request(ask, **given, **{name: value}).status == status


def test_a_span_before_every_deployment_is_code_33(ask: Asked) -> None:
    answer = request(ask, dateFrom="1999-01-01", dateTo="2000-01-01")
    assert answer.status == 400
    assert answer.complaints == [(33, "dateFrom,dateTo")]


def test_a_span_of_no_length_is_code_33(ask: Asked) -> None:
    assert request(ask, dateTo=MAY["dateFrom"]).complaints == [(33, "dateFrom,dateTo")]


def test_bad_spans_have_their_own_codes(ask: Asked) -> None:
    assert request(ask, dateFrom="2017-06-02").complaints == [(23, "dateFrom,dateTo")]
    assert request(ask, dateFrom="2030-01-01", dateTo="2031-01-01").complaints == [(25, "dateFrom")]


def test_what_is_not_measured_yet_is_not_delivered(ask: Asked) -> None:
    """A future end is no error; the files end with the instant of the request."""
    files = ask.files(**CTD_CSV | {"locationCode": "BACAX", "dateFrom": "2026-10-31", "dateTo": "2027-01-01"})
    (name, _) = files
    assert "_20261031T0000" in name
    assert "_20261101T11" in name
