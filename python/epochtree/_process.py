"""This process: when it began, and how the work of a worker process ended."""

from __future__ import annotations

import os
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType

IMPORTED = time.time()


def begun_at() -> float:
    """Seconds since 1970; where the system does not tell, when the package was imported."""
    try:
        with open("/proc/self/stat", encoding="ascii", errors="replace") as file:
            # The program's name stands in brackets and may hold anything.
            ticks = int(file.read().rpartition(")")[2].split()[19])
        with open("/proc/uptime", encoding="ascii") as file:
            up = float(file.read().split()[0])
        return time.time() - up + ticks / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError, AttributeError):
        return IMPORTED


def worker_frame() -> FrameType | None:
    """Where the work of a process that multiprocessing started is run; None elsewhere."""
    multiprocessing = sys.modules.get("multiprocessing")
    if multiprocessing is None or multiprocessing.parent_process() is None:
        return None
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_back is not None and frame.f_back.f_code.co_name != "_bootstrap":
        frame = frame.f_back
    return frame


def was_left_by_exception(frame: FrameType) -> bool:
    """How a frame ended: newer versions of multiprocessing tell nobody of the exception."""
    import dis

    return not dis.opname[frame.f_code.co_code[frame.f_lasti]].startswith("RETURN")
