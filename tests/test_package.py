"""The package as it is installed: from a checkout and from a wheel alike."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from oncsync.schemas import SCHEMA_NAMES, load_schema, schema_path

CHECKOUT = Path(__file__).resolve().parents[1]


def test_the_schemas_work_from_this_installation() -> None:
    for name in SCHEMA_NAMES:
        assert load_schema(name)["$schema"].startswith("https://json-schema.org/")
        assert schema_path(name).name == f"{name}.schema.json"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built offline."""
    place = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(place)],
        cwd=CHECKOUT,
        check=True,
        capture_output=True,
    )
    return next(place.glob("*.whl"))


def _run_unpacked(wheel: Path, tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs Python on the unpacked wheel, away from the checkout and without its paths."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}
    return subprocess.run(
        [sys.executable, *arguments], cwd=tmp_path, env=environment, check=False, capture_output=True, text=True
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", SCHEMA_NAMES)
def test_the_schemas_work_from_a_wheel(wheel: Path, tmp_path: Path, name: str) -> None:
    script = f"from oncsync.schemas import schema_path as p; path = p({name!r}); print(path); print(path.read_text())"
    ended = _run_unpacked(wheel, tmp_path, "-c", script)
    assert ended.returncode == 0, ended.stderr
    place, _, text = ended.stdout.partition("\n")
    assert place.startswith(str(tmp_path / "site"))
    assert text.strip() == schema_path(name).read_text().strip()


@pytest.mark.slow
def test_the_wheel_resolves_on_the_embedded_service(wheel: Path, tmp_path: Path) -> None:
    """The catalogue of the service is in the wheel too."""
    quickstart = (CHECKOUT / "examples" / "quickstart.yaml").read_text()
    (tmp_path / "oncsync.yaml").write_text(quickstart)
    ended = _run_unpacked(wheel, tmp_path, "-m", "oncsync", "resolve", "--folder", "data")
    assert ended.returncode == 0, ended.stderr
    assert "`oncsync.lock` written" in ended.stdout


@pytest.mark.slow
def test_the_wheel_carries_no_tests_and_no_machine_paths(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        texts = [archive.read(name) for name in names if name.endswith((".py", ".json"))]
    assert not [name for name in names if name.startswith(("tests/", "docs/"))]
    assert all(str(CHECKOUT).encode() not in text for text in texts)


@pytest.mark.slow
def test_the_wheel_brings_the_module_and_the_commands_of_the_tool_we_replace(wheel: Path, tmp_path: Path) -> None:
    """R10, R16, R120: `from downloadONC import ...` works, and so do `downloadONC` and `downloadONC.py`."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        entries = next(archive.read(name).decode() for name in names if name.endswith("entry_points.txt"))
    assert "downloadONC.py" in names
    assert {"downloadONC = oncsync.cli.legacy:main", "downloadONC.py = oncsync.cli.legacy:main"} <= set(
        entries.splitlines()
    )
    imported = _run_unpacked(wheel, tmp_path, "-c", "from downloadONC import createXLS, download; print(download())")
    assert imported.returncode == 0, imported.stderr
    assert _run_unpacked(wheel, tmp_path, "-m", "downloadONC", "createXLS", "--help").returncode == 0


@pytest.mark.slow
def test_a_script_of_the_modules_name_does_not_import_itself(wheel: Path, tmp_path: Path) -> None:
    """An installed `downloadONC.py` lies first on its own path."""
    script = tmp_path / "bin" / "downloadONC.py"
    script.parent.mkdir()
    script.write_text("import sys\nfrom oncsync.cli.legacy import main\nsys.exit(main())\n")
    arguments = ("-o", "Data", "-b", "2017-05-01", "-e", "2017-05-02", "-l", "USDDL", "-c", "CTD")
    ended = _run_unpacked(wheel, tmp_path, str(script), "createXLS", *arguments, "--server", "sandbox")
    assert ended.returncode == 0, ended.stderr
    assert (tmp_path / "Data" / "download.xlsx").is_file()
    ended = _run_unpacked(wheel, tmp_path, str(script), "download", "-f", "nowhere.xlsx")
    assert ended.returncode == 2, ended.stderr


def test_the_command_line_starts_without_the_heavy_libraries() -> None:
    """Slow imports are lazy: `--help` loads none of them."""
    script = (
        "import sys\n"
        "from oncsync.cli import cli\n"
        "from oncsync.cli.ending import run_to_exit_code\n"
        "assert run_to_exit_code(cli, ['--help']) == 0\n"
        "heavy = {'requests', 'openpyxl', 'jsonschema', 'ruamel.yaml', 'rich', 'portalocker'}\n"
        "sys.exit(','.join(sorted(heavy & set(sys.modules))) or 0)"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, cwd=CHECKOUT)
    assert ended.returncode == 0, ended.stderr
