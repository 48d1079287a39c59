"""Distributed training: rank 0 writes, the others learn from it which session it is."""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
import time
from collections.abc import Mapping
from typing import Any

from . import _folder, _process, _values
from ._errors import EpochtreeError
from ._lock import is_young

_RANKS = ("RANK", "SLURM_PROCID", "OMPI_COMM_WORLD_RANK", "PMI_RANK")
_SIZES = ("WORLD_SIZE", "SLURM_NTASKS", "OMPI_COMM_WORLD_SIZE", "PMI_SIZE")
_LAUNCH = (
    *("TORCHELASTIC_RUN_ID", "TORCHELASTIC_RESTART_COUNT", "MASTER_ADDR", "MASTER_PORT"),
    *("SLURM_JOB_ID", "SLURM_STEP_ID", "SLURM_RESTART_COUNT"),
    *("OMPI_MCA_ess_base_jobid", "PMIX_NAMESPACE"),
)
_JOBS = ("SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID", "COBALT_JOBID", "FLUX_JOB_ID", "AWS_BATCH_JOB_ID")
WAIT_SECONDS = 120.0
_ALONE_WAIT_SECONDS = 10.0
_SILENT_SECONDS = 120.0
_KEPT_SECONDS = 30 * 86400

_opened: dict[str, int] = {}


def rank() -> int | None:
    """This process's rank; None outside of distributed training."""
    for name in _RANKS:
        value = os.environ.get(name, "")
        if value.isdigit():
            return int(value)
    return None


def world_size() -> int:
    """How many processes train together, as far as the environment tells; at least 1."""
    for name in _SIZES:
        value = os.environ.get(name, "")
        if value.isdigit():
            return max(1, int(value))
    return 1


def job() -> str | None:
    """The scheduler's id of this job, which stays the same when the job is requeued."""
    for name in _JOBS:
        value = os.environ.get(name)
        if value:
            return f"{name}={value}"
    return None


def is_imported_by_a_worker() -> bool:
    """Whether a worker process imports the script again, such as a data loader's: it does not train."""
    frame = sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_name == "<module>" and frame.f_globals.get("__name__") == "__mp_main__":
            return True
        frame = frame.f_back  # type: ignore[assignment]
    return False


def launch_key(model_name: str) -> str:
    """What all processes of one launch agree on, for this call of `session()`."""
    parts = [f"{name}={os.environ[name]}" for name in _LAUNCH if os.environ.get(name)]
    if not parts:
        # One launcher on one machine started them all.
        parts = [f"{_folder.host()}:{os.getppid()}"]
    # The session's id is not part of it: rank 0 takes it out of the environment.
    call = _opened[model_name] = _opened.get(model_name, 0) + 1
    return "\0".join([*parts, model_name, str(call)])


def publish(folder: str, key: str, record: Mapping[str, Any]) -> None:
    """Tells the other ranks which session it is, and where it starts."""
    path = _job_file(folder, key)
    jobs = os.path.dirname(path)
    os.makedirs(jobs, exist_ok=True)
    _folder.write_durably(path, _values.to_utf8(_values.encode(record)))
    with contextlib.suppress(OSError):
        for old in os.scandir(jobs):
            if time.time() - old.stat().st_mtime > _KEPT_SECONDS:
                _folder.remove_quietly(old.path)


def await_rank_0(folder: str, key: str, seconds: float) -> dict[str, Any] | None:
    """What rank 0 published; None when there was nothing in this time."""
    path = _job_file(folder, key)
    end = time.monotonic() + seconds
    while True:
        record = _folder.read_json(path)
        if record is not None and _is_current(folder, record):
            return record
        if time.monotonic() >= end:
            return None
        time.sleep(0.05)


def patience(must: bool) -> float:
    """How many seconds to wait for rank 0, which may be slower to start."""
    if must and world_size() > 1:
        return WAIT_SECONDS
    multiprocessing = sys.modules.get("multiprocessing")
    spawned = multiprocessing is not None and multiprocessing.parent_process() is not None
    return _ALONE_WAIT_SECONDS if must or spawned else 0.0


def missing() -> EpochtreeError:
    return EpochtreeError(
        "no-rank-0",
        f"This is rank {rank()}, and within {WAIT_SECONDS:.0f} s rank 0 has begun no session for it. "
        "Call session() on every rank with the same model name and the same folder (EPOCHTREE_DIR), "
        "or pass enabled=True where each process trains a model of its own.",
    )


def _job_file(folder: str, key: str) -> str:
    digest = hashlib.sha256(_values.to_utf8(key)).hexdigest()
    return os.path.join(folder, "jobs", f"{digest}.json")


def _is_current(folder: str, record: Mapping[str, Any]) -> bool:
    """Whether it is of this launch: an earlier one may have had the same key."""
    run = _folder.run_folder(folder, str(record.get("sessionId")))
    held = _folder.read_json(os.path.join(run, "lock")) or {}
    if held.get("attempt") != record.get("attempt"):
        return False
    if not _is_gone(held) and is_young(os.path.join(run, "alive"), _SILENT_SECONDS):
        return True
    # A short training may have ended already; if this process was there by then, it is of its launch.
    return is_young(os.path.join(run, "journal.jsonl"), time.time() - _process.begun_at())


def _is_gone(held: Mapping[str, Any]) -> bool:
    """Whether the process that held the lock is known to have ended."""
    if os.name != "posix" or held.get("host") != _folder.host() or held.get("bootId") != _folder.boot_id():
        return False
    try:
        os.kill(int(held["pid"]), 0)
    except ProcessLookupError:
        return True
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return False
