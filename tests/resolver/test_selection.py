"""Which deployments the filters of an entry mean (R4, R5, R34 to R38, R44, R46, R51, R130)."""

from __future__ import annotations

import pytest

from oncsync.errors import ProblemsError
from tests.resolver.conftest import Connect, Resolve
from tests.resolver.making import at
from tests.resolver.world import World, briefly, entry, make_world, requests_of, resolved

CSV = "dataProductCode: TSSD\nextension: csv\nsplitDateRange: all\n"


def problem(resolve: Resolve, lines: str) -> tuple[str, str | None]:
    """Gives message and hint of the one mistake in an entry."""
    with pytest.raises(ProblemsError) as caught:
        resolve(entry(lines))
    (found,) = caught.value.problems
    assert caught.value.exit_code == 2
    return found.message, found.hint


# --- What is found ---------------------------------------------------------------------------------------------


def test_a_place_means_every_instrument_below_it(resolve: Resolve) -> None:
    """R5, R34: NORTH holds no device itself."""
    assert briefly(requests_of(resolve(entry(CSV + "locationCode: NORTH")))) == [
        "NA CTD TSSD/csv 2020-01-01..2020-03-10 1",
        "NA CTD TSSD/csv 2020-02-20..2020-06-01 1",
        "NA.1 BPR TSSD/csv 2020-01-01..2020-02-15 1",
        "NB CTD TSSD/csv 2020-01-15..2021-01-01 1",
    ]


def test_a_category_means_its_instruments_wherever_they_are(resolve: Resolve) -> None:
    """R4, R35: the kind of instrument comes first; SA's CTD was gone by then (R130)."""
    assert briefly(requests_of(resolve(entry(CSV + "deviceCategoryCode: CTD")))) == [
        "NA CTD TSSD/csv 2020-01-01..2020-03-10 1",
        "NA CTD TSSD/csv 2020-02-20..2020-06-01 1",
        "NB CTD TSSD/csv 2020-01-15..2021-01-01 1",
    ]


def test_several_values_are_any_of_and_several_filters_are_all_of(resolve: Resolve) -> None:
    """R44, R46: a list and a comma list mean the same."""
    listed = resolve(entry(CSV + "locationCode: [NA.1, SA]\ndeviceCategoryCode: [BPR, CTD]"))
    comma = resolve(entry(CSV + "locationCode: NA.1,SA\ndeviceCategoryCode: CTD, BPR"))
    assert briefly(requests_of(listed)) == [
        "NA.1 BPR TSSD/csv 2020-01-01..2020-02-15 1",
        "SA BPR TSSD/csv 2020-03-01..2021-01-01 1",
    ]
    assert listed.lock == comma.lock


def test_only_deployments_of_the_day_count(resolve: Resolve) -> None:
    """R130: of all cameras and CTDs, those that were there on 19 January."""
    found = requests_of(
        resolve(entry("dataProductCode: [MP4V, TSSD]\nextension: [mp4, csv]\nbegin: 2020-01-19\nend: 2020-01-20"))
    )
    assert {(one.source["locationCode"], one.source["deviceCategoryCode"]) for one in found} == {
        ("NA", "CTD"), ("NA.1", "BPR"), ("NB", "CTD"), ("SA", "VIDEOCAM")
    }  # fmt: skip
    assert {(one.begin, one.end) for one in found} == {(at("2020-01-19"), at("2020-01-20"))}


def test_a_deployment_without_an_end_lasts_as_long_as_the_span(resolve: Resolve) -> None:
    """R51."""
    (found,) = requests_of(
        resolve(entry(CSV + "locationCode: NB\ndeviceCategoryCode: CTD\nbegin: 2019-06-01\nend: 2022-01-01"))
    )
    assert (found.begin, found.end) == (at("2020-01-15"), at("2022-01-01"))


def test_what_overlaps_is_divided_and_what_is_back_to_back_is_not_shared(resolve: Resolve) -> None:
    first, second = requests_of(resolve(entry(CSV + "locationCode: NA\ndeviceCategoryCode: CTD")))
    assert second.shared_with == (first.id,)
    assert [chunk.begin for chunk in second.chunks] == [at("2020-03-10T12:00")]
    before, after = requests_of(resolve(entry("locationCode: NA\ndataProductCode: AD\nextension: wav")))
    assert before.end == after.begin == at("2020-02-01")
    assert before.shared_with == after.shared_with == ()


