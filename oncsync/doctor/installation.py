"""Looks at what is installed, against the bounds that the package names, and at the environment that is in force."""

from __future__ import annotations

import platform
import re
from collections.abc import Mapping

from oncsync import __version__
from oncsync.api.address import parse_address
from oncsync.doctor.findings import Fact, Finding, skipped
from oncsync.doctor.machine import Machine
from oncsync.errors import InputError

_REQUIREMENT = re.compile(r"(?P<name>[A-Za-z0-9._-]+)\s*\(?(?P<bounds>[^;()]*)\)?\s*(?P<marker>;.*)?")
_BOUND = re.compile(r"(>=|<)\s*([0-9.]+)")
_OTHERS = (
    "ONC_TOKEN",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "SSL_CERT_FILE",
    "NETRC",
    "TZ",
    "NO_COLOR",
    "XDG_CONFIG_HOME",
    "XDG_STATE_HOME",
)
_SECRET = re.compile(r"TOKEN|SECRET|PASSWORD|KEY", re.IGNORECASE)


def check_oncsync() -> Finding:
    """Names the versions that a report of a bug needs."""
    facts: dict[str, Fact] = {
        "oncsync": __version__,
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "platform": platform.platform(),
    }
    what = f"oncsync {__version__}, {facts['implementation']} {facts['python']}, {facts['platform']}"
    return Finding(name="oncsync", verdict="ok", what=what, facts=facts)


def check_libraries(machine: Machine) -> Finding:
    """Compares the installed libraries with what the package asks for."""
    required = machine.requirements()
    if required is None:
        return skipped("libraries", "oncsync runs from a checkout that is not installed: no bounds are known")
    facts: dict[str, Fact] = {}
    wrong = []
    for text in required:
        match = _REQUIREMENT.match(text)
        if match is None or "extra" in (match["marker"] or ""):
            continue
        version = machine.installed(match["name"])
        facts[match["name"]] = version
        if version is None:
            wrong.append(f"{match['name']} is missing")
        elif not is_within(version, match["bounds"]):
            wrong.append(f"{match['name']} {version} is outside of {match['bounds'].strip()}")
    if wrong:
        hint = "install oncsync anew in an environment of its own: `python -m pip install --upgrade oncsync`"
        return Finding(name="libraries", verdict="problem", what="; ".join(wrong), hint=hint, facts=facts)
    return Finding(name="libraries", verdict="ok", what=f"all {len(facts)} are within their bounds", facts=facts)


def is_within(version: str, bounds: str) -> bool:
    """Whether a version keeps bounds such as `>=2,<3`."""

    def numbers(text: str) -> list[int]:
        found = re.match(r"\d+(?:\.\d+)*", text)
        parts = [int(part) for part in found[0].split(".")] if found else []
        return parts + [0] * (6 - len(parts))

    mine = numbers(version)
    return all(
        mine >= numbers(bound) if comparison == ">=" else mine < numbers(bound)
        for comparison, bound in _BOUND.findall(bounds)
    )


def check_environment(environment: Mapping[str, str], known: frozenset[str]) -> Finding:
    """Lists the variables in force: names, and values only of `ONCSYNC_` variables that hold no secret."""
    ours = sorted(name for name in environment if name.startswith("ONCSYNC_"))
    others = [name for name in _OTHERS if environment.get(name) or environment.get(name.lower())]
    facts: dict[str, Fact] = {name: _shown(name, environment[name]) for name in ours}
    facts["others"] = others
    unknown = [name for name in ours if known and name not in known]
    if unknown:
        what = f"{', '.join(f'`{name}`' for name in unknown)} means nothing to oncsync"
        hint = "check the spelling: `--token-file` is `ONCSYNC_TOKEN_FILE`"
        return Finding(name="environment", verdict="warning", what=what, hint=hint, facts=facts)
    listed = [f"{name}={facts[name]}" for name in ours] + others
    what = ", ".join(listed) if listed else "no variable that matters is set"
    return Finding(name="environment", verdict="ok", what=what, facts=facts)


def _shown(name: str, value: str) -> str:
    if _SECRET.search(name):
        return "(set)"
    if "://" in value:  # an address may hold a password
        try:
            return parse_address(value).url
        except InputError:
            return "(set)"
    return value
