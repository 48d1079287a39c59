"""More documents for an epoch of the past, in a journal of their own."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from . import _cli, _folder
from ._lock import RunLock
from ._session import Recorder

if TYPE_CHECKING:
    from types import TracebackType


class Evaluation(Recorder):
    """An epoch of the past that more is logged for; every model that has the epoch shows it.

    Attributes:
        session: the id of the session that trained the epoch.
        id, number: the epoch.
        weights_path: of its weights; None when it has none here.
    """

    def __init__(self, reference: str, dir: str | os.PathLike[str] | None = None) -> None:
        folder = _folder.find_folder(dir)
        shown = _cli.ask(folder, ["show", reference])
        evaluation_id = _folder.new_id()
        super().__init__(_folder.run_folder(folder, evaluation_id))
        self.reference = reference
        self.session: str = shown["sessionId"]
        self.id: str = shown["id"]
        self.number: int = shown["number"]
        self.weights_path: str | None = shown.get("weightsPath")
        self._graph_path: str | None = shown.get("graphPath")
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
        """The epoch's model graph, ``{"id", "nodes"}``; None when it is not known here."""
        return _folder.read_json(self._graph_path) if self._graph_path else None

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
