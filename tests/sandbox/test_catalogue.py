"""What the catalogue holds: whole, small, and with every code that the source documents name."""

from __future__ import annotations

from datetime import datetime

import pytest

from oncsync.sandbox import Catalogue
from oncsync.sandbox.catalogue import CATALOGUE_FILE, Deployment, Option
from oncsync.sandbox.times import UTC, Span


def span(begin: str, end: str) -> Span:
    return Span(datetime.fromisoformat(begin).replace(tzinfo=UTC), datetime.fromisoformat(end).replace(tzinfo=UTC))


def within(catalogue: Catalogue, root: str, when: Span, category: str | None = None) -> list[Deployment]:
    below = set(catalogue.below(root))
    return [
        d
        for d in catalogue.deployments
        if d.location in below and when.overlaps(d.begin, d.end) and category in (None, d.device.category)
    ]


def offers(deployment: Deployment, code: str, extension: str) -> bool:
    return any((p.code, p.extension) == (code, extension) for p in deployment.device.kind.products)


def test_the_file_stays_compact() -> None:
    assert CATALOGUE_FILE.stat().st_size <= 200_000


def test_every_name_in_it_leads_somewhere(catalogue: Catalogue) -> None:
    for location in catalogue.locations.values():
        assert location.parent is None or location.parent in catalogue.locations
    for device in catalogue.devices.values():
        assert device.category in catalogue.categories
        assert set(device.kind.sensors) <= set(catalogue.properties)
    for deployment in catalogue.deployments:
        assert deployment.location in catalogue.locations
        assert deployment.end is None or deployment.begin < deployment.end
        for gap in deployment.gaps:
            assert deployment.begin < gap.begin < gap.end
            assert deployment.end is None or gap.end < deployment.end
    assert {d.device.code for d in catalogue.deployments} == set(catalogue.devices)
    assert len({device.id for device in catalogue.devices.values()}) == len(catalogue.devices)
    assert set(catalogue.below("ONC")) == set(catalogue.locations)


def test_top_level_defaults_are_legal_values(catalogue: Catalogue) -> None:
    """A default is either listed or within the bounds; only sub-options hold internal ids."""

    def check(option: Option) -> None:
        assert option.accepts(option.default), option

    listed = [option for product in catalogue.products for option in product.options]
    narrowed = [o for device in catalogue.devices.values() for p in device.kind.products for o in p.options]
    for option in listed + narrowed:
        check(option)


def test_a_device_is_at_one_place_at_a_time(catalogue: Catalogue) -> None:
    for one in catalogue.deployments:
        for two in catalogue.deployments:
            if one is not two and one.device is two.device and one.end is not None:
                assert not Span(one.begin, one.end).overlaps(two.begin, two.end), (one.device.code, two.location)


def test_deployments_come_in_every_constellation(catalogue: Catalogue) -> None:
    all_of_them = catalogue.deployments
    assert any(d.end is None for d in all_of_them)
    assert any(not d.cited for d in all_of_them)
    assert any(d.gaps for d in all_of_them)
    assert any(d.lat is None and d.depth is None for d in all_of_them)
    folger = [d.location for d in all_of_them if d.device.code == "BPR-Folger-59"]
    assert folger == ["NCBC", "FGPD"] or folger == ["FGPD", "NCBC"]
    sharing = [
        (one, two)
        for one in all_of_them
        for two in all_of_them
        if one is not two
        and (one.location, one.device.category) == (two.location, two.device.category)
        and one.begin <= two.begin
    ]
    assert any(one.end is None or two.begin < one.end for one, two in sharing)
    assert any(one.end == two.begin for one, two in sharing)
    years = [d.begin.year for d in all_of_them]
    assert min(years) <= 2009
    assert max(years) >= 2025


def test_the_row_of_the_documents_is_there(catalogue: Catalogue) -> None:
    """R66, R74: BACAX/Axis, HYDROPHONE/Hydrophone, NAXYS_HYD_007 with its position, AD as wav with help page 7."""
    (row,) = within(catalogue, "BACAX", span("2011-07-13", "2011-07-14"), "HYDROPHONE")
    assert row.device.code == "NAXYS_HYD_007"
    assert row.device.name == "Naxys Hydrophone 02345 (S/N 007)"
    assert row.device.id == 11207
    assert (row.lat, row.lon, row.depth) == (48.316758, -126.050183, 981.0)
    assert catalogue.locations["BACAX"].name == "Axis"
    assert catalogue.categories["HYDROPHONE"].name == "Hydrophone"
    (product,) = [p for p in row.device.kind.products if (p.code, p.extension) == ("AD", "wav")]
    assert (product.name, product.help_page) == ("Audio Data", 7)
    diversion = next(o for o in product.options if o.name == "dpo_hydrophoneDataDiversionMode")
    assert diversion.accepts("All")


