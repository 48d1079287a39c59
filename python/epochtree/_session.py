"""A session and its epochs, as the training script holds them."""

from __future__ import annotations

import atexit
import contextlib
import hashlib
import json
import os
import re
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from . import _folder, _process, _values
from ._errors import EpochtreeError, warn
from ._resume import Start

if TYPE_CHECKING:
    from types import FrameType, TracebackType
    from typing import Literal

    from ._journal import Journal
    from ._lock import RunLock

    Status = Literal["completed", "stopped", "failed"]

__all__ = ["Epoch", "Session", "Start"]

_STOP_SECONDS = 0.5
_ERROR_CHARACTERS = 10_000
_FORMAT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}")


class Recorder:
    """What a session and an evaluation have in common: a run folder, its journal and its lock."""

    def __init__(self, run: str | None) -> None:
        self._run = run
        self._journal: Journal | None = None
        self._lock: RunLock | None = None
        self._commit_lock = threading.RLock()
        self._ended = False
        self._ending = False
        self._stop_seen = False
        self._warned_ended = False
        self._next_touch = 0.0
        self._next_look = 0.0

    def _record(self, lock: RunLock, started: Mapping[str, Any]) -> None:
        """Begins to write; the lock is released by `_end`."""
        from ._journal import Journal
        from ._lock import TOUCH_SECONDS

        assert self._run is not None
        self._lock = lock
        _folder.remove_quietly(os.path.join(self._run, "stop"))
        lock.begin()
        self._next_touch = time.monotonic() + TOUCH_SECONDS
        self._journal = Journal(os.path.join(self._run, "journal.jsonl"), self._tick)
        _live.add(self)
        _install_hooks()
        self._journal.put_and_flush(started, lasting=True)
        with contextlib.suppress(OSError):
            _folder.flush_folder(self._run)

    def _tick(self, now: float) -> None:
        """Runs in the writer's thread: shows that this engine lives, and looks for `stop`."""
        assert self._run is not None and self._lock is not None
        if now >= self._next_touch:
            from ._lock import TOUCH_SECONDS

            self._next_touch = now + TOUCH_SECONDS
            try:
                self._lock.touch()
            except FileNotFoundError:
                if not self._ending:
                    warn(f"{self._run} was removed while the session is running; it is not recorded any more.")
                    self._next_touch = float("inf")
            except OSError:
                pass
        if now >= self._next_look and not self._stop_seen and not self._ending:
            self._next_look = now + _STOP_SECONDS
            if os.path.exists(os.path.join(self._run, "stop")):
                self._stop_seen = True
                _interrupt_main_thread()

    def finish(self, status: Status | None = None, error: BaseException | str | None = None) -> None:
        """Ends it; what comes later does nothing.

        Args:
            status: completed, stopped or failed; by default failed if there is an error, stopped
                if somebody asked for it, else completed.
            error: what went wrong.
        """
        if status not in (None, "completed", "stopped", "failed"):
            raise ValueError(f"epochtree: a status is completed, stopped or failed, not {status!r}")
        interrupt: KeyboardInterrupt | None = None
        # Ctrl-C while it ends must not leave it half ended; it is raised afterwards.
        for _ in range(10):
            try:
                self._end(status, error)
                break
            except KeyboardInterrupt as pressed:
                interrupt = pressed
        if interrupt is not None and not self._stop_seen:
            raise interrupt

    def close(self) -> None:
        """The same as `finish()`."""
        self.finish()

    def _end(self, status: Status | None, error: BaseException | str | None) -> None:
        if self._ended:
            return
        journal, lock = self._journal, self._lock
        if journal is not None:
            if not self._ending:
                self._ending = True
                if status is None:
                    asked = self._stop_seen or _is_interrupt(error)
                    status = "stopped" if asked else "failed" if error is not None else "completed"
                line = {
                    "type": "finished",
                    "status": status,
                    "error": _error_text(error),
                    "time": time.time(),
                }
                journal.put_and_flush(line, lasting=True)
            journal.close()
            self._journal = None
        if lock is not None:
            lock.release()
        self._forget()
        _live.discard(self)
        self._ended = True

    def _forget(self) -> None:
        """Removes what only a living engine needs."""

    def _abandon(self) -> None:
        """In a forked child, which must not write: the parent goes on."""
        if self._journal is not None:
            self._journal.abandon()
        if self._lock is not None:
            self._lock.abandon()
        self._journal = self._lock = None
        self._commit_lock = threading.RLock()

    def __getstate__(self) -> dict[str, Any]:
        """A copy, as a worker process gets one, does not write."""
        mute = dict.fromkeys(("_journal", "_lock", "_commit_lock"))
        return {**self.__dict__, **mute}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _commit_lock=threading.RLock())

    def _mute(self) -> None:
        """Called when something is logged and there is no journal."""
        if self._ended and self._run is not None and not self._warned_ended:
            self._warned_ended = True
            warn("the session has ended; what is logged now is not recorded.")

    def _exit(self, error: BaseException | str | None) -> None:
        if isinstance(error, SystemExit) and error.code in (None, 0):
            error = None
        self.finish(error=None if isinstance(error, GeneratorExit) else error)


