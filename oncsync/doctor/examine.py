"""The whole self-check, from the manifest to the environment; what one part finds keeps no other from its turn.

Nothing here changes the folder lastingly, takes its lock or orders anything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from oncsync.api import MASK, Token, redact_named
from oncsync.connection import SANDBOX, open_session, server_url
from oncsync.credentials import FoundToken, locate_token
from oncsync.doctor.disk import check_disk
from oncsync.doctor.documents import check_lock, check_manifest
from oncsync.doctor.findings import Finding, Report, make_report, of_error, skipped
from oncsync.doctor.folder import OWN_NAMES, check_folder, check_orders
from oncsync.doctor.hours import check_window
from oncsync.doctor.installation import check_environment, check_libraries, check_oncsync
from oncsync.doctor.machine import Machine
from oncsync.doctor.service import (
    ask_once,
    check_answer,
    check_clock,
    check_token,
    check_way,
    find_way,
    open_for_asking,
)
from oncsync.errors import InputError, OncsyncError
from oncsync.manifest import Manifest
from oncsync.manifest.model import SERVERS
from oncsync.manifest.server import base_address, server_fault
from oncsync.sizes import parse_size

_WAY = ("name", "connection", "certificate", "answer", "token", "clock")
_DISK = ("space", "writing", "names", "locking")


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """What to look at: what `--manifest`, `--folder`, `--lock-file`, `--token-file`, `--set` and `--offline` give.

    `start` is the current folder, from which a manifest is looked for.
    """

    start: Path
    manifest: str | None = None
    folder: str | None = None
    lock_file: Path | None = None
    token_file: Path | None = None
    variables: dict[str, str] = {}
    offline: bool = False


def examine(subject: Subject, machine: Machine) -> Report:
    """Looks at everything and says what was found; raises nothing for what is wrong."""
    environment = machine.environment
    manifest_finding, manifest = check_manifest(
        subject.manifest, subject.folder, subject.variables, environment, subject.start
    )
    server, fault = _server(manifest_finding, manifest, environment)
    findings = [manifest_finding]
    secrets: list[Token] = []
    if server is None:
        findings += [fault or skipped("service", "not known: the manifest cannot be read")]
        findings += [skipped(name, "not tried: the service is not known") for name in _WAY]
    elif server == SANDBOX:
        findings += _check_sandbox(subject, machine)
    else:
        findings += _check_service(server_url(server), subject, machine, secrets)
    folder = _folder(subject, manifest_finding, manifest, environment)
    url = None if server in (None, SANDBOX) else server_url(str(server))
    findings += [check_window(manifest, machine.now()), check_lock(manifest, subject.lock_file, subject.variables)]
    if folder is None:
        findings += [skipped(name, "no folder is known: give `-m` or `--folder`") for name in (*OWN_NAMES, *_DISK)]
    else:
        findings += [*check_folder(folder, manifest, machine), *check_disk(folder, machine, _min_free(manifest))]
    limit = manifest.settings.run_threads if manifest else None
    findings += [
        skipped("orders", "the service is not known") if server is None
        else check_orders(url, folder, limit, machine.now()),
        check_oncsync(),
        check_libraries(machine),
        check_environment(environment, machine.known_variables),
    ]  # fmt: skip
    return make_report(findings, _redaction(secrets, environment))


def _min_free(manifest: Manifest | None) -> int | None:
    named = manifest.settings.min_free if manifest else None
    return None if named is None else parse_size(named)


def _server(
    finding: Finding, manifest: Manifest | None, environment: Mapping[str, str]
) -> tuple[str | None, Finding | None]:
    """Gives the service to look at; a manifest that is there but cannot be read names none."""
    if manifest is not None:
        return manifest.server, None
    named = environment.get("ONCSYNC_SERVER", "").strip()
    if not named:
        return (None if finding.verdict == "problem" else "production"), None
    if named in SERVERS or named == SANDBOX:
        return named, None
    found = server_fault(named) if "://" in named else ("`ONCSYNC_SERVER` names no server", "write `production`")
    if found is not None:
        return None, of_error("service", InputError(found[0], hint=found[1]))
    return base_address(named), None


def _folder(
    subject: Subject, finding: Finding, manifest: Manifest | None, environment: Mapping[str, str]
) -> Path | None:
    """Gives the folder to look at: the manifest's, else the one that was named."""
    if manifest is not None:
        return manifest.folder
    named = subject.folder or environment.get("ONCSYNC_FOLDER")
    return subject.start / Path(named).expanduser() if named else None


def _check_sandbox(subject: Subject, machine: Machine) -> list[Finding]:
    """Starts the embedded service and asks it; it has its own token and never reads the user's (rule 5)."""
    service = Finding(name="service", verdict="ok", what="the embedded one (`server: sandbox`)")
    way = [skipped(name, "the embedded service runs inside oncsync") for name in ("name", "connection", "certificate")]
    if subject.offline:
        rest = [skipped(name, "not asked (`--offline`)") for name in ("answer", "token", "clock")]
        return [service, *way, *rest]
    with open_session(Manifest(path=Path(), folder=Path(), server=SANDBOX)) as session:
        asked = ask_once(session, machine)
    token = Finding(name="token", verdict="ok", what="the embedded service has its own; yours is not read")
    return [service, *way, check_answer(asked, "the embedded service"), token, check_clock(asked)]


def _check_service(url: str, subject: Subject, machine: Machine, secrets: list[Token]) -> list[Finding]:
    """Goes to a service and asks it; notes the token in `secrets` so that no finding shows it."""
    try:
        way = find_way(url, machine)
    except InputError as error:
        return [of_error("service", error), *(skipped(name, "not tried: no usable address") for name in _WAY)]
    host = way.address.host
    through = f", through the proxy `{way.proxy}`" if way.proxy else ""
    service = Finding(name="service", verdict="ok", what=f"`{url}`{through}", facts={"url": url, "proxy": way.proxy})
    found = _token(url, subject, machine)
    if isinstance(found, FoundToken):
        secrets.append(found.token)
    if subject.offline:
        steps = [skipped(name, "not tried (`--offline`)") for name in ("name", "connection", "certificate", "answer")]
        return [service, *steps, check_token(found, None, host), check_clock(None)]
    steps = check_way(way, machine)
    if any(step.verdict == "problem" for step in steps):
        answer = skipped("answer", "not asked: there is no way to the service")
        return [service, *steps, answer, check_token(found, None, host), check_clock(None)]
    with open_for_asking(url, found.token if isinstance(found, FoundToken) else None, machine) as session:
        asked = ask_once(session, machine)
    return [service, *steps, check_answer(asked, f"`{host}`"), check_token(found, asked, host), check_clock(asked)]


def _token(url: str, subject: Subject, machine: Machine) -> FoundToken | OncsyncError:
    try:
        return locate_token(url, token_file=subject.token_file, environment=machine.environment)
    except OncsyncError as error:
        return error


def _redaction(secrets: list[Token], environment: Mapping[str, str]) -> Callable[[str], str]:
    """Makes what takes every token that is known out of a text, one that cannot be used included."""
    raw = environment.get("ONC_TOKEN", "").strip()

    def redact(text: str) -> str:
        for token in secrets:
            text = token.redact(text)
        return redact_named(text.replace(raw, MASK) if len(raw) > 3 else text)

    return redact
