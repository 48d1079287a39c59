"""A PyTorch model's graph, as `commit` takes it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch


def graph(model: Any, trace: bool = True) -> dict[str, Any]:
    """The model graph: layers with their types, parameters' shapes, how many are not 0, and connections.

    Args:
        model: any module; what wraps it for compiling or distributed training is looked through.
        trace: whether to follow the calls of `forward` by `torch.fx`. Where that is not possible, as
            with conditions on values, or not wished, layers follow one another in their order.
    """
    model = plain_model(model)
    nodes = _traced(model) if trace and next(model.children(), None) is not None else None
    if nodes is None:
        nodes = _in_order(model)
    return {"id": type(model).__name__, "nodes": nodes}


def plain_model(model: Any) -> Any:
    """The user's own module, out of what wraps it."""
    while True:
        if isinstance(model, (torch.nn.DataParallel, torch.nn.parallel.DistributedDataParallel)):
            model = model.module
        elif hasattr(model, "_orig_mod"):  # by torch.compile
            model = model._orig_mod
        else:
            return model


def _traced(model: Any) -> dict[str, Any] | None:
    try:
        from torch import fx

        found = fx.Tracer().trace(model)
    except Exception:  # whatever forward does that can't be followed
        return None
    modules = dict(model.named_modules())
    seen: set[int] = set()
    ids: dict[Any, str] = {}
    nodes: dict[str, Any] = {}
    for step in found.nodes:
        target = str(step.target) if step.op in ("call_module", "get_attr") else step.name
        # A layer that is called twice is a node each time, its parameters belong to the first.
        again = target in nodes
        node_id = step.name if again and step.name not in nodes else target
        while node_id in nodes:
            node_id += "'"
        ids[step] = node_id
        if step.op == "call_module":
            data = _layer(modules[target], seen) if not again else {"type": type(modules[target]).__name__}
        elif step.op == "get_attr":
            value = _attribute(model, target)
            data = {"type": "Parameter", **({} if id(value) in seen else _tensors({target: value}))}
            seen.add(id(value))
        elif step.op in ("placeholder", "output"):
            data = {"type": "Input" if step.op == "placeholder" else "Output"}
        else:
            data = {"type": getattr(step.target, "__name__", None) or str(step.target)}
        nodes[node_id] = _node(node_id, data)
        for source in step.all_input_nodes:
            _connect(nodes, ids[source], node_id)
    for name, layer in _layers(model):  # what forward never calls has its parameters all the same
        if any(id(value) not in seen for value in layer.parameters(recurse=False)):
            node_id = name or type(layer).__name__
            nodes[node_id] = _node(node_id, _layer(layer, seen, recurse=False))
    return nodes


def _in_order(model: Any) -> dict[str, Any]:
    nodes: dict[str, Any] = {}
    seen: set[int] = set()
    last: str | None = None
    for name, layer in _layers(model):
        node_id = name or type(layer).__name__
        nodes[node_id] = _node(node_id, _layer(layer, seen, recurse=False))
        if last is not None:
            _connect(nodes, last, node_id)
        last = node_id
    return nodes


def _layers(model: Any) -> Iterator[tuple[str, Any]]:
    """Modules with nothing inside, and those that have parameters of their own."""
    for name, module in model.named_modules():
        own = next(module.parameters(recurse=False), None)
        if own is not None or next(module.children(), None) is None:
            yield name, module


def _node(node_id: str, data: dict[str, Any]) -> dict[str, Any]:
    return {"id": node_id, "name": node_id, "data": data, "inputs": {}, "outputs": {}}


def _connect(nodes: dict[str, Any], source: str, target: str) -> None:
    nodes[target]["inputs"][source] = {}
    nodes[source]["outputs"][target] = {}


def _layer(module: Any, seen: set[int], recurse: bool = True) -> dict[str, Any]:
    """A layer's data; a parameter that another layer has too is told of the first alone."""
    settings = {}
    for name in getattr(module, "__constants__", ()):
        value = getattr(module, name, None)
        if isinstance(value, (bool, int, float, str, tuple, list)):
            settings[name] = list(value) if isinstance(value, tuple) else value
    data: dict[str, Any] = {"type": type(module).__name__}
    if settings:
        data["settings"] = settings
    tensors: dict[str, Any] = {}
    for name, value in module.named_parameters(recurse=recurse):
        if id(value) in seen:
            continue
        seen.add(id(value))
        path, _, last = name.rpartition(".")
        owner = module.get_submodule(path)
        mask = getattr(owner, f"{last[:-5]}_mask", None) if last.endswith("_orig") else None
        if mask is None:
            tensors[name] = value
        else:  # torch.nn.utils.prune keeps the weights from before beside what they are multiplied by
            tensors[name[:-5]] = value * mask
    return {**data, **_tensors(tensors)}


def _tensors(tensors: dict[str, Any]) -> dict[str, Any]:
    if not tensors:
        return {}
    data: dict[str, Any] = {"parameters": {name: list(value.shape) for name, value in tensors.items()}}
    if not any(value.is_meta for value in tensors.values()):
        with torch.no_grad():
            data["nonzero"] = {name: int(torch.count_nonzero(value)) for name, value in tensors.items()}
    return data


def _attribute(model: Any, target: str) -> Any:
    path, _, last = target.rpartition(".")
    return getattr(model.get_submodule(path), last)