def test_a_device_is_followed_wherever_it_went(resolve: Resolve) -> None:
    """R36: one request for each deployment, asked for by place."""
    assert briefly(requests_of(resolve(entry(CSV + "deviceCode: BPR1")))) == [
        "NA.1 BPR TSSD/csv 2020-01-01..2020-02-15 1",
        "SA BPR TSSD/csv 2020-03-01..2021-01-01 1",
    ]


def test_a_device_at_one_place_alone(resolve: Resolve) -> None:
    """R44; open question 36: a listing by device is clipped to the deployments at the place."""
    found = requests_of(resolve(entry(CSV + "downloadMethod: byDevice\ndeviceCode: BPR1\nlocationCode: NORTH")))
    assert briefly(found) == ["BPR1 TSSD/csv 2020-01-01..2020-02-15 1"]


@pytest.mark.parametrize(
    ("exclude", "places"),
    [
        ("{locationCode: NA}", {"NB", "SA"}),
        ("{locationCode: [NA.1, SOUTH]}", {"NA", "NB"}),
        ("{deviceCategoryCode: CTD}", {"NA.1", "SA"}),
        ("{deviceCode: [CTD3, BPR1]}", {"NA"}),
    ],
)
def test_exclusions_drop_what_they_name_and_what_lies_below(resolve: Resolve, exclude: str, places: set[str]) -> None:
    found = requests_of(resolve(entry(CSV + f"locationCode: ROOT\nexclude: {exclude}")))
    assert {one.source["locationCode"] for one in found} == places


def test_an_exclusion_alone_leaves_everything_else(resolve: Resolve) -> None:
    found = requests_of(resolve(entry(CSV + "exclude: {locationCode: NORTH, deviceCategoryCode: VIDEOCAM}")))
    assert briefly(found) == ["SA BPR TSSD/csv 2020-03-01..2021-01-01 1"]


def test_deployments_that_do_not_name_their_category_get_that_of_their_device(connect: Connect) -> None:
    """onc-api.md 2.3: answers from before 2023 lack it."""

    def without_category(asked: object, body: object) -> object:
        rows = body if isinstance(body, list) else []
        is_deployments = bool(rows) and "begin" in rows[0]
        return [{k: v for k, v in row.items() if k != "deviceCategoryCode"} for row in rows] if is_deployments else body

    _, session = connect(World(alter=without_category))
    text = entry(CSV + "locationCode: SA\ndeviceCategoryCode: BPR")
    found = requests_of(resolved(text, session))
    assert briefly(found) == ["SA BPR TSSD/csv 2020-03-01..2021-01-01 1"]


def test_the_same_deployment_answered_twice_counts_once(connect: Connect) -> None:
    """R12."""
    _, session = connect(World(alter=lambda asked, body: body * 2 if asked.path == "/api/deployments" else body))
    assert len(requests_of(resolved(entry(CSV + "locationCode: NB\ndeviceCategoryCode: CTD"), session))) == 1


# --- Properties ------------------------------------------------------------------------------------------------


def test_a_property_is_asked_of_the_instruments_that_measure_it(resolve: Resolve) -> None:
    """R37, R38: the camera and the pressure recorder do not measure salinity."""
    found = requests_of(resolve(entry("propertyCode: salinity\nextension: json\nsplitDateRange: all")))
    assert briefly(found) == [
        "NA CTD salinity TSSD/json 2020-01-01..2020-03-10 1",
        "NA CTD salinity TSSD/json 2020-02-20..2020-06-01 1",
        "NB CTD salinity TSSD/json 2020-01-15..2021-01-01 1",
    ]


def test_several_properties_are_requests_of_their_own(resolve: Resolve) -> None:
    """R50: the property is part of a request's identity."""
    found = requests_of(
        resolve(entry("propertyCode: [salinity, seawatertemperature]\nlocationCode: NB\nextension: [json, csv]"))
    )
    assert {(one.source["propertyCode"], one.extension) for one in found} == {
        (name, form) for name in ("salinity", "seawatertemperature") for form in ("json", "csv")
    }
    assert len({one.id for one in found}) == 4


def test_no_property_sends_none(resolve: Resolve) -> None:
    """R69: the column may be blank."""
    assert all("propertyCode" not in one.source for one in requests_of(resolve(entry("locationCode: NB"))))


