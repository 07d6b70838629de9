"""Where files lie: names follow from the lock and the service's names alone."""

from __future__ import annotations

import random
from itertools import islice

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oncsync.engine.placement import (
    WantedChunk,
    assign_paths,
    candidate_paths,
    file_directory,
    marked_path,
    plain_path,
    wanted_chunks,
)
from oncsync.lockfile import Lock, digest
from oncsync.naming import fold, safe_component
from oncsync.state import FileRecord
from tests.support.records import hostile_text, make_entry, make_file, make_lock, make_request, steady, wanted

NAXYS = {"deviceCode": "NAXYS_HYD_007"}


def directories(lock: Lock) -> list[str]:
    return [one.directory for one in wanted(lock)]


# --- Directories ---------------------------------------------------------------------------------------------------


def test_files_lie_by_place_category_product_and_year() -> None:
    """R145: architecture, "The folder and the state"."""
    assert directories(make_lock(make_entry("a", make_request()))) == ["BACAX/CTD/TSSD_csv/2017"]


@pytest.mark.parametrize("split", ["day", "hour", "PT6H", "P1D", "PT24H"])
def test_a_split_of_a_day_or_finer_adds_the_month(split: str) -> None:
    request = make_request("2017-05-31", "2017-06-02", split=split)
    places = directories(make_lock(make_entry("a", request)))
    assert sorted(set(places)) == ["BACAX/CTD/TSSD_csv/2017/05", "BACAX/CTD/TSSD_csv/2017/06"]


@pytest.mark.parametrize("split", ["all", "year", "month", "week", "P2D", "P1M", "PT25H"])
def test_a_coarser_split_does_not(split: str) -> None:
    places = directories(make_lock(make_entry("a", make_request("2017-05-31", "2017-06-02", split=split))))
    assert set(places) == {"BACAX/CTD/TSSD_csv/2017"}


def test_the_year_is_that_of_the_chunks_begin_in_four_digits() -> None:
    request = make_request("0987-12-31", "0988-01-02", split="day")
    assert directories(make_lock(make_entry("a", request))) == [
        "BACAX/CTD/TSSD_csv/0987/12",
        "BACAX/CTD/TSSD_csv/0988/01",
    ]


def test_a_device_stands_for_the_place_and_its_category_comes_from_the_columns() -> None:
    request = make_request(source=NAXYS, about={"deviceCategoryCode": "HYDROPHONE"})
    assert directories(make_lock(make_entry("a", request))) == ["NAXYS_HYD_007/HYDROPHONE/TSSD_csv/2017"]
    assert directories(make_lock(make_entry("a", make_request(source=NAXYS)))) == ["NAXYS_HYD_007/TSSD_csv/2017"]


def test_the_name_of_a_download_moves_nothing() -> None:
    assert directories(make_lock(make_entry("a", make_request()))) == directories(
        make_lock(make_entry("b", make_request()))
    )


@given(hostile_text(1), hostile_text(1), hostile_text(1), hostile_text(1))
@steady(200)
def test_no_code_leads_out_of_the_folder(place: str, category: str, code: str, extension: str) -> None:
    """Rule 7: what the service and a cloned lock say is untrusted."""
    source = {"locationCode": place, "deviceCategoryCode": category}
    (directory,) = directories(make_lock(make_entry("a", make_request(source=source, code=code, extension=extension))))
    parts = directory.split("/")
    assert len(parts) == 4
    assert all(part == safe_component(part) and part not in ("", ".", "..") for part in parts)
    assert fold(parts[0]) != ".oncsync"


def test_a_path_of_the_manifest_decides_instead() -> None:
    path = "{name}/{deviceCategoryCode}/{dataProductCode}-{extension}/{year}-{month}-{day}/{begin}_{end}"
    lock = make_lock(make_entry("axis", make_request("2017-05-01T12:00", "2017-05-02", split="day"), path=path))
    assert directories(lock) == ["axis/CTD/TSSD-csv/2017-05-01/20170501T120000Z_20170502T000000Z"]


