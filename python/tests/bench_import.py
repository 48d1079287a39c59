"""Measures what `import epochtree` costs over the bare interpreter. Prints one JSON line."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from time import perf_counter

ROUNDS = int(os.environ.get("ROUNDS", "41"))


def milliseconds(code: str) -> float:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[1])}
    begin = perf_counter()
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
    return (perf_counter() - begin) * 1000


def main() -> None:
    milliseconds("import epochtree")  # compiled and cached from here on
    bare, loaded = [], []
    for _ in range(ROUNDS):  # in turn, so that the machine's moods meet both
        bare.append(milliseconds("pass"))
        loaded.append(milliseconds("import epochtree"))
    floor = statistics.median(bare)
    extra = statistics.median(after - before for before, after in zip(bare, loaded))
    figures = {
        "importMs": round(extra, 2),
        "bareMs": round(floor, 2),
        "python": sys.version.split()[0],
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
