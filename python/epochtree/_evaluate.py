"""More documents for an epoch of the past, in a journal of their own."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from . import _cli, _distributed, _folder
from ._errors import EpochtreeError
from ._lock import RunLock
from ._session import Recorder

if TYPE_CHECKING:
    from types import TracebackType


class Evaluation(Recorder):
    """An epoch of the past that more is logged for; every model that has the epoch shows it.

    Attributes:
        session: the id of the session that trained the epoch.
        id, number: the epoch.
    """

    def __init__(self, reference: str, dir: str | os.PathLike[str] | None = None, enabled: bool | None = None) -> None:
        folder = _folder.find_folder(dir)
        shown = _cli.ask(folder, ["show", reference])
        evaluation_id = _folder.new_id()
        writes = enabled if enabled is not None else not _distributed.rank()
        writes = writes and not _distributed.is_imported_by_a_worker()
        super().__init__(_folder.run_folder(folder, evaluation_id) if writes else None)
        self.reference = reference
        self.session: str = shown["sessionId"]
        self.id: str = shown["id"]
        self.number: int = shown["number"]
        self._folder = folder
        self._weights: dict[str, Any] | None = shown.get("weights")
        self._weights_path: str | None = shown.get("weightsPath")
        self._verified = False
        self._graph: dict[str, Any] | None = None
        self._has_graph = shown.get("graph") is not None
        if writes:
            with _folder.writable(folder):
                self._begin(folder, evaluation_id, shown)

    def __repr__(self) -> str:
        return f"<epochtree.Evaluation of {self.session}@{self.number}>"

    def _begin(self, folder: str, evaluation_id: str, shown: Mapping[str, Any]) -> None:
        assert self._run is not None
        _folder.make_folder(folder)
        os.makedirs(self._run)
        attempt = _folder.new_id()
        lock = RunLock(self._run, attempt)
        try:
            content = {
                "format": 1,
                "sessionId": evaluation_id,
                "modelName": shown["session"]["name"],
                "evaluates": {
                    "sessionId": self.session,
                    "epochId": self.id,
                    "epochNumber": self.number,
                },
                "command": _folder.command(),
                "createdAt": time.time(),
            }
            _folder.write_session_file(self._run, content)
            started = {
                "type": "started",
                "format": 1,
                "time": time.time(),
                "attempt": attempt,
                "after": None,
                "restored": None,
                "pid": os.getpid(),
                "host": _folder.host(),
                "bootId": _folder.boot_id(),
                "hyperparameters": {},
                "pruningPlan": None,
                "environment": _folder.environment(),
            }
            self._record(lock, started)
        except BaseException:
            lock.release()
            raise

    @property
    def graph(self) -> dict[str, Any] | None:
        """The epoch's model graph, ``{"id", "nodes"}``; None when it has none."""
        if self._graph is None and self._has_graph:
            self._graph = _cli.ask(self._folder, ["graph", self.id])
        return self._graph

    @property
    def weights_path(self) -> str | None:
        """The path of the epoch's weights, verified the first time; None when it has none here.

        Raises:
            EpochtreeError: ``weights-missing`` or ``weights-damaged``, with the file and a remedy.
        """
        path = self._weights_path
        if path and self._weights and not self._verified:
            remedy = "Put the right file there, or evaluate another epoch."
            try:
                _folder.verify("weights", path, self._weights, path, remedy)
            except FileNotFoundError:
                raise EpochtreeError("weights-missing", f"The weights file {path} is missing. {remedy}") from None
            self._verified = True
        return path

    def log(self, values: Mapping[str, Any], split: str = "test", step: Any = None) -> None:
        """Logs metrics; see `Epoch.log`."""
        if self._journal is None:
            return self._mute()
        self._journal.metrics(self.id, values, split, step)

    def log_samples(self, fields: Mapping[str, Any], split: str = "test") -> None:
        """Logs one document a data sample; see `Epoch.log_samples`."""
        if self._journal is None:
            return self._mute()
        self._journal.samples(self.id, fields, split)

    def __enter__(self) -> Evaluation:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._exit(error)
