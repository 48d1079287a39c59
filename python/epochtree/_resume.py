"""Where a session goes on: its own journal read again, and the epoch a fork or resume starts from."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from typing import Any

from . import _distributed, _folder
from ._errors import EpochtreeError

_STEP = re.compile(rb'"step"\s*:\s*(null|\[[^\]]*\])')
_DOCUMENTS = (b'{"type":"metrics"', b'{"type":"samples"', b'{"type":"gap"')
_EPOCH_OF = re.compile(rb'"epoch":"([0-9a-f]{24})"')


class Committed:
    """An epoch that a journal committed."""

    __slots__ = ("graph", "id", "number", "state", "weights")

    def __init__(self, epoch_id: str, number: int, commit: Mapping[str, Any]) -> None:
        self.id = epoch_id
        self.number = number
        self.graph = commit.get("graph")
        self.weights = _named_file(commit.get("weights"))
        self.state = _named_file(commit.get("state"))


class History:
    """What a journal tells about its session.

    Attributes:
        last: the last committed epoch.
        weighted: the last committed epoch with weights.
        step: the highest step of the last committed epoch that has any.
        started: whether an engine ever began.
        status: how the last attempt ended; None when it did not.
    """

    def __init__(self, run: str, above: int = 0) -> None:
        self.last: Committed | None = None
        self.weighted: Committed | None = None
        self.step: int | None = None
        self.started = False
        self.status: str | None = None
        self._number = above
        self._steps: list[tuple[int, int]] = []
        path = os.path.join(run, "journal.jsonl")
        try:
            file = open(path, "rb")
        except FileNotFoundError:
            return
        with file:
            self._read(file)
            for at, length in self._steps:
                file.seek(at)
                highest = _highest_step(file.read(length))
                if highest is not None and (self.step is None or highest > self.step):
                    self.step = highest

    def _read(self, file: Any) -> None:
        numbers: dict[str, int] = {}
        steps: dict[str, list[tuple[int, int]]] = {}
        at = 0
        for line in file:
            begin, at = at, at + len(line)
            if not line.endswith(b"\n"):
                break
            # Documents are by far the most, and only their steps may be asked for.
            if line.startswith(_DOCUMENTS):
                epoch = _EPOCH_OF.search(line, 0, 120)
                if epoch and line.startswith(_DOCUMENTS[0]):
                    where = steps.setdefault(epoch[1].decode(), [])
                    if line.find(b'"step":null', 0, 300) < 0:
                        where.append((begin, len(line)))
                continue
            try:
                record = json.loads(line)
            except ValueError:
                continue
            if not isinstance(record, dict):
                continue
            kind, epoch_id = record.get("type"), record.get("epoch")
            if kind == "started":
                # It abandons what was not committed before.
                numbers, steps = {}, {}
                self.started, self.status = True, None
            elif kind == "finished":
                self.status = record.get("status")
            elif kind == "epoch" and isinstance(epoch_id, str):
                number = record.get("number")
                if isinstance(number, int) and number > self._number:
                    numbers[epoch_id] = number
            elif kind == "metrics" and isinstance(epoch_id, str):  # by an engine that writes spaces
                steps.setdefault(epoch_id, []).append((begin, len(line)))
            elif kind == "commit" and isinstance(epoch_id, str):
                number = numbers.pop(epoch_id, 0)
                if number > self._number:
                    self._number = number
                    self.last = Committed(epoch_id, number, record)
                    if self.last.weights:
                        self.weighted = self.last
                    self._steps = steps.pop(epoch_id, []) or self._steps


def _highest_step(line: bytes) -> int | None:
    found = _STEP.search(line)
    steps = json.loads(found[1]) if found else None
    known = [step for step in steps or () if isinstance(step, int)]
    return max(known, default=None)


def _named_file(record: Any) -> dict[str, Any] | None:
    named = isinstance(record, dict) and isinstance(record.get("file"), str)
    return record if named and isinstance(record.get("sha256"), str) else None


class Start:
    """The epoch that a fork or a resumed session goes on from.

    Attributes:
        session: the id of the session that has the epoch's history.
        epoch, number: the epoch; training goes on with `number + 1`.
        step: the last step that was logged; None when none was.
        weights_epoch, weights_number: the epoch whose weights, state and graph these are: the same
            epoch, or the nearest before it that has weights; None without any.
    """

    def __init__(self, folder: str, run: str, record: Mapping[str, Any]) -> None:
        self.session: str = record["session"]
        self.session_name: str | None = record.get("sessionName")
        self.epoch: str = record["epoch"]
        self.number: int = record["number"]
        self.step: int | None = record.get("step")
        self.weights_epoch: str | None = record.get("weightsEpoch")
        self.weights_number: int | None = record.get("weightsNumber")
        self.record = dict(record)
        self._folder = folder
        self._run = run
        self._graph: dict[str, Any] | None = None
        self._paths: dict[str, str] = {}
        self._links: list[str] = []

    def __repr__(self) -> str:
        return f"<epochtree.Start {self.session}@{self.number}>"

    @property
    def graph(self) -> dict[str, Any] | None:
        """The model graph, ``{"id", "nodes"}``; it tells the shapes of the weights.

        Raises:
            EpochtreeError: ``graph-missing`` when its file is gone.
        """
        named = self.record.get("graph")
        if self._graph is None and named:
            path = os.path.join(self._run, *named.split("/"))
            self._graph = _folder.read_json(path)
            if self._graph is None:
                raise EpochtreeError(
                    "graph-missing",
                    f"The graph {path} of epoch {self.number} is missing or damaged. Copy it back, "
                    "or fork an earlier epoch.",
                )
        return self._graph

    @property
    def weights_path(self) -> str | None:
        """The path of the weights, verified the first time; None when no epoch has any.

        Raises:
            EpochtreeError: ``weights-missing`` or ``weights-damaged``, with the file and a remedy.
        """
        return self._path("weights")

    @property
    def state_path(self) -> str | None:
        """The path of the optimizer's state; like `weights_path`."""
        return self._path("state")

    def _path(self, what: str) -> str | None:
        named = self.record.get(what)
        if not named:
            return None
        if what not in self._paths:
            self._paths[what] = self._verified(what, named)
        return self._paths[what]

    def _verified(self, what: str, named: Mapping[str, Any]) -> str:
        own = os.path.join(self._run, *named["file"].split("/"))
        stored = _folder.stored_weights(self._folder, named["sha256"])
        remedy = f"Put the right file there, or fork an epoch before {self.weights_number}."
        # Twice: reading the journal may move the file from one place to the other meanwhile.
        for path in (own, stored, own, stored):
            kept = self._keep(path, own, named)
            try:
                _folder.verify(what, kept, named, path, remedy)
            except FileNotFoundError:
                continue
            return kept
        raise EpochtreeError(f"{what}-missing", f"The {what} file {own} is missing. {remedy}")

    def _keep(self, path: str, own: str, named: Mapping[str, Any]) -> str:
        """A name of this run's own for the file, with its suffix, which nobody else removes."""
        parent = os.path.join(self._run, "parent")
        if os.path.dirname(own) == parent and path == own:
            return path
        # A rank's own: another that is done takes its own away.
        link = os.path.join(parent, f"resumed-{_distributed.rank() or 0}-{os.path.basename(own)}")
        # Processes of one rank share it, so it is never away for a moment.
        temporary = f"{link}.{os.getpid()}.tmp"
        try:
            os.makedirs(parent, exist_ok=True)
            os.link(path, temporary)
            _folder.replace(temporary, link)
            _folder.remove_quietly(temporary)  # still there where both were the same file
        except OSError:
            return path
        self._links.append(link)
        return link

    def forget(self) -> None:
        """Removes the names that `weights_path` and `state_path` made."""
        for link in self._links:
            _folder.remove_quietly(link)


