"""The page about the sandbox says what is so: its tables, its example, its Python."""

from __future__ import annotations

import re
from pathlib import Path

import click

from oncsync.cli.serving import sandbox as command
from oncsync.sandbox import Fault, list_faults, read_faults
from oncsync.sandbox.faults import KINDS
from oncsync.sandbox.faults.rules import CONDITIONS
from tests.sandbox.wire import ORDER, Raw, Wire, on_the_wire

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "sandbox.md").read_text(encoding="utf-8")


def answered(wire: Wire, request_id: int) -> Raw:
    """Polls the run of a request until that is answered."""
    while (answer := wire("dataProductDelivery/run", dpRequestId=request_id)).status == 503:
        assert answer.headers["Retry-After"] == "2"
    return answer


def block(language: str) -> str:
    (text,) = re.findall(rf"```{language}\n(.*?)```", PAGE, flags=re.DOTALL)
    assert isinstance(text, str)
    return text


def test_the_page_lists_every_fault_with_its_text_and_keys() -> None:
    rows = re.findall(r"(?m)^\| `([\w-]+)` \| (.+) \| (.*) \|$", PAGE.partition("## All faults")[2])
    assert rows == [(kind.name, kind.text, kind.told_arguments()) for kind in KINDS.values()]
    assert [(name, text) for name, text, _ in rows] == list_faults()


def test_the_page_names_every_flag_and_every_key() -> None:
    flags = {text for parameter in command.params for text in parameter.opts if isinstance(parameter, click.Option)}
    assert {flag for flag in flags if f"`{flag}" not in PAGE} == set()
    assert {key for key in ("fault", *CONDITIONS) if f"`{key}`" not in PAGE.partition("| key |")[2]} == set()


def test_the_example_loads_and_plays(tmp_path: Path) -> None:
    path = tmp_path / "faults.json"
    path.write_text(block("json"), encoding="utf-8")
    faults = read_faults(path)
    assert faults.seed == 7
    assert faults.rules[0] == Fault(
        "truncated-body", on="dataProductDelivery/download", nth=[3], per="order", bytes=1000
    )
    with on_the_wire() as wire:
        wire.sandbox.faults = faults
        first, second = wire.order(**ORDER), wire.order(**ORDER)
        run_id = answered(wire, first).json[0]["dpRunId"]
        answered(wire, second)
        wire.clock.pass_by(60)
        assert [len(wire.file(run_id).body) == 1000 for _ in range(3)] == [False, False, True]
        assert [answered(wire, one).status for one in (first, second)] == [200, 202]


def test_the_python_shown_runs() -> None:
    names: dict[str, object] = {"print": lambda text: None}
    exec(compile(block("py"), "docs/sandbox.md", "exec"), names)
    assert names["hit"] == []
