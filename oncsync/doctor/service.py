"""Looks at the way to the service, and whether what answers there is the service and takes the token.

One question is asked, about one device category; it needs a token and changes nothing.
"""

from __future__ import annotations

import ssl
import threading
from datetime import timedelta
from urllib.parse import urlsplit

import msgspec

from oncsync.api import Session, Timeouts, Token
from oncsync.api.address import Address, is_loopback, parse_address
from oncsync.api.failures import ADDRESS_HINT, CONNECTION_HINT
from oncsync.api.redact import TOKEN_HINT
from oncsync.credentials import FoundToken
from oncsync.doctor.findings import Fact, Finding, of_error, skipped
from oncsync.doctor.machine import CONNECT_SECONDS, Machine
from oncsync.errors import (
    FaultError,
    ForbiddenError,
    NotFoundError,
    OncsyncError,
    RefusedError,
    ServiceError,
    TokenError,
    UnreachableError,
)

PLACEHOLDER = "00000000-0000-0000-0000-000000000000"
"""Sent when there is no token, to hear the refusal that only the service can give."""
QUESTION = ("api/deviceCategories", {"deviceCategoryCode": "CTD"})
FIRST_BYTE_SECONDS = 30.0
WHOLE_ANSWER_SECONDS = 35.0
SLOW_SECONDS = 10.0
CLOCK_TOLERANCE = 300.0
EXPIRES_SOON = timedelta(days=14)


class Asked(msgspec.Struct, frozen=True):
    """What the question gave: how long it took, the service's clock minus ours, and the error in place of an answer."""

    seconds: float
    clock_offset: float | None = None
    error: OncsyncError | None = None

    @property
    def is_answered(self) -> bool:
        """Whether the service itself answered, be it with a refusal; a page that refuses is somebody else's."""
        if isinstance(self.error, RefusedError):
            return self.error.code is not None or self.error.text is not None
        return self.error is None or isinstance(self.error, (TokenError, NotFoundError, ForbiddenError))


class Way(msgspec.Struct, frozen=True):
    """Where a connection goes first: to the proxy when there is one, to the service otherwise."""

    address: Address
    proxy: str | None
    """Host and port of the proxy; what else its address holds may be a password."""

    @property
    def end(self) -> tuple[str, int]:
        """Host and port to connect to."""
        if self.proxy is None:
            return self.address.host, self.address.port
        host, _, port = self.proxy.rpartition(":")
        return host.strip("[]"), int(port)


def find_way(url: str, machine: Machine) -> Way:
    """Says how this machine goes to the service; raises `InputError` for an address that cannot be used."""
    address = parse_address(url)
    proxy = None if is_loopback(address.host) else machine.proxy_for(address.origin)
    if not proxy:
        return Way(address, None)
    parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return Way(address, f"[{host}]:{port}" if ":" in host else f"{host}:{port}")


def check_way(way: Way, machine: Machine) -> list[Finding]:
    """Goes to the service step by step: its name, a connection, its certificate; stops at the first that fails."""
    findings: list[Finding] = []
    for check in (_check_name, _check_connection, _check_certificate):
        is_broken = any(finding.verdict == "problem" for finding in findings)
        name = ("name", "connection", "certificate")[len(findings)]
        findings.append(skipped(name, "not tried: the step before failed") if is_broken else check(way, machine))
    return findings


def _check_name(way: Way, machine: Machine) -> Finding:
    host, port = way.end
    of = "the proxy " if way.proxy else ""
    try:
        addresses = machine.resolve(host, port)
    except (OSError, UnicodeError) as error:
        return Finding(
            name="name",
            verdict="problem",
            what=f"{of}`{host}` cannot be resolved ({_reason(error)})",
            hint="check the network connection and the name server of this machine"
            + ("; or `HTTPS_PROXY`" if way.proxy else "; check the spelling of `server` or `ONCSYNC_SERVER`"),
            facts={"host": host},
        )
    what = f"{of}`{host}` is {', '.join(addresses[:3])}"
    return Finding(name="name", verdict="ok", what=what, facts={"host": host, "addresses": addresses})


