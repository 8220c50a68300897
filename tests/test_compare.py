"""benches/compare: the table of Threadbook beside its peers."""

import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[1] / "benches" / "compare" / "compare.py"


def compare(*options):
    return subprocess.run([sys.executable, str(SCRIPT), *options], capture_output=True, text=True, timeout=300)


def test_one_round_beside_ipykernel(tmp_path):
    file = tmp_path / "folder" / "table.md"
    done = compare("--without-evcxr", "--rounds", "1", "-o", str(file))
    assert done.returncode == 0, done.stderr
    text = file.read_text()
    assert text == done.stdout.removesuffix("\n")
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]
    figures = {row[0]: row[1:] for row in rows if row[0] not in ("median", "---")}
    assert len(figures) == 6 + 7, text
    for name, (own, theirs, ratio, *_) in figures.items():
        assert own and theirs, name
        assert float(ratio.removesuffix("×")) > 0, name
    assert figures["start, to the first reply"][-1].startswith("ipykernel ≥ 1 ×: ")


def test_no_round_is_refused():
    done = compare("--rounds", "0")
    assert done.returncode == 2 and "--rounds must be at least 1" in done.stderr
