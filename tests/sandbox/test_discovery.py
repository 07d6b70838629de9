"""Shapes and filters of the discovery services (onc-api.md section 2)."""

from __future__ import annotations

from typing import Any

import pytest

from oncsync.sandbox import Catalogue
from tests.sandbox.asking import Asked


def codes(rows: list[dict[str, Any]], name: str = "locationCode") -> list[str]:
    return [row[name] for row in rows]


def flat(nodes: list[dict[str, Any]] | None) -> list[dict[str, Any]]:
    return [deep for node in nodes or [] for deep in (node, *flat(node["children"]))]


class TestLocations:
    def test_every_row_has_the_members_of_the_contract(self, ask: Asked) -> None:
        for row in ask("locations").json:
            assert set(row) == {
                *("locationCode", "locationName", "description", "deployments", "hasDeviceData", "hasPropertyData"),
                *("depth", "lat", "lon", "bbox", "dataSearchURL"),
            }
            assert row["hasDeviceData"] in ("true", "false")
            assert row["hasPropertyData"] in ("true", "false")
            assert type(row["deployments"]) is int
            for number in (row["depth"], row["lat"], row["lon"]):
                assert number is None or type(number) is float
            assert row["bbox"] is None or set(row["bbox"]) == {
                *("minDepth", "maxDepth", "minLat", "maxLat", "minLon", "maxLon")
            }

    def test_a_place_can_lack_depth_box_or_description(self, ask: Asked) -> None:
        rows = {row["locationCode"]: row for row in ask("locations").json}
        assert rows["AAAGV"]["depth"] is None
        assert rows["AAAGV"]["bbox"]["minDepth"] is None
        assert rows["AAAGV"]["bbox"]["minLat"] is not None
        assert rows["CAST"]["bbox"] is None
        assert rows["JPT"]["description"] is None
        assert rows["BACCC.A1"]["description"] == ""
        assert rows["AL2H"]["depth"] < 0

    def test_names_are_matched_in_part_and_in_any_case(self, ask: Asked) -> None:
        assert codes(ask("locations", locationName="BULLS").json) == ["NC89"]

    def test_one_code_gives_one_row_and_children_on_demand(self, ask: Asked) -> None:
        assert codes(ask("locations", locationCode="BACCC").json) == ["BACCC"]
        for truth in ("true", "True"):
            below = ask("locations", locationCode="BACCC", includeChildren=truth).json
            assert codes(below) == ["BACCC", "BACCC.A1", "BACCC.A2"]

    def test_filters_are_combined(self, ask: Asked) -> None:
        rows = ask("locations", deviceCategoryCode="CTD", dateFrom="2019-01-01", dateTo="2019-02-01").json
        assert {"BACAX", "CRIP.C1"} <= set(codes(rows))
        assert "LSDDL" not in codes(rows)
        assert next(row for row in rows if row["locationCode"] == "BACAX")["deployments"] == 1
        only = ask("locations", deviceCode="BPR-Folger-59").json
        assert codes(only) == ["FGPD", "NCBC"]
        assert codes(ask("locations", propertyCode="icethickness").json) == ["CBY", "CBYDR", "CBYIP"]

    @pytest.mark.parametrize(
        "given",
        [
            {"locationCode": "BACAX", "dateFrom": "1900-01-01", "dateTo": "1900-01-02"},
            {"locationCode": "BARC", "deviceCategoryCode": "CTD"},
            {"locationName": "nowhere at all"},
        ],
    )
    def test_nothing_found_is_404_with_an_error_body(self, ask: Asked, given: dict[str, str]) -> None:
        answer = ask("locations", **given)
        assert answer.status == 404
        assert answer.json["errors"]

    def test_letters_beyond_latin_come_as_utf8(self, ask: Asked) -> None:
        answer = ask("locations", locationCode="CBYDR")
        assert "ᐃᖃᓗᒃᑑᑦᑎᐊᖅ" in answer.body.decode("utf-8")


