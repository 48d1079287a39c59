"""Measures `log`: 10 metrics, 200,000 calls in a tight loop. Prints one JSON line.

The floor is `json.dumps` of the same rows, timed in the same process afterwards.
"""

from __future__ import annotations

import json
import os
import random
import resource
import shutil
import sys
import tempfile
from pathlib import Path
from time import perf_counter, perf_counter_ns

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import epochtree

CALLS = int(os.environ.get("CALLS", "200000"))
NAMES = [f"metric_{i}" for i in range(10)]


def resident_bytes() -> int:
    """The most memory that this process ever held."""
    try:
        # Unlike getrusage, this does not begin with what the parent held before it started us.
        status = Path("/proc/self/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    scale = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale


def main() -> None:
    rng = random.Random(1)
    # Enough different rows that encoding meets real numbers, few enough not to be the memory measured.
    rows = [{name: rng.random() for name in NAMES} for _ in range(1000)]
    folder = tempfile.mkdtemp()
    durations = [0] * CALLS
    try:
        session = epochtree.session("bench", dir=folder)
        epoch = session.epoch()
        for i in range(1000):
            epoch.log(rows[i], step=i)
        before = resident_bytes()
        begin = perf_counter()
        for i in range(CALLS):
            row = rows[i % 1000]
            start = perf_counter_ns()
            epoch.log(row, step=i)
            durations[i] = perf_counter_ns() - start
        looped = perf_counter() - begin
        session.finish()
        total = perf_counter() - begin
        grown = resident_bytes() - before
        size = os.path.getsize(Path(folder, "runs", session.id, "journal.jsonl"))
    finally:
        shutil.rmtree(folder)
    begin = perf_counter()
    for i in range(CALLS):
        json.dumps(rows[i % 1000])
    floor = perf_counter() - begin
    durations.sort()
    figures = {
        "calls": CALLS,
        "p50Us": durations[CALLS // 2] / 1000,
        "p99Us": durations[CALLS * 99 // 100] / 1000,
        "longestMs": round(durations[-1] / 1e6, 3),
        "rssMiB": round(grown / 2**20, 1),
        "loopSeconds": round(looped, 3),
        "totalSeconds": round(total, 3),
        "dumpsSeconds": round(floor, 3),
        "totalOverDumps": round(total / floor, 2),
        "journalMiB": round(size / 2**20, 1),
        "python": sys.version.split()[0],
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
