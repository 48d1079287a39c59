"""Asks the command line, which alone opens the store."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from typing import Any

from ._errors import EpochtreeError

_ERROR = re.compile(r"^epochtree: ([a-z0-9-]+): (.*)", re.MULTILINE)


def ask(folder: str, words: Sequence[str]) -> dict[str, Any]:
    """The command's JSON answer.

    Raises:
        EpochtreeError: with the command's own code and sentence, or ``cli-missing``.
    """
    import subprocess

    program = os.environ.get("EPOCHTREE_CLI") or "epochtree"
    argv = ["node", program] if program.endswith((".mjs", ".js", ".cjs")) else [program]
    if os.name == "nt" and len(argv) == 1:
        import shutil

        argv = [shutil.which(program) or program]
    environment = {name: value for name, value in os.environ.items() if name != "EPOCHTREE_SESSION"}
    try:
        done = subprocess.run(
            [*argv, *words, "--json", "--dir", folder],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            env=environment,
        )
    except OSError as error:
        raise EpochtreeError(
            "cli-missing",
            f"The command {program!r} could not be started ({error.strerror}). Put `epochtree` on "
            "PATH, or set EPOCHTREE_CLI to bin/epochtree.mjs.",
        ) from None
    if done.returncode != 0:
        told = _ERROR.search(done.stderr)
        if told:
            raise EpochtreeError(told[1], told[2])
        last = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:] or ["it said nothing"]
        raise EpochtreeError(
            "cli-failed",
            f"`epochtree {words[0]}` ended with status {done.returncode}: {last[0]}. Run `epochtree doctor`.",
        )
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise EpochtreeError("cli-failed", f"`epochtree {words[0]}` gave no JSON. Run `epochtree doctor`.")
    return answer