def test_the_basic_example_finds_a_ctd(catalogue: Catalogue) -> None:
    """R121: USDDL, CTD, May 2017."""
    found = within(catalogue, "USDDL", span("2017-05-01", "2017-06-01"), "CTD")
    assert len(found) == 1
    assert offers(found[0], "TSSD", "csv")


def test_the_whale_example_finds_many_places_and_no_mp3(catalogue: Catalogue) -> None:
    """R122, R123: hydrophones at six places or more below NEP, some replaced within the year; audio, never as mp3."""
    found = within(catalogue, "NEP", span("2016-06-01", "2017-06-01"), "HYDROPHONE")
    places = {d.location for d in found}
    assert len(places) >= 6
    assert len(found) > len(places)
    assert all(offers(d, "AD", "flac") and not offers(d, "AD", "mp3") for d in found)
    assert any((p.code, p.extension) == ("AD", "mp3") for p in catalogue.products)


def test_the_geoscience_example_finds_matlab_files(catalogue: Catalogue) -> None:
    """R125: all instruments at LSDDL between October 2013 and May 2017 that deliver `mat`."""
    found = within(catalogue, "LSDDL", span("2013-10-23", "2017-06-01"))
    delivering = {d.device.category for d in found if any(p.extension == "mat" for p in d.device.kind.products)}
    assert len(delivering) >= 5
    assert any(d.location != "LSDDL" for d in found)


def test_the_atmosphere_example_finds_scalar_data_of_many_kinds(catalogue: Catalogue) -> None:
    """R127: TSSD below SOG from June 2016 to May 2017."""
    found = within(catalogue, "SOG", span("2016-06-01", "2017-06-01"))
    assert len({d.device.category for d in found if offers(d, "TSSD", "json")}) >= 6


def test_the_imaging_example_finds_cameras_on_all_coasts(catalogue: Catalogue) -> None:
    """R128, R129: VIDEOCAM anywhere on 2017-05-31, with MP4V as mp4 and TSSD as json."""
    found = within(catalogue, "ONC", span("2017-05-31", "2017-06-01"), "VIDEOCAM")
    assert len(found) >= 6
    assert all(offers(d, "MP4V", "mp4") and offers(d, "TSSD", "json") for d in found)
    assert {"CBYIP", "HOLY", "SCVIP"} <= {d.location for d in found}


def test_the_arctic_has_sound_ice_and_water_of_2012(catalogue: Catalogue) -> None:
    """R132, R133: hydrophone, ice thickness and temperature at one Arctic place in 2012."""
    found = {d.device.category: d for d in within(catalogue, "CBY", span("2012-09-01", "2013-01-01"))}
    assert {"HYDROPHONE", "ICEPROFILER", "CTD"} <= set(found)
    assert "icethickness" in found["ICEPROFILER"].device.kind.sensors
    assert offers(found["ICEPROFILER"], "TSSD", "csv")


@pytest.mark.parametrize(
    ("location", "category", "device"),
    [
        ("STR3", "LIDAR", "TUMLIDAR001"),
        ("STR10", "LIDAR", "TUMLIDAR002"),
        ("STR5", "BIOSPECTROMETER", "TUMMINISPECTROMETER001"),
        ("STR6", "MUONTRACKER", "TUMMUONTRACKER001"),
        ("STR2", "BIOSPECTROMETER", "TUMPMTSPECTROMETER001"),
        ("STR9", "BIOSPECTROMETER", "TUMPMTSPECTROMETER002"),
        ("STR4", "STANDARDMODULE", "TUMSTANDARDMODULE001"),
        ("STR7", "STANDARDMODULE", "TUMSTANDARDMODULE004"),
        ("STR8", "STANDARDMODULE", "TUMSTANDARDMODULE003"),
        ("STR1", "WAVELENGTHOPTICALMODULE", "UMAINZWOM001"),
    ],
)
def test_the_strings_hold_the_documented_instruments(
    catalogue: Catalogue, location: str, category: str, device: str
) -> None:
    """R173, R177: each module of the second source, in August 2021, with its raw data as hdf5."""
    found = within(catalogue, location, span("2021-08-30", "2021-08-31"), category)
    assert [d.device.code for d in found] == [device]
    assert offers(found[0], "SMRD", "hdf5")


@pytest.mark.parametrize("code", ["XYZ123", "INVALID"])
def test_codes_that_tests_take_for_unknown_are_unknown(catalogue: Catalogue, code: str) -> None:
    for known in (catalogue.locations, catalogue.devices, catalogue.categories, catalogue.properties):
        assert code not in known
    assert code not in catalogue.product_codes


@pytest.mark.parametrize(
    ("location", "category", "day"),
    [("BACAX", "CTD", "2015-09-17"), ("CRIP.C1", "CTD", "2019-06-20"), ("NCBC", "BPR", "2019-11-23")],
)
def test_places_that_the_official_tests_ask_for_have_data(
    catalogue: Catalogue, location: str, category: str, day: str
) -> None:
    start = datetime.fromisoformat(day).replace(tzinfo=UTC)
    assert within(catalogue, location, Span(start, start.replace(hour=12)), category)
