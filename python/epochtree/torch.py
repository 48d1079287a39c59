"""PyTorch models: their graph, weights and training state for `commit`, and the way back.

    epoch.commit(
        graph=epochtree.torch.graph(model),
        weights=epochtree.torch.weights(model),
        state=epochtree.torch.state(optimizer=optimizer, scheduler=scheduler),
    )
    ...
    if session.starts_from:
        model = epochtree.torch.restore(model, session.starts_from)
        optimizer = SGD(model.parameters(), lr)  # after `restore`, which may bring new parameters
        epochtree.torch.restore_state(session.starts_from, optimizer=optimizer, scheduler=scheduler)

Weights and state are safetensors files: reading them runs no code. Only this module needs PyTorch.
"""

from __future__ import annotations

import ctypes
import json
import os
import random
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import torch as _torch

from ._errors import EpochtreeError
from ._resume import Start
from ._safetensors import SafeTensors, Tensor, is_safetensors, read_header
from ._torch_graph import graph, plain_model
from ._torch_shapes import adopt

if TYPE_CHECKING:
    from ._evaluate import Evaluation

__all__ = ["graph", "load", "restore", "restore_state", "state", "weights"]

_NAMES = {
    **{"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16", "C64": "complex64"},
    **{"I64": "int64", "I32": "int32", "I16": "int16", "I8": "int8", "U8": "uint8", "BOOL": "bool"},
    **{"U64": "uint64", "U32": "uint32", "U16": "uint16"},
    **{"F8_E4M3": "float8_e4m3fn", "F8_E5M2": "float8_e5m2"},
}
_DTYPES: dict[str, Any] = {code: getattr(_torch, name) for code, name in _NAMES.items() if hasattr(_torch, name)}
_CODES = {dtype: code for code, dtype in _DTYPES.items()}
_STATE = "epochtree.state"


def weights(model: Any) -> SafeTensors:
    """A model's parameters and buffers, for `commit`; also takes a `state_dict()`.

    Raises:
        TypeError: for what is no dense tensor.
    """
    values = model if isinstance(model, Mapping) else plain_model(model).state_dict()
    return SafeTensors({name: _tensor(name, value) for name, value in values.items()})


