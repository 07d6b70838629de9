"""Manifest, lock, folder: the three commands of every day, and what they say."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import Command
from tests.support.world import CTD_CSV, World

TWO_PLACES = CTD_CSV.replace("BACAX", "[BACAX, NC89]")


def test_resolve_writes_the_lock_and_says_what_came(world: World, oncsync: Command) -> None:
    """R2, R18: discovery first, then something to review."""
    said = oncsync("resolve")
    assert said.code == 0
    assert said.out == (
        "  + axis: 1 request, 3 chunks\n`oncsync.lock` written: 3 chunks, one order each\n"
        "To order: 3 chunks, 4 at a time: time unknown, size unknown (`--estimate` asks ONC)\n"
    )
    assert (world.directory / "oncsync.lock").exists()


def test_resolving_again_changes_neither_bytes_nor_mtime(world: World, oncsync: Command) -> None:
    oncsync("resolve")
    lock = world.directory / "oncsync.lock"
    before = (lock.read_bytes(), lock.stat().st_mtime_ns)
    said = oncsync("resolve")
    assert said.out.startswith("  = axis: 1 request, 3 chunks\n`oncsync.lock` is unchanged: 3 chunks, one order each\n")
    assert (lock.read_bytes(), lock.stat().st_mtime_ns) == before


def test_resolve_names_what_was_added_removed_and_changed(world: World, oncsync: Command) -> None:
    oncsync("resolve")
    world.write(CTD_CSV.replace("extension: csv", "extension: [csv, json]") + CTD_CSV.replace("axis", "other"))
    said = oncsync("resolve")
    assert "  ~ axis: 2 requests, 6 chunks (+3 -0)" in said.out
    assert "      + BACAX CTD TSSD json dpo_average=86400 dpo_resample=average" in said.out
    assert "  + other: 1 request, 3 chunks" in said.out
    world.write(CTD_CSV)
    said = oncsync("resolve")
    assert "  - other: removed (3 chunks)" in said.out


def test_check_and_dry_run_write_nothing_and_only_check_exits_one(world: World, oncsync: Command) -> None:
    lock = world.directory / "oncsync.lock"
    assert oncsync("resolve", "--dry-run").code == 0
    assert oncsync("resolve", "--check").code == 1
    assert not lock.exists()
    oncsync("resolve")
    assert oncsync("resolve", "--check").code == 0


def test_sync_fetches_every_file_and_then_has_nothing_to_do(world: World, oncsync: Command) -> None:
    """R8, R111: the result is files on disk; running again does nothing."""
    said = oncsync("sync")
    assert said.code == 0, said.err
    assert said.out.startswith("3 chunks done; 6 files, ")
    names = [path for path in world.tree() if path.endswith(".csv")]
    assert len(names) == 3
    assert all(name.startswith("BACAX/CTD/TSSD_csv/2015/BarkleyCanyon_Axis_") for name in names)
    assert oncsync("sync").out == "Nothing to do: the folder is as the lock wants it\n"


def test_plan_and_dry_run_say_what_sync_would_do(world: World, oncsync: Command) -> None:
    """R167: list first, download later."""
    assert oncsync("plan", "--frozen").code == 2
    said = oncsync("plan")
    assert not (world.directory / "oncsync.lock").exists()
    oncsync("resolve")
    assert oncsync("plan").out == said.out
    assert "order  3  axis  BACAX CTD TSSD csv dpo_average=86400 dpo_resample=average  new" in said.out
    assert "3 chunks to do (3 new orders), 0 here or empty" in said.out
    assert "To order: 3 chunks, 4 at a time: time unknown, size unknown" in said.out
    assert oncsync("plan", "--exit-code").code == 1
    assert oncsync("sync", "--dry-run").out == said.out
    assert world.asked("request") == 0
    oncsync("sync")
    assert oncsync("plan", "--exit-code").code == 0
    steps = {chunk["step"] for chunk in json.loads(oncsync("plan", "--json").out)["chunks"]}
    assert steps == {"done"}


def test_plan_foresees_time_bytes_moves_and_what_is_wanted_no_more(world: World, oncsync: Command) -> None:
    """Issue 6, 1: per request what is ordered; besides how long, how large, which files move, which could go."""
    world.sync()
    asked, before = len(world.sandbox.asked), world.tree()
    text = CTD_CSV.replace("2015-01-01", "2015-03-01").replace("2015-04-01", "2015-06-01")
    world.write(text + '    path: "{year}/{name}"\n')
    oncsync("resolve")
    asked = len(world.sandbox.asked)
    answer = json.loads(oncsync("plan", "--json").out)
    total = answer["outlook"]["total"]
    assert (total["orders"], total["untimed"], total["unsized"]) == (2, 0, 0)
    assert total["seconds"] > 0
    assert total["bytes"] > 10_000
    march = {path for path in before if "_20150301T" in path}
    assert {move["from"] for move in answer["moves"]} == march
    assert all(move["to"].startswith("2015/axis/") for move in answer["moves"])
    assert set(answer["unwanted"]) == set(before) - march
    said = oncsync("plan").out
    assert "To order: 2 chunks, 4 at a time: about " in said
    assert said.count("\nmove  BACAX/") == 2
    assert "4 files no longer wanted: `oncsync prune`" in said
    assert (len(world.sandbox.asked), world.tree()) == (asked, before)
    assert oncsync("sync").code == 0
    assert {move["to"] for move in answer["moves"]} <= set(world.tree())


def test_status_shows_each_request_and_the_services_words(world: World, oncsync: Command) -> None:
    """R106, R114: progress per request, failures with the service's message."""
    world.write(TWO_PLACES)
    oncsync("sync")
    lines = oncsync("status").out.splitlines()
    assert lines[0] == "axis"
    assert lines[1] == "  BACAX CTD TSSD csv dpo_average=86400 dpo_resample=average 2015-01-01..2015-04-01"
    assert lines[2].startswith("    3 chunks done, 6 files, ")
    assert lines[-1].startswith("6 chunks: 6 done, 0 without data, 0 failed, 0 pending; 12 files, ")
    answer = json.loads(oncsync("status", "--json").out)
    assert (answer["done"], answer["failed"], answer["pending"]) == (6, 0, 0)
    assert [request["request"].split()[0] for request in answer["entries"][0]["requests"]] == ["BACAX", "NC89"]


