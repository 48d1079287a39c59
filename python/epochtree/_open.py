"""Which session `session()` means: a launched one, one to go on with, a fork, or a new one."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from . import _cli, _distributed, _folder, _values
from ._errors import EpochtreeError, warn
from ._lock import RunLock
from ._resume import History, Start, marks, start_of
from ._session import Session

_LARGEST_SETTINGS = 3 * 1024 * 1024


def open_session(
    model_name: str,
    hyperparameters: Any,
    pruning_plan: Any,
    name: str | None,
    tags: Sequence[str] | None,
    fork_from: str | None,
    resume: str,
    key: str | None,
    enabled: bool | None,
    dir: str | os.PathLike[str] | None,
) -> Session:
    """See `epochtree.session`."""
    for what, text in (("model_name", model_name), ("name", name), ("key", key), ("fork_from", fork_from)):
        if not isinstance(text, str) and (text is not None or what == "model_name"):
            raise TypeError(f"epochtree: {what} must be text, not {type(text).__name__}")
    if resume not in ("auto", "must", "never"):
        raise ValueError(f'epochtree: resume is "auto", "must" or "never", not {resume!r}')
    if isinstance(tags, str):
        tags = [tags]
    base = _folder.mend_name(name or model_name)
    model_name = _values.whole_characters(model_name)
    wanted = _values.mapping(hyperparameters, "hyperparameters")
    plan = None if pruning_plan is None else _values.mapping(pruning_plan, "a pruning plan")
    if _distributed.is_imported_by_a_worker():
        return Session(_folder.find_folder(dir), None, _folder.new_id(), base, wanted, plan, None, None)
    rank = _distributed.rank()
    writes = enabled if enabled is not None else not rank
    # Said to write or not to, it may be one of several that only the script tells apart.
    distributed = rank is not None or enabled is not None
    launch = _distributed.launch_key(model_name) if distributed else None
    launched = _launched(model_name, dir)
    folder = launched[0] if launched else _folder.find_folder(dir)
    if not writes:
        return _follow(folder, launch, bool(rank), launched, base, wanted, plan)
    wanted_key = key if key is not None else _distributed.job()
    with _folder.writable(folder):
        return _begin(
            folder, launch, launched, model_name, base, wanted, plan, name, tags, fork_from, resume, key, wanted_key
        )


def _begin(
    folder: str,
    launch: str | None,
    launched: tuple[str, str] | None,
    model_name: str,
    base: str,
    wanted: dict[str, Any],
    plan: dict[str, Any] | None,
    name: str | None,
    tags: Sequence[str] | None,
    fork_from: str | None,
    resume: str,
    key: str | None,
    wanted_key: str | None,
) -> Session:
    """The session that this process writes."""
    _folder.make_folder(folder)
    attempt = _folder.new_id()
    lock: RunLock | None = None
    session_id: str | None
    if launched:
        session_id = launched[1]
        os.environ.pop("EPOCHTREE_SESSION", None)
    elif resume == "must":
        session_id = _latest(folder, model_name, key, name)
    else:
        session_id, lock = None, None
        if resume == "auto" and wanted_key is not None:
            session_id, lock = _interrupted(folder, model_name, wanted_key, attempt)
        if session_id is None:
            session_id = (
                _fork(folder, fork_from, name) if fork_from else _create(folder, model_name, base, tags, wanted_key)
            )
    run = _folder.run_folder(folder, session_id)
    lock = lock or RunLock(run, attempt)
    try:
        _complete(run, model_name, tags, wanted_key)
        session = _enter(folder, run, session_id, wanted, plan)
        session._record(lock, _started(session, attempt))
    except BaseException:
        lock.release()
        raise
    if launch is not None:
        try:
            _distributed.publish(folder, launch, _published(session, attempt))
        except BaseException as error:
            session.finish(error=error)
            raise
    return session


def _launched(model_name: str, dir: str | os.PathLike[str] | None) -> tuple[str, str] | None:
    """Folder and id of the session that editor or command line created for this process."""
    session_id = os.environ.get("EPOCHTREE_SESSION")
    if not session_id:
        return None
    # Where it was created comes first: the script may name a folder of its own.
    folders = [_folder.find_folder(None), *([_folder.find_folder(dir)] if dir else [])]
    for folder in folders:
        content = _folder.session_file(_folder.run_folder(folder, session_id)) if _folder.is_id(session_id) else None
        if content is not None:
            # Another model's: a later call takes it. `epochtree train` can only guess the model.
            mine = content.get("modelName") == model_name or content.get("anyModel") is True
            return (folder, session_id) if mine else None
    raise EpochtreeError(
        "unknown-session",
        f"EPOCHTREE_SESSION names the session {session_id[:80]!r}, which {folders[0]} does not have. "
        "Set EPOCHTREE_DIR to the folder that has it, or unset EPOCHTREE_SESSION to start anew.",
    )


def _sessions_of(folder: str, model_name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """(id, session.json) of a model's sessions, newest first."""
    # Ids tell the second; within one second only the file tells which came later.
    for _, ids in groupby(_folder.run_ids(folder), key=lambda session_id: session_id[:8]):
        found = [(session_id, _folder.session_file(_folder.run_folder(folder, session_id))) for session_id in ids]
        known = [(session_id, content) for session_id, content in found if content]
        for session_id, content in sorted(known, key=_created, reverse=True):
            # Of one that was brought here from a team, the engine writes on elsewhere.
            if content.get("modelName") == model_name and not content.get("evaluates") and not content.get("pulled"):
                yield session_id, content