def test_a_path_may_use_what_is_only_a_column() -> None:
    request = make_request(about={"deviceCode": "SBE 37", "depth": 982.0})
    assert directories(make_lock(make_entry("a", request, path="{deviceCode}/{propertyCode}/{locationCode}"))) == [
        "SBE 37/BACAX"
    ]


def test_a_path_that_comes_out_empty_is_the_folder_itself() -> None:
    lock = make_lock(make_entry("a", make_request(), path="{propertyCode}"))
    assert directories(lock) == [""]
    assert plain_path("", "a.csv", "c", "1") == "a.csv"
    assert plain_path("", "a.xml", "c", "meta") == "_meta/a.xml"


@pytest.mark.parametrize("path", ["../../x", "/etc", "C:\\x", ".oncsync/x", "a/../b"])
def test_a_path_that_nobody_checked_stays_in_the_folder(path: str) -> None:
    """Rule 7: a lock from elsewhere may hold any template."""
    (directory,) = directories(make_lock(make_entry("a", make_request(), path=path)))
    assert ".." not in directory.split("/")
    assert not directory.startswith(("/", ".oncsync"))
    assert ":" not in directory


# --- Sets of options -----------------------------------------------------------------------------------------------


def option_mark(options: dict[str, str]) -> str:
    return f"~{digest(options)[:6]}"


def test_one_set_of_options_has_no_mark() -> None:
    lock = make_lock(
        make_entry("a", make_request(options={"dpo_a": "1"})), make_entry("b", make_request(extension="json"))
    )
    assert not any("~" in directory for directory in directories(lock))


def test_two_sets_of_options_in_one_place_both_have_one() -> None:
    """Architecture: both get `~` and six characters of the options' digest."""
    sets: list[dict[str, str]] = [{}, {"dpo_a": "1"}]
    lock = make_lock(make_entry("a", *(make_request(options=options) for options in sets)))
    assert sorted(directories(lock)) == sorted(f"BACAX/CTD/TSSD_csv{option_mark(options)}/2017" for options in sets)
    assert len(set(directories(lock))) == 2


def test_marks_do_not_depend_on_which_download_wants_what() -> None:
    one, two = make_request(options={"dpo_a": "1"}), make_request("2017-06-01", "2017-07-01", options={"dpo_a": "2"})
    together = make_lock(make_entry("a", one, two))
    apart = make_lock(make_entry("a", one), make_entry("b", two))
    assert directories(together) == directories(apart)
    assert all("~" in directory for directory in directories(apart))


def test_places_that_differ_by_case_alone_are_one_place() -> None:
    """`CTD` and `ctd` would be one folder on Windows and macOS."""
    lower = make_request(source={"locationCode": "bacax", "deviceCategoryCode": "ctd"}, options={"dpo_a": "1"})
    assert all("~" in directory for directory in directories(make_lock(make_entry("a", make_request(), lower))))


def test_a_request_that_is_not_fetched_marks_nobody() -> None:
    off = make_request(options={"dpo_a": "1"}, download=False, chunks=())
    same = make_request(options={"dpo_a": "2"}, same_as="0" * 20, chunks=())
    assert directories(make_lock(make_entry("a", make_request(), off, same))) == ["BACAX/CTD/TSSD_csv/2017"]


def test_a_path_gets_the_mark_at_its_end() -> None:
    sets = ({"dpo_a": "1"}, {"dpo_a": "2"})
    lock = make_lock(make_entry("a", *(make_request(options=options) for options in sets), path="x/{year}"))
    assert sorted(directories(lock)) == sorted(f"x/2017{option_mark(options)}" for options in sets)