class Session(Recorder):
    """One training run of one model.

    Attributes:
        id: 24 hex digits.
        name: unique in the folder.
        hyperparameters: the script's, with a fork's edits over them.
        pruning_plan: the script's, or the fork's own; None without a plan.
        starts_from: the epoch that a fork or a resumed session goes on from, else None.
    """

    def __init__(
        self,
        folder: str,
        run: str | None,
        session_id: str,
        name: str,
        hyperparameters: dict[str, Any],
        pruning_plan: dict[str, Any] | None,
        starts_from: Start | None,
        epochs: int | None,
    ) -> None:
        super().__init__(run)
        self.id = session_id
        self.name = name
        self.hyperparameters = hyperparameters
        self.pruning_plan = pruning_plan
        self.starts_from = starts_from
        self._folder = folder
        self._number = self._committed = starts_from.number if starts_from else 0
        self._epochs_wanted = epochs
        self._until: int | None = None
        self._graph: tuple[str, str] | None = None
        self._graph_known = starts_from is None

    def __repr__(self) -> str:
        return f"<epochtree.Session {self.name!r} {self.id}>"

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._exit(error)

    def epochs(self, last_number: int) -> Iterator[Epoch]:
        """Yields the epochs up to this number; a fork of epoch 30 begins with 31.

        An epoch whose body ends without a commit, by neither `break` nor an exception, is committed
        with the last graph and without weights. A fork or resume may have been asked for another
        last number, which then counts.
        """
        last = _values.whole(last_number, "the last epoch's number")
        if self._epochs_wanted is not None:
            last = self._epochs_wanted
        if self._number >= last:
            warn(
                f"the session {self.name[:80]!r} is at epoch {self._number} already and has none left "
                f"up to {last}. Ask for a higher number to train on."
            )
        return self._epochs(last)

    def _epochs(self, last: int) -> Iterator[Epoch]:
        while self._number < last:
            self._until = last
            epoch = self.epoch()
            yield epoch
            if not epoch.committed:
                epoch.commit()

    def epoch(self) -> Epoch:
        """Begins the next epoch; for loops of one's own.

        Raises:
            EpochtreeError: ``session-ended`` after `finish()`.
        """
        if self._ended or self._ending:
            raise EpochtreeError("session-ended", "The session has ended. Begin a new one, or resume it.")
        self._number += 1
        epoch = Epoch(self, _folder.new_id(), self._number)
        if self._journal is not None:
            line = {"type": "epoch", "epoch": epoch.id, "number": epoch.number, "time": time.time()}
            if self._until is not None:
                line["of"] = self._until
            self._journal.put(line)
        return epoch

    def _forget(self) -> None:
        if self.starts_from is not None and self._lock is not None:
            self.starts_from.forget()

    def _last_graph(self) -> tuple[str, str] | None:
        """The last graph's file, relative to the run folder, and its SHA-256."""
        if not self._graph_known:
            self._graph_known = True
            named = self.starts_from.record.get("graph") if self.starts_from else None
            if named and self._run:
                with contextlib.suppress(OSError):
                    sha256, _ = _folder.hash_file(os.path.join(self._run, *named.split("/")))
                    self._graph = (named, sha256)
        return self._graph

    def _write_graph(self, epoch: Epoch, graph: bytes | None) -> str | None:
        """The file of this graph, written if it is a new one; raises OSError."""
        assert self._run is not None
        last = self._last_graph()
        if graph is None:
            if last is None or last[0].startswith("graphs/"):
                return last and last[0]
            # The parent's: a fork's journal names files of its own.
            with open(os.path.join(self._run, *last[0].split("/")), "rb") as file:
                graph = file.read()
        sha256 = hashlib.sha256(graph).hexdigest()
        same = last is not None and last[1] == sha256 and last[0].startswith("graphs/")
        if last is not None and same and os.path.exists(os.path.join(self._run, *last[0].split("/"))):
            return last[0]
        name = f"graphs/{epoch.number}-{epoch.id[-6:]}.json"
        _folder.make_durable_folder(os.path.join(self._run, "graphs"))
        _folder.write_durably(os.path.join(self._run, *name.split("/")), graph)
        self._graph = (name, sha256)
        return name


