"""`oncsync verify` and `oncsync sums`."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import TYPE_CHECKING

import click

from oncsync.cli.ending import notices_of, say
from oncsync.cli.options import Seconds, json_option, make_project, option, print_json, project_options
from oncsync.cli.progress import hashing_progress
from oncsync.cli.wording import count, describe_plan, printable, size

if TYPE_CHECKING:
    from oncsync.caretaking import RepairResult, Sample, VerifyResult
    from oncsync.project import Project


@click.command()
@project_options
@option("--repair", is_flag=True, help="Fetch changed and missing files again.")
@option("--sample", metavar="N/M", help="Hash N of every M files, drawn by chance; sizes are compared of all.")
@option("--seed", type=int, metavar="NUMBER", help="With `--sample`: the same files as a run that named this seed.")
@option("--part", metavar="N/M", help="Hash the Nth of M fixed parts, so that M runs have seen every file.")
@option("--lock-timeout", type=Seconds(), default=0, metavar="TIME", help="With `--repair`: wait for another oncsync.")
@option("-q", "--quiet", is_flag=True, help="Only what is wrong.")
@json_option
def verify(
    manifest: str | None,
    folder: str | None,
    token_file: str | None,
    variables: tuple[str, ...],
    repair: bool,
    sample: str | None,
    seed: int | None,
    part: str | None,
    lock_timeout: float,
    quiet: bool,
    as_json: bool,
) -> int:
    """Hash every file that came from ONC again, and list those that are changed, missing or unreadable.

    Files that oncsync does not know are listed as `extra`; they count as nothing wrong. Changes nothing and waits for
    no running sync, unless `--repair` fetches again what is damaged: a changed file is set aside as `NAME~changed-1`,
    and an order is placed only where the service has the files no more.

    Exit codes: 0 everything is as it arrived, or is again; 1 something is changed, missing or unreadable; with
    `--repair` also those of `sync`.
    """
    from oncsync import caretaking

    chosen = _read_sample(sample, seed, part)
    project = make_project(manifest, folder, token_file, variables)
    with hashing_progress(quiet) as (on_start, on_bytes):
        found = caretaking.verify(project, sample=chosen, on_start=on_start, on_bytes=on_bytes)
    if not as_json:
        _print_findings(found, quiet)
    repaired = _repair(project, found, lock_timeout, quiet) if repair and found.findings else None
    code = found.exit_code if repaired is None else repaired.exit_code
    if as_json:
        _print_as_json(found, repaired, code)
    elif repaired is not None:
        _print_repair(found, repaired)
    return code


def _read_sample(sample: str | None, seed: int | None, part: str | None) -> Sample | None:
    from oncsync.caretaking import Sample

    if sample is not None and part is not None:
        raise click.UsageError("`--sample` and `--part` exclude each other")
    if seed is not None and sample is None:
        raise click.UsageError("`--seed` belongs to `--sample`")
    if sample is not None:
        return Sample(*_read_share("--sample", sample), seed=secrets.randbelow(1_000_000) if seed is None else seed)
    return None if part is None else Sample(*_read_share("--part", part))


def _read_share(flag: str, text: str) -> tuple[int, int]:
    number, slash, whole = text.partition("/")
    if not (slash and number.isdecimal() and whole.isdecimal()) or not 1 <= int(number) <= int(whole):
        raise click.UsageError(f"`{flag} {text}` is not N/M with N from 1 to M, such as `10/100`")
    return int(number), int(whole)


def _print_findings(found: VerifyResult, quiet: bool) -> None:
    for one in found.findings:
        click.echo(f"{one.kind:<10}  {printable(one.path)}  ({one.reason})")
    if quiet:
        return
    for path in found.extra:
        click.echo(f"{'extra':<10}  {printable(path)}")
    kinds = [one.kind for one in found.findings]
    parts = [f"{kinds.count(kind):,} {kind}" for kind in ("changed", "missing", "unreadable") if kind in kinds]
    wrong = ", ".join(parts) if parts else "nothing changed or missing"
    extra = f"; {count(len(found.extra), 'file')} of others" if found.extra else ""
    extra += f"; {count(found.dropped, 'file')} let go on purpose" if found.dropped else ""
    click.echo(f"{count(found.files, 'file')}, {size(found.bytes)}{_sampled(found)}: {wrong}{extra}")


def _sampled(found: VerifyResult) -> str:
    sample = found.sample
    if sample is None:
        return ""
    which = f"part {sample.part} of {sample.of}" if sample.seed is None else f"seed {sample.seed}"
    return f", {found.hashed:,} of them hashed ({which})"


def _repair(project: Project, found: VerifyResult, lock_timeout: float, quiet: bool) -> RepairResult:
    from oncsync import caretaking
    from oncsync.cli.progress import make_display

    with notices_of(project), make_display(quiet=quiet, verbose=False) as display:
        return caretaking.repair(
            project,
            found.findings,
            lock_patience=lock_timeout,
            watcher=display,
            on_plan=lambda plan: None if quiet else say(describe_plan(plan)[-1]),
        )


def _print_repair(found: VerifyResult, repaired: RepairResult) -> None:
    for path in repaired.aside:
        click.echo(f"your version of a changed file is now `{printable(path)}`")
    left = {one.path for one in repaired.left}
    click.echo(f"{len({one.path for one in found.findings} - left):,} of {count(len(found.findings), 'file')} repaired")
    for one in repaired.left:
        unwanted = "; the lock does not ask for it any more" if one.path in repaired.unwanted else ""
        click.echo(f"{'left':<10}  {printable(one.path)}  ({one.reason}{unwanted})")
    failed = repaired.fetched.plan.counts["failed"] if repaired.fetched else 0
    if failed:
        say(f"{count(failed, 'chunk')} failed for good before: `oncsync sync --retry-failed` tries again")
    stopped = repaired.fetched.stopped if repaired.fetched else None
    if stopped is not None:
        say(f"error: {stopped.render()}")


def _print_as_json(found: VerifyResult, repaired: RepairResult | None, code: int) -> None:
    sample = found.sample
    answer: dict[str, object] = {
        "version": 1,
        "exitCode": code,
        "files": found.files,
        "bytes": found.bytes,
        "hashed": found.hashed,
        "sample": sample and {"part": sample.part, "of": sample.of, "seed": sample.seed},
        "findings": found.findings,
        "extra": found.extra,
        "dropped": found.dropped,
        "repair": None,
    }
    if repaired is not None:
        answer["repair"] = {
            "aside": repaired.aside,
            "counts": repaired.fetched and repaired.fetched.counts,
            "left": repaired.left,
            "unwanted": repaired.unwanted,
        }
    print_json(answer)


@click.command()
@project_options
@option("-o", "--output", metavar="FILE", help="Where to, `-` for stdout [default: SHA256SUMS in the folder].")
def sums(
    manifest: str | None, folder: str | None, token_file: str | None, variables: tuple[str, ...], output: str | None
) -> int:
    """Write the SHA-256 of every file that came from ONC, in the format that `sha256sum -c` reads.

    Paths are relative to the folder: check with `cd data && sha256sum -c SHA256SUMS`. The sums are those of the files
    as they arrived; nothing is hashed again.
    """
    from oncsync import caretaking

    project = make_project(manifest, folder, token_file, variables)
    if output == "-":
        click.echo(caretaking.sums_text(project), nl=False)
        return 0
    place, number = caretaking.write_sums(project, Path(output) if output else None)
    click.echo(f"{count(number, 'file')} listed in `{place}`")
    return 0