def test_a_refused_request_is_kept_with_the_services_words(world: World, oncsync: Command) -> None:
    """R60, R114: wrong options fail that row with its message; other rows go on; it is not tried on every run."""
    rows = """\
requests:
  - {name: bad, locationCode: BACAX, deviceCategoryCode: CTD, dataProductCode: TSSD, extension: csv,
     begin: 2015-01-01, end: 2015-01-02, options: {dpo_resample: sideways}}
  - {name: good, locationCode: BACAX, deviceCategoryCode: CTD, dataProductCode: TSSD, extension: csv,
     begin: 2015-01-01, end: 2015-01-02}
"""
    world.manifest.write_text(f"version: 1\nserver: {world.sandbox.url}\nfolder: data\n{rows}")
    said = oncsync("sync")
    assert said.code == 3
    assert "1 chunk done, 1 failed" in said.out
    assert "dpo_resample" in said.err
    status = json.loads(oncsync("status", "--json").out)
    failures = {
        entry["name"]: [failure for request in entry["requests"] for failure in request["failures"]]
        for entry in status["entries"]
    }
    assert failures["good"] == []
    assert failures["bad"][0]["outcome"] == "refused"
    assert "dpo_resample" in failures["bad"][0]["reason"]
    assert failures["bad"][0]["reason"] in oncsync("status").out
    before = world.asked("request")
    again = oncsync("sync")
    assert world.asked("request") == before
    assert again.code == 3
    assert "1 chunk failed for good before" in again.out


def test_only_limits_the_work_to_one_entry_and_knows_the_names(world: World, oncsync: Command) -> None:
    world.write(CTD_CSV + CTD_CSV.replace("axis", "plots").replace("csv", "json"))
    said = oncsync("sync", "--only", "plot")
    assert said.code == 2
    assert "`oncsync.yaml` has no entry `plot`" in said.err
    assert "did you mean `plots`?" in said.err
    assert oncsync("sync", "--only", "plots").code == 0
    assert all(".json" in name or "_JSON_" in name for name in world.tree())


def test_files_that_the_lock_does_not_ask_for_any_more_are_counted_and_kept(world: World, oncsync: Command) -> None:
    other = CTD_CSV.replace("axis", "other").replace("csv", "json")
    world.write(CTD_CSV + other)
    oncsync("sync")
    tree = world.tree()
    world.write(CTD_CSV)
    assert oncsync("sync").code == 0
    assert world.tree() == tree
    assert "6 files here that the lock does not ask for any more" in oncsync("status").out