class TestTree:
    def test_a_leaf_has_null_for_children(self, ask: Asked) -> None:
        (node,) = ask("locations/tree", locationCode="BACCC").json
        assert [child["locationCode"] for child in node["children"]] == ["BACCC.A1", "BACCC.A2"]
        assert [child["children"] for child in node["children"]] == [None, None]

    def test_booleans_are_texts_at_every_level(self, ask: Asked) -> None:
        nodes = flat(ask("locations/tree").json)
        assert len(nodes) > 90
        for node in nodes:
            assert set(node) == {
                *("locationCode", "locationName", "description", "hasDeviceData", "hasPropertyData", "children")
            }
            assert {node["hasDeviceData"], node["hasPropertyData"]} <= {"true", "false"}

    def test_a_parent_may_lack_the_data_its_children_have(self, ask: Asked) -> None:
        (node,) = ask("locations/tree", locationCode="BACCC").json
        assert node["hasDeviceData"] == "false"
        assert node["hasPropertyData"] == "true"
        assert {child["hasDeviceData"] for child in node["children"]} == {"true"}

    def test_the_whole_tree_hangs_on_one_root(self, ask: Asked) -> None:
        (root,) = ask("locations/tree").json
        assert root["locationCode"] == "ONC"
        depth = {"ONC": 0}
        for node in flat([root]):
            for child in node["children"] or []:
                depth[child["locationCode"]] = depth[node["locationCode"]] + 1
        assert max(depth.values()) >= 4

    def test_filters_keep_what_fits_and_the_way_to_it(self, ask: Asked) -> None:
        (root,) = ask("locations/tree", locationCode="NEP", deviceCategoryCode="ACCELEROMETER").json
        assert codes(flat([root])) == ["NEP", "CLSL", "NC89", "NC89.W3"]

    def test_no_children_on_demand_here(self, ask: Asked) -> None:
        assert ask("locations/tree", includeChildren="true").complaints == [(129, "includeChildren")]

    def test_nothing_found_is_404(self, ask: Asked) -> None:
        assert ask("locations/tree", locationCode="ATL", deviceCategoryCode="LIDAR").status == 404


class TestDeployments:
    def test_members_and_types(self, ask: Asked) -> None:
        members = {
            *("begin", "end", "deviceCode", "deviceCategoryCode", "locationCode", "lat", "lon", "depth"),
            *("heading", "pitch", "roll", "hasDeviceData"),
        }
        rows = ask("deployments").json
        for row in rows:
            assert set(row) - {"citation"} == members
            assert type(row["hasDeviceData"]) is bool
            assert row["begin"].endswith(".000Z")
        assert any("citation" not in row for row in rows)
        assert any(row["end"] is None for row in rows)
        assert any(row["lat"] is None for row in rows)
        assert any(row["heading"] is None and row["pitch"] is not None for row in rows)

    def test_the_window_matches_by_overlap_and_clips_nothing(self, ask: Asked) -> None:
        window = {"dateFrom": "2015-09-17T00:00:00.000Z", "dateTo": "2015-09-17T13:00:00.000Z"}
        (row,) = ask("deployments", locationCode="BACAX", deviceCategoryCode="CTD", **window).json
        assert row["deviceCode"] == "SBECTD16p6002"
        assert (row["begin"], row["end"]) == ("2014-05-09T15:50:42.000Z", "2015-09-17T12:59:52.000Z")
        assert row["depth"] == 982.0

    def test_an_open_deployment_matches_every_later_window(self, ask: Asked) -> None:
        rows = ask("deployments", locationCode="NC89", deviceCategoryCode="BPR", dateFrom="2026-01-01").json
        assert [(row["deviceCode"], row["end"]) for row in rows] == [("RBRQUARTZ3BPR203659", None)]

    def test_order_is_place_then_device_then_begin(self, ask: Asked) -> None:
        rows = ask("deployments").json
        keys = [(row["locationCode"], row["deviceCode"], row["begin"]) for row in rows]
        assert keys == sorted(keys)

    def test_a_parent_does_not_count_its_children(self, ask: Asked) -> None:
        assert ask("deployments", locationCode="BACCC").status == 404

    def test_a_pair_without_a_deployment_in_the_window_is_400_127(self, ask: Asked) -> None:
        window = {"dateFrom": "1900-01-01", "dateTo": "1900-01-02"}
        answer = ask("deployments", locationCode="FGPD", deviceCategoryCode="HYDROPHONE", **window)
        assert answer.status == 400
        (error,) = answer.json["errors"]
        assert error["errorCode"] == 127
        assert "not during the provided time range" in error["errorMessage"]

    def test_a_pair_that_never_was_says_so_in_other_words(self, ask: Asked) -> None:
        answer = ask("deployments", locationCode="FGPD", deviceCategoryCode="LIDAR")
        assert answer.status == 400
        assert "not during the provided time range" not in answer.json["errors"][0]["errorMessage"]

    @pytest.mark.parametrize("name", ["locationCode", "deviceCode"])
    def test_other_empty_questions_are_404(self, ask: Asked, name: str) -> None:
        value = {"locationCode": "BACAX", "deviceCode": "NAXYS_HYD_007"}[name]
        assert ask("deployments", **{name: value}, dateTo="1900-01-02").status == 404

    def test_a_citation_has_four_members_and_no_query(self, ask: Asked) -> None:
        (row,) = ask("deployments", deviceCode="SBECTD16p6002").json
        assert set(row["citation"]) == {"citation", "doi", "landingPageUrl", "queryPid"}
        assert row["citation"]["queryPid"] is None
        assert row["citation"]["doi"].startswith("10.5072/")
        assert row["citation"]["doi"] in row["citation"]["citation"]