def test_excluding_every_property_that_is_named_is_a_mistake(resolve: Resolve) -> None:
    message, _ = problem(resolve, "propertyCode: salinity\nexclude: {propertyCode: salinity}")
    assert message == "`x` excludes every property that it names"


def test_a_property_that_no_instrument_there_measures_is_told(resolve: Resolve) -> None:
    """R38."""
    message, hint = problem(resolve, "propertyCode: oxygen\nlocationCode: NB\nextension: csv")
    assert message == "`x`: no instrument there measures `oxygen`"
    assert hint == "these exist there: `camerapan`, `salinity`, `seawatertemperature`"


# --- Codes that nothing has ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "message", "hint"),
    [
        ("locationCode: NORHT", "ONC knows no locationCode `NORHT`", "did you mean `NORTH` (Place NORTH)?"),
        ("locationCode: [NA, nb]", "ONC knows no locationCode `nb`", "did you mean `NB`? Codes are matched exactly"),
        (
            "deviceCategoryCode: HYDROFONE",
            "ONC knows no deviceCategoryCode `HYDROFONE`",
            "did you mean `HYDROPHONE` (Hydrophone)?",
        ),
        (
            "deviceCode: CTD9",
            "ONC knows no deviceCode `CTD9`",
            "did you mean `CTD8` (The CTD8), `CTD3` (The CTD3) or `CTD2` (The CTD2)?",
        ),
        ("propertyCode: salinty", "ONC knows no propertyCode `salinty`", "did you mean `salinity` (The salinity)?"),
        ("dataProductCode: TSSDD", "ONC knows no dataProductCode `TSSDD`", "did you mean `TSSD` or `TSSP`?"),
        ("extension: wave", "ONC knows no extension `wave`", "did you mean `wav`?"),
        ("exclude: {locationCode: SOUHT}", "ONC knows no locationCode `SOUHT`", "did you mean `SOUTH` (Place SOUTH)?"),
        (
            "exclude: {deviceCategoryCode: CDT}",
            "ONC knows no deviceCategoryCode `CDT`",
            "did you mean `CTD` (Salinity Sensor)?",
        ),
        (
            "exclude: {deviceCode: CTD33}",
            "ONC knows no deviceCode `CTD33`",
            "did you mean `CTD3` (The CTD3), `CTD8` (The CTD8) or `CTD2` (The CTD2)?",
        ),
        ("exclude: {dataProductCode: TSDD}", "ONC knows no dataProductCode `TSDD`", "did you mean `TSSD`?"),
        ("exclude: {extension: jsn}", "ONC knows no extension `jsn`", "did you mean `json`?"),
        ("prefer: [flack]", "ONC knows no extension `flack`", "did you mean `flac`?"),
    ],
)
def test_a_code_that_onc_does_not_know_is_told_with_the_nearest(
    resolve: Resolve, lines: str, message: str, hint: str
) -> None:
    """Open question 12; R43."""
    assert problem(resolve, lines) == (f"`x`: {message}", hint)


def test_one_wrong_code_among_good_ones_is_a_mistake_all_the_same(resolve: Resolve) -> None:
    message, hint = problem(resolve, "locationCode: NA\ndataProductCode: [TSSD, TSPP]\n")
    assert (message, hint) == ("`x`: ONC knows no dataProductCode `TSPP`", "did you mean `TSSP`?")


def test_all_wrong_codes_of_all_entries_are_told_at_once_with_their_lines(resolve: Resolve) -> None:
    text = (
        "downloads:\n"
        "  - {name: a, locationCode: XX, deviceCategoryCode: YY, begin: 2020-01-01, end: 2021-01-01}\n"
        "  - {name: b, locationCode: NA, begin: 2020-01-01, end: 2021-01-01}\n"
        "  - {name: c, deviceCode: ZZ, begin: 2020-01-01, end: 2021-01-01}\n"
    )
    with pytest.raises(ProblemsError) as caught:
        resolve(text)
    told = [(problem.where.rpartition("/")[2].split(":")[1], problem.message) for problem in caught.value.problems]
    assert told == [
        ("3", "`a`: ONC knows no locationCode `XX`"),
        ("3", "`a`: ONC knows no deviceCategoryCode `YY`"),
        ("5", "`c`: ONC knows no deviceCode `ZZ`"),
    ]