def test_data_held_in_another_split_are_done_and_said_to_be_so(world: World, oncsync: Command) -> None:
    oncsync("sync")
    world.write(CTD_CSV + "    splitDateRange: year\n")
    assert oncsync("sync").out == "Nothing to do: the folder is as the lock wants it\n"
    said = oncsync("status")
    assert "    1 chunk done (1 in files of another split)" in said.out
    assert "ask for any more" not in said.out


def test_remarks_of_the_service_are_one_line_at_the_end_and_whole_in_the_log(world: World, oncsync: Command) -> None:
    """P31: messages reach the user, without a line for every order."""
    said = oncsync("sync")
    assert said.err.count("ONC remarked") == 1
    assert "note: ONC remarked on 3 orders, first: No value given for dpo_" in said.err
    assert said.err.count("No value given") == 1
    log = (world.folder / ".oncsync" / "oncsync.log").read_text()
    assert log.count("No value given for dpo_dataGaps") == 3


def test_the_log_has_one_json_object_per_line(world: World, oncsync: Command) -> None:
    """R105, R106: progress is written as it happens."""
    oncsync("sync")
    lines = (world.folder / ".oncsync" / "oncsync.log").read_text().splitlines()
    events = [json.loads(line)["event"] for line in lines]
    assert events.count("ordered") == 3
    assert events.count("done") == 3
    assert events.count("file") == 6


def test_locked_refuses_a_lock_that_is_out_of_date_and_frozen_never_looks(world: World, oncsync: Command) -> None:
    assert oncsync("sync", "--locked").code == 1
    assert oncsync("sync", "--frozen").code == 2
    oncsync("resolve")
    world.write(CTD_CSV.replace("2015-04-01", "2015-05-01"))
    said = oncsync("sync", "--locked")
    assert said.code == 1
    assert "`oncsync.lock` is out of date" in said.err
    assert not world.folder.exists() or not world.tree()
    asked = len(world.sandbox.asked)
    assert oncsync("sync", "--frozen").code == 0
    assert not [one for one in world.sandbox.asked[asked:] if "dataProductDelivery" not in one.path]
    assert len([name for name in world.tree() if name.endswith(".csv")]) == 3
    assert oncsync("sync", "--locked", "--frozen").code == 2


def test_sync_resolves_first_when_the_manifest_changed(world: World, oncsync: Command) -> None:
    """R107: new entries become new work, finished ones stay finished."""
    oncsync("sync")
    world.write(CTD_CSV.replace("2015-04-01", "2015-05-01"))
    said = oncsync("sync")
    assert said.out.startswith("1 chunk done")


def test_init_writes_a_manifest_that_works_and_keeps_data_out_of_git(
    world: World, oncsync: Command, tmp_path: Path
) -> None:
    world.manifest.unlink()
    said = oncsync("init", "--server", "sandbox")
    assert said.code == 0
    assert "/data/" in (tmp_path / ".gitignore").read_text().splitlines()
    assert oncsync("init").code == 2
    resolved = oncsync("resolve")
    assert resolved.code == 0
    assert "`oncsync.lock` written" in resolved.out


def test_export_and_import_bring_the_same_chunks(world: World, oncsync: Command) -> None:
    """R11, R104: the workbook goes out and comes back."""
    oncsync("resolve")
    assert oncsync("export", "out.xlsx").code == 0
    assert oncsync("export", "out.xlsx").code == 2
    said = oncsync("import", "out.xlsx", "-o", "back.yaml")
    assert said.code == 0, said.err
    text = (world.directory / "back.yaml").read_text()
    (world.directory / "back.yaml").write_text(
        text.replace("version: 1\n", f"version: 1\nserver: {world.sandbox.url}\n")
    )
    assert oncsync("resolve", "-m", "back.yaml").code == 0

    def ids(name: str) -> list[str]:
        return [line for line in (world.directory / name).read_text().splitlines() if line.startswith('- {"id"')]

    assert ids("back.lock") == ids("oncsync.lock")


def test_more_run_threads_than_the_courtesy_limit_warn_and_say_why(world: World, oncsync: Command) -> None:
    """R92, R93."""
    world.write(CTD_CSV, settings="  runThreads: 5\n")
    said = oncsync("resolve")
    assert said.code == 0
    assert "`runThreads: 5`" in said.err
    assert "slow the service down for everyone" in said.err
    world.write(CTD_CSV, settings="  runThreads: 4\n")
    assert "runThreads" not in oncsync("resolve").err