def _check_connection(way: Way, machine: Machine) -> Finding:
    host, port = way.end
    facts: dict[str, Fact] = {"host": host, "port": port, "proxy": way.proxy}
    begun = machine.clock()
    try:
        machine.connect(host, port)
    except OSError as error:
        of = "the proxy " if way.proxy else ""
        cure = "check `HTTPS_PROXY` and `NO_PROXY`" if way.proxy else "check the network, or set `HTTPS_PROXY`"
        hint = f"{cure}; a firewall may be in the way, or the service is down"
        what = f"no connection to {of}`{host}` port {port} ({_reason(error)})"
        return Finding(name="connection", verdict="problem", what=what, hint=hint, facts=facts)
    facts["seconds"] = round(machine.clock() - begun, 3)
    through = f"through the proxy `{way.proxy}`" if way.proxy else "without a proxy"
    what = f"port {port} takes a connection after {facts['seconds']} s, {through}"
    return Finding(name="connection", verdict="ok", what=what, facts=facts)


def _check_certificate(way: Way, machine: Machine) -> Finding:
    host = way.address.host
    if way.address.scheme != "https":
        return skipped("certificate", "plain http to this machine has none")
    if way.proxy is not None:
        return skipped("certificate", "checked with the question itself, through the proxy")
    try:
        certificate = machine.handshake(host, way.address.port)
    except OSError as error:
        is_distrusted = isinstance(error, ssl.SSLCertVerificationError)
        reason = error.verify_message if is_distrusted else _reason(error)  # type: ignore[attr-defined]
        return Finding(
            name="certificate",
            verdict="problem",
            what=f"the encrypted connection to `{host}` cannot be trusted ({reason})",
            hint="check the clock of this machine; behind a proxy that inspects traffic set `REQUESTS_CA_BUNDLE`",
            facts={"host": host},
        )
    left = certificate.expires - machine.now()
    facts: dict[str, Fact] = {"issuer": certificate.issuer, "expires": f"{certificate.expires:%Y-%m-%dT%H:%M:%SZ}"}
    what = f"issued by {certificate.issuer}, good until {certificate.expires:%Y-%m-%d}"
    if left < EXPIRES_SOON:
        hint = "nothing to do here; if the service stops answering after that day, tell ONC"
        return Finding(name="certificate", verdict="warning", what=what, hint=hint, facts=facts)
    return Finding(name="certificate", verdict="ok", what=what, facts=facts)


def open_for_asking(url: str, token: Token | None, machine: Machine) -> Session:
    """Opens a session that asks once and does not wait long; without a token it sends one that nobody has."""
    return Session(
        url,
        token or Token(PLACEHOLDER),
        pool_size=1,
        timeouts=Timeouts(connect=CONNECT_SECONDS, first_byte=FIRST_BYTE_SECONDS, idle=FIRST_BYTE_SECONDS),
        now=machine.now,
        on_message=lambda text: None,
    )


def ask_once(session: Session, machine: Machine) -> Asked:
    """Asks the service about one device category, once."""
    outcome: list[BaseException | None] = []

    def ask() -> None:
        try:
            _check_list(session.get_json(*QUESTION, attempts=1).body, session.host)
        except BaseException as failure:  # noqa: BLE001  raised below where it is a bug
            outcome.append(failure)
        else:
            outcome.append(None)

    begun = machine.clock()
    # An answer that trickles in byte by byte passes every limit on silence, and would keep a person waiting for ever.
    asking = threading.Thread(target=ask, name="oncsync-doctor", daemon=True)
    asking.start()
    asking.join(WHOLE_ANSWER_SECONDS)
    slow = f"`{QUESTION[0]}` at {session.host} gave no whole answer within {WHOLE_ANSWER_SECONDS:g} s"
    error = outcome[0] if outcome else UnreachableError(slow, hint=CONNECTION_HINT)
    if error is not None and not isinstance(error, (ServiceError, TokenError)):
        raise error
    return Asked(round(machine.clock() - begun, 3), session.clock_offset, error)