class TestDeviceCategories:
    def test_members(self, ask: Asked) -> None:
        (row,) = ask("deviceCategories", deviceCategoryCode="CTD").json
        assert row["deviceCategoryName"] == "Conductivity Temperature Depth"
        assert row["hasDeviceData"] == "true"
        (term,) = row["cvTerm"]["deviceCategory"]
        assert term["uri"] == "http://vocab.nerc.ac.uk/collection/L05/current/130/"
        assert term["vocabulary"]

    def test_all_categories_are_listed_those_without_devices_too(self, ask: Asked) -> None:
        rows = ask("deviceCategories").json
        assert len(rows) == 127
        assert {row["hasDeviceData"] for row in rows} == {"true", "false"}

    def test_filters(self, ask: Asked) -> None:
        def found(**given: str) -> list[str]:
            return codes(ask("deviceCategories", **given).json, "deviceCategoryCode")

        assert found(deviceCategoryName="hydrophone") == ["HYDROPHONE"]
        assert found(locationCode="USDDL") == ["ADCP1200KHZ", "ADCP600KHZ", "CTD", "TURBIDITYMETER"]
        assert found(propertyCode="salinity", locationCode="USDDL") == ["CTD"]
        assert "CTD" in found(description="salinity")

    def test_nothing_found_is_404(self, ask: Asked) -> None:
        assert ask("deviceCategories", deviceCategoryName="no such thing").status == 404


