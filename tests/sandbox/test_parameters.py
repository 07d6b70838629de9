"""Names, codes and dates that the services refuse (onc-api.md 1.1 and 1.3)."""

from __future__ import annotations

import pytest

from oncsync.sandbox.parameters import REQUIRED, SERVICES
from tests.sandbox.asking import CTD_CSV, MAY, Asked

DISCOVERY = [service for service in SERVICES if service not in REQUIRED]
DATED = [service for service in DISCOVERY if "dateFrom" in SERVICES[service]]


@pytest.mark.parametrize("service", SERVICES)
def test_an_unknown_name_is_refused_everywhere(ask: Asked, service: str) -> None:
    answer = ask(service, bogus="1")
    assert answer.status == 400
    assert answer.complaints == [(129, "bogus")]


def test_all_unknown_names_are_listed_at_once(ask: Asked) -> None:
    assert ask("locations", one="1", locationCode="BACAX", two="2").complaints == [(129, "one"), (129, "two")]


@pytest.mark.parametrize("service", DISCOVERY)
def test_the_legacy_style_is_refused(ask: Asked, service: str) -> None:
    assert ask(service, method="get").complaints == [(129, "method")]


@pytest.mark.parametrize("service", SERVICES)
def test_a_missing_or_wrong_token_is_401_with_code_127(ask: Asked, service: str) -> None:
    for given in ({}, {"token": "ffffffff-0000-0000-0000-000000000000"}, {"token": ""}):
        answer = ask.raw("GET", service, given)
        assert answer.status == 401
        assert answer.complaints == [(127, "token")]


def test_the_token_is_looked_at_before_anything_else(ask: Asked) -> None:
    assert ask.raw("GET", "locations", {"token": "x", "bogus": "1", "locationCode": "XYZ123"}).status == 401


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("locationCode", "XYZ123"),
        ("deviceCategoryCode", "XYZ123"),
        ("deviceCode", "XYZ123"),
        ("propertyCode", "INVALID"),
        ("dataProductCode", "XYZ123"),
        ("extension", "XYZ123"),
        ("locationCode", ""),
    ],
)
def test_a_code_that_nothing_has_is_400_127(ask: Asked, name: str, value: str) -> None:
    service = "dataProducts" if name in ("dataProductCode", "extension") else "deployments"
    answer = ask(service, **{name: value})
    assert answer.status == 400
    assert answer.complaints == [(127, name)]


def test_codes_are_matched_with_their_case(ask: Asked) -> None:
    assert ask("locations", locationCode="bacax").complaints == [(127, "locationCode")]


def test_several_bad_codes_are_named_together(ask: Asked) -> None:
    answer = ask("deployments", locationCode="XYZ123", deviceCategoryCode="XYZ123")
    assert answer.complaints == [(127, "locationCode,deviceCategoryCode")]


@pytest.mark.parametrize("service", DATED)
def test_a_start_after_the_end_is_code_23(ask: Asked, service: str) -> None:
    assert ask(service, dateFrom="2020-01-01", dateTo="2019-01-01").complaints == [(23, "dateFrom,dateTo")]


@pytest.mark.parametrize("service", DATED)
def test_a_start_in_the_future_is_code_25(ask: Asked, service: str) -> None:
    answer = ask(service, dateFrom="2050-01-01T00:00:00.000Z")
    assert answer.status == 400
    assert answer.complaints == [(25, "dateFrom")]


def test_an_end_in_the_future_alone_is_fine(ask: Asked) -> None:
    assert ask("deployments", locationCode="NC89", dateFrom="2026-01-01", dateTo="2050-01-01").status == 200


@pytest.mark.parametrize(("name", "text"), [("dateFrom", "soon"), ("dateTo", "2017-02-30"), ("dateFrom", "P")])
def test_a_text_that_is_no_time_is_code_127(ask: Asked, name: str, text: str) -> None:
    assert ask("deployments", **{name: text}).complaints == [(127, name)]


def test_two_durations_are_refused(ask: Asked) -> None:
    assert ask("deployments", dateFrom="-P1D", dateTo="PT1H").complaints == [(127, "dateFrom,dateTo")]


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ({"dateFrom": "-P1DT1H", "dateTo": "2015-09-17T00:00:00.000Z"}, 200),
        ({"dateFrom": "2015-09-16T12:00:00.000Z", "dateTo": "PT12H30M"}, 200),
        ({"dateFrom": "-P1D"}, 200),
        ({"dateFrom": "P1D", "dateTo": "2015-09-17"}, 400),
        ({"dateFrom": "1901-01-01", "dateTo": "PT7M"}, 400),
    ],
)
def test_a_duration_counts_from_the_other_bound_or_from_now(ask: Asked, given: dict[str, str], status: int) -> None:
    assert ask("deployments", locationCode="BACAX", deviceCategoryCode="CTD", **given).status == status


def test_a_relative_window_matches_as_the_same_window_in_full(ask: Asked) -> None:
    full = ask("deployments", locationCode="BACAX", dateFrom="2015-09-15T23:00:00.000Z", dateTo="2015-09-17")
    relative = ask("deployments", locationCode="BACAX", dateFrom="-P1DT1H", dateTo="2015-09-17")
    assert full.json == relative.json


@pytest.mark.parametrize("missing", ["dataProductCode", "extension", "dateFrom", "dateTo"])
def test_a_request_without_a_required_parameter_is_code_128(ask: Asked, missing: str) -> None:
    given = {name: value for name, value in (CTD_CSV | MAY).items() if name != missing}
    assert ask("dataProductDelivery/request", **given).complaints == [(128, missing)]


@pytest.mark.parametrize("service", ["run", "cancel", "restart", "status"])
def test_other_delivery_services_need_an_id_that_exists(ask: Asked, service: str) -> None:
    assert ask(f"dataProductDelivery/{service}").complaints == [(128, "dpRequestId")]
    assert ask(f"dataProductDelivery/{service}", dpRequestId="").complaints == [(128, "dpRequestId")]
    for number in ("1", "99999999", "-1", "abc", "9" * 30, "१"):
        answer = ask(f"dataProductDelivery/{service}", dpRequestId=number)
        assert answer.status == 400
        assert answer.complaints == [(127, "dpRequestId")]


def test_download_needs_a_run_and_an_index(ask: Asked) -> None:
    assert ask("dataProductDelivery/download").complaints == [(128, "dpRunId,index")]
    assert ask("dataProductDelivery/download", dpRunId="12345678", index="1").complaints == [(127, "dpRunId")]
    for index in ("0", "-1", "x", "META", "1.0"):
        assert ask("dataProductDelivery/download", dpRunId="12345678", index=index).complaints == [(127, "index")]


@pytest.mark.parametrize("path", ["/", "/api", "/api/", "/api/nothing", "/apiproxy/locations", "/x/api/locations"])
def test_an_unknown_path_is_a_page_of_404(ask: Asked, path: str) -> None:
    reply = ask.sandbox.answer("GET", f"{path}?token={ask.sandbox.token}")
    assert reply.status == 404
    assert reply.media_type.startswith("text/html")
