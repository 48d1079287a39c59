"""Structured pruning by a plan: hidden units are removed for good, so the layers get smaller."""

import math


def is_due(plan, number):
    """Whether the plan changes the graph in the epoch of this number in the model's history."""
    start, end = plan["startEpoch"], plan.get("endEpoch")
    return (
        start <= number
        and (end is None or number <= end)
        and (number - start) % plan["everyEpochs"] == 0
    )


def apply(plan, network):
    """Removes the hidden units with the smallest L2 norm; returns how many went.

    `ratio` is the share of the units a layer still has that goes each time, rounded, at least one
    unit; `targetSparsity` the share of its original units at which a layer is left alone.
    """
    if plan["method"] != "l2-norm":
        raise ValueError(f"unknown pruning method {plan['method']!r}; here there is: l2-norm")
    removed = 0
    for layer, following in zip(network.layers, network.layers[1:]):
        if layer.name in plan.get("ignoredLayers", []):
            continue
        gone = layer.original_units - layer.units
        allowed = round(plan.get("targetSparsity", 1) * layer.original_units) - gone
        count = min(max(1, round(plan["ratio"] * layer.units)), allowed, layer.units - 1)
        if count > 0:
            remove_units(layer, following, weakest_units(layer, count))
            layer.pruned_by = plan["id"]
            removed += count
    return removed


def weakest_units(layer, count):
    """The units whose incoming weights have the smallest L2 norm."""
    norms = [math.fsum(w * w for w in column) for column in zip(*layer.weight, layer.bias)]
    return sorted(range(layer.units), key=norms.__getitem__)[:count]


def remove_units(layer, following, units):
    """Removes a unit's column and bias here, its row in the layer after, and their velocities."""
    kept = [unit for unit in range(layer.units) if unit not in units]
    for name in ("weight", "weight_velocity"):
        setattr(layer, name, [[row[unit] for unit in kept] for row in getattr(layer, name)])
        setattr(following, name, [getattr(following, name)[unit] for unit in kept])
    for name in ("bias", "bias_velocity"):
        setattr(layer, name, [getattr(layer, name)[unit] for unit in kept])
