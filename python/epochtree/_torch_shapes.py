"""Gives a model stored tensors, and its layers the shapes that those have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from ._errors import EpochtreeError


def adopt(model: Any, stored: Mapping[str, Any]) -> None:
    """Puts the tensors into the model, whatever shapes it has.

    Raises:
        EpochtreeError: ``weights-mismatch`` when the names differ; the model is as it was then.
    """
    _mask(model, stored)
    known = dict(model.state_dict())
    odd = [*(f"-{name}" for name in known if name not in stored), *(f"+{name}" for name in stored if name not in known)]
    if odd:
        shown = ", ".join(odd[:8]) + (", ..." if len(odd) > 8 else "")
        raise EpochtreeError(
            "weights-mismatch",
            f"The weights are of another model than this one; {len(odd)} names differ (+ only stored, - only "
            f"here): {shown}. Build the model as it was, or load session.starts_from.weights_path yourself.",
        )
    changed: dict[int, Any] = {}
    modules: dict[int, Any] = {}
    for name, value in stored.items():
        path, _, last = name.rpartition(".")
        module = model.get_submodule(path)
        old = getattr(module, last)
        if old.shape == value.shape:
            with torch.no_grad():
                old.copy_(value)
            continue
        modules[id(module)] = module
        # A parameter that two layers share stays one.
        if id(old) not in changed:
            new = value.detach().to(device=old.device, dtype=old.dtype).clone()
            changed[id(old)] = old, nn.Parameter(new, old.requires_grad) if isinstance(old, nn.Parameter) else new
        before = _shape(module)
        setattr(module, last, changed[id(old)][1])
        _resize(module, before)


def _shape(module: Any) -> tuple[int, ...]:
    weight = getattr(module, "weight", None)
    return tuple(weight.shape) if isinstance(weight, torch.Tensor) else ()


def _mask(model: Any, stored: Mapping[str, Any]) -> None:
    """Gives masks to the layers that `torch.nn.utils.prune` had masked."""
    from torch.nn.utils import prune

    for name, mask in stored.items():
        if not name.endswith("_mask") or f"{name[:-5]}_orig" not in stored:
            continue
        path, _, last = name[:-5].rpartition(".")
        try:
            module = model.get_submodule(path)
        except AttributeError:
            continue
        own = getattr(module, last, None)
        if isinstance(own, nn.Parameter):
            if own.shape != mask.shape:
                before = _shape(module)
                setattr(module, last, nn.Parameter(own.new_empty(mask.shape), own.requires_grad))
                _resize(module, before)
            prune.custom_from_mask(module, last, mask.to(own.device))


def _resize(module: Any, before: tuple[int, ...]) -> None:
    """Makes a layer's own account of its sizes agree with its parameters."""
    weight = getattr(module, "weight", None)
    shape = tuple(weight.shape) if isinstance(weight, torch.Tensor) else ()
    if isinstance(module, nn.Linear) and shape:
        module.out_features, module.in_features = shape
    elif isinstance(module, (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)) and shape:
        module.in_channels, module.out_channels = shape[0], shape[1] * module.groups
        module.kernel_size = shape[2:]
    elif isinstance(module, (nn.Conv1d, nn.Conv2d, nn.Conv3d)) and shape:
        if 1 < module.groups == module.in_channels and shape[1] == 1 and shape != before:
            # One filter a channel: there are as many groups as channels are left.
            module.groups = shape[0] * module.groups // module.out_channels
        module.out_channels, module.in_channels = shape[0], shape[1] * module.groups
        module.kernel_size = shape[2:]
    elif isinstance(module, nn.modules.batchnorm._NormBase):
        kept = shape or tuple(getattr(module, "running_mean", None).shape)  # type: ignore[union-attr]
        module.num_features = kept[0]
    elif isinstance(module, nn.GroupNorm) and shape:
        module.num_channels = shape[0]
    elif hasattr(module, "normalized_shape") and shape:
        module.normalized_shape = shape
    elif isinstance(module, (nn.Embedding, nn.EmbeddingBag)) and shape:
        module.num_embeddings, module.embedding_dim = shape
    elif isinstance(module, nn.PReLU):
        module.num_parameters = shape[0]
    elif isinstance(module, nn.RNNBase):
        module.input_size = module.weight_ih_l0.shape[1]
        module.hidden_size = module.weight_hh_l0.shape[0] // _GATES.get(module.mode, 1)
    elif isinstance(module, nn.MultiheadAttention) and module.in_proj_weight is not None:
        module.embed_dim = module.kdim = module.vdim = module.in_proj_weight.shape[1]
        module.head_dim = module.embed_dim // module.num_heads


_GATES = {"LSTM": 4, "GRU": 3}
