"""A small fully connected network in plain Python: hidden layers with ReLU, then softmax.

Sums are taken with `fsum` or in a fixed order, so that every Python version gives the same numbers.
"""

import math
from operator import mul


class Layer:
    """One dense layer. `weight[i][j]` leads from input i to unit j, so a unit is a column."""

    def __init__(self, name, weight, bias, original_units=None, pruned_by=None):
        self.name, self.weight, self.bias = name, weight, bias
        self.original_units = original_units or len(bias)  # before any pruning
        self.pruned_by = pruned_by  # id of the plan that last removed units here
        self.weight_velocity = [[0.0] * len(bias) for _ in weight]
        self.bias_velocity = [0.0] * len(bias)

    @property
    def units(self):
        return len(self.bias)

    def __call__(self, inputs):
        out = self.bias
        for x, row in zip(inputs, self.weight):
            if x:  # half of the pixels and of the ReLU outputs are 0
                out = [o + x * w for o, w in zip(out, row)]
        return out


class Network:
    def __init__(self, layers):
        self.layers = layers

    @classmethod
    def create(cls, inputs, hidden, outputs, rng):
        """A new network with He's initial weights from `rng`."""
        names = [f"hidden{i + 1}" for i in range(len(hidden))] + ["output"]
        layers = []
        for name, units in zip(names, [*hidden, outputs]):
            limit = math.sqrt(6 / inputs)
            weight = [[rng.uniform(-limit, limit) for _ in range(units)] for _ in range(inputs)]
            layers.append(Layer(name, weight, [0.0] * units))
            inputs = units
        return cls(layers)

    @classmethod
    def restore(cls, graph, tensors):
        """The network that `graph()` and `weights()` describe, with the shapes it had then."""
        return cls(
            [
                Layer(
                    name,
                    tensors[f"{name}.weight"],
                    tensors[f"{name}.bias"],
                    node["data"]["originalUnits"],
                    node.get("pruning_plan_id"),
                )
                for name, node in graph["nodes"].items()
                if node["data"]["type"] == "dense"
            ]
        )

    def forward(self, pixels):
        """The inputs of every layer, and the scores of the ten digits as the last entry."""
        values = [pixels]
        for layer in self.layers[:-1]:
            values.append([max(0.0, z) for z in layer(values[-1])])
        values.append(self.layers[-1](values[-1]))
        return values

    def train_batch(self, batch, lr, momentum):
        """One step of gradient descent with momentum; returns mean loss and correct answers."""
        gradients = [
            ([[0.0] * layer.units for _ in layer.weight], [0.0] * layer.units)
            for layer in self.layers
        ]
        losses, correct = [], 0
        for pixels, label in batch:
            values = self.forward(pixels)
            loss, prediction, delta = cross_entropy(values[-1], label)
            losses.append(loss)
            correct += prediction == label
            for index in range(len(self.layers) - 1, -1, -1):
                inputs, (weight, bias) = values[index], gradients[index]
                bias[:] = [g + d for g, d in zip(bias, delta)]
                for i, x in enumerate(inputs):
                    if x:
                        weight[i] = [g + x * d for g, d in zip(weight[i], delta)]
                if index:  # through the ReLU, to the layer below
                    rows = self.layers[index].weight
                    delta = [
                        math.fsum(map(mul, row, delta)) if x else 0.0
                        for x, row in zip(inputs, rows)
                    ]
        rate = lr / len(batch)
        for layer, (weight, bias) in zip(self.layers, gradients):
            step(layer.bias, layer.bias_velocity, bias, rate, momentum)
            for row, velocity, gradient in zip(layer.weight, layer.weight_velocity, weight):
                step(row, velocity, gradient, rate, momentum)
        return math.fsum(losses) / len(batch), correct

    def weights(self):
        return {
            f"{layer.name}.{kind}": getattr(layer, kind)
            for layer in self.layers
            for kind in ("weight", "bias")
        }

    def velocities(self):
        return {
            f"{layer.name}.{kind}": getattr(layer, f"{kind}_velocity")
            for layer in self.layers
            for kind in ("weight", "bias")
        }

    def set_velocities(self, tensors):
        for layer in self.layers:
            layer.weight_velocity = tensors[f"{layer.name}.weight"]
            layer.bias_velocity = tensors[f"{layer.name}.bias"]

    def parameters(self):
        return sum((len(layer.weight) + 1) * layer.units for layer in self.layers)

    def original_parameters(self):
        """How many parameters the network had before any pruning."""
        inputs, count = len(self.layers[0].weight), 0
        for layer in self.layers:
            count += (inputs + 1) * layer.original_units
            inputs = layer.original_units
        return count

    def graph(self):
        """The model graph that a commit pins: one node an operation, with its shapes."""
        inputs = len(self.layers[0].weight)
        nodes = {}
        add_node(nodes, "input", "input", inputs, None)
        previous = "input"
        for layer in self.layers:
            values = [*layer.bias, *(w for row in layer.weight for w in row)]
            data = {
                "originalUnits": layer.original_units,
                "parameters": {
                    f"{layer.name}.weight": [len(layer.weight), layer.units],
                    f"{layer.name}.bias": [layer.units],
                },
                "nonzero": sum(value != 0 for value in values),
            }
            add_node(nodes, layer.name, "dense", layer.units, previous, data)
            if layer.pruned_by:
                nodes[layer.name]["pruning_plan_id"] = layer.pruned_by
            previous = f"{layer.name}.relu" if layer is not self.layers[-1] else "softmax"
            add_node(nodes, previous, previous.split(".")[-1], layer.units, layer.name)
        return {"id": "digits", "nodes": nodes}


def add_node(nodes, name, kind, units, source, data=None):
    """Adds a node to a graph, and the connection that leads to it from the node `source`."""
    nodes[name] = {
        "id": name,
        "name": name,
        "data": {"type": kind, "shape": [units], **(data or {})},
        "inputs": {},
        "outputs": {},
    }
    if source:
        edge, shape = f"{source}->{name}", nodes[source]["data"]["shape"]
        nodes[source]["outputs"][name] = {"id": edge, "node": name, "shape": shape}
        nodes[name]["inputs"][source] = {"id": edge, "node": source, "shape": shape}


def step(weights, velocities, gradients, rate, momentum):
    """Moves one row of weights: the velocity keeps a part of itself and takes up the gradient."""
    velocities[:] = [momentum * v - rate * g for v, g in zip(velocities, gradients)]
    weights[:] = [w + v for w, v in zip(weights, velocities)]


def cross_entropy(scores, label):
    """Loss of one sample, the predicted label, and the loss's gradient by the scores."""
    top = max(scores)
    log_total = top + math.log(math.fsum(math.exp(score - top) for score in scores))
    delta = [math.exp(score - log_total) for score in scores]
    delta[label] -= 1
    return log_total - scores[label], scores.index(top), delta
