"""benches/compare: the table of Threadbook beside its peers."""

import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[1] / "benches" / "compare" / "compare.py"


def compare(*options):
    return subprocess.run([sys.executable, str(SCRIPT), *options], capture_output=True, text=True, timeout=300)


def test_no_round_is_refused():
    done = compare("--rounds", "0")
    assert done.returncode == 2 and "--rounds must be at least 1" in done.stderr
