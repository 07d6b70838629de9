"""`sync --files-from`: a saved list, edited by hand, is fetched, and nothing else (R169, R170, R172)."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from oncsync.choosing import choose_chunks, read_names
from oncsync.errors import InputError
from tests.caretaking.conftest import DEVICE, SPECTRA, Command, name_of, place_of
from tests.support.world import CTD_CSV, World


def saved(oncsync: Command, *flags: str) -> list[str]:
    """Gives the lines of the list, its heading first."""
    return oncsync("list", "--csv", "-", *flags).out.splitlines(keepends=True)


def test_the_rows_that_were_left_are_fetched(oncsync: Command, world: World) -> None:
    """List, delete rows, download: exactly that list."""
    lines = saved(oncsync)
    Path("list.csv").write_text("".join([lines[0], lines[2], lines[5]]))
    said = oncsync("sync", "--files-from", "list.csv")
    assert said.code == 0, said.err
    assert sorted(world.tree()) == [place_of(1), place_of(4)]
    assert oncsync("sync", "--files-from", "list.csv").code == 0
    assert oncsync("sync").code == 0
    assert len(world.tree()) == 6


@pytest.mark.parametrize(
    "text",
    [
        f"{name_of(2)}\n",
        f"# one hour\n\n  {place_of(2)}  \n",
        f"\ufeffentry;filename\r\nspectra;{name_of(2)}\r\n",
        f"path\n{place_of(2)}\n",
        f"filename\tstate\n{name_of(2)}\tmine\n",
        f"id;filename;begin\n1,2E+19;{name_of(2)};x\n",
        f'"filename","outPath"\n"{name_of(2)}","{DEVICE}\\2021_08\\"\n',
        json.dumps([{"filename": name_of(2)}]),
        json.dumps([name_of(2)]),
        json.dumps({"version": 1, "files": [{"filename": name_of(2), "extra": 1, "bytes": None}]}),
        "ID",
    ],
)
def test_every_way_to_name_a_file_is_understood(oncsync: Command, world: World, text: str) -> None:
    """A spreadsheet's separators and byte order mark, JSON, or one name, path or id per line."""
    (chunk,) = (file.chunk for file in world.project().files(everything=True) if file.name == name_of(2))
    Path("list").write_bytes(text.replace("ID", chunk).encode() if text == "ID" else text.encode())
    assert oncsync("sync", "--files-from", "list").code == 0
    assert list(world.tree()) == [place_of(2)]


def test_a_list_comes_through_a_pipe(oncsync: Command, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """`oncsync list --newest 1 | oncsync sync --files-from -`."""
    text = oncsync("list", "--newest", "1").out
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode()), encoding="utf-8"))
    assert oncsync("sync", "--files-from", "-").code == 0
    assert list(world.tree()) == [place_of(5)]


def test_a_name_that_the_lock_does_not_have_begins_nothing(oncsync: Command, world: World) -> None:
    Path("list").write_text(f"{name_of(1)}\n{name_of(9).replace('T09', 'T03')[:-1]}\nnonsense\n")
    said = oncsync("sync", "--files-from", "list")
    assert said.code == 2
    assert "Line 2 of `list`" in said.err
    assert f"did you mean `{name_of(3)}`?" in said.err
    assert "(and 1 more); nothing was begun" in said.err
    assert world.tree() == {}


def test_a_place_that_was_edited_is_refused_with_the_cure(oncsync: Command, world: World) -> None:
    """R170: places are the manifest's `path`; a list that says otherwise fetches nothing."""
    rows = list(csv.DictReader(io.StringIO("".join(saved(oncsync)))))
    for column, value in (("path", "elsewhere/x.hdf5"), ("outPath", "elsewhere")):
        Path("list.json").write_text(json.dumps([rows[0], {**rows[1], column: value}]))
        said = oncsync("sync", "--files-from", "list.json")
        assert said.code == 2
        assert "Entry 2 of `list.json`" in said.err
        assert "`path:` in the manifest" in said.err
    assert world.tree() == {}


def test_an_id_and_a_name_that_do_not_belong_together_are_refused(oncsync: Command, world: World) -> None:
    rows = list(csv.DictReader(io.StringIO("".join(saved(oncsync)))))
    Path("list.json").write_text(json.dumps([{"id": rows[0]["id"], "filename": rows[1]["filename"]}]))
    assert oncsync("sync", "--files-from", "list.json").code == 2