def test_downloads_with_places_of_their_own_mark_nobody_elses() -> None:
    plain = make_entry("a", make_request(options={"dpo_a": "1"}))
    elsewhere = make_entry("b", make_request(options={"dpo_a": "2"}), path="x")
    assert directories(make_lock(plain, elsewhere)) == ["BACAX/CTD/TSSD_csv/2017", "x"]


def test_a_path_with_the_name_keeps_downloads_apart_without_marks() -> None:
    entries = (make_entry(name, make_request(options={"dpo_a": name}), path="{name}") for name in ("a", "b"))
    assert directories(make_lock(*entries)) == ["a", "b"]


# --- Chunks that several entries want ------------------------------------------------------------------------------


def test_a_chunk_that_two_downloads_want_is_there_once() -> None:
    """R77: the plan merges by id."""
    chunks, warnings = wanted_chunks(make_lock(make_entry("b", make_request()), make_entry("a", make_request())))
    assert [one.entry.name for one in chunks] == ["a"]
    assert warnings == []


def test_of_two_places_the_first_download_by_name_decides_and_it_is_said() -> None:
    lock = make_lock(make_entry("b", make_request(), path="b"), make_entry("a", make_request(), path="a"))
    chunks, warnings = wanted_chunks(lock)
    assert [one.directory for one in chunks] == ["a"]
    assert warnings == ["`a` and `b` want the same data in different places; they lie where `a` wants them"]


def test_a_disagreement_about_many_chunks_is_said_once() -> None:
    year = make_request("2017-01-01", "2018-01-01")
    lock = make_lock(make_entry("a", year), make_entry("b", year, path="b"), make_entry("c", year, path="c"))
    chunks, warnings = wanted_chunks(lock)
    assert (len(chunks), len(warnings)) == (12, 2)


def test_chunks_come_in_the_order_of_the_lock() -> None:
    one, two = make_request("2017-01-01", "2017-03-01"), make_request("2017-01-01", "2017-03-01", extension="json")
    chunks = wanted(make_lock(make_entry("a", two, one)))
    assert [(chunk.request.extension, chunk.chunk.begin.month) for chunk in chunks] == [
        ("csv", 1),
        ("csv", 2),
        ("json", 1),
        ("json", 2),
    ]


# --- File names ----------------------------------------------------------------------------------------------------


def test_metadata_lie_beside_the_data_in_a_place_of_their_own() -> None:
    """`*.csv` and `*.xml` stay clean."""
    assert file_directory("a/2017", "meta") == "a/2017/_meta"
    assert file_directory("a/2017", "1") == "a/2017"


def test_a_file_without_a_name_is_called_by_its_chunk_and_number() -> None:
    assert plain_path("a", None, "c0ffee", "2") == "a/c0ffee_2"
    assert plain_path("a", "../..", "c0ffee", "meta") == "a/_meta/c0ffee_meta"


def test_a_mark_changes_the_name_not_the_place() -> None:
    assert marked_path("a.b/c.csv", "m") == "a.b/c~m.csv"
    assert marked_path("c.csv", "m") == "c~m.csv"


MONTHS = wanted(make_lock(make_entry("a", make_request("2017-01-01", "2017-04-01"))))


def test_of_files_that_collide_the_first_in_chunk_order_has_the_plain_name() -> None:
    files = [(month, make_file("CTD.csv")) for month in MONTHS]
    ids = [month.chunk.id for month in MONTHS]
    assert list(assign_paths(files).values()) == [
        "BACAX/CTD/TSSD_csv/2017/CTD.csv",
        f"BACAX/CTD/TSSD_csv/2017/CTD~{ids[1]}.csv",
        f"BACAX/CTD/TSSD_csv/2017/CTD~{ids[2]}.csv",
    ]


def test_names_that_differ_by_case_alone_collide() -> None:
    files = [(MONTHS[0], make_file("a.csv")), (MONTHS[1], make_file("A.CSV"))]
    assert list(assign_paths(files).values())[1].endswith(f"/A~{MONTHS[1].chunk.id}.CSV")


