"""The `.epochtree` folder: where it is, ids, names, durable files, and the recorded command."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import stat
import sys
import time
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any

from . import _values
from ._errors import EpochtreeError

_NAMES_TRIED_ONE_BY_ONE = 16
_ABANDONED_SECONDS = 3600
_HEX_ALONE = re.compile(r"[0-9a-fA-F]{6,}")
_SESSION_ID = re.compile(r"[0-9a-f]{24}")
_ENVIRONMENT = (
    *("CUDA_", "OMP_", "MKL_", "NCCL_", "TORCH", "PYTORCH", "TF_", "XLA_", "HF_"),
    *("WORLD_SIZE", "VIRTUAL_ENV", "CONDA_", "PYTHON"),
)
_COPY_BYTES = 1024 * 1024
_REPLACE_TRIES = 50
_FICLONE = 0x40049409


def find_folder(named: str | os.PathLike[str] | None) -> str:
    """The absolute path: named, or `EPOCHTREE_DIR`, or the nearest ancestor's own, or a new one."""
    given = os.fspath(named) if named else os.environ.get("EPOCHTREE_DIR")
    if given:
        return os.path.abspath(given)
    at = os.getcwd()
    ancestors = [at]
    while os.path.dirname(at) != at:
        at = os.path.dirname(at)
        ancestors.append(at)
    for folder in ancestors:
        path = os.path.join(folder, ".epochtree")
        if _is_mine(path):
            return path
    for folder in ancestors:
        if any(os.path.exists(os.path.join(folder, mark)) for mark in (".git", "pyproject.toml")):
            return os.path.join(folder, ".epochtree")
    return os.path.join(ancestors[0], ".epochtree")


def _is_mine(path: str) -> bool:
    try:
        found = os.stat(path)
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and (not hasattr(os, "getuid") or found.st_uid == os.getuid())


@contextlib.contextmanager
def writable(folder: str) -> Iterator[None]:
    """Tells what to do when the folder can't be written.

    Raises:
        EpochtreeError: ``disk-full``, ``read-only`` or ``folder-unusable``.
    """
    import errno

    try:
        yield
    except OSError as error:
        path, reason = error.filename or folder, error.strerror or str(error)
        full = (errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC))
        if error.errno in full:
            code, remedy = "disk-full", "Make room there, or set EPOCHTREE_DIR to a folder with room."
        elif error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
            code, remedy = "read-only", "Set EPOCHTREE_DIR to a folder that you can write."
        else:
            code, remedy = "folder-unusable", "Set EPOCHTREE_DIR to another folder."
        raise EpochtreeError(code, f"{path} could not be written ({reason}). {remedy}") from None


def make_folder(folder: str) -> None:
    """Makes the folder, with the file that keeps it out of Git."""
    os.makedirs(os.path.join(folder, "runs"), exist_ok=True)
    ignore = os.path.join(folder, ".gitignore")
    if not os.path.exists(ignore):
        with open(ignore, "w", encoding="utf-8") as file:
            file.write("*\n")


def run_folder(folder: str, session_id: str) -> str:
    return os.path.join(folder, "runs", session_id)


def stored_weights(folder: str, sha256: str) -> str:
    """Where a weights file lies once its commit was read."""
    return os.path.join(folder, "weights", sha256[:2], sha256)


def run_ids(folder: str) -> list[str]:
    """The sessions' ids, newest first."""
    try:
        names = os.listdir(os.path.join(folder, "runs"))
    except FileNotFoundError:
        return []
    return sorted(filter(_SESSION_ID.fullmatch, names), reverse=True)


def new_id() -> str:
    """24 hex digits; the first 8 are the time in seconds, so that ids sort by age."""
    return f"{int(time.time()) & 0xFFFFFFFF:08x}{os.urandom(8).hex()}"


def is_id(text: str) -> bool:
    return _SESSION_ID.fullmatch(text) is not None


def read_json(path: str) -> dict[str, Any] | None:
    """An object from a file; None when there is none, or it is damaged."""
    try:
        with open(path, "rb") as file:
            value = json.loads(file.read())
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None