def _created(session: tuple[str, dict[str, Any]]) -> float:
    at = session[1].get("createdAt")
    return at if isinstance(at, (int, float)) else 0.0


def _interrupted(folder: str, model_name: str, key: str, attempt: str) -> tuple[str | None, RunLock | None]:
    """The newest session of the key, locked, if it is one that was interrupted."""
    for session_id, content in _sessions_of(folder, model_name):
        if content.get("key") != key:
            continue
        run = _folder.run_folder(folder, session_id)
        if marks(run).get("deleted"):
            continue
        try:
            lock = RunLock(run, attempt)
        except EpochtreeError:
            return None, None
        if History(run).status is None:
            return session_id, lock
        lock.release()
        return None, None
    return None, None


def _latest(folder: str, model_name: str, key: str | None, name: str | None) -> str:
    """The newest session of the model, and of key and name where they are given."""
    for session_id, content in _sessions_of(folder, model_name):
        known = marks(_folder.run_folder(folder, session_id))
        named = known.get("name") or content.get("name")
        if known.get("deleted") or (name is not None and name != named):
            continue
        if key is None or content.get("key") == key:
            return str(session_id)
    which = "".join([f" named {name!r}" if name else "", f" with the key {key!r}" if key else ""])
    raise EpochtreeError(
        "nothing-to-resume",
        f"{folder} has no session of the model {model_name[:80]!r}{which} to go on with. "
        'Use resume="auto" to start anew, or name the right folder with EPOCHTREE_DIR.',
    )


def _create(folder: str, model_name: str, base: str, tags: Sequence[str] | None, key: str | None) -> str:
    session_id = _folder.new_id()
    run = _folder.run_folder(folder, session_id)
    os.makedirs(run)
    content: dict[str, Any] = {
        "format": 1,
        "sessionId": session_id,
        "modelName": model_name,
        "name": _folder.reserve_name(folder, base, session_id),
        "forkedFrom": None,
        "overrides": {},
        "command": _folder.command(),
        "createdAt": time.time(),
    }
    if key is not None:
        content["key"] = key
    if tags:
        content["tags"] = [str(tag) for tag in tags]
    _folder.write_session_file(run, content)
    _folder.flush_folder(os.path.dirname(run))
    return session_id


def _fork(folder: str, reference: str, name: str | None) -> str:
    words = ["fork", reference, *(["--name", _folder.mend_name(name)] if name else [])]
    answer = _cli.ask(folder, words)
    return str(answer["session"]["id"])


def _complete(run: str, model_name: str, tags: Sequence[str] | None, key: str | None) -> None:
    """Adds to session.json what its creator could not know."""
    content = _session_file(run)
    if content.get("pulled"):
        raise EpochtreeError(
            "session-elsewhere",
            f"{run} holds a copy of a session that is trained on another machine. "
            "Fork one of its epochs instead: fork_from=... or `epochtree fork`.",
        )
    more: dict[str, Any] = {}
    if content.get("anyModel") is True:
        more.update(modelName=model_name, anyModel=False)
    if key is not None and not content.get("key"):
        more["key"] = key
    if tags and not content.get("tags"):
        more["tags"] = [str(tag) for tag in tags]
    if not content.get("command"):
        recorded = _folder.command()
        if recorded is not None:
            more["command"] = recorded
    if more:
        _folder.write_session_file(run, {**content, **more})


