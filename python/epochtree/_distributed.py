"""Distributed training: rank 0 writes, the others learn from it which session it is."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Mapping
from typing import Any

from . import _folder, _values
from ._errors import EpochtreeError

_RANKS = ("RANK", "SLURM_PROCID", "OMPI_COMM_WORLD_RANK", "PMI_RANK")
_SIZES = ("WORLD_SIZE", "SLURM_NTASKS", "OMPI_COMM_WORLD_SIZE", "PMI_SIZE")
_LAUNCH = (
    *("TORCHELASTIC_RUN_ID", "TORCHELASTIC_RESTART_COUNT", "MASTER_ADDR", "MASTER_PORT"),
    *("SLURM_JOB_ID", "SLURM_STEP_ID", "SLURM_RESTART_COUNT"),
    *("OMPI_MCA_ess_base_jobid", "PMIX_NAMESPACE"),
)
_JOBS = ("SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID", "COBALT_JOBID", "FLUX_JOB_ID", "AWS_BATCH_JOB_ID")
WAIT_SECONDS = 120.0
_SPAWNED_WAIT_SECONDS = 10.0
_SILENT_SECONDS = 120.0

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
    os.makedirs(os.path.dirname(path), exist_ok=True)
    _folder.write_durably(path, _values.to_utf8(_values.encode(record)))


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
    if must:
        return WAIT_SECONDS
    import multiprocessing

    return _SPAWNED_WAIT_SECONDS if multiprocessing.parent_process() is not None else 0.0


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
    """Whether the engine that published it still runs: an earlier launch may have had the same key."""
    run = _folder.run_folder(folder, str(record.get("sessionId")))
    held = _folder.read_json(os.path.join(run, "lock")) or {}
    if held.get("attempt") != record.get("attempt"):
        return False
    if held.get("host") == _folder.host() and held.get("bootId") == _folder.boot_id():
        try:
            if os.name == "posix":
                os.kill(int(held["pid"]), 0)
        except ProcessLookupError:
            return False
        except (OSError, ValueError, KeyError, TypeError):
            pass
    try:
        alive = os.stat(os.path.join(run, "alive")).st_mtime
    except OSError:
        return False
    return time.time() - alive < _SILENT_SECONDS
