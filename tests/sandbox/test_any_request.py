"""Whatever is asked, the answer is one that the contract knows."""

from __future__ import annotations

from datetime import datetime, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oncsync.sandbox import read_catalogue
from oncsync.sandbox.catalogue import Option
from oncsync.sandbox.content import lay_out
from oncsync.sandbox.matching import narrowed_products
from oncsync.sandbox.orders import UNORDERABLE, read_order
from oncsync.sandbox.parameters import SERVICES
from oncsync.sandbox.times import UTC, written
from tests.sandbox.asking import NOW, Asked

CATALOGUE = read_catalogue()
EXAMPLES: dict[str, list[str]] = {
    "locationCode": [*CATALOGUE.locations, "XYZ123", ""],
    "deviceCategoryCode": ["CTD", "HYDROPHONE", "BPR", "VIDEOCAM", "TILTMTR", "XYZ123"],
    "deviceCode": [*CATALOGUE.devices, "XYZ123"],
    "propertyCode": ["conductivity", "salinity", "voltage", "zoom", "INVALID"],
    "dataProductCode": ["TSSD", "TSSP", "AD", "HSD", "LF", "XYZ123"],
    "extension": ["csv", "png", "wav", "txt", "mp3", "xyz"],
    "dateFrom": ["2017-05-01", "-P1D", "P1D", "2050-01-01", "never", "1900-01-01T00:00:00.000Z", ""],
    "dateTo": ["2017-05-02", "PT7M", "2050-01-01", "1900-01-02", "-P300000Y", "9999-12-31"],
    "includeChildren": ["true", "false", "perhaps"],
    "locationName": ["a", "", "Bulls"],
    "index": ["1", "meta", "0", "x"],
    "dpRequestId": ["1", "12345678", "x"],
    "dpRunId": ["1", "12345678", "x"],
    "filename": ["BPR-Folger-59_20191123T000000.000Z.txt", "BPR-Folger-59_20191123T000000.000Z.txt.gz", "x", ""],
    "fileExtension": ["txt", "mat", "gz"],
    "returnOptions": ["all", "archiveLocation", "none"],
    "rowLimit": ["1", "3", "many"],
    "page": ["1", "4", "0", "x"],
    "getLatest": ["true", "false", "no"],
    "groupBy": ["day", "month", "decade"],
    "mergeGaps": ["true", "false"],
    "includeEmptyDays": ["true", "false"],
    "minimumCoverage": ["0.5", "2", "nan", ""],
    "dateArchivedFrom": ["2017-05-01", "-P1D", "never"],
    "dpo_qualityControl": ["0", "1", "2", ""],
    "dpo_resample": ["none", "average"],
}
NAMES = st.sampled_from([*EXAMPLES, "deviceName", "propertyName", "description", "bogus", "method"])


@st.composite
def requests(draw: st.DrawFn) -> tuple[str, dict[str, str]]:
    """Draws a service and parameters, mostly of its own, mostly with values that mean something."""
    service = draw(st.sampled_from(list(SERVICES)))
    names = draw(st.lists(st.one_of(st.sampled_from(SERVICES[service]), NAMES), unique=True, max_size=7))
    return service, {name: draw(st.sampled_from(EXAMPLES.get(name, ["a", "temperature", ""]))) for name in names}


@settings(max_examples=400, deadline=None)
@given(requests())
def test_no_request_breaks_the_service(request: tuple[str, dict[str, str]]) -> None:
    """Every answer is JSON; a refusal has a list of errors with code, text and parameter."""
    ask = Asked(CATALOGUE)
    service, parameters = request
    answer = ask(service, **parameters)
    assert answer.status in (200, 400, 404)
    if answer.status == 200:
        return
    for error in answer.json["errors"]:
        assert set(error) == {"errorCode", "errorMessage", "parameter"}
        assert error["errorCode"] in (23, 25, 33, 96, 127, 128, 129)
        assert error["errorMessage"]
    if answer.status == 404:
        assert service in SERVICES
        assert not service.startswith("dataProductDelivery/")


def value_of(draw: st.DrawFn, option: Option) -> str:
    if option.bounds is None or draw(st.booleans()):
        return draw(st.sampled_from(option.values))
    low, high = float(option.bounds.low), float(option.bounds.high)
    if option.bounds.integers:
        return str(draw(st.integers(int(low), int(high))))
    return str(draw(st.floats(low, high)))


@st.composite
def orders(draw: st.DrawFn) -> dict[str, str]:
    """Draws an order that must be accepted: a device or its place, a pair listed there, options, a span."""
    deployment = draw(st.sampled_from([d for d in CATALOGUE.deployments if d.device.kind.products]))
    source = {"deviceCode": deployment.device.code}
    if draw(st.booleans()):
        source = {"locationCode": deployment.location, "deviceCategoryCode": deployment.device.category}
    listed = narrowed_products(CATALOGUE, source)
    product = draw(st.sampled_from([p for p in listed if (p.code, p.extension) not in UNORDERABLE]))
    options: dict[str, str] = {}
    for option in product.options:
        if draw(st.booleans()):
            options[option.name] = value_of(draw, option)
            for sub in option.suboptions or ():
                if sub.name == f"dpo_{options[option.name]}" and sub.values:
                    options[sub.name] = value_of(draw, sub)
    last = min(deployment.end or NOW, NOW)
    begin = deployment.begin + (last - deployment.begin) * draw(st.floats(0, 0.99))
    begin = begin.replace(microsecond=0)
    end = begin + timedelta(minutes=draw(st.sampled_from([1, 30, 60, 1440, 43_200])))
    pair = {"dataProductCode": product.code, "extension": product.extension}
    return source | pair | {"dateFrom": written(begin), "dateTo": written(end)} | options


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(orders())
def test_whatever_is_listed_can_be_ordered_and_arrives_whole(given: dict[str, str]) -> None:
    """Names are distinct and safe on every system, lengths are kept, and the stamps lie in the span."""
    order = read_order(CATALOGUE, given, NOW)
    delivered = lay_out(CATALOGUE, order)
    assert (delivered.metadata is None) == (not delivered.files)
    names = [file.name for file in delivered.files]
    assert len({name.casefold() for name in names}) == len(names)
    for name in names:
        assert not set(name) & set('\\/:*?"<>| ')
        stamp = name.replace("-", "_").split("_")
        begins = [part for part in stamp if len(part) >= 16 and part[8] == "T" and part[:8].isdigit()]
        first = datetime.strptime(begins[0][:15], "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
        assert order.span.begin <= first < order.span.end
    for file in delivered.files[-1:]:
        content = file.make()
        assert sum(map(len, content.blocks())) == content.length > 0