class TestDevices:
    def test_members(self, ask: Asked) -> None:
        (row,) = ask("devices", deviceCode="NAXYS_HYD_007").json
        assert row["deviceName"] == "Naxys Hydrophone 02345 (S/N 007)"
        assert row["deviceId"] == 11207
        assert row["deviceLink"].endswith("DeviceId=11207")
        assert row["hasDeviceData"] is True
        assert row["cvTerm"] == {"device": []}
        assert row["deviceCategoryCode"] == "HYDROPHONE"

    def test_a_rating_can_be_without_an_end(self, ask: Asked) -> None:
        (row,) = ask("devices", deviceCode="BPR-Folger-59").json
        (rating,) = row["dataRating"]
        assert rating["dateTo"] is None
        assert rating["samplePeriod"] == 1.0
        assert rating["sampleSize"] == 1

    def test_a_device_without_products_has_no_data(self, ask: Asked) -> None:
        (row,) = ask("devices", deviceCode="OCEANTOOLSLIGHT3495").json
        assert row["hasDeviceData"] is False
        assert ask("dataProducts", deviceCode="OCEANTOOLSLIGHT3495").status == 404

    def test_filters(self, ask: Asked) -> None:
        def found(**given: str) -> list[str]:
            return codes(ask("devices", **given).json, "deviceCode")

        assert found(deviceName="naxys hydrophone 02345") == ["NAXYS_HYD_007"]
        assert found(locationCode="USDDL", deviceCategoryCode="CTD", dateFrom="2017-05-01", dateTo="2017-06-01") == [
            "SBECTD37SIP8451"
        ]
        assert found(propertyCode="ventfluidtemperature") == ["BARSTRHPH003"]

    def test_nothing_found_is_404(self, ask: Asked) -> None:
        assert ask("devices", locationCode="BARC").status == 404


class TestProperties:
    def test_members(self, ask: Asked) -> None:
        (row,) = ask("properties", propertyCode="conductivity").json
        assert row["uom"] == "S/m"
        assert row["hasDeviceData"] == "true"
        assert row["hasPropertyData"] == "true"
        assert row["cvTerm"]["property"] == []
        assert row["cvTerm"]["uom"][0]["uri"].endswith("/P06/current/UECA/")

    def test_all_properties_are_listed(self, ask: Asked) -> None:
        rows = ask("properties").json
        assert len(rows) == 215
        assert {"seawatertemperature", "totalpressure"} <= set(codes(rows, "propertyCode"))

    def test_filters(self, ask: Asked) -> None:
        def found(**given: str) -> set[str]:
            return set(codes(ask("properties", **given).json, "propertyCode"))

        assert found(deviceCode="BPR_889") == {"totalpressure", "internaltemperature"}
        assert "salinity" in found(locationCode="BACAX", deviceCategoryCode="CTD")
        assert "conductivity" in found(propertyName="conduct")
        assert ask("properties", locationCode="BARC").status == 404