def _check_list(body: object, host: str) -> None:
    """Raises for JSON that is no list of categories (`FaultError`), or a list without ours (`NotFoundError`)."""
    path, (name, code) = QUESTION[0], *QUESTION[1].items()
    if not isinstance(body, list) or not all(isinstance(row, dict) for row in body):
        raise FaultError(f"`{path}` at {host} gave an answer of another kind", hint=ADDRESS_HINT)
    if all(row.get(name) != code for row in body):
        raise NotFoundError(f"`{path}` at {host} lists no `{code}`")


def check_answer(asked: Asked, service: str) -> Finding:
    """Says whether what answered is the service, and how quickly."""
    facts: dict[str, Fact] = {"seconds": asked.seconds}
    if not asked.is_answered:
        assert asked.error is not None
        found = of_error("answer", asked.error)
        return msgspec.structs.replace(found, hint=found.hint or ADDRESS_HINT, facts={**found.facts, **facts})
    if isinstance(asked.error, (RefusedError, NotFoundError)):
        what = f"{service} answers, but not as the service does: {asked.error.message}"
        hint = "when a sync fails as well: check `server` or `ONCSYNC_SERVER`, or try again later"
        return Finding(name="answer", verdict="warning", what=what, hint=hint, facts=facts)
    what = f"{service} answers as the service does, after {asked.seconds} s"
    if asked.seconds > SLOW_SECONDS:
        hint = "the service is slow now: a sync takes longer, and loses nothing"
        return Finding(name="answer", verdict="warning", what=what, hint=hint, facts=facts)
    return Finding(name="answer", verdict="ok", what=what, facts=facts)


def check_token(found: FoundToken | OncsyncError, asked: Asked | None, host: str) -> Finding:
    """Says where the token came from and whether the service takes it; never what it is."""
    if isinstance(found, OncsyncError):
        return of_error("token", found)
    facts: dict[str, Fact] = {"source": found.source, "works": None}
    if asked is None or not asked.is_answered:
        why = "it was not tried" if asked is None else "it could not be tried"
        return Finding(name="token", verdict="skipped", what=f"there is one, from {found.source}; {why}", facts=facts)
    error = asked.error
    if isinstance(error, RefusedError) and "token" in (error.parameter or ""):
        what = f"the one from {found.source} may not work: {host} refuses the question and speaks of the token"
        return Finding(name="token", verdict="warning", what=what, hint=TOKEN_HINT, facts=facts)
    if isinstance(error, TokenError):
        verb = "calls it expired" if "expire" in error.message.lower() else "refuses it"
        what = f"the one from {found.source} does not work: {host} {verb}"
        return Finding(name="token", verdict="problem", what=what, hint=error.hint, facts=facts | {"works": False})
    facts["works"] = True
    if isinstance(error, ForbiddenError):
        what = f"{host} takes the one from {found.source}, but not for every question"
        return Finding(name="token", verdict="warning", what=what, hint=error.hint, facts=facts)
    return Finding(name="token", verdict="ok", what=f"{host} takes the one from {found.source}", facts=facts)


def check_clock(asked: Asked | None) -> Finding:
    """Compares this machine's clock with the service's."""
    offset = None if asked is None else asked.clock_offset
    if offset is None:
        return skipped("clock", "not compared: no answer of the service told the time")
    facts: dict[str, Fact] = {"offset": offset}
    away = f"{abs(offset):.0f} s" if abs(offset) < 120 else f"{abs(offset) / 60:.0f} min"
    if abs(offset) <= CLOCK_TOLERANCE:
        return Finding(name="clock", verdict="ok", what=f"within {away} of the service's", facts=facts)
    way = "behind" if offset > 0 else "ahead of"
    return Finding(
        name="clock",
        verdict="problem",
        what=f"this machine is {away} {way} the service",
        hint="set the clock (time synchronisation, NTP); until then spans such as `-P1D` follow the service's clock",
        facts=facts,
    )


def _reason(error: Exception) -> str:
    """Gives the system's words for what failed, without numbers and addresses."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, ssl.SSLError):
        return (error.reason or "no encrypted connection").replace("_", " ").lower()
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return text[:1].lower() + text[1:]
