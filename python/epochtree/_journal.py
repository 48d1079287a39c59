"""The journal's writer: `log` only appends to memory, a thread of its own encodes and writes.

Only that thread touches the file. It is a daemon and no signal handler runs in it, so neither
Ctrl-C nor an exception can leave it in the middle of a line.
"""

from __future__ import annotations

import os
import threading
from array import array
from collections.abc import Callable, Iterator, Mapping
from struct import Struct
from struct import error as StructError
from time import monotonic, perf_counter, sleep, time
from typing import Any

from . import _values
from ._errors import warn

FLUSH_SECONDS = 0.2
"""Below the promised 0.25 s, so that encoding and writing still fit in."""
BUFFER_BYTES = 64 * 1024 * 1024
"""What may wait in memory; beyond it `log` waits for the disk."""
LINE_BYTES = 8 * 1024 * 1024
"""No line is longer."""
NAME_CHARACTERS = 65536
"""A metric's name is no longer, so that any line stays below its limit."""

_EARLY_BYTES = 4 * 1024 * 1024  # the writer is woken before its time
_PRESSED_BYTES = 16 * 1024 * 1024  # the writer no longer gives way to the training
_ROOM_BYTES = 32 * 1024 * 1024  # what waited for room goes on
_BLOCK_BYTES = 64 * 1024
_OPEN_BLOCKS = 32
_WRITE_BYTES = 256 * 1024
_SPLIT_CHARACTERS = 2 * 1024 * 1024  # in UTF-8 and with escapes still below 8 MiB
_SLICE_SECONDS = 0.0005
_SAMPLE_ROWS = 1000
_SAMPLE_CELLS = 8192
_NAN = float("nan")
_SAFE = _values.SAFE_INTEGER

_packers: dict[int, Callable[..., bytes]] = {}
_direct: set[type] = {float, int, bool}
"""Types that can be packed as they are; scalars of other packages join them when they are met."""
_MOST_DIRECT = 64
_WITHDRAWN_SECONDS = 2.0
_MOST_REFUSED = 20


def _packer(width: int) -> Callable[..., bytes]:
    pack = _packers[width] = Struct(f"{width}d").pack
    return pack


def _is_direct(kind: type) -> bool:
    # An array of one item is no number for long, and a tensor warns of its gradients.
    return hasattr(kind, "__float__") and not hasattr(kind, "__len__") and not hasattr(kind, "detach")


class _Block:
    """Rows of one epoch, split and list of names: per row time, step (NaN if none), values.

    64-bit floats are what the store keeps, and hold a million points in 8 MB.
    """

    __slots__ = ("data", "epoch", "names", "split")

    def __init__(self, epoch: str, split: str, names: tuple[str, ...]) -> None:
        self.epoch = epoch
        self.split = split
        self.names = names
        self.data = bytearray()

    @property
    def rows(self) -> int:
        return len(self.data) // (8 * (len(self.names) + 2))

    @property
    def size(self) -> int:
        return len(self.data)

    def span(self) -> tuple[float, float]:
        times = array("d", bytes(self.data))[:: len(self.names) + 2]
        return (min(times), max(times)) if times else (0.0, 0.0)


class _Samples:
    """Sample documents as columns."""

    __slots__ = ("columns", "epoch", "rows", "size", "split", "time")

    def __init__(self, epoch: str, split: str, columns: dict[str, list[Any]], rows: int) -> None:
        self.epoch = epoch
        self.split = split
        self.columns = columns
        self.rows = rows
        self.time = time()
        self.size = sum(_weight(column) for column in columns.values())

    def span(self) -> tuple[float, float]:
        return self.time, self.time


def _weight(item: Any) -> int:
    """About how many bytes a column takes in memory; text counts by its length."""
    kind = type(item)
    if kind is list:
        return 40 * len(item) + sum(_weight(inner) for inner in item if type(inner) in _LARGE)
    if kind is dict:
        return 40 + sum(len(key) + _weight(value) for key, value in item.items())
    return len(item) if kind is str else 40


