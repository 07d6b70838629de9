"""Which products and extensions an entry means, with values alone (R39 to R42, R46, R47, R123)."""

from __future__ import annotations

import random
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oncsync.api import DataProduct
from oncsync.resolver.products import (
    choose_products,
    codes_of,
    describe_existing,
    explain_no_product,
    impossible_pairs,
)
from tests.resolver.making import QUALITY, pairs_of, product, products, wanting

LISTING = [
    product("TSSD/csv", name="Time Series Scalar Data"),
    product("TSSD/json", name="Time Series Scalar Data"),
    product("TSSP/png", name="Time Series Scalar Plot"),
    product("AD/wav", name="Audio Data"),
    product("AD/flac", name="Audio Data"),
    product("MP4V/mp4", name="MP4 Video"),
]


def test_without_a_filter_everything_that_is_listed_counts() -> None:
    """R44: an omitted filter means all."""
    assert pairs_of(choose_products(LISTING, wanting())) == [
        "AD/flac", "AD/wav", "MP4V/mp4", "TSSD/csv", "TSSD/json", "TSSP/png"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"data_product_codes": ("TSSD",)}, ["TSSD/csv", "TSSD/json"]),
        ({"extensions": ("png", "wav")}, ["AD/wav", "TSSP/png"]),
        ({"data_product_codes": ("AD",), "extensions": ("wav",)}, ["AD/wav"]),
        ({"data_product_names": ("scalar",)}, ["TSSD/csv", "TSSD/json", "TSSP/png"]),
        ({"data_product_names": ("PLOT", "Video")}, ["MP4V/mp4", "TSSP/png"]),
        ({"exclude": {"dataProductCode": ("TSSD", "AD")}}, ["MP4V/mp4", "TSSP/png"]),
        ({"exclude": {"extension": ("wav", "flac", "csv", "json")}}, ["MP4V/mp4", "TSSP/png"]),
        ({"exclude": {"dataProductName": ("scalar", "video")}}, ["AD/flac", "AD/wav"]),
        ({"data_product_codes": ("TSSD",), "exclude": {"extension": ("json",)}}, ["TSSD/csv"]),
    ],
)
def test_filters_combine_with_and_and_their_values_with_or(filters: dict[str, object], expected: list[str]) -> None:
    """R39, R41, R44, R46; names match any part in any case."""
    assert pairs_of(choose_products(LISTING, wanting(**filters))) == expected


def test_codes_and_extensions_match_exactly() -> None:
    """Open question 43: nothing but what discovery gave is ever sent."""
    assert choose_products(LISTING, wanting(data_product_codes=("tssd",))) == []
    assert choose_products(LISTING, wanting(extensions=("CSV",))) == []


def test_products_and_extensions_are_crossed_but_only_pairs_that_exist_count() -> None:
    """R47: MP4V,TSSD with mp4,json gives two pairs; the other two are named, not requested."""
    download = wanting(data_product_codes=("MP4V", "TSSD"), extensions=("mp4", "json"))
    assert pairs_of(choose_products(LISTING, download)) == ["MP4V/mp4", "TSSD/json"]
    assert impossible_pairs([LISTING], download) == ["MP4V/json", "TSSD/mp4"]


def test_a_pair_that_one_place_of_several_offers_is_not_impossible() -> None:
    download = wanting(data_product_codes=("AD",), extensions=("wav", "mp3"))
    assert impossible_pairs([products("AD/flac"), products("AD/wav")], download) == ["AD/mp3"]


def test_a_code_or_an_extension_that_is_nowhere_is_named_without_its_other_half() -> None:
    assert impossible_pairs([LISTING], wanting(data_product_codes=("TSSD", "RADCPTS"))) == ["RADCPTS"]
    assert impossible_pairs([LISTING], wanting(extensions=("csv", "nc"))) == ["nc"]
    assert impossible_pairs([LISTING], wanting()) == []


def test_a_pair_that_is_listed_several_times_is_one() -> None:
    """R12; the fullest counts, whatever the order (ONC lists raw files of one code more than once)."""
    several = [product("X/raw", name="b"), product("X/raw", QUALITY, name="c"), product("X/raw", name="a")]
    for listing in permutations(several):
        assert [one.data_product_name for one in choose_products(listing, wanting())] == ["c"]
    for listing in permutations([several[0], several[2]]):
        assert [one.data_product_name for one in choose_products(listing, wanting())] == ["a"]


def test_the_first_preferred_extension_that_exists_is_taken_for_each_product() -> None:
    assert pairs_of(choose_products(LISTING, wanting(prefer=("flac", "wav", "json")))) == [
        "AD/flac", "MP4V/mp4", "TSSD/json", "TSSP/png"
    ]  # fmt: skip
    without_flac = [one for one in LISTING if one.extension != "flac"]
    download = wanting(data_product_codes=("AD",), prefer=("flac", "wav"))
    assert pairs_of(choose_products(without_flac, download)) == ["AD/wav"]


def test_where_no_preferred_extension_exists_all_are_taken() -> None:
    assert pairs_of(choose_products(products("AD/mp3", "AD/ogg"), wanting(prefer=("flac", "wav")))) == [
        "AD/mp3", "AD/ogg"
    ]  # fmt: skip