class Epoch:
    """One epoch of a session.

    Attributes:
        id: 24 hex digits; on ranks that do not write a placeholder.
        number: 1-based within the model's history.
        committed: whether it is safely in the history.
    """

    __slots__ = ("_recorder", "committed", "id", "number")

    def __init__(self, recorder: Session, epoch_id: str, number: int) -> None:
        self._recorder = recorder
        self.id = epoch_id
        self.number = number
        self.committed = False

    def __repr__(self) -> str:
        return f"<epochtree.Epoch {self.number} {self.id}>"

    def log(self, values: Mapping[str, Any], split: str = "train", step: Any = None) -> None:
        """Logs metrics; costs microseconds and never raises because of the disk.

        Args:
            values: name to number, of any type that turns into one; or to lists or arrays of one
                length, which are as many points.
            split: what the numbers are of: train, val, test, ...
            step: the global step, a whole number, or as many as the lists are long; None for values
                of the epoch as a whole.

        Raises:
            TypeError, ValueError: for what is no number, no text or no step.
        """
        journal = self._recorder._journal
        if journal is None:
            return self._recorder._mute()
        journal.metrics(self.id, values, split, step)

    def log_samples(self, fields: Mapping[str, Any], split: str = "val") -> None:
        """Logs one document a data sample.

        Args:
            fields: name to column, a list or array with one value a sample; a single value beside
                columns holds for every sample.
            split: which data the samples are of.

        Raises:
            TypeError, ValueError: when the columns' lengths differ, or a name is no text.
        """
        journal = self._recorder._journal
        if journal is None:
            return self._recorder._mute()
        journal.samples(self.id, fields, split)

    def commit(
        self,
        graph: Mapping[str, Any] | str | os.PathLike[str] | None = None,
        weights: Any = None,
        state: Any = None,
        format: str | None = None,
    ) -> bool:
        """Pins graph, weights and all that was logged; returns when it is on the disk.

        Args:
            graph: ``{"id", "nodes"}``, or the path of such a JSON file; the last one by default.
            weights: bytes, or the path of a file, which is copied, or what `epochtree.torch.weights`
                makes of a model; None for an epoch that can't be forked.
            state: of optimizer, scheduler and random generators; like `weights`.
            format: what kind of file the weights are; the path's suffix by default.

        Returns:
            False when it could not be written; the training may go on, and try again.

        Raises:
            TypeError, ValueError, OSError: when what is given is no graph, or can't be opened.
        """
        session = self._recorder
        if session._journal is None:
            session._mute()
            return not session._ended
        with session._commit_lock:
            return self._commit(session, graph, weights, state, format)

    def _commit(self, session: Session, graph: Any, weights: Any, state: Any, kind: str | None) -> bool:
        journal = session._journal
        if journal is None or session._run is None:
            return False
        if self.committed or self.number <= session._committed:
            warn(f"epoch {self.number} is committed already, or one after it; this commit does nothing.")
            return False
        graph_bytes = _graph_bytes(graph)
        made: list[str] = []
        with contextlib.ExitStack() as opened:
            sources = []
            for given, suffix in ((weights, kind), (state, None)):
                sources.append(_open_source(given, suffix))
                if sources[-1] is not None:
                    opened.callback(sources[-1][0].close)
            try:
                before = session._last_graph()
                graph_file = session._write_graph(self, graph_bytes)
                after = session._last_graph()
                named = []
                for source, mark in zip(sources, ("", "-state")):
                    named.append(source and self._store(session._run, source, mark, made))
            except OSError as error:
                return self._failed(journal, made, str(error))
            except BaseException:  # Ctrl-C, or a tensor that could not be read
                self._remove(made)
                raise
        line = {
            "type": "commit",
            "epoch": self.id,
            "graph": graph_file,
            "weights": named[0],
            "state": named[1],
            "pruned": before is not None and after is not None and before[1] != after[1],
            "time": time.time(),
        }
        outcome = journal.put_and_flush(line, withdrawn=lambda: self._remove(made))
        if outcome:
            self.committed = True
            session._committed = self.number
            return True
        if outcome is None:
            made.clear()  # the journal names them
        return self._failed(journal, made, "its journal could not be written")

    def _failed(self, journal: Journal, made: list[str], reason: str) -> bool:
        self._remove(made)
        journal.warn_once(f"epoch {self.number} could not be committed: {reason}. The training goes on.")
        return False

    def _remove(self, made: list[str]) -> None:
        for path in made:
            _folder.remove_quietly(path)

    def _store(self, run: str, source: tuple[Any, str], mark: str, made: list[str]) -> dict[str, Any]:
        opened, suffix = source
        name = f"weights/{self.number}-{self.id[-6:]}{mark}.{suffix}"
        path = os.path.join(run, *name.split("/"))
        _folder.make_durable_folder(os.path.dirname(path))
        made.append(path)
        sha256, size = _folder.copy_durably(opened, path)
        return {"file": name, "sha256": sha256, "bytes": size, "format": suffix}