def test_what_a_person_did_to_a_list_is_told(oncsync: Command, world: World) -> None:
    """Columns that were deleted, another encoding, an id that the lock does not have any more."""
    Path("list").write_text("begin,end,bytes\n2021,2022,3\n")
    said = oncsync("sync", "--files-from", "list")
    assert (said.code, "names no file" in said.err, "`id`, `filename`, `path`" in said.err) == (2, True, True)
    Path("list").write_text("filename", encoding="utf-16")
    assert "CSV UTF-8" in oncsync("sync", "--files-from", "list").err
    Path("list").write_text(f"id,filename\n{'0' * 20},{name_of(0)}\n")
    said = oncsync("sync", "--files-from", "list")
    assert f"the lock has no chunk `{'0' * 20}`" in said.err
    assert "clear that cell" in said.err
    assert world.tree() == {}


def test_a_part_is_never_called_the_whole_folder(oncsync: Command, world: World) -> None:
    """Five of six files are not here: nothing to do is a word about the list alone."""
    Path("list").write_text(name_of(2))
    assert oncsync("sync", "--files-from", "list").code == 0
    assert oncsync("sync", "--files-from", "list").out == "Nothing to do: what was named is as the lock wants it\n"


def test_a_list_without_rows_fetches_nothing_and_an_empty_file_is_an_error(oncsync: Command, world: World) -> None:
    """A filter may leave nothing; a file that was never written is a mistake."""
    Path("list").write_text(saved(oncsync)[0])
    assert oncsync("sync", "--files-from", "list").code == 0
    for text in ("", " \n", "{}", "[", "[1]", '[{"bytes": 1}]', "outPath,begin\nx,y\n"):
        Path("list").write_text(text)
        assert oncsync("sync", "--files-from", "list").code == 2, text
    Path("list").write_bytes(b"\xff\xfe\x00")
    assert oncsync("sync", "--files-from", "list").code == 2
    assert oncsync("sync", "--files-from", "nowhere").code == 2
    assert world.tree() == {}


def test_a_dry_run_plans_the_list_alone(oncsync: Command, world: World) -> None:
    Path("list").write_text(name_of(2))
    said = oncsync("sync", "--dry-run", "--json", "--files-from", "list")
    assert [one["begin"] for one in json.loads(said.out)["chunks"]] == ["2021-08-30T02:00:00Z"]
    assert world.tree() == {}


def test_products_are_chosen_by_their_rows_before_and_after_they_came(oncsync: Command, world: World) -> None:
    """A row of before a product came names its chunk; it still does when the file is there."""
    world.write(CTD_CSV)
    world.project().resolve()
    lines = saved(oncsync)
    Path("list.csv").write_text(lines[0] + lines[2])
    assert oncsync("sync", "--files-from", "list.csv").code == 0
    assert {path.split("_20150")[1][0] for path in world.tree() if path.endswith(".csv")} == {"2"}
    assert oncsync("sync", "--files-from", "list.csv").code == 0
    assert world.asked("dataProductDelivery/request") == 1


def test_a_list_of_the_service_is_a_list(oncsync: Command, world: World) -> None:
    """`list --service` gives the ids that the lock has."""
    flags = ("--service", "-d", DEVICE, "--begin", "2021-08-30T05:00:00Z", "--end", "2021-08-30T06:00:00Z")
    oncsync("list", *flags, "--match", "*-SDAQ-MODULE*", "--csv", "list.csv")
    assert oncsync("sync", "--files-from", "list.csv").code == 0
    assert list(world.tree()) == [place_of(5)]


# --- From Python ---------------------------------------------------------------------------------------------------


def test_records_mappings_and_frames_are_lists_too(world: World) -> None:
    """R172: filter the result, give it back."""
    files = world.project().files(everything=True)
    world.sync(files=[file for file in files if file.begin.hour == 0])
    assert list(world.tree()) == [place_of(0)]
    rows = [{"filename": name_of(1), "bytes": float("nan"), "path": float("nan")}]
    world.sync(files=SimpleNamespace(columns=list(rows[0]), to_dict=lambda orient: rows))
    world.sync(files=name_of(2))
    assert list(world.tree()) == [place_of(0), place_of(1), place_of(2)]
    with pytest.raises(InputError, match="the lock has no file"):
        world.sync(files=["nothing"])


def test_a_name_of_several_chunks_needs_an_id(world: World) -> None:
    world.write(SPECTRA)
    files = world.project().files(everything=True)
    twin: Any = type(files[0])(
        **{name: getattr(files[0], name) for name in files[0].__struct_fields__} | {"chunk": "f" * 20, "place": "x"}
    )
    with pytest.raises(InputError, match="several chunks") as raised:
        choose_chunks(read_names(name_of(0), "the list"), [*files, twin])
    assert "f" * 20 in (raised.value.hint or "")
