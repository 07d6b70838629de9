"""Options of an entry: which are sent where, and which are refused before anything is ordered (R7, glossary)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oncsync.api import AllowableRange, DataProduct
from oncsync.resolver.options import (
    check_options,
    describes_options,
    uneven_options,
    with_options,
    written_options,
)
from tests.resolver.making import COUNT, LIMIT, QUALITY, RESAMPLE, option, product, wanting

CSV = product("TSSD/csv", RESAMPLE, QUALITY, help_document="https://wiki/DP/1")
JSON = product("TSSD/json", RESAMPLE, option("dpo_jsonOutputEncoding", "ONC", "OM", default="OM"))
TXT = product("LF/txt")
OD = {"dpo_hydrophoneDataDiversionMode": "OD"}
WAV = product("AD/wav", option("dpo_hydrophoneDataDiversionMode", "OD", "All", default="OD"))


def sent(options: dict[str, dict[str, str]], *chosen: DataProduct) -> list[dict[str, str]]:
    """Gives what is sent for each product of an entry."""
    download = wanting(options=options)
    is_described = describes_options(chosen)
    return [with_options(one, download, is_described=is_described).options for one in chosen]


def faults(options: dict[str, dict[str, str]], *chosen: DataProduct) -> list[str]:
    """Gives the mistakes in an entry's options, as message and hint."""
    return [f"{one.message} | {one.hint}" for one in check_options(list(chosen), wanting(options=options))]


# --- What is sent ----------------------------------------------------------------------------------------------


def test_nothing_is_sent_that_was_not_written() -> None:
    """The listing's defaults are kept for the reviewer; a sub-option's default is an internal id and no value."""
    made = with_options(CSV, wanting())
    assert made.options == {}
    assert made.defaults == {"dpo_resample": "none", "dpo_qualityControl": "1"}
    assert (made.code, made.name, made.extension, made.help_document) == (
        "TSSD", "Product TSSD", "csv", "https://wiki/DP/1"
    )  # fmt: skip


def test_an_option_that_was_written_is_no_default_any_more() -> None:
    made = with_options(CSV, wanting(options={"": {"dpo_qualityControl": "0"}}))
    assert made.options == {"dpo_qualityControl": "0"}
    assert made.defaults == {"dpo_resample": "none"}


def test_an_option_for_all_goes_to_those_that_list_it() -> None:
    """Glossary: only what is listed for the pair is sent; a product without options gets none."""
    assert sent({"": {"dpo_qualityControl": "0"}}, CSV, JSON, TXT) == [{"dpo_qualityControl": "0"}, {}, {}]


def test_a_sub_option_is_known_by_its_own_name() -> None:
    options = {"": {"dpo_resample": "average", "dpo_average": "600"}}
    assert sent(options, CSV) == [{"dpo_average": "600", "dpo_resample": "average"}]
    assert faults(options, CSV) == []


def test_a_narrower_scope_wins() -> None:
    options = {
        "": {"dpo_resample": "none", "dpo_qualityControl": "1"},
        "TSSD": {"dpo_resample": "average"},
        "TSSD/csv": {"dpo_qualityControl": "0"},
    }
    assert sent(options, CSV, JSON) == [
        {"dpo_qualityControl": "0", "dpo_resample": "average"},
        {"dpo_resample": "average"},
    ]
    assert faults(options, CSV, JSON) == []


def test_options_of_a_product_reach_only_its_formats_that_list_them() -> None:
    options = {"TSSD": {"dpo_jsonOutputEncoding": "ONC"}}
    assert sent(options, CSV, JSON) == [{}, {"dpo_jsonOutputEncoding": "ONC"}]
    assert faults(options, CSV, JSON) == []


def test_a_listing_without_any_options_sends_what_was_written() -> None:
    """onc-api.md 2.7: listings from before 2022 have none, so they cannot be what forbids one."""
    assert sent({"": OD}, product("AD/wav"), product("LF/txt")) == [OD, OD]
    assert faults({"": OD}, product("AD/wav")) == []


def test_what_is_written_for_exactly_one_pair_is_sent_though_its_listing_is_silent() -> None:
    options = {"LF/txt": {"dpo_new": "1"}}
    assert sent(options, CSV, TXT) == [{}, {"dpo_new": "1"}]
    assert faults(options, CSV, TXT) == []


def test_a_value_that_one_place_takes_is_sent_there_and_the_other_place_is_told() -> None:
    other = product("AD/wav", option("dpo_hydrophoneDataDiversionMode", "All"))
    assert sent({"": OD}, WAV, other) == [OD, {}]
    assert faults({"": OD}, WAV, other) == []
    assert uneven_options([WAV, other], wanting(options={"": OD})) == [
        "`dpo_hydrophoneDataDiversionMode=OD` is not possible everywhere for AD/wav; it is not sent where it is not"
    ]
    assert uneven_options([WAV, WAV, product("AD/wav")], wanting(options={"": OD})) == []