class _Bytes:
    """Bytes read like a file, without a copy of them all."""

    def __init__(self, data: Any) -> None:
        self._view = memoryview(data).cast("B")
        self._at = 0

    def read(self, size: int) -> memoryview:
        block = self._view[self._at : self._at + size]
        self._at += len(block)
        return block

    def close(self) -> None:
        self._view.release()


def _open_source(given: Any, kind: str | None) -> tuple[Any, str] | None:
    """What the weights are read from, and their format."""
    if given is None:
        return None
    open_reader = getattr(given, "open_reader", None)
    if callable(open_reader):  # tensors
        return open_reader(), _format(kind or given.format)
    getbuffer = getattr(given, "getbuffer", None)
    if callable(getbuffer):
        given = getbuffer()
    if isinstance(given, (bytes, bytearray, memoryview)):
        return _Bytes(given), _format(kind)
    if not isinstance(given, (str, os.PathLike)):
        raise TypeError(f"epochtree: weights and state are bytes or a path, not {type(given).__name__}")
    path = os.fsdecode(given)
    return open(path, "rb"), _format(kind or os.path.splitext(path)[1][1:])


def _format(kind: str | None) -> str:
    kind = (kind or "").lstrip(".")
    return kind if _FORMAT.fullmatch(kind) else "bin"


