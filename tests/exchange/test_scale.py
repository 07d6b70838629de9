"""10,000 rows: what a machine of a few hundred MiB can take. How long it takes is measured in `tests/bench`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.exchange.long import ROWS, save_long_book
from tests.support.world import child_environment

MOST_MIB = 300
SCRIPT = """\
import json, resource, sys
from pathlib import Path
from oncsync.exchange import export_workbook, import_workbook
from oncsync.manifest import load_manifest

def peak():
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / 2**20 if sys.platform == "darwin" else most / 2**10

folder = Path(sys.argv[1])
manifest = folder / "oncsync.yaml"
taken = import_workbook(folder / "download.xlsx", manifest)
after_import = peak()
written = export_workbook(load_manifest(manifest), None, folder / "out.xlsx")
print(json.dumps([taken.rows, after_import, written.rows, peak()]))
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not tell the peak of a process")
def test_ten_thousand_rows_fit_into_little_memory(tmp_path: Path) -> None:
    """Item 5: in below 300 MiB, and out again; one line a row in between."""
    save_long_book(tmp_path)
    command = [sys.executable, "-c", SCRIPT, str(tmp_path)]
    done = subprocess.run(command, env=child_environment(), check=True, capture_output=True, text=True, timeout=600)
    rows, after_import, exported, after_export = json.loads(done.stdout)
    assert (rows, exported) == (ROWS, ROWS)
    assert after_import < MOST_MIB
    assert after_export < MOST_MIB
    assert len((tmp_path / "requests.csv").read_bytes().splitlines()) == ROWS + 1