def load(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The tensors of a weights file by name: one of safetensors, or of `torch.save`."""
    path = os.fspath(path)
    if not is_safetensors(path):
        found = _torch.load(path, map_location="cpu", weights_only=True)
        if not isinstance(found, Mapping):
            raise EpochtreeError("weights-unreadable", f"{path} holds no tensors by name. Load it as it was saved.")
        return dict(found)
    return _read(path)[0]


def restore(model: Any, starts_from: Start | Evaluation | str | os.PathLike[str] | Mapping[str, Any]) -> Any:
    """Gives a model the weights of the epoch that a session starts from; returns the model.

    Layers whose shapes were others then, because pruning changed them, get those shapes. Make the
    optimizer afterwards: such layers have new parameters.

    Args:
        model: as the script builds it.
        starts_from: `session.starts_from`, or what `evaluate` gave, or a weights file's path, or
            tensors by name.

    Raises:
        EpochtreeError: ``weights-none``, or ``weights-mismatch`` with the names that do not fit.
    """
    if isinstance(starts_from, Mapping):
        stored = dict(starts_from)
    else:
        path = starts_from if isinstance(starts_from, (str, os.PathLike)) else starts_from.weights_path
        if path is None:
            raise EpochtreeError("weights-none", "No epoch up to there has weights. Train from the beginning.")
        stored = load(path)
    adopt(plain_model(model), stored)
    return model


def state(*, rng: bool = True, **parts: Any) -> SafeTensors:
    """Optimizer, scheduler and whatever else has a `state_dict()`, for `commit`'s `state`.

    Args:
        rng: whether the state of the random generators is kept too.
        parts: by names of your choice; anything of numbers, texts, lists, dictionaries and tensors.
    """
    found = {name: part.state_dict() if hasattr(part, "state_dict") else part for name, part in parts.items()}
    if rng:
        found["rng"] = {
            "python": random.getstate(),
            "torch": _torch.get_rng_state(),
            "cuda": _torch.cuda.get_rng_state_all() if _torch.cuda.is_available() else [],
        }
    tensors: dict[str, Tensor] = {}
    told = json.dumps(_packed(found, "state", tensors))
    return SafeTensors(tensors, {_STATE: told})


def restore_state(starts_from: Start | str, **parts: Any) -> dict[str, Any]:
    """Loads what `state` kept into these parts, and the random generators; returns all of it.

    A part without `load_state_dict` is only returned. Nothing happens where no state was kept.
    """
    path = starts_from if isinstance(starts_from, str) else starts_from.state_path
    if path is None:
        return {}
    tensors, metadata = _read(path)
    found: dict[str, Any] = _unpacked(json.loads(metadata.get(_STATE, "{}")), tensors)
    for name, part in parts.items():
        if name not in found:
            raise EpochtreeError("state-mismatch", f"{path} holds no {name!r}, but {', '.join(found) or 'nothing'}.")
        if hasattr(part, "load_state_dict"):
            part.load_state_dict(found[name])
    rng = found.get("rng")
    if isinstance(rng, dict) and "torch" in rng:
        random.setstate(rng["python"])
        _torch.set_rng_state(rng["torch"])
        if rng["cuda"] and _torch.cuda.device_count() == len(rng["cuda"]):
            _torch.cuda.set_rng_state_all(rng["cuda"])
    return found


def _tensor(name: str, value: Any) -> Tensor:
    if not isinstance(value, _torch.Tensor) or value.layout != _torch.strided or value.dtype not in _CODES:
        kind = value.dtype if isinstance(value, _torch.Tensor) else type(value).__name__
        raise TypeError(f"epochtree: {name!r} can't be stored as weights, being {kind}; pass a file of your own")
    return Tensor(_CODES[value.dtype], tuple(value.shape), lambda: _bytes(value))


def _bytes(tensor: Any) -> memoryview:
    whole = tensor.detach().resolve_conj().resolve_neg().cpu().contiguous()
    size = whole.numel() * whole.element_size()
    if not size:
        return memoryview(b"")
    held = (ctypes.c_char * size).from_address(whole.data_ptr())
    held._owner = whole  # the memory lives as long as the view
    return memoryview(held).cast("B")


def _read(path: str) -> tuple[dict[str, Any], dict[str, str]]:
    tensors: dict[str, Any] = {}
    with open(path, "rb") as file:
        places, metadata = read_header(file, path)
        for name, (code, shape, begin, size) in places.items():
            if code not in _DTYPES:
                raise EpochtreeError("weights-unreadable", f"{path}: this PyTorch has no {code}. Update it.")
            data = bytearray(size)
            file.seek(begin)
            file.readinto(data)
            flat = _torch.frombuffer(data, dtype=_DTYPES[code]) if size else _torch.empty(0, dtype=_DTYPES[code])
            tensors[name] = flat.reshape(shape)
    return tensors, metadata


def _packed(value: Any, at: str, tensors: dict[str, Tensor]) -> Any:
    """As JSON, with the tensors beside it; lists are as they are, all else that JSON lacks is marked."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, _torch.Tensor):
        name = str(len(tensors))
        tensors[name] = _tensor(at, value)
        return {"tensor": name}
    if isinstance(value, Mapping):
        pairs = [[_packed(key, at, tensors), _packed(item, f"{at}.{key}", tensors)] for key, item in value.items()]
        return {"dict": pairs}
    if isinstance(value, (list, tuple)):
        items = [_packed(item, f"{at}.{index}", tensors) for index, item in enumerate(value)]
        return items if isinstance(value, list) else {"tuple": items}
    raise TypeError(f"epochtree: {at} can't be stored, being {type(value).__name__}")


def _unpacked(value: Any, tensors: Mapping[str, Any]) -> Any:
    if isinstance(value, list):
        return [_unpacked(item, tensors) for item in value]
    if not isinstance(value, dict):
        return value
    if "tensor" in value:
        return tensors[value["tensor"]]
    if "tuple" in value:
        return tuple(_unpacked(value["tuple"], tensors))
    return {_unpacked(key, tensors): _unpacked(item, tensors) for key, item in _pairs(value)}


def _pairs(value: Mapping[str, Any]) -> Iterator[tuple[Any, Any]]:
    return iter(value.get("dict", ()))
