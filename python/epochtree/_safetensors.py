"""The safetensors file format: a length, a header in JSON, and the tensors' bytes; no code in it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, BinaryIO, NamedTuple

from . import _folder
from ._errors import EpochtreeError

FORMAT = "safetensors"
ITEM_BYTES = {
    **dict.fromkeys(("F64", "I64", "U64", "C64"), 8),
    **dict.fromkeys(("F32", "I32", "U32"), 4),
    **dict.fromkeys(("F16", "BF16", "I16", "U16"), 2),
    **dict.fromkeys(("I8", "U8", "BOOL", "F8_E4M3", "F8_E5M2"), 1),
}
_LONGEST_HEADER = 100_000_000
_METADATA = "__metadata__"


class Tensor(NamedTuple):
    """A tensor on its way into a file; its bytes are asked for only when they are written."""

    dtype: str
    shape: Sequence[int]
    data: Callable[[], memoryview]

    @property
    def size(self) -> int:
        return ITEM_BYTES[self.dtype] * _items(self.shape)


class Place(NamedTuple):
    """Where a tensor lies in a file."""

    dtype: str
    shape: list[int]
    begin: int
    size: int


class SafeTensors:
    """Tensors in the form in which `commit` takes them; `save` writes them to a file of your own.

    They are read when they are written: change them in between, and the changed ones are written.
    """

    format = FORMAT

    def __init__(self, tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None) -> None:
        # Larger items first, so that each lies at a multiple of its size.
        self._tensors = dict(sorted(tensors.items(), key=lambda item: (-ITEM_BYTES[item[1].dtype], item[0])))
        self._metadata = dict(metadata or {})

    def open_reader(self) -> _Reader:
        """Something to `read` from, as from a file."""
        return _Reader(self._pieces())

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the file in one step."""
        _folder.copy_durably(self.open_reader(), os.path.abspath(os.fspath(path)))

    def __bytes__(self) -> bytes:
        return b"".join(self._pieces())

    def _pieces(self) -> Iterator[bytes | memoryview]:
        header: dict[str, Any] = {_METADATA: self._metadata} if self._metadata else {}
        at = 0
        for name, tensor in self._tensors.items():
            end = at + tensor.size
            header[name] = {
                "dtype": tensor.dtype,
                "shape": list(tensor.shape),
                "data_offsets": [at, end],
            }
            at = end
        text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 8)
        yield len(text).to_bytes(8, "little") + text
        for name, tensor in self._tensors.items():
            data = tensor.data()
            if data.nbytes != tensor.size:
                raise ValueError(f"epochtree: the tensor {name!r} changed its size while it was written")
            yield data


class _Reader:
    """Pieces read like a file."""

    def __init__(self, pieces: Iterator[bytes | memoryview]) -> None:
        self._pieces = pieces
        self._rest = memoryview(b"")

    def read(self, size: int) -> memoryview:
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                break
            self._rest = memoryview(piece)
        block, self._rest = self._rest[:size], self._rest[size:]
        return block

    def close(self) -> None:
        self._rest = memoryview(b"")


def is_safetensors(path: str) -> bool:
    """Whether the file begins as such a file does."""
    with open(path, "rb") as file:
        start = file.read(9)
    return start[8:] == b"{" and int.from_bytes(start[:8], "little") <= os.path.getsize(path) - 8


def read_header(file: BinaryIO, path: str) -> tuple[dict[str, Place], dict[str, str]]:
    """The places of the tensors, and the metadata.

    Raises:
        EpochtreeError: ``weights-unreadable`` for what is no such file.
    """
    try:
        length = int.from_bytes(file.read(8), "little")
        if not 2 <= length <= _LONGEST_HEADER:
            raise ValueError(f"its header would have {length} bytes")
        header = json.loads(file.read(length))
        metadata = header.pop(_METADATA, {})
        rest = os.fstat(file.fileno()).st_size - 8 - length
        places = {}
        for name, told in header.items():
            dtype, shape, (begin, end) = told["dtype"], list(told["shape"]), told["data_offsets"]
            if not all(type(n) is int and n >= 0 for n in (*shape, begin, end)) or end > rest:
                raise ValueError(f"the tensor {name!r} lies outside of it")
            if end - begin != ITEM_BYTES[dtype] * _items(shape):
                raise ValueError(f"the tensor {name!r} has another size than its shape says")
            places[name] = Place(dtype, shape, 8 + length + begin, end - begin)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise EpochtreeError(
            "weights-unreadable", f"{path} is no safetensors file: {error}. Load it as it was saved."
        ) from None
    return places, metadata if isinstance(metadata, dict) else {}


def _items(shape: Sequence[int]) -> int:
    count = 1
    for length in shape:
        count *= length
    return count