# --- What is refused -------------------------------------------------------------------------------------------


def test_an_option_that_no_product_has_is_a_mistake_with_the_nearest_one() -> None:
    assert faults({"": {"dpo_resampel": "none"}}, CSV, TXT) == [
        "`x`: no product it downloads has the option `dpo_resampel` | did you mean `dpo_resample`?; see https://wiki/DP/1"
    ]
    assert faults({"": {"dpo_zzzzzz": "1"}}, JSON) == [
        "`x`: no product it downloads has the option `dpo_zzzzzz` | "
        "these exist: `dpo_average`, `dpo_jsonOutputEncoding`, `dpo_resample`"
    ]


def test_an_option_for_a_product_that_takes_none_is_a_mistake_not_a_silence() -> None:
    assert faults({"LF": {"dpo_resample": "none"}}, CSV, TXT) == [
        "`x`: `LF` has no option `dpo_resample` | it takes no options"
    ]


def test_options_for_what_is_not_downloaded_are_a_mistake() -> None:
    assert faults({"TSDD": {"dpo_resample": "none"}}, CSV) == [
        "`x` has options for `TSDD`, which it does not download | did you mean `TSSD`?"
    ]
    assert faults({"TSSD/mat": {"dpo_resample": "none"}}, CSV)[0].startswith("`x` has options for `TSSD/mat`")


def test_a_value_that_no_place_takes_is_a_mistake_with_those_that_are_taken() -> None:
    assert faults({"": {"dpo_resample": "mean"}}, CSV, JSON) == [
        "`x`: `dpo_resample=mean` is not possible for TSSD/csv | allowed: `average`, `none`; see https://wiki/DP/1",
        "`x`: `dpo_resample=mean` is not possible for TSSD/json | allowed: `average`, `none`",
    ]


def test_a_value_that_a_narrower_scope_replaces_is_no_mistake() -> None:
    options = {"": {"dpo_resample": "minMax"}, "TSSD": {"dpo_resample": "none"}}
    assert faults(options, CSV, JSON) == []


@pytest.mark.parametrize(
    ("value", "is_allowed"),
    [("-1", True), ("0.5", True), ("10", True), ("10.0", True), ("0.4", False), ("10.1", False), ("-2", False),
     ("many", False), ("nan", False), ("inf", False), ("", False)],
)  # fmt: skip
def test_a_number_within_the_bounds_or_a_listed_value_is_allowed(value: str, is_allowed: bool) -> None:
    """Glossary: the listed values are presets and sentinels beside the range."""
    assert (faults({"": {"dpo_limit": value}}, product("X/y", LIMIT)) == []) is is_allowed


@pytest.mark.parametrize(("value", "is_allowed"), [("1", True), ("60", True), ("59.0", True), ("1.5", False)])
def test_a_range_of_whole_numbers_takes_no_fraction(value: str, is_allowed: bool) -> None:
    assert (faults({"": {"dpo_count": value}}, product("X/y", COUNT)) == []) is is_allowed


@pytest.mark.parametrize(
    ("bounds", "words"),
    [
        (AllowableRange(lower_bound=0.1, upper_bound=10.0, unit_of_measure="m"), "a number from 0.1 to 10 m"),
        (AllowableRange(lower_bound=1.0, only_integers=True), "a whole number from 1"),
        (AllowableRange(upper_bound=5.0), "a number to 5"),
    ],
)
def test_the_hint_says_the_range_as_far_as_it_is_known(bounds: AllowableRange, words: str) -> None:
    ranged = product("X/y", option("dpo_z", "-1", allowable_range=bounds))
    assert faults({"": {"dpo_z": "much"}}, ranged) == [
        f"`x`: `dpo_z=much` is not possible for X/y | allowed: `-1` or {words}"
    ]


def test_an_option_that_names_neither_values_nor_bounds_takes_anything() -> None:
    assert faults({"": {"dpo_free": "what you like"}}, product("X/y", option("dpo_free"))) == []


def test_each_mistake_is_told_once_however_many_places_there_are() -> None:
    assert len(faults({"": {"dpo_resample": "mean", "dpo_nothing": "1"}}, CSV, CSV, CSV)) == 2


