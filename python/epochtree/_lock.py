"""One engine a session: the lock it holds for its life, and the sign of life for those who can't see the lock."""

from __future__ import annotations

import json
import os
import time

from . import _folder
from ._errors import EpochtreeError

TOUCH_SECONDS = 10.0
_YOUNG_SECONDS = 60.0
_LOCKED_BYTE = 1 << 30
"""Windows keeps others from reading what is locked, so it is a byte behind the content."""


class RunLock:
    """Holds a run folder's lock until it is released or the process ends.

    Raises:
        EpochtreeError: ``session-running`` when another engine has it.
    """

    def __init__(self, run: str, attempt: str) -> None:
        self._alive = os.path.join(run, "alive")
        path = os.path.join(run, "lock")
        # Not inherited by programs that are started: they must not keep it after this process.
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
        try:
            works = _try_lock(self._fd)
            if works is False or (works is None and is_young(self._alive, _YOUNG_SECONDS)):
                raise EpochtreeError(
                    "session-running",
                    f"The session {os.path.basename(run)} is being trained by {_holder(path)}. "
                    "Wait until it ends, stop it with `epochtree stop`, or start a new session.",
                )
            content = {
                "pid": os.getpid(),
                "host": _folder.host(),
                "bootId": _folder.boot_id(),
                "attempt": attempt,
            }
            os.ftruncate(self._fd, 0)
            os.lseek(self._fd, 0, os.SEEK_SET)
            os.write(self._fd, json.dumps(content).encode())
        except BaseException:
            os.close(self._fd)
            raise

    def begin(self) -> None:
        """Shows the first sign of life."""
        with open(self._alive, "w", encoding="ascii"):
            pass

    def touch(self) -> None:
        os.utime(self._alive)

    def release(self) -> None:
        if self._fd >= 0:
            _folder.remove_quietly(self._alive)
            self.abandon()

    def abandon(self) -> None:
        """Lets go of this process's hold alone: in a forked child the parent's goes on."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def is_young(path: str, seconds: float) -> bool:
    """Whether a file was written less than so long ago, by the file server's clock."""
    probe = os.path.join(os.path.dirname(path), f"alive.{os.getpid()}")
    try:
        written = os.stat(path).st_mtime
        try:
            with open(probe, "w", encoding="ascii"):
                pass
            return os.stat(probe).st_mtime - written < seconds
        except PermissionError:
            return time.time() - written < seconds
    except OSError:
        return False
    finally:
        _folder.remove_quietly(probe)


def _try_lock(fd: int) -> bool | None:
    """True when taken, False when another has it, None where locks do not work."""
    import errno

    try:
        if os.name == "nt":
            import msvcrt

            os.lseek(fd, _LOCKED_BYTE, os.SEEK_SET)
            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
        else:
            import fcntl

            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES, errno.EDEADLK):
            return False
        return None
    return True


def _holder(path: str) -> str:
    held = _folder.read_json(path) or {}
    pid, host = held.get("pid"), held.get("host")
    return f"the process {pid} on {host}" if pid and host else "another process"
