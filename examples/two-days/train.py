"""Trains a small network on handwritten digits, and prunes it while it trains, as a plan says.

`python train.py` trains a new model; `epochtree fork digits@30 --plan day2.plan.json --run` goes on
from epoch 30 of it with another plan. Both run what is below; see README.md.
"""

import csv
import json
import math
import random
import tempfile
from pathlib import Path

import epochtree

import pruning
import tensors
from network import Network, cross_entropy

HERE = Path(__file__).resolve().parent
HYPERPARAMETERS = {
    "seed": 7,
    "epochs": 40,
    "lr": 0.05,
    "momentum": 0.9,
    "batch_size": 16,
    "network": {"hidden": [48, 32]},
}


def read_digits():
    """(pixels, label) of every image; each third row is kept for validation."""
    with open(HERE / "digits.csv", newline="") as file:
        rows = [[int(cell) for cell in row] for row in csv.reader(file)]
    digits = [([pixel / 16 for pixel in row[:-1]], row[-1]) for row in rows]
    return [d for i, d in enumerate(digits) if i % 3 != 2], digits[2::3]


def validate(network, digits):
    """The metrics of a data set, and for every sample what was made of it."""
    outcomes = [cross_entropy(network.forward(pixels)[-1], label) for pixels, label in digits]
    samples = {
        "sample": [f"digit-{3 * i + 2}" for i in range(len(digits))],
        "label": [label for _, label in digits],
        "prediction": [prediction for _, prediction, _ in outcomes],
        "loss": [loss for loss, _, _ in outcomes],
    }
    correct = sum(p == label for p, label in zip(samples["prediction"], samples["label"]))
    metrics = {"loss": math.fsum(samples["loss"]) / len(digits), "accuracy": correct / len(digits)}
    return metrics, samples


def train_epoch(network, digits, rng, hp, epoch, step):
    """One pass over the training digits; returns the number of the last step."""
    order, correct = list(digits), 0
    rng.shuffle(order)
    for start in range(0, len(order), hp["batch_size"]):
        batch = order[start : start + hp["batch_size"]]
        loss, hits = network.train_batch(batch, hp["lr"], hp["momentum"])
        correct += hits
        step += 1
        epoch.log({"loss": loss}, split="train", step=step)
    epoch.log({"accuracy": correct / len(order)}, split="train")
    return step


def restore(start, seed):
    """Network and random state as they were at the end of the epoch that the session starts from.

    The graph tells the layers' shapes: pruning has changed them since the network was created.
    """
    weights, _ = tensors.load(start.weights_path)
    network = Network.restore(start.graph, weights)
    velocities, metadata = tensors.load(start.state_path)
    network.set_velocities(velocities)
    rng = random.Random(seed)
    if metadata["seed"] == str(seed):  # with another seed the user asks for another order
        version, internal, gauss = json.loads(metadata["random"])
        rng.setstate((version, tuple(internal), gauss))
    return network, rng


def commit(epoch, network, rng, seed, folder):
    """Pins graph, weights and all that the next epoch needs to go on exactly from here."""
    weights, state = Path(folder, "weights.safetensors"), Path(folder, "state.safetensors")
    tensors.save(weights, network.weights())
    metadata = {"seed": str(seed), "random": json.dumps(rng.getstate())}
    tensors.save(state, network.velocities(), metadata)
    epoch.commit(graph=network.graph(), weights=weights, state=state)


def main():
    plan = json.loads((HERE / "day1.plan.json").read_text())
    training, validation = read_digits()
    with (
        epochtree.session("digits", hyperparameters=HYPERPARAMETERS, pruning_plan=plan) as session,
        tempfile.TemporaryDirectory() as folder,
    ):
        hp, plan = session.hyperparameters, session.pruning_plan  # a fork's edits are in these
        restored, step = session.starts_from, -1
        if restored:
            network, rng = restore(restored, hp["seed"])
            step = restored.step
        else:
            rng = random.Random(hp["seed"])
            network = Network.create(len(training[0][0]), hp["network"]["hidden"], 10, rng)

        for epoch in session.epochs(hp["epochs"]):
            if restored:  # before anything changes: the same values as logged then under `val`
                epoch.log(validate(network, validation)[0], split="restored")
                restored = None
            removed = pruning.apply(plan, network) if pruning.is_due(plan, epoch.number) else 0
            step = train_epoch(network, training, rng, hp, epoch, step)
            metrics, samples = validate(network, validation)
            epoch.log(metrics, split="val")
            epoch.log_samples(samples, split="val")
            parameters = network.parameters()
            sparsity = 1 - parameters / network.original_parameters()
            epoch.log({"parameters": parameters, "sparsity": sparsity}, split="model")
            commit(epoch, network, rng, hp["seed"], folder)
            units = "-".join(str(layer.units) for layer in network.layers)
            pruned = f"  pruned {removed} {'unit' if removed == 1 else 'units'}" if removed else ""
            print(
                f"epoch {epoch.number:2}  loss {metrics['loss']:.4f}"
                f"  accuracy {metrics['accuracy']:6.2%}  layers {units:8}"
                f"  parameters {parameters:4}{pruned}",
                flush=True,
            )


if __name__ == "__main__":
    main()