def test_a_place_that_the_tree_hides_is_no_mistake(connect: Connect) -> None:
    """Before a code is called unknown it is looked up by itself."""

    def hide(asked: object, body: object) -> object:
        if getattr(asked, "path", "") == "/api/locations/tree" and isinstance(body, list):
            return [{**body[0], "children": None}]
        return body

    _, session = connect(World(alter=hide))
    assert len(requests_of(resolved(entry(CSV + "locationCode: NB\ndeviceCategoryCode: CTD"), session))) == 1


# --- Filters that match nothing that ever existed --------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "message", "hint"),
    [
        (
            "locationCode: SOUTH\ndeviceCategoryCode: HYDROPHONE",
            "`x`: no device of category `HYDROPHONE` was ever deployed at or below `SOUTH`",
            "these categories were: `BPR`, `CTD`, `VIDEOCAM`",
        ),
        (
            "deviceCategoryCode: ADCP2MHZ",
            "`x`: no device of category `ADCP2MHZ` was ever deployed anywhere",
            "name another place or category",
        ),
        ("deviceCode: SPARE", "`x`: `SPARE` was never deployed", "name another device"),
        (
            "deviceCode: BPR1\ndeviceCategoryCode: CTD",
            "`x`: `BPR1` is not of category `CTD`",
            "its category is `BPR`",
        ),
        (
            "deviceCode: CTD3\nlocationCode: SOUTH",
            "`x`: `CTD3` was never deployed at or below `SOUTH`",
            "these places had it: `NB`",
        ),
        (
            "deviceCode: [CTD3, BPR1]\nlocationCode: SOUTH\ndeviceCategoryCode: CTD",
            "`x`: no deployment of `BPR1`, `CTD3` passes all its filters",
            "there are some at `NA.1`, `NB`, `SA`, of category `BPR`, `CTD`",
        ),
        (
            "locationCode: NB\nexclude: {deviceCode: [CTD3, CAM2], deviceCategoryCode: ACOUSTICRECEIVER}",
            "`x`: `exclude` drops every deployment that its other filters keep",
            "those are of `CAM2`, `CTD3`, `EAR1` at `NB`",
        ),
        (
            "locationCode: NB\ndeviceCategoryCode: ACOUSTICRECEIVER",
            "`x` matches deployments that offer no data product at all",
            None,
        ),
        (
            "deviceCategoryCode: HYDROPHONE\ndataProductCode: AD\nextension: mp3",
            "`x`: the extension `mp3` does not exist there",
            "these formats of `AD` exist: `flac`, `wav`",
        ),
        (
            "deviceCategoryCode: HYDROPHONE\ndataProductCode: TSSD",
            "`x`: no instrument there offers the data product `TSSD`",
            "these exist there: `AD`",
        ),
    ],
)
def test_filters_that_never_matched_are_refused_with_the_reason(
    resolve: Resolve, lines: str, message: str, hint: str | None
) -> None:
    """R40, R42, R123: each says which filter emptied the set, and what would not have."""
    assert problem(resolve, lines) == (message, hint)


def test_a_place_without_instruments_points_further_up(connect: Connect) -> None:
    world = make_world([("CTD1", "NB", "2020-01-01", None)])
    _, session = connect(World(world))
    with pytest.raises(ProblemsError) as caught:
        resolved(entry("locationCode: NA.1"), session)
    (found,) = caught.value.problems
    assert found.message == "`x`: no device was ever deployed at or below `NA.1`"
    assert found.hint == "name a place further up, such as `NA`"


def test_a_span_in_which_nothing_was_deployed_is_a_warning(resolve: Resolve) -> None:
    """Exit code 0 with a warning: the filters are sound, there were no data then."""
    resolution = resolve(entry(CSV + "locationCode: SA\ndeviceCategoryCode: CTD"))
    assert requests_of(resolution) == ()
    assert resolution.failures == ()
    (remark,) = resolution.remarks
    assert remark.entry == "x"
    assert remark.message == (
        "nothing was deployed from 2020-01-01T00:00:00.000Z to 2021-01-01T00:00:00.000Z (exclusive): the deployments "
        "that match lie between 2010-05-01T00:00:00.000Z and 2012-05-01T00:00:00.000Z"
    )


def test_the_warning_says_today_for_what_is_still_deployed(resolve: Resolve) -> None:
    resolution = resolve(entry(CSV + "locationCode: NB\nbegin: 2010-01-01\nend: 2011-01-01"))
    assert resolution.remarks[0].message.endswith("lie between 2020-01-01T00:00:00.000Z and today")