class TestDataProducts:
    def test_members_and_real_booleans(self, ask: Asked) -> None:
        rows = ask("dataProducts").json
        assert len(rows) == 294
        for row in rows:
            assert set(row) == {
                *("dataProductCode", "dataProductName", "extension", "hasDeviceData", "hasPropertyData"),
                *("helpDocument", "dataProductOptions"),
            }
            assert type(row["hasDeviceData"]) is type(row["hasPropertyData"]) is bool
        assert codes(rows, "dataProductCode") == sorted(codes(rows, "dataProductCode"))

    def test_an_option_has_the_members_of_the_glossary(self, ask: Asked) -> None:
        (row,) = ask("dataProducts", dataProductCode="HSD", extension="png").json
        options = row["dataProductOptions"]
        assert len(options) == 9
        for option in options:
            assert set(option) == {
                *("option", "allowableValues", "allowableRange", "defaultValue", "suboptions", "documentation")
            }
        seventh = options[6]
        assert seventh["option"] == "dpo_spectrogramFrequencyUpperLimit"
        assert seventh["allowableRange"]["lowerBound"] == "100"
        assert seventh["allowableRange"]["onlyIntegers"] is True

    def test_a_suboption_has_an_internal_id_for_default(self, ask: Asked) -> None:
        (row,) = ask("dataProducts", dataProductCode="TSSD", extension="csv").json
        resample = next(o for o in row["dataProductOptions"] if o["option"] == "dpo_resample")
        names = {sub["option"] for sub in resample["suboptions"]}
        assert names == {"dpo_none", "dpo_average", "dpo_minMax", "dpo_minMaxAvg"}
        for sub in resample["suboptions"]:
            assert sub["defaultValue"] not in sub["allowableValues"]
        assert next(s for s in resample["suboptions"] if s["option"] == "dpo_none")["allowableValues"] == []

    def test_narrowing_takes_formats_away(self, ask: Asked) -> None:
        everywhere = codes(ask("dataProducts", dataProductCode="AD").json, "extension")
        assert sorted(everywhere) == ["flac", "mp3", "wav"]
        here = ask("dataProducts", dataProductCode="AD", locationCode="BACAX", deviceCategoryCode="HYDROPHONE").json
        assert sorted(codes(here, "extension")) == ["flac", "wav"]
        assert ask("dataProducts", extension="mp3", deviceCategoryCode="HYDROPHONE").status == 404

    def test_narrowing_can_take_options_and_values_away(self, ask: Asked) -> None:
        given = {"dataProductCode": "AD", "extension": "wav"}
        (one,) = ask("dataProducts", deviceCode="NAXYS_HYD_007", **given).json
        (array,) = ask("dataProducts", deviceCode="TC4032ARRAY01", **given).json
        names = [{o["option"] for o in row["dataProductOptions"]} for row in (one, array)]
        assert names[0] - names[1] == {"dpo_hydrophoneDataDiversionMode"}
        conversion = next(o for o in array["dataProductOptions"] if o["option"] == "dpo_audioFormatConversion")
        assert (conversion["allowableValues"], conversion["defaultValue"]) == (["1"], "1")

    def test_a_narrowed_default_can_differ_from_the_whole_list(self, ask: Asked) -> None:
        def default(**given: str) -> str:
            (row,) = ask("dataProducts", dataProductCode="TSSD", extension="csv", **given).json
            (option,) = (o for o in row["dataProductOptions"] if o["option"] == "dpo_filePlotBreaks")
            return str(option["defaultValue"])

        assert default() == "2"
        assert default(locationCode="USDDL", deviceCategoryCode="CTD") == "0"

    def test_makes_differ_within_a_category(self, ask: Asked) -> None:
        nortek = ask("dataProducts", deviceCode="NORTEKAQDPRO8398").json
        rdi = ask("dataProducts", deviceCode="RDIADCP600WH25471").json
        assert "NTS" in codes(nortek, "dataProductCode")
        assert "RADCPTS" not in codes(nortek, "dataProductCode")
        assert "RADCPTS" in codes(rdi, "dataProductCode")

    def test_a_property_leaves_what_has_property_data(self, ask: Asked) -> None:
        rows = ask("dataProducts", propertyCode="conductivity", locationCode="USDDL").json
        assert set(codes(rows, "dataProductCode")) == {"TSSCP", "TSSD", "TSSP"}

    def test_one_pair_can_be_listed_several_times(self, ask: Asked) -> None:
        rows = ask("dataProducts", deviceCode="UMAINZWOM001", dataProductCode="WOMRD").json
        assert codes(rows, "extension") == ["raw", "raw", "raw"]

    def test_names_are_matched_in_part(self, ask: Asked) -> None:
        rows = ask("dataProducts", dataProductName="standard module", deviceCode="TUMSTANDARDMODULE001").json
        assert [(row["dataProductCode"], row["extension"]) for row in rows] == [("SMRD", "hdf5")]

    def test_help_pages_are_addresses_of_the_wiki(self, ask: Asked) -> None:
        (row,) = ask("dataProducts", dataProductCode="AD", extension="wav").json
        assert row["helpDocument"] == "https://wiki.oceannetworks.ca/display/DP/7"

    def test_a_pair_that_does_not_exist_is_404(self, ask: Asked) -> None:
        assert ask("dataProducts", dataProductCode="HSD", extension="txt").status == 404


def test_every_listing_agrees_with_the_catalogue(ask: Asked, catalogue: Catalogue) -> None:
    """Each device's own listing is what its kind offers, and every listed pair is in the whole list."""
    everywhere = {(p.code, p.extension) for p in catalogue.products}
    for device in catalogue.devices.values():
        answer = ask("dataProducts", deviceCode=device.code)
        rows = answer.json if answer.status == 200 else []
        offered = {(row["dataProductCode"], row["extension"]) for row in rows}
        assert offered == {(p.code, p.extension) for p in device.kind.products}
        assert offered <= everywhere