names = st.sampled_from(["dpo_resample", "dpo_qualityControl", "dpo_average", "dpo_jsonOutputEncoding", "dpo_none"])
values = st.sampled_from(["none", "average", "0", "1", "600", "OM", "-7"])
scopes = st.sampled_from(["", "TSSD", "TSSD/csv", "TSSD/json", "LF"])


@given(st.dictionaries(scopes, st.dictionaries(names, values, max_size=4), max_size=4))
def test_what_passes_the_check_is_sent_somewhere_and_only_where_it_is_possible(
    options: dict[str, dict[str, str]],
) -> None:
    """Nothing written is dropped in silence, and nothing is sent that the listing does not have."""
    chosen = (CSV, JSON, TXT)
    if faults(options, *chosen):
        return
    for scope, written in options.items():
        for key in written:
            assert any(key in got for got in sent(options, *chosen)), (scope, key)
    for one, got in zip(chosen, sent(options, *chosen), strict=True):
        listed = {known.option for known in one.options} | {
            below.option for known in one.options for below in known.suboptions
        }
        assert set(got) <= listed - {"dpo_none"}
        assert got == written_options(options, one)


# --- ONC's spelling --------------------------------------------------------------------------------------------

ORIENTED = product(
    "X/y",
    option("dpo_includeOrientationSensors", "False", "True", default="False"),
    option("dpo_hydrophoneDataDiversionMode", "OD", "All", default="OD"),
    option("dpo_binSize", "-1", "0.5", "10", default="-1"),
)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ({"dpo_includeOrientationSensors": "true"}, {"dpo_includeOrientationSensors": "True"}),
        ({"dpo_INCLUDEorientationsensors": "FALSE"}, {"dpo_includeOrientationSensors": "False"}),
        ({"dpo_hydrophoneDataDiversionMode": "all"}, {"dpo_hydrophoneDataDiversionMode": "All"}),
        ({"dpo_binSize": "0.50"}, {"dpo_binSize": "0.5"}),
        ({"dpo_binSize": "10.0"}, {"dpo_binSize": "10"}),
        ({"dpo_binSize": "-1"}, {"dpo_binSize": "-1"}),
    ],
)
def test_names_and_values_are_sent_as_onc_spells_them(written: dict[str, str], expected: dict[str, str]) -> None:
    """Issue: spelling matched to ONC's; YAML's `true` is ONC's `True`."""
    assert faults({"": written}, ORIENTED) == []
    assert sent({"": written}, ORIENTED) == [expected]


def test_two_values_that_differ_in_case_alone_are_both_as_they_are_written() -> None:
    odd = product("X/y", option("dpo_z", "Off", "off", "OFFICE"))
    assert sent({"": {"dpo_z": "off"}}, odd) == [{"dpo_z": "off"}]
    assert faults({"": {"dpo_z": "oFF"}}, odd) != []


def test_a_number_in_a_range_stays_as_it_is_written() -> None:
    assert sent({"": {"dpo_limit": "0.70"}}, product("X/y", LIMIT)) == [{"dpo_limit": "0.70"}]


def test_the_narrower_scope_wins_however_each_is_spelled() -> None:
    options = {"": {"dpo_BINSIZE": "10"}, "X": {"dpo_binSize": "0.5"}}
    assert sent(options, ORIENTED) == [{"dpo_binSize": "0.5"}]


# --- Sub-options -----------------------------------------------------------------------------------------------


def test_a_sub_option_counts_with_its_value_alone() -> None:
    """Issue: `dpo_resample=average` + `dpo_average=60`; without the first the second would mean nothing."""
    assert faults({"": {"dpo_average": "60"}}, CSV) == [
        "`x`: `dpo_average` counts with `dpo_resample=average` alone for TSSD/csv | "
        "write `dpo_resample: average` too; see https://wiki/DP/1"
    ]
    assert faults({"": {"dpo_average": "60", "dpo_resample": "none"}}, CSV) != []
    assert faults({"": {"dpo_average": "60"}, "TSSD/csv": {"dpo_resample": "average"}}, CSV) == []


def test_a_sub_option_of_the_default_needs_no_more_words() -> None:
    below = option("dpo_average", "60", "600", default="41")
    averaged = product("X/y", option("dpo_resample", "none", "average", default="average", suboptions=(below,)))
    assert faults({"": {"dpo_average": "600"}}, averaged) == []
    assert sent({"": {"dpo_average": "600"}}, averaged) == [{"dpo_average": "600"}]


def test_a_value_that_a_sub_option_does_not_take_is_a_mistake() -> None:
    assert faults({"": {"dpo_resample": "average", "dpo_average": "61"}}, CSV) == [
        "`x`: `dpo_average=61` is not possible for TSSD/csv | allowed: `60`, `600`; see https://wiki/DP/1"
    ]
