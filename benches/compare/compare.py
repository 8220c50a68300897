#!/usr/bin/env python3
"""Threadbook, evcxr_jupyter and ipykernel side by side, in one run on this machine.

Prints a table in Markdown, and writes it into a file. See README.md beside this file.
"""

import argparse
import datetime
import itertools
import statistics
import sys
import time
from contextlib import closing
from pathlib import Path

import cells
import kernels
from kernels import Kernel

TARGET = Path(__file__).resolve().parents[2] / "target"
RESTS = 2.0
"""Seconds before a kernel's memory is looked at."""
RERUNS = 30

# No cell of this run is one that a kernel has compiled in an earlier one. (They fit into an `i32`.)
numbers = itertools.count(int(time.time()) % 1_000_000 * 1000)


class Row:
    """What was measured of each peer: seconds, or bytes. Smaller is better."""

    def __init__(self, name, show, aims=()):
        self.name, self.show = name, show
        self.aims = dict(aims)
        """How many times better than a peer Threadbook is to be."""
        self.values = {}

    def add(self, peer, value):
        self.values.setdefault(peer.name, []).append(value)

    def median(self, name):
        return statistics.median(self.values[name]) if name in self.values else None


def seconds(value):
    for unit, size in (("s", 1), ("ms", 1e-3), ("µs", 1e-6)):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value / 1e-9:.3g} ns"


def mebibytes(value):
    return f"{value / 2**20:.0f} MiB"


def measure(peers, rounds, with_work):
    """All rows. The kernels take turns, so that a busy moment of the machine does not hit one alone."""
    start = Row("start, to the first reply", seconds, {"evcxr_jupyter": 10, "ipykernel": 1})
    first = Row("the first cell", seconds)
    let = Row("the first `let` (an assignment in Python)", seconds)
    small = Row("a new small cell", seconds, {"evcxr_jupyter": 4})
    again = Row("`1 + 1` run again, unchanged", seconds, {"ipykernel": 1})
    memory = Row("memory, after these cells", mebibytes, {"evcxr_jupyter": 10, "ipykernel": 1})
    work = [Row(name, seconds) for name in cells.WORK] if with_work else []
    for turn in range(rounds):
        for peer in peers:
            say(f"{peer.name}, turn {turn + 1} of {rounds} …")
            with closing(Kernel(peer)) as kernel:
                start.add(peer, kernel.started)
                run = lambda text: kernel.run(text.format(n=next(numbers)))[0]
                first.add(peer, run(cells.FIRST[peer.language]))
                let.add(peer, run(cells.LET[peer.language]))
                number = next(numbers)
                for text in cells.SMALL[peer.language]:
                    small.add(peer, kernel.run(text.format(n=number))[0])
                kernel.run("1 + 1")
                for _ in range(RERUNS):
                    again.add(peer, kernel.run("1 + 1")[0])
                time.sleep(RESTS)
                memory.add(peer, kernel.memory())
                if work and peer.name != "evcxr_jupyter":
                    for row, texts in zip(work, cells.WORK.values()):
                        text = texts[0] if peer.language == "rust" else texts[1]
                        _, printed = kernel.run(cells.timed(peer.language, text))
                        for took in printed.split():
                            row.add(peer, float(took))
    return [start, first, let, small, again, memory], work


def table(rows, peers):
    """Markdown: a line for each row, with how many times better Threadbook is than each of the others."""
    own, *others = [peer.name for peer in peers]
    yield f"| median | {own} | " + " | ".join(f"{name} | ÷ {own}" for name in others) + " | to reach |"
    yield "| --- | ---: | " + " | ".join("---: | ---:" for _ in others) + " | --- |"
    for row in rows:
        mine = row.median(own)
        line = [row.name, row.show(mine)]
        reached = []
        for name in others:
            value = row.median(name)
            line += [row.show(value), f"{value / mine:.3g} ×"] if value is not None else ["", ""]
            if name in row.aims and value is not None:
                least = row.aims[name]
                verdict = "met" if value / mine >= least else "**missed**"
                reached.append(f"{name} ≥ {least} ×: {verdict}")
        yield "| " + " | ".join([*line, "; ".join(reached)]) + " |"


def say(text):
    print(text, file=sys.stderr, flush=True)


def main():
    parser = argparse.ArgumentParser(description="Measures Threadbook beside evcxr_jupyter and ipykernel.")
    parser.add_argument("--rounds", type=int, default=5, help="how often each kernel is started (default: 5)")
    parser.add_argument("--without-evcxr", action="store_true", help="leaves evcxr_jupyter out: it need not be built")
    parser.add_argument("--without-work", action="store_true", help="leaves the lessons' work out")
    parser.add_argument("--evcxr-place", type=Path, default=TARGET / "evcxr", help="where evcxr_jupyter is built")
    parser.add_argument("-o", "--output", type=Path, default=TARGET / "compare.md", help="the Markdown file")
    options = parser.parse_args()
    if options.rounds < 1:
        parser.error("--rounds must be at least 1")
    peers = [kernels.threadbook()]
    if not options.without_evcxr:
        peers.append(kernels.evcxr(options.evcxr_place))
    peers.append(kernels.ipykernel())
    rows, work = measure(peers, options.rounds, not options.without_work)
    names = ", ".join(f"{peer.name} ({peer.version})" for peer in peers)
    lines = [
        f"{datetime.date.today()}, {kernels.machine()}; {kernels.versions()}; {names}. Medians of {options.rounds} "
        "rounds in turns. Memory: of all processes, shared pages divided.",
        "",
        *table(rows, peers),
    ]
    if work:
        pair = [peer for peer in peers if peer.name != "evcxr_jupyter"]
        lines += ["", "The lessons' work, timed in the cell by the language's own clock:", "", *table(work, pair)]
    text = "\n".join(lines) + "\n"
    print(text)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(text)
    say(f"written to {options.output}")


if __name__ == "__main__":
    main()