def start_of(folder: str, run: str, session: Mapping[str, Any], history: History) -> Start | None:
    """Where a session goes on: after its own last epoch, else its parent's; None from the beginning."""
    parent = _folder.read_json(os.path.join(run, "parent", "start.json"))
    if parent is not None and history.last is None:
        own_weights = {"weightsEpoch": parent["epoch"], "weightsNumber": parent["number"]}
        return Start(folder, run, {**parent, **(own_weights if parent.get("weights") else {})})
    last = history.last
    if last is None:
        if session.get("forkedFrom"):
            raise EpochtreeError(
                "parent-missing",
                f"The fork {os.path.basename(run)} has no parent/start.json. Create it again with `epochtree fork`.",
            )
        return None
    step = history.step if history.step is not None else (parent or {}).get("step")
    record: dict[str, Any] = {
        "session": os.path.basename(run),
        "sessionName": session.get("name"),
        "epoch": last.id,
        "number": last.number,
        "step": step,
        "graph": last.graph,
        "weights": None,
        "state": None,
    }
    weighted = history.weighted
    if weighted is not None:
        record.update(
            graph=weighted.graph,
            weights=weighted.weights,
            state=weighted.state,
            weightsEpoch=weighted.id,
            weightsNumber=weighted.number,
        )
    elif parent is not None and parent.get("weights"):
        record.update(
            {name: parent.get(name) for name in ("graph", "weights", "state")},
            weightsEpoch=parent["epoch"],
            weightsNumber=parent["number"],
        )
    return Start(folder, run, record)


def marks(run: str) -> dict[str, Any]:
    """What people decided about a session later."""
    return _folder.read_json(os.path.join(run, "marks.json")) or {}