def test_two_files_of_one_chunk_may_have_one_name() -> None:
    """Open questions 17 and 19: several runs, or a name twice in one run; both are kept."""
    files = [
        (MONTHS[0], make_file("a.csv", run_id=run_id, index=index)) for run_id, index in ((1, "1"), (1, "2"), (2, "2"))
    ]
    chunk = MONTHS[0].chunk.id
    names = [path.rpartition("/")[2] for path in assign_paths(files).values()]
    assert names == ["a.csv", f"a~{chunk}.csv", f"a~{chunk}-2.csv"]


def test_a_name_that_looks_like_a_mark_takes_no_place_from_anyone() -> None:
    """Rule 7: the service could call its files by all the names that ours would fall back to."""
    chunk = MONTHS[0].chunk.id
    names = ["a.csv", f"a~{chunk}.csv", f"a~{chunk}-6.csv", f"a~{chunk}-1-6.csv", f"a~{chunk}-1-6-2.csv", "a.csv"]
    files = [(MONTHS[0], make_file(name, index=str(number))) for number, name in enumerate(names, start=1)]
    paths = list(assign_paths(files).values())
    assert len({fold(path) for path in paths}) == 6
    assert paths[-1].endswith(f"/a~{chunk}-1-6-3.csv")


def test_a_path_that_is_taken_is_left_alone_unless_the_file_lies_there() -> None:
    place = "BACAX/CTD/TSSD_csv/2017"
    here, elsewhere = make_file("a.csv", path=f"{place}/A.csv"), make_file("a.csv", path="x")
    assert list(assign_paths([(MONTHS[0], here)], lambda path: True).values()) == [f"{place}/a.csv"]
    moved = assign_paths([(MONTHS[0], elsewhere)], lambda path: path == f"{place}/a.csv")
    assert list(moved.values()) == [f"{place}/a~{MONTHS[0].chunk.id}.csv"]


def test_the_candidates_never_end_and_never_repeat() -> None:
    paths = list(islice(candidate_paths(MONTHS[0], "a.csv", (1, "1")), 50))
    assert len(set(paths)) == 50


NAMES = st.sampled_from(["a.csv", "A.csv", "a~x.csv", "", "..", "é.csv", "e\u0301.csv", "b"]) | hostile_text()
FILES = st.lists(
    st.tuples(st.integers(0, 2), st.integers(1, 2), st.sampled_from(["1", "2", "10", "meta"]), NAMES),
    max_size=12,
    unique_by=lambda file: file[:3],
)


def records_of(files: list[tuple[int, int, str, str]]) -> list[tuple[WantedChunk, FileRecord]]:
    """Gives files in chunk order: by chunk, then by run and number, as the state holds them."""
    order = sorted(files, key=lambda file: (file[0], file[1], file[2] == "meta", len(file[2]), file[2]))
    return [(MONTHS[month], make_file(name, run_id=run, index=index, path="x")) for month, run, index, name in order]


@steady(200)
@given(FILES)
def test_no_two_files_ever_share_a_path(files: list[tuple[int, int, str, str]]) -> None:
    """Rule 1: on no file system, whatever the names."""
    paths = assign_paths(records_of(files))
    assert len(paths) == len(files)
    assert len({fold(path) for path in paths.values()}) == len(files)


@steady(200)
@given(FILES, st.randoms(use_true_random=False))
def test_names_do_not_depend_on_the_order_in_which_files_arrived(
    files: list[tuple[int, int, str, str]], chance: random.Random
) -> None:
    """Rule 8: whatever came first, and wherever it has lain until now, the lock's order gives the names."""
    mixed = chance.sample(files, len(files))
    provisional = [
        (one, msgspec.structs.replace(file, path=f"{number}")) for number, (one, file) in enumerate(records_of(mixed))
    ]
    assert assign_paths(provisional) == assign_paths(records_of(files))
