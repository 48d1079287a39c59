"""What users log, made ready for JSON: numbers, arrays and whatever else by duck typing."""

from __future__ import annotations

import json
import math
import operator
import re
from collections.abc import Iterable, Mapping
from typing import Any

SAFE_INTEGER = 2**53 - 1
"""Whole numbers beyond this are not exact in readers that have 64-bit floats only."""

DEEPEST = 90
"""Readers pass over a line that is nested deeper than 100 levels; what is nested here is cut before."""

_LONG_INTEGER = re.compile(r"(?<![\d.])\d{16,}(?![\d.])")
_PLAIN = {int, float, str, bool, type(None)}
_dumps = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), check_circular=True).encode


def to_utf8(text: str) -> bytes:
    """UTF-8 with U+FFFD for half characters, which UTF-8 can't hold."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return whole_characters(text).encode()


def whole_characters(text: str) -> str:
    """The text with each lone surrogate replaced by U+FFFD."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def encode(value: Any) -> str:
    """JSON without spaces; see `plain` for what becomes of values that JSON does not have."""
    try:
        text = _dumps(value)
        if not _LONG_INTEGER.search(text):
            return text
    except (TypeError, ValueError, RecursionError):
        pass
    return _dumps(plain(value))


def plain(value: Any, depth: int = 0) -> Any:
    """A copy of JSON's types alone.

    NaN, infinities and whole numbers beyond 2**53 become strings, arrays lists, keys text, and what
    is left its `str()`.
    """
    kind = type(value)
    if kind is float:
        return value if math.isfinite(value) else special(value)
    if kind is int:
        return value if -SAFE_INTEGER <= value <= SAFE_INTEGER else str(value)
    if kind in _PLAIN:
        return value
    if depth > DEEPEST:
        return "..."
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, Mapping):
        return {_key(key): plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item, depth + 1) for item in value]
    if isinstance(value, (bytes, bytearray)):
        return value.decode("utf-8", "replace")
    if isinstance(value, float):
        return plain(float(value))
    if isinstance(value, int):
        return plain(int(value))
    try:
        tolist = getattr(value, "tolist", None)
        if callable(tolist):  # arrays, tensors and their scalars
            return plain(tolist(), depth + 1)
        isoformat = getattr(value, "isoformat", None)
        if callable(isoformat):
            return str(isoformat())
        if hasattr(value, "__index__"):
            return plain(operator.index(value))
        if hasattr(value, "__float__"):
            return plain(float(value))
    except Exception:  # whatever the value's own type raises
        pass
    return _text(value)


def _text(value: Any) -> str:
    try:
        return str(value)
    except Exception:
        return type(value).__name__


def _key(key: Any) -> str:
    return key if type(key) is str else str(key)


def special(value: float) -> str:
    """What JSON has no number for, as the journal writes it."""
    return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"


def number(value: Any, what: str) -> float:
    """One number as a 64-bit float.

    Raises:
        TypeError: when it is not one number.
    """
    try:
        if not isinstance(value, (str, bytes, bytearray)):
            return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf
    except Exception:  # whatever the value's own type raises, such as a tensor without data
        pass
    raise TypeError(f"epochtree: {what} must be a number, not {type(value).__name__}")


def whole(value: Any, what: str) -> int:
    """A step: any whole number up to 2**53, from whatever type.

    Raises:
        TypeError, ValueError: when it is not one.
    """
    try:
        step = operator.index(value)
    except TypeError:
        as_float = number(value, what)
        if not as_float.is_integer():
            raise ValueError(f"epochtree: {what} must be a whole number, not {value!r}") from None
        step = int(as_float)
    if not -SAFE_INTEGER <= step <= SAFE_INTEGER:
        raise ValueError(f"epochtree: {what} must lie within 2**53, and is {step}")
    return step


def items_of(value: Any) -> list[Any] | None:
    """The items of a list, array, tensor or iterable; None for a scalar or text."""
    if isinstance(value, (str, bytes, bytearray, Mapping)):
        return None
    tolist = getattr(value, "tolist", None)
    if callable(tolist):
        try:
            items = tolist()
        except Exception:  # a tensor without data
            return None
        return items if isinstance(items, list) else None
    return list(value) if isinstance(value, Iterable) else None


def detached(value: Any) -> Any:
    """The value outside of the graph that its gradients flow through; torch warns about it inside."""
    detach = getattr(value, "detach", None)
    return detach() if callable(detach) else value


def single(value: Any) -> Any:
    """What an array of one item holds, however deep it lies; else the list, or the value itself."""
    items = items_of(value)
    while items is not None and len(items) == 1:
        value, items = items[0], items_of(items[0])
    return value if items is None else items


def column(items: list[Any]) -> list[Any]:
    """A column of a table that nobody else changes any more; scalars stay as they are."""
    if set(map(type, items)) <= _PLAIN:
        return items
    return [plain(item) for item in items]


def encode_column(items: list[Any]) -> str:
    """JSON of a column made by `column`, as quickly as its types allow."""
    types = set(map(type, items))
    if float in types or int in types:
        items = [_scalar(item) for item in items] if not _ordinary(items, types) else items
    return _dumps(items)


def _ordinary(items: list[Any], types: set[type]) -> bool:
    if types == {float}:
        total: float = sum(items)
        return math.isfinite(total)  # an overflow of the sum only costs the slower way
    if types == {int}:
        return bool(min(items) >= -SAFE_INTEGER and max(items) <= SAFE_INTEGER)
    return False


def _scalar(item: Any) -> Any:
    return plain(item) if type(item) in (float, int) else item


def mapping(value: Any, what: str) -> dict[str, Any]:
    """Hyperparameters as a dictionary of their own: from a mapping, a namespace or a dataclass.

    Raises:
        TypeError: when it is neither.
    """
    if value is None:
        return {}
    if isinstance(value, Mapping):
        return {_key(key): item for key, item in value.items()}
    named = getattr(value, "_fields", None) or getattr(value, "__dataclass_fields__", None)
    if named and not isinstance(value, type):  # a named tuple, or a dataclass perhaps with slots
        return {str(name): getattr(value, name) for name in named}
    try:
        return dict(vars(value))
    except TypeError:
        raise TypeError(
            f"epochtree: {what} must be a mapping or an object with attributes, not {type(value).__name__}"
        ) from None


def merged(base: dict[str, Any], edits: Mapping[str, Any]) -> dict[str, Any]:
    """The base with the edits over it; objects merge, everything else is replaced."""
    result = dict(base)
    for key, value in edits.items():
        old = result.get(key)
        if isinstance(value, Mapping) and isinstance(old, Mapping):
            result[key] = merged(dict(old), value)
        else:
            result[key] = value
    return result