_LARGE = {str, list, dict}


class _Control:
    """A line that must not be lost, or a point in the order that somebody waits for."""

    __slots__ = ("done", "lasting", "line", "ok", "queued", "withdrawn", "written")

    def __init__(self, line: bytes | None, lasting: bool, wait: bool) -> None:
        self.line = line
        self.lasting = lasting
        """Tried again until it is written; else given up when it can't be written at once."""
        self.queued = False
        self.written = False
        self.ok = False
        self.withdrawn = False
        self.done = threading.Event() if wait else None

    def withdraw(self) -> bool:
        """True when the line is not in the file, and never will be."""
        if self.lasting:
            return False
        self.withdrawn = True
        settled = not self.queued or (self.done is not None and self.done.wait(_WITHDRAWN_SECONDS))
        return settled and not self.written


class _Line:
    """An encoded line on its way to the file, and what is lost with it."""

    __slots__ = ("control", "data", "epoch", "rows", "span")

    def __init__(self, data: bytes, rows: int, epoch: str, span: tuple[float, float], control: _Control | None) -> None:
        self.data = data
        self.rows = rows
        self.epoch = epoch
        self.span = span
        self.control = control


_Entry = Any  # _Block | _Samples | _Control


class Journal:
    """Appends to one journal; safe to use from any thread.

    Args:
        path: the file, opened for appending behind its last newline.
        tick: called every 0.2 s or so in the writer's thread, with the monotonic time.
    """

    def __init__(self, path: str, tick: Callable[[float], None]) -> None:
        self._path = path
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
        try:
            self._end = cut_half_line(self._fd)
            os.lseek(self._fd, self._end, os.SEEK_SET)
        except BaseException:
            os.close(self._fd)
            raise
        self._tick = tick
        # Reentrant: a signal handler of the user's may log while the main thread is logging.
        self._lock = threading.RLock()
        self._wake = threading.Event()
        self._room = threading.Event()
        self._room.set()
        self._queue: list[_Entry] = []
        self._open: dict[tuple[str, ...], _Block] = {}
        self._bytes = 0
        self._urgent = 0
        self._closing = False
        # From here on the writer's own.
        self._torn = False
        self._backlog: list[_Line] = []
        self._gaps: dict[str, list[float]] = {}
        self._warned = False
        self._refused: set[str] = set()
        self._slice = 0.0
        self._thread = threading.Thread(target=self._run, name="epochtree-writer", daemon=True)
        self._thread.start()

    # What the training calls

    def metrics(self, epoch: str, values: Any, split: str, step: Any) -> None:
        """Buffers one point a name, or as many as the lists in it are long."""
        now = time()
        try:
            if step is None:
                at = _NAN
            elif type(step) is int and -_SAFE <= step <= _SAFE:
                at = step
            else:
                return self._slow_metrics(epoch, values, split, step, now)
            numbers = values.values()
            if not _direct.issuperset(map(type, numbers)):
                return self._slow_metrics(epoch, values, split, step, now)
            width = len(values) + 2
            row = (_packers.get(width) or _packer(width))(now, at, *numbers)
            key = (epoch, split, *values)
            hash(key)
        except (StructError, TypeError, OverflowError, AttributeError, ValueError, RuntimeError):
            return self._slow_metrics(epoch, values, split, step, now)
        if width == 2:
            return
        with self._lock:
            block = self._open.get(key) or self._begin(key)
            data = block.data
            data += row
            self._bytes += len(row)
            if len(data) >= _BLOCK_BYTES:
                del self._open[key]
                if self._bytes >= _EARLY_BYTES:
                    self._wake.set()
        if self._bytes >= BUFFER_BYTES:
            self._wait_for_room()

    def _begin(self, key: tuple[str, ...]) -> _Block:
        epoch, split, *names = key
        if not isinstance(split, str):
            raise TypeError(f"epochtree: a split must be text, not {type(split).__name__}")
        for name in names:
            if not isinstance(name, str):
                raise TypeError(f"epochtree: a metric's name must be text, not {name!r}")
            if len(name) > NAME_CHARACTERS:
                raise ValueError(f"epochtree: a metric's name has at most {NAME_CHARACTERS} characters")
        if len(split) > NAME_CHARACTERS:
            raise ValueError(f"epochtree: a split has at most {NAME_CHARACTERS} characters")
        # Rows of one metric keep their order; a block that would break it ends the ones before.
        own = set(names)
        if len(self._open) >= _OPEN_BLOCKS or any(
            block.epoch == epoch and block.split == split and not own.isdisjoint(block.names)
            for block in self._open.values()
        ):
            self._open.clear()
        block = _Block(epoch, split, tuple(names))
        self._open[key] = block
        self._queue.append(block)
        return block

    def _slow_metrics(self, epoch: str, values: Any, split: str, step: Any, now: float) -> None:
        """Whatever is not a dictionary of single numbers.

        Raises TypeError and ValueError for a call that is wrong, as its first run tells; a value that
        is no number may come up hours later, and only warns.
        """
        if not isinstance(values, Mapping):
            raise TypeError(f"epochtree: log takes a mapping of metrics, not {type(values).__name__}")
        columns: dict[str, list[Any]] = {}
        single: dict[str, float] = {}
        for name, value in values.items():
            what = f"the metric {str(name)[:80]!r}"
            if type(value) is not float:
                value = _values.single(_values.detached(value))
            try:
                if isinstance(value, list):
                    columns[name] = [_values.number(item, what) for item in value]
                else:
                    single[name] = _values.number(value, what)
            except TypeError as error:
                self._refuse(name, error)
                continue
            if _is_direct(type(value)) and len(_direct) < _MOST_DIRECT:
                _direct.add(type(value))
        steps = None if step is None else _values.items_of(step)
        if not columns and (steps is None or len(steps) == 1):
            one = step if steps is None else steps[0]
            at = None if one is None else _values.whole(one, "a step")
            return self.metrics(epoch, single, split, at)
        rows = len(next(iter(columns.values()))) if columns else len(steps or ())
        if any(len(column) != rows for column in columns.values()):
            lengths = {name: len(column) for name, column in columns.items()}
            raise ValueError(f"epochtree: lists of metrics must have one length, not {lengths}")
        if single and rows != 1:
            name = next(iter(single))
            raise ValueError(f"epochtree: the metric {name!r} is one number beside lists of {rows}")
        if step is not None and (steps is None or len(steps) != rows):
            raise ValueError(f"epochtree: {rows} points need as many steps, or None")
        for row in range(rows):
            point = {name: column[row] for name, column in columns.items()}
            at = None if steps is None or steps[row] is None else _values.whole(steps[row], "a step")
            self.metrics(epoch, point, split, at)

    def _refuse(self, name: Any, error: TypeError) -> None:
        if name not in self._refused and len(self._refused) < _MOST_REFUSED:
            self._refused.add(name)
            reason = str(error).partition("epochtree: ")[2]
            warn(f"{reason}; what is no number is not logged. The training goes on.")

    def samples(self, epoch: str, fields: Mapping[str, Any], split: str) -> None:
        """Buffers one document a row of the columns; raises TypeError and ValueError."""
        if not isinstance(fields, Mapping):
            raise TypeError(f"epochtree: log_samples takes a mapping of columns, not {type(fields).__name__}")
        if not isinstance(split, str):
            raise TypeError(f"epochtree: a split must be text, not {type(split).__name__}")
        columns: dict[str, list[Any]] = {}
        single: dict[str, Any] = {}
        for name, value in fields.items():
            if not isinstance(name, str):
                raise TypeError(f"epochtree: a field's name must be text, not {name!r}")
            if len(name) > NAME_CHARACTERS:
                raise ValueError(f"epochtree: a field's name has at most {NAME_CHARACTERS} characters")
            items = _values.items_of(value)
            if items is None:
                single[name] = _values.plain(value)
            else:
                columns[name] = _values.column(items)
        lengths = {name: len(column) for name, column in columns.items()}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"epochtree: the columns must have one length, not {lengths}")
        rows = next(iter(lengths.values()), 1 if single else 0)
        if not rows:
            return
        # One value beside columns holds for every row.
        table = {name: columns[name] if name in columns else [single[name]] * rows for name in fields}
        entry = _Samples(epoch, split, table, rows)
        with self._lock:
            self._queue.append(entry)
            self._bytes += entry.size
            if self._bytes >= _EARLY_BYTES:
                self._wake.set()
        if self._bytes >= BUFFER_BYTES:
            self._wait_for_room()

    def put(self, line: Mapping[str, Any]) -> None:
        """Buffers a line that is tried again until it is written."""
        self._append(_Control(_line(line), lasting=True, wait=False))

    def put_and_flush(
        self,
        line: Mapping[str, Any] | None = None,
        lasting: bool = False,
        withdrawn: Callable[[], None] = lambda: None,
    ) -> bool | None:
        """Everything so far, and this line, is on the disk when it returns True.

        With False the line was not written and will not be, unless it is `lasting`; with None it
        stands in the file, which could not be flushed. `withdrawn` is called where Ctrl-C ends the
        waiting, and the line is not and will not be written.
        """
        control = None
        urgent = 0
        try:
            control = _Control(None if line is None else _line(line), lasting, wait=True)
            with self._lock:
                urgent = 1
                self._urgent += urgent
            self._append(control)
            self._wake.set()
            assert control.done is not None
            # In pieces: on Windows a wait without end can't be interrupted.
            while not control.done.wait(1.0):
                if not self._thread.is_alive():
                    return False
            return control.ok or (None if control.written else False)
        except BaseException:
            # Ctrl-C while it waits: a line that is not written by now had better not be.
            if control is None or control.withdraw():
                withdrawn()
            raise
        finally:
            with self._lock:
                self._urgent -= urgent

    def close(self) -> None:
        """Writes what is left, as far as it can be written, and closes the file."""
        self._closing = True
        self._wake.set()
        while self._thread.is_alive():
            self._thread.join(1.0)
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def abandon(self) -> None:
        """In a forked child: the file belongs to the parent, and here there is no writer."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _append(self, control: _Control) -> None:
        with self._lock:
            self._open.clear()
            control.queued = True
            self._queue.append(control)

    def _wait_for_room(self) -> None:
        if threading.current_thread() is self._thread:
            return
        with self._lock:
            if self._bytes < BUFFER_BYTES:
                return
            self._room.clear()
        self._wake.set()
        while not self._room.wait(1.0):
            if not self._thread.is_alive():
                return

    # What runs in the writer's thread

    def _run(self) -> None:
        while True:
            # Before the queue is taken: whatever came before the closing is still written.
            closing = self._closing
            if not closing:
                self._wake.wait(FLUSH_SECONDS)
            self._wake.clear()
            self._slice = perf_counter()
            try:
                self._drain()
                self._tick(monotonic())
            except Exception as error:
                # A fault of this package must not end the writer, or commits would wait for ever.
                self.warn_once(f"The journal's writer met {type(error).__name__}: {error}.")
            if closing:
                self._write(())  # the last chance of what could not be written before
                return

    def _drain(self) -> None:
        with self._lock:
            queue, self._queue = self._queue, []
            self._open.clear()
        if not queue:
            if self._backlog or self._gaps:
                self._write(())
            return
        waiting: list[_Line] = []
        size = 0
        try:
            for entry in queue:
                if isinstance(entry, _Control):
                    if entry.line is not None and not entry.withdrawn:
                        waiting.append(_Line(entry.line, 0, "", (0.0, 0.0), entry))
                    if entry.done is not None:
                        self._write(waiting)
                        waiting, size = [], 0
                        self._settle(entry)
                    continue
                try:
                    is_block = isinstance(entry, _Block)
                    for line in self._metric_lines(entry) if is_block else self._sample_lines(entry):
                        waiting.append(line)
                        size += len(line.data)
                        if size >= _WRITE_BYTES:
                            self._write(waiting)
                            waiting, size = [], 0
                finally:
                    with self._lock:
                        self._bytes -= entry.size
                    if isinstance(entry, _Block):
                        entry.data = bytearray()
                    else:
                        entry.columns = {}
                    if self._bytes < _ROOM_BYTES:
                        self._room.set()
            self._write(waiting)
        finally:
            for entry in queue:
                if isinstance(entry, _Control) and entry.done is not None:
                    entry.done.set()

    def _settle(self, control: _Control) -> None:
        """Tells who waits whether it is on the disk."""
        assert control.done is not None
        # What a commit promises includes the documents before it, lost ones as a `gap`.
        if control.written or (control.line is None and not (self._backlog or self._gaps or self._torn)):
            try:
                os.fsync(self._fd)
                control.ok = True
                self._warned = False
            except OSError as error:
                self.warn_once(f"{self._path} could not be flushed: {error}.")
        control.done.set()

    def _breathe(self) -> None:
        """Gives way to the training, which otherwise waits 5 ms for the interpreter's lock."""
        if self._urgent or self._closing or self._bytes > _PRESSED_BYTES:
            return
        if perf_counter() - self._slice > _SLICE_SECONDS:
            sleep(0.0002)
            self._slice = perf_counter()

    def _metric_lines(self, block: _Block) -> Iterator[_Line]:
        data = array("d", bytes(block.data))
        width = len(block.names) + 2
        rows = len(data) // width
        times = data[0::width]
        span = (min(times), max(times))
        steps = data[1::width].tolist()
        if all(step != step for step in steps):
            step_text = "null"
        else:
            texts = ["null" if step != step else str(int(step)) for step in steps]
            step_text = f"[{','.join(texts)}]"
        head = _values.to_utf8(
            f'{{"type":"metrics","epoch":"{block.epoch}","split":{_values.encode(block.split)},'
            f'"step":{step_text},"time":{_floats(times)},"values":{{'
        )
        parts: list[str] = []
        size = 0
        for index, name in enumerate(block.names, 2):
            part = f"{_values.encode(name)}:{_floats(data[index::width])}"
            if parts and size + len(part) > _SPLIT_CHARACTERS:
                yield _Line(head + _values.to_utf8(",".join(parts)) + b"}}\n", 0, block.epoch, span, None)
                parts, size = [], 0
            parts.append(part)
            size += len(part)
            self._breathe()
        yield _Line(head + _values.to_utf8(",".join(parts)) + b"}}\n", rows, block.epoch, span, None)

    def _sample_lines(self, entry: _Samples) -> Iterator[_Line]:
        # Fewer rows a line where there are many fields: a line is encoded in one go.
        step = max(1, min(_SAMPLE_ROWS, _SAMPLE_CELLS // len(entry.columns)))
        pieces = [(at, min(at + step, entry.rows)) for at in range(0, entry.rows, step)]
        pieces.reverse()
        while pieces:
            begin, end = pieces.pop()
            parts = []
            for name, column in entry.columns.items():
                parts.append(f"{_values.encode(name)}:{_values.encode_column(column[begin:end])}")
                self._breathe()
            data = _values.to_utf8(
                f'{{"type":"samples","epoch":"{entry.epoch}","split":{_values.encode(entry.split)},'
                f'"fields":{{{",".join(parts)}}}}}\n'
            )
            if len(data) <= LINE_BYTES:
                yield _Line(data, end - begin, entry.epoch, entry.span(), None)
            elif end - begin > 1:
                middle = (begin + end) // 2
                pieces += [(middle, end), (begin, middle)]
            else:
                self._lose(entry.epoch, 1, entry.span())
                self.warn_once("A sample document is longer than 8 MiB and was left out.")

    def _write(self, lines: list[_Line] | tuple[()]) -> None:
        """Writes the lines; what can't be written is dropped and counted, or kept if it lasts."""
        backlog, self._backlog = self._backlog, []
        todo = [*backlog, *self._gap_lines(), *lines]
        if not todo:
            return
        written, failure = self._write_out(todo)
        self._tick(monotonic())  # a slow disk keeps nobody from stopping the training
        for line in todo[:written]:
            if line.control is not None:
                line.control.written = True
            elif line.epoch and line.rows < 0:
                self._gaps.pop(line.epoch, None)
        for line in todo[written:]:
            if line.control is not None:
                if line.control.lasting:
                    self._backlog.append(line)
            elif line.rows > 0:
                self._lose(line.epoch, line.rows, line.span)
        if failure is not None:
            self.warn_once(
                f"{self._path} could not be written ({failure.strerror or failure}). What is logged "
                "is dropped until there is room again; the training goes on."
            )

    def _write_out(self, lines: list[_Line]) -> tuple[int, OSError | None]:
        """How many of the lines are in the file, and why not all."""
        data = b"".join([line.data for line in lines])
        if self._torn:
            data = b"\n" + data
        view = memoryview(data)
        at, failure = 0, None
        try:
            while at < len(data):
                at += os.write(self._fd, view[at:])
        except OSError as error:
            failure = error
        if failure is None:
            self._torn = False
            self._end += len(data)
            return len(lines), None
        # Back to the last whole line: readers have seen those that are complete.
        whole = data.rfind(b"\n", 0, at) + 1
        self._end += whole
        if whole:
            self._torn = False
        written = data.count(b"\n", 0, whole) - (1 if whole and data[:1] == b"\n" else 0)
        if at > whole:
            try:
                os.ftruncate(self._fd, self._end)
                os.lseek(self._fd, self._end, os.SEEK_SET)
            except OSError:
                # Finished by a newline later on: one bad line, and the rest is whole.
                self._torn = True
                self._end += at - whole
        return written, failure

    def _lose(self, epoch: str, rows: int, span: tuple[float, float]) -> None:
        gap = self._gaps.setdefault(epoch, [0, span[0], span[1]])
        gap[0] += rows
        gap[1] = min(gap[1], span[0])
        gap[2] = max(gap[2], span[1])

    def _gap_lines(self) -> list[_Line]:
        return [
            _Line(
                _line({"type": "gap", "epoch": epoch, "rows": int(rows), "from": begin, "to": end}),
                -1,
                epoch,
                (begin, end),
                None,
            )
            for epoch, (rows, begin, end) in self._gaps.items()
        ]

    def warn_once(self, message: str) -> None:
        """Warns of what can't be written; once, until a flush proves that it can be again."""
        if not self._warned:
            self._warned = True
            warn(message)


def _line(line: Mapping[str, Any]) -> bytes:
    return _values.to_utf8(_values.encode(line)) + b"\n"


def _floats(numbers: array[float]) -> str:
    """A JSON list; NaN and infinities as strings."""
    total = sum(numbers)
    if total - total == 0:  # finite, so every one is; an overflow only costs the slower way
        return f"[{','.join(map(repr, numbers))}]"
    texts = [repr(n) if n - n == 0 else f'"{_values.special(n)}"' for n in numbers]
    return f"[{','.join(texts)}]"


def cut_half_line(fd: int) -> int:
    """Cuts the file back to its last newline; returns its new length in bytes."""
    end = size = os.lseek(fd, 0, os.SEEK_END)
    while end > 0:
        begin = max(0, end - 1024 * 1024)
        os.lseek(fd, begin, os.SEEK_SET)
        block = b""
        while len(block) < end - begin:
            more = os.read(fd, end - begin - len(block))
            if not more:
                break
            block += more
        newline = block.rfind(b"\n")
        if newline >= 0:
            end = begin + newline + 1
            break
        end = begin
    if end < size:
        os.ftruncate(fd, end)
    return end