def _session_file(run: str) -> dict[str, Any]:
    content = _folder.session_file(run)
    if content is None:
        raise EpochtreeError(
            "session-damaged",
            f"{run} has no readable session.json. Copy it back, or start a new session.",
        )
    return content


def _enter(folder: str, run: str, session_id: str, wanted: dict[str, Any], plan: dict[str, Any] | None) -> Session:
    """The session as its files tell it; nothing is written."""
    content = _session_file(run)
    forked = content.get("forkedFrom") or {}
    history = History(run, above=int(forked.get("epochNumber") or 0))
    name = marks(run).get("name") or content.get("name")
    if not name:
        name = _folder.reserve_name(folder, _folder.mend_name(str(content.get("modelName"))), session_id)
    start = start_of(folder, run, {**content, "name": name}, history)
    if start is not None and start.weights_number != start.number:
        found = (
            "no earlier one has any either"
            if start.weights_number is None
            else (f"weights_path is that of epoch {start.weights_number}")
        )
        warn(f"epoch {start.number}, where the session goes on, was committed without weights; {found}.")
    overrides = content.get("overrides") or {}
    edits, own_plan = overrides.get("hyperparameters"), overrides.get("pruningPlan")
    epochs = overrides.get("epochs")
    return Session(
        folder,
        run,
        session_id,
        name,
        _values.merged(wanted, edits) if isinstance(edits, Mapping) else wanted,
        dict(own_plan) if isinstance(own_plan, Mapping) else plan,
        start,
        epochs if isinstance(epochs, int) else None,
    )


def _started(session: Session, attempt: str) -> dict[str, Any]:
    """The line that begins this attempt."""
    start = session.starts_from
    has = start.record if start is not None else {}
    return {
        "type": "started",
        "format": 1,
        "time": time.time(),
        "attempt": attempt,
        "after": start.epoch if start is not None else None,
        "restored": ("full" if has.get("state") else "weights") if has.get("weights") else None,
        "pid": os.getpid(),
        "host": _folder.host(),
        "bootId": _folder.boot_id(),
        "hyperparameters": _fitting(session.hyperparameters, "hyperparameters"),
        "pruningPlan": session.pruning_plan and _fitting(session.pruning_plan, "the pruning plan"),
        "environment": _folder.environment(),
    }


def _fitting(settings: Mapping[str, Any], what: str) -> dict[str, Any]:
    """As JSON that fits in one line of the journal; the longest values are left out where it does not."""
    told: dict[str, Any] = _values.plain(settings)
    sizes = {name: len(_values.to_utf8(_values.encode({name: value}))) for name, value in told.items()}
    for name in sorted(sizes, key=lambda name: sizes[name], reverse=True):
        if sum(sizes.values()) <= _LARGEST_SETTINGS:
            break
        warn(f"{what} are too long for the record: {name[:80]!r} has {sizes[name]} bytes and is left out.")
        told[name] = f"left out: {sizes.pop(name)} bytes"
    return told


def _published(session: Session, attempt: str) -> dict[str, Any]:
    return {
        "sessionId": session.id,
        "name": session.name,
        "attempt": attempt,
        "hyperparameters": session.hyperparameters,
        "pruningPlan": session.pruning_plan,
        "startsFrom": session.starts_from.record if session.starts_from else None,
        "epochs": session._epochs_wanted,
    }


def _follow(
    folder: str,
    launch: str | None,
    must: bool,
    launched: tuple[str, str] | None,
    base: str,
    wanted: dict[str, Any],
    plan: dict[str, Any] | None,
) -> Session:
    """A session that writes nothing: rank 0's, or with `enabled=False` alone one that nobody sees."""
    record = None
    if launch is not None:
        record = _distributed.await_rank_0(folder, launch, _distributed.patience(must))
    if launched:
        os.environ.pop("EPOCHTREE_SESSION", None)
    if record is None:
        if must and _distributed.world_size() > 1:
            raise _distributed.missing()
        if must:
            warn("this process has a rank, and there is no rank 0 that writes: nothing is recorded here.")
        if launched:
            return _enter(folder, _folder.run_folder(*launched), launched[1], wanted, plan)
        return Session(folder, None, _folder.new_id(), base, wanted, plan, None, None)
    run = _folder.run_folder(folder, record["sessionId"])
    start = Start(folder, run, record["startsFrom"]) if record.get("startsFrom") else None
    return Session(
        folder,
        None,
        record["sessionId"],
        record["name"],
        _values.merged(wanted, record.get("hyperparameters") or {}),
        record.get("pruningPlan") or plan,
        start,
        record.get("epochs"),
    )