def _graph_bytes(graph: Any) -> bytes | None:
    if graph is None:
        return None
    if isinstance(graph, Mapping):
        if "id" not in graph:
            graph = {"id": "graph", **graph}
        data = _values.to_utf8(_values.encode(graph))
    elif isinstance(graph, (str, os.PathLike)):
        with open(graph, "rb") as file:
            graph = json.loads(file.read())
        # Written anew: NaN, an integer beyond 2**53 or another encoding would be refused by readers.
        data = _values.to_utf8(_values.encode(graph))
    else:
        raise TypeError(f"epochtree: a graph is a mapping or a path, not {type(graph).__name__}")
    nodes = graph.get("nodes") if isinstance(graph, Mapping) else None
    if not isinstance(nodes, Mapping):
        raise ValueError('epochtree: a graph is {"id": ..., "nodes": {...}}')
    for name, node in nodes.items():
        if not isinstance(node, Mapping):
            raise ValueError(f"epochtree: the graph's node {str(name)[:80]!r} is no mapping")
    return data


def _is_interrupt(error: BaseException | str | None) -> bool:
    """Whether it is Ctrl-C, or what went wrong on the way out after it."""
    seen: set[int] = set()
    while isinstance(error, BaseException) and id(error) not in seen:
        if isinstance(error, KeyboardInterrupt):
            return True
        seen.add(id(error))
        error = error.__cause__ or error.__context__
    return False


def _error_text(error: BaseException | str | None) -> str | None:
    if error is None or _is_interrupt(error):
        return None
    if isinstance(error, str):
        return error[:_ERROR_CHARACTERS]
    try:
        text = f"{type(error).__name__}: {error}"
    except Exception:
        text = type(error).__name__
    return text.rstrip(": ")[:_ERROR_CHARACTERS]


# What belongs to the process: its forks, its end, its main thread

_live: set[Recorder] = set()
_hooked = False
_worker: tuple[int, FrameType] | None = None
_uncaught: BaseException | None = None


def _install_hooks() -> None:
    global _hooked, _worker
    frame = _process.worker_frame() if _worker is None or _worker[0] != os.getpid() else None
    if frame is not None:
        from multiprocessing.util import Finalize

        # The processes that multiprocessing starts leave out what is registered with `atexit`.
        _worker = os.getpid(), frame
        Finalize(None, _at_exit, exitpriority=100)
    if _hooked:
        return
    _hooked = True
    atexit.register(_at_exit)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_after_fork)
    before = sys.excepthook

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        global _uncaught
        if not hasattr(sys, "ps1"):  # at a prompt an error is not the end
            _uncaught = error
        before(kind, error, trace)

    sys.excepthook = hook


def _at_exit() -> None:
    error: BaseException | str | None = _uncaught or sys.exc_info()[1]
    if error is None and _worker is not None and _worker[0] == os.getpid():
        error = "an exception ended the worker process" if _process.was_left_by_exception(_worker[1]) else None
    for recorder in list(_live):
        recorder._exit(error)


def _after_fork() -> None:
    for recorder in list(_live):
        recorder._abandon()
    _live.clear()


def _interrupt_main_thread() -> None:
    """Raises KeyboardInterrupt in the main thread, as Ctrl-C would."""
    import signal

    main = threading.main_thread()
    if callable(signal.getsignal(signal.SIGINT)):
        if hasattr(signal, "pthread_kill") and main.ident is not None:
            signal.pthread_kill(main.ident, signal.SIGINT)  # also ends a sleep
        else:
            import _thread

            _thread.interrupt_main()
        return
    # Started in a shell's background, where SIGINT is ignored.
    import ctypes

    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(main.ident or 0), ctypes.py_object(KeyboardInterrupt))