def flush_folder(path: str) -> None:
    """Makes new names in a folder survive a power cut."""
    if os.name == "nt":  # no way to, and no need
        return
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def write_durably(path: str, data: bytes) -> None:
    """Replaces a file in one step that survives a power cut."""
    temporary = f"{path}.{os.getpid()}.tmp"
    try:
        with open(temporary, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        replace(temporary, path)
    except BaseException:
        remove_quietly(temporary)
        raise
    flush_folder(os.path.dirname(path))


def make_durable_folder(path: str) -> None:
    """Makes a folder whose name survives a power cut."""
    try:
        os.mkdir(path)
    except FileExistsError:
        return
    flush_folder(os.path.dirname(path))


def remove_quietly(path: str) -> None:
    with contextlib.suppress(OSError):
        os.unlink(path)


def replace(temporary: str, path: str) -> None:
    """Puts a file in the place of another in one step."""
    for _ in range(_REPLACE_TRIES):
        try:
            return os.replace(temporary, path)
        except PermissionError:
            if os.name != "nt":
                raise
            time.sleep(0.02)  # Windows refuses while anybody has the old one open
    os.replace(temporary, path)


def hash_file(path: str) -> tuple[str, int]:
    """SHA-256 in hex, and the length in bytes."""
    digest = hashlib.sha256()
    size = 0
    with open(path, "rb") as file:
        while block := file.read(_COPY_BYTES):
            digest.update(block)
            size += len(block)
    return digest.hexdigest(), size


def verify(what: str, path: str, named: Mapping[str, Any], shown: str, remedy: str) -> None:
    """Whether a file, which people know by the path that is shown, is the one that was committed.

    Raises:
        FileNotFoundError: when it is not there.
        EpochtreeError: ``weights-damaged`` or ``state-damaged``, by what it is.
    """
    sha256, size = hash_file(path)
    if sha256 != named["sha256"]:
        raise EpochtreeError(
            f"{what}-damaged",
            f"The {what} file {shown} ({size} bytes) is not what was committed "
            f"({named.get('bytes')} bytes, SHA-256 {named['sha256'][:12]}...). {remedy}",
        )


def copy_durably(source: Any, path: str) -> tuple[str, int]:
    """Copies an open file to a new one, flushed; returns SHA-256 and bytes of what was copied.

    Where the file system can share blocks until one side is overwritten, nothing is copied.
    """
    temporary = f"{path}.{os.getpid()}.tmp"
    digest = hashlib.sha256()
    size = 0
    try:
        with open(temporary, "w+b") as file:
            cloned = _clone(source, file)
            while block := (file if cloned else source).read(_COPY_BYTES):
                digest.update(block)
                size += len(block)
                if not cloned:
                    file.write(block)
            file.flush()
            os.fsync(file.fileno())
        replace(temporary, path)
    except BaseException:
        remove_quietly(temporary)
        raise
    flush_folder(os.path.dirname(path))
    return digest.hexdigest(), size


def _clone(source: Any, target: Any) -> bool:
    if not sys.platform.startswith("linux"):
        return False
    import fcntl

    try:
        fcntl.ioctl(target.fileno(), _FICLONE, source.fileno())
    except (AttributeError, OSError, ValueError):
        return False
    return True


# Names


def mend_name(model_name: str) -> str:
    """The session's name that a model's name gives: one that a reference can hold."""
    name = "".join(
        "-" if c in "@~" or unicodedata.category(c) in ("Cc", "Cs") else c
        for c in unicodedata.normalize("NFC", model_name)
    ).strip()
    if not name:
        return "model"
    return f"model-{name}" if _HEX_ALONE.fullmatch(name) else name


def reserve_name(folder: str, base: str, session_id: str) -> str:
    """Takes the first free of `base`, `base-2`, `base-3`, ... by exclusive creation."""
    os.makedirs(os.path.join(folder, "names"), exist_ok=True)

    def name(n: int) -> str:
        return base if n == 1 else f"{base}-{n}"

    for n in range(1, _NAMES_TRIED_ONE_BY_ONE + 1):
        if _take_name(folder, name(n), session_id):
            return name(n)
    # Ten thousand sessions of one model do not cost ten thousand tries.
    taken, free = _NAMES_TRIED_ONE_BY_ONE, 2 * _NAMES_TRIED_ONE_BY_ONE
    while os.path.exists(_name_file(folder, name(free))):
        taken, free = free, 2 * free
    while free - taken > 1:
        middle = (taken + free) // 2
        if os.path.exists(_name_file(folder, name(middle))):
            taken = middle
        else:
            free = middle
    while not _take_name(folder, name(free), session_id):
        free += 1
    return name(free)


def _name_file(folder: str, name: str) -> str:
    digest = hashlib.sha256(unicodedata.normalize("NFC", name).encode()).hexdigest()
    return os.path.join(folder, "names", digest)


def _take_name(folder: str, name: str, session_id: str) -> bool:
    path = _name_file(folder, name)
    content = _values.to_utf8(_values.encode({"name": name, "sessionId": session_id}))
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    except FileExistsError:
        holder = read_json(path)
        if holder is not None:
            return holder.get("sessionId") == session_id
        try:
            found = os.stat(path)
        except OSError:
            return False
        # Its writer died before it wrote: nobody has the name.
        if found.st_size or time.time() - found.st_mtime < _ABANDONED_SECONDS:
            return False
        write_durably(path, content)
        held = read_json(path)
        return held is not None and held.get("sessionId") == session_id
    with os.fdopen(fd, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    return True


# Machine and command


def host() -> str:
    import socket

    return socket.gethostname()


def boot_id() -> str | None:
    """Tells one boot of a machine from the next; None where it can't be told."""
    if sys.platform.startswith("linux"):
        try:
            with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
                return file.read().strip()
        except OSError:
            return None
    if sys.platform == "darwin":
        import subprocess

        try:
            asked = ["sysctl", "-n", "kern.bootsessionuuid"]
            done = subprocess.run(asked, capture_output=True, text=True, timeout=5)
        except (OSError, subprocess.SubprocessError):
            return None
        return done.stdout.strip() or None
    return None


def command() -> dict[str, Any] | None:
    """How this process was started, so that it can be started again; values of the environment stay out."""
    argv = _argv()
    if argv is None:
        return None
    where = os.getcwd()
    names = sorted(name for name in os.environ if name.startswith(_ENVIRONMENT))
    recorded: dict[str, Any] = {"argv": argv, "cwd": where, "env": names}
    try:
        import getpass

        recorded["user"] = getpass.getuser()
    except Exception:  # no name for this user id, as in many containers
        pass
    recorded["host"] = host()
    signature = sign(recorded["host"], where, argv)
    if signature:
        recorded["signature"] = signature
    return recorded


def _argv() -> list[str] | None:
    script = sys.argv[0] if sys.argv else ""
    original = getattr(sys, "orig_argv", None)  # with -m, -X and the like; from Python 3.10 on
    if original and len(original) > 1:
        argv = [sys.executable or original[0], *original[1:]]
        return None if "-c" in argv[: argv.index(script) if script in argv else None] else argv
    if not script or script == "-c":
        return None
    spec = getattr(sys.modules.get("__main__"), "__spec__", None)
    if spec is not None and spec.name:
        module = spec.name[: -len(".__main__")] if spec.name.endswith(".__main__") else spec.name
        return [sys.executable, "-m", module, *sys.argv[1:]]
    return [sys.executable, *sys.argv]


def sign(machine: str, cwd: str, argv: list[str]) -> str | None:
    """Proves later that it was this user who recorded the command; None without a key."""
    import hmac

    key = _command_key()
    if key is None:
        return None
    message = _values.to_utf8("\0".join([machine, cwd, *argv]))
    return hmac.new(key, message, hashlib.sha256).hexdigest()


def _command_key() -> bytes | None:
    path = os.path.join(_state_folder(), "command-key")
    try:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        try:
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            pass
        else:
            with os.fdopen(fd, "w", encoding="ascii") as file:
                file.write(os.urandom(32).hex())
        for _ in range(20):  # its writer may be at it this very moment
            with open(path, encoding="ascii") as file:
                text = file.read().strip()
            if len(text) == 64:
                return bytes.fromhex(text)
            time.sleep(0.01)
    except (OSError, ValueError):
        pass
    return None


def _state_folder() -> str:
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or os.path.expanduser(r"~\AppData\Local")
        return os.path.join(base, "epochtree")
    if sys.platform == "darwin":
        return os.path.expanduser("~/Library/Application Support/epochtree")
    base = os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
    return os.path.join(base, "epochtree")


def environment() -> dict[str, Any]:
    """What a run's numbers may depend on: versions, the commit of the code, the script itself."""
    import platform

    found: dict[str, Any] = {"python": platform.python_version(), "platform": platform.platform()}
    script = getattr(sys.modules.get("__main__"), "__file__", None)
    if script and os.path.isfile(script):
        found["script"] = hash_file(script)[0]
        commit = _git_commit(os.path.dirname(os.path.abspath(script)))
        if commit:
            found["git"] = commit
    for package in ("numpy", "torch", "tensorflow", "jax"):
        version = getattr(sys.modules.get(package), "__version__", None)
        if version:
            found[package] = str(version)
    return found


def _git_commit(at: str) -> str | None:
    """Read from Git's files: a training need not wait for another program, nor have it."""
    while not os.path.exists(os.path.join(at, ".git")):
        if os.path.dirname(at) == at:
            return None
        at = os.path.dirname(at)
    try:
        git = os.path.join(at, ".git")
        if os.path.isfile(git):  # a linked work tree
            with open(git, encoding="utf-8") as file:
                git = os.path.join(at, file.read().partition("gitdir:")[2].strip())
        with open(os.path.join(git, "HEAD"), encoding="utf-8") as file:
            head = file.read().strip()
        if not head.startswith("ref: "):
            return head
        ref, common = head[5:], git
        if os.path.exists(os.path.join(git, "commondir")):
            with open(os.path.join(git, "commondir"), encoding="utf-8") as file:
                common = os.path.join(git, file.read().strip())
        if os.path.exists(os.path.join(common, ref)):
            with open(os.path.join(common, ref), encoding="utf-8") as file:
                return file.read().strip()
        with open(os.path.join(common, "packed-refs"), encoding="utf-8") as file:
            return next((line.split()[0] for line in file if line.strip().endswith(f" {ref}")), None)
    except (OSError, ValueError):
        return None


def session_file(run: str) -> dict[str, Any] | None:
    """What was asked for; None when the folder holds no session (yet)."""
    return read_json(os.path.join(run, "session.json"))


def write_session_file(run: str, content: Mapping[str, Any]) -> None:
    data = _values.to_utf8(_values.encode(content)) + b"\n"
    write_durably(os.path.join(run, "session.json"), data)
