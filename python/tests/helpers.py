"""What the tests share: a folder of their own, child processes, and the journal read plainly."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
import time
import unittest
from collections.abc import Callable
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).resolve().parents[1]
CLI = Path(os.environ.get("EPOCHTREE_CLI") or PACKAGE.parent / "bin" / "epochtree.mjs")
if str(PACKAGE) not in sys.path:
    sys.path.insert(0, str(PACKAGE))

_FOREIGN = ("EPOCHTREE_", "SLURM_", "OMPI_", "PMI", "MASTER_", "TORCHELASTIC_", "RANK", "WORLD_SIZE")


class FolderCase(unittest.TestCase):
    """Every test has a new `.epochtree` folder, which sessions find by `EPOCHTREE_DIR`."""

    def setUp(self) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="epochtree-test-"))
        self.addCleanup(shutil.rmtree, self.root, ignore_errors=True)
        self.dir = self.root / ".epochtree"
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith(_FOREIGN)}
        self.environment.update(
            EPOCHTREE_DIR=str(self.dir),
            XDG_STATE_HOME=str(self.root / "state"),
            PYTHONPATH=str(PACKAGE),
            PYTHONDONTWRITEBYTECODE="1",
        )
        before = dict(os.environ)
        self.addCleanup(lambda: (os.environ.clear(), os.environ.update(before)))
        os.environ.clear()
        os.environ.update(self.environment)

    def start(self, code: str, *words: str, **environment: str) -> subprocess.Popen[str]:
        """A child process that runs the code, with `epochtree` imported."""
        script = self.root / f"script-{time.monotonic_ns()}.py"
        script.write_text("import os, sys, time, signal\nimport epochtree\n" + textwrap.dedent(code), "utf-8")
        child = subprocess.Popen(
            [sys.executable, str(script), *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            cwd=self.root,
            env={**os.environ, **environment},
        )
        self.addCleanup(_end, child)
        return child

    def run_code(self, code: str, *words: str, status: int | None = 0, **environment: str) -> str:
        """Runs the code to its end; returns what it printed."""
        child = self.start(code, *words, **environment)
        out, err = child.communicate(timeout=180)
        self.errors = err
        if status is not None:
            self.assertEqual(child.returncode, status, err)
        return out.strip()

    def runs(self) -> list[Path]:
        return sorted((self.dir / "runs").iterdir())

    def run_of(self, session: Any) -> Path:
        return self.dir / "runs" / session.id

    def lines(self, run: Path | None = None, kind: str | None = None) -> list[dict[str, Any]]:
        """The journal's lines, each of which must be whole, valid and begin with its type."""
        text = ((run or self.runs()[-1]) / "journal.jsonl").read_bytes().decode()
        self.assertTrue(text.endswith("\n"))
        found = []
        for line in text.split("\n")[:-1]:
            self.assertLessEqual(len(line.encode()), 8 * 1024 * 1024)
            self.assertTrue(line.startswith('{"type":"'), line[:80])
            found.append(json.loads(line, parse_constant=self.fail))
        return [line for line in found if kind in (None, line["type"])]

    def points(self, run: Path | None = None) -> list[tuple[str, str, Any, Any]]:
        """(split, name, step, value) of every metric point, by name in the order of its lines."""
        found = []
        for line in self.lines(run, "metrics"):
            for name, values in line["values"].items():
                steps = line["step"] or [None] * len(values)
                self.assertEqual(len(steps), len(values))
                self.assertEqual(len(line["time"]), len(values))
                found += [(line["split"], name, s, v) for s, v in zip(steps, values)]
        return found

    def until(self, true: Callable[[], Any], seconds: float = 10.0) -> Any:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = true()
            if found:
                return found
            time.sleep(0.01)
        self.fail(f"not true within {seconds} s")


def _end(child: subprocess.Popen[str]) -> None:
    if child.poll() is None:
        child.kill()
    child.communicate()


def graph(size: int = 3) -> dict[str, Any]:
    return {"id": "g", "nodes": {"a": {"id": "a", "name": "dense", "data": {"shape": [size]}}}}
