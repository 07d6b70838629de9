"""What the self-check finds, as records, and the exit code that follows from them. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, TypeAlias

import msgspec

from oncsync.errors import OncsyncError, worst_exit_code

REPORT_VERSION = 1
DIFFERENCE_EXIT_CODE = 1

Verdict: TypeAlias = Literal["ok", "warning", "problem", "skipped"]
Fact: TypeAlias = str | int | float | bool | list[str] | None

EXIT_CODES: Mapping[str, int] = {
    "manifest": 2,
    "service": 2,
    "name": 5,
    "connection": 5,
    "certificate": 5,
    "answer": 5,
    "token": 4,
    "clock": 1,
    "window": 1,
    "lock": 2,
    "folder": 8,
    "owner": 2,
    "state": 2,
    "partial": 8,
    "holder": 1,
    "orders": 1,
    "space": 8,
    "writing": 8,
    "names": 1,
    "locking": 1,
    "oncsync": 1,
    "libraries": 1,
    "environment": 1,
}
"""The exit code of a problem of each name, in the order of the findings (architecture, "Exit codes")."""
FINDING_NAMES = tuple(EXIT_CODES)


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was looked at: `what` is one line, `hint` what to do about it, `facts` the same for a program.

    Facts are in camelCase; sizes are bytes, lengths of time seconds, instants UTC.
    """

    name: str
    verdict: Verdict
    what: str
    hint: str | None = None
    facts: dict[str, Fact] = {}


class Report(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Every finding, the worst verdict and the exit code."""

    version: int = REPORT_VERSION
    verdict: Verdict
    exit_code: int
    findings: tuple[Finding, ...]


def make_report(findings: Sequence[Finding], redact: Callable[[str], str]) -> Report:
    """Puts findings together; `redact` takes the token out of every text, whoever put it there."""
    verdicts = {finding.verdict for finding in findings}
    worst: Verdict = "problem" if "problem" in verdicts else "warning" if "warning" in verdicts else "ok"
    codes = {EXIT_CODES[finding.name] for finding in findings if finding.verdict == "problem"}
    return Report(
        verdict=worst,
        # 1 says that a check found a difference: it counts when nothing worse does.
        exit_code=worst_exit_code(sorted(codes - {DIFFERENCE_EXIT_CODE} or codes)),
        findings=tuple(_redacted(finding, redact) for finding in findings),
    )


def of_error(name: str, error: OncsyncError) -> Finding:
    """Makes a problem of an error: its first line, its hint, and the rest of its lines as facts."""
    what, *details = error.message.splitlines() or [type(error).__name__]
    facts: dict[str, Fact] = {"details": [line.strip() for line in details]} if details else {}
    return Finding(name=name, verdict="problem", what=what, hint=error.hint, facts=facts)


def counted(number: int, noun: str) -> str:
    """Gives `1 chunk`, `1,200 chunks`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def skipped(name: str, reason: str) -> Finding:
    """Says why something was not looked at."""
    return Finding(name=name, verdict="skipped", what=reason)


def _redacted(finding: Finding, redact: Callable[[str], str]) -> Finding:
    def clean(fact: Fact) -> Fact:
        if isinstance(fact, str):
            return redact(fact)
        return [redact(text) for text in fact] if isinstance(fact, list) else fact

    return msgspec.structs.replace(
        finding,
        what=redact(finding.what),
        hint=finding.hint and redact(finding.hint),
        facts={name: clean(fact) for name, fact in finding.facts.items()},
    )