def test_a_long_list_of_preferences_is_as_good_as_a_short_one() -> None:
    many = tuple(f"e{number}" for number in range(120))
    assert pairs_of(choose_products(products("AD/wav"), wanting(prefer=many))) == ["AD/wav"]
    assert pairs_of(choose_products(products("AD/wav", "AD/e110"), wanting(prefer=many))) == ["AD/e110"]


def test_the_codes_and_extensions_of_a_listing() -> None:
    assert codes_of(LISTING[:3]) == (frozenset({"TSSD", "TSSP"}), frozenset({"csv", "json", "png"}))


codes = st.sampled_from(["AD", "TSSD", "TSSP", "LF"])
extensions = st.sampled_from(["csv", "json", "wav", "txt"])
listings = st.lists(st.tuples(codes, extensions).map(lambda pair: product("/".join(pair))), max_size=12)


@given(listings, st.frozensets(codes), st.frozensets(extensions))
def test_what_is_chosen_and_what_is_impossible_make_up_the_cross_product(
    listing: list[DataProduct], wanted: frozenset[str], formats: frozenset[str]
) -> None:
    """R46, R47: every pair that was named is either chosen or told, never both, never requested in vain."""
    download = wanting(data_product_codes=tuple(wanted), extensions=tuple(formats))
    chosen = pairs_of(choose_products(listing, download))
    assert chosen == sorted(set(chosen))
    assert set(chosen) <= set(pairs_of(listing))
    if wanted and formats:
        impossible = impossible_pairs([listing], download)
        assert sorted([*chosen, *impossible]) == sorted(f"{code}/{form}" for code in wanted for form in formats)


@given(listings, st.lists(extensions, unique=True, max_size=3), st.randoms(use_true_random=False))
def test_the_order_of_a_listing_does_not_matter(
    listing: list[DataProduct], prefer: list[str], shuffling: random.Random
) -> None:
    """F9."""
    download = wanting(prefer=tuple(prefer))
    shuffled = list(listing)
    shuffling.shuffle(shuffled)
    assert pairs_of(choose_products(shuffled, download)) == pairs_of(choose_products(listing, download))


# --- Why there is none -----------------------------------------------------------------------------------------


def test_a_format_that_is_no_longer_made_is_answered_with_those_that_are() -> None:
    """R42, R123: the whale researcher asks for mp3."""
    problem = explain_no_product([LISTING], wanting(data_product_codes=("AD",), extensions=("mp3",)))
    assert problem.message == "`x`: the extension `mp3` does not exist there"
    assert problem.hint == "these formats of `AD` exist: `flac`, `wav`"


def test_an_extension_alone_that_does_not_exist_is_answered_with_all_that_do() -> None:
    problem = explain_no_product([LISTING], wanting(extensions=("mat",)))
    assert problem.hint == "these formats exist: `csv`, `flac`, `json`, `mp4`, `png`, `wav`"


def test_a_product_that_no_instrument_offers_is_answered_with_those_that_are_offered() -> None:
    """R40."""
    problem = explain_no_product([LISTING], wanting(data_product_codes=("RADCPTS", "NTS")))
    assert problem.message == "`x`: no instrument there offers the data product `NTS`, `RADCPTS`"
    assert problem.hint == "these exist there: `AD`, `MP4V`, `TSSD`, `TSSP`"


def test_pairs_that_exist_only_in_other_combinations_are_explained_by_the_format() -> None:
    problem = explain_no_product([LISTING], wanting(data_product_codes=("MP4V",), extensions=("json",)))
    assert problem.hint == "these formats of `MP4V` exist: `mp4`"


def test_a_name_that_matches_nothing_is_told_as_such() -> None:
    problem = explain_no_product([LISTING], wanting(data_product_names=("sonar",)))
    assert problem.message == "`x`: no data product there is called `sonar`"
    assert problem.hint is not None
    assert "`Audio Data`" in problem.hint


def test_an_exclusion_that_leaves_nothing_is_told_with_what_it_drops() -> None:
    download = wanting(data_product_codes=("AD",), exclude={"extension": ("wav", "flac")})
    problem = explain_no_product([LISTING], download)
    assert problem.message == "`x`: `exclude` drops every data product that the other filters keep"
    assert problem.hint == "those are `AD/flac`, `AD/wav`"


def test_what_exists_is_told_in_the_kind_that_was_named() -> None:
    both = wanting(data_product_codes=("AD", "XX"), extensions=("wav", "mp3"))
    assert describe_existing([LISTING], both) == "there are `AD/flac`, `AD/wav`"
    assert describe_existing([LISTING[3:]], wanting(data_product_codes=("XX",))) == "there are `AD`, `MP4V`"
    assert describe_existing([LISTING[3:]], wanting(extensions=("mp3",))) == "there are `flac`, `mp4`, `wav`"


def test_deployments_without_any_product_are_told_as_such() -> None:
    problem = explain_no_product([[], []], wanting(data_product_codes=("AD",)))
    assert problem.message == "`x` matches deployments that offer no data product at all"
