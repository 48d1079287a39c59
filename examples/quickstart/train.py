"""Trains a logistic regression on two clouds of points, and records every epoch.

`python train.py` trains; `epochtree fork clouds@5 --set lr=0.5 --run` goes on from epoch 5 with another learning rate.
"""

import json
import math
import random

import epochtree


def two_clouds(seed, count):
    """((x, y), label) of points around (1, 1) and (-1, -1)."""
    rng = random.Random(seed)
    labels = [rng.randrange(2) for _ in range(count)]
    return [((rng.gauss(2 * label - 1, 1), rng.gauss(2 * label - 1, 1)), label) for label in labels]


def probability(weights, point):
    return 1 / (1 + math.exp(-(weights[0] * point[0] + weights[1] * point[1] + weights[2])))


def loss_of(weights, points):
    return -sum(math.log(probability(weights, p) if label else 1 - probability(weights, p)) for p, label in points) / len(points)


points = two_clouds(seed=1, count=200)
graph = {"id": "clouds", "nodes": {"linear": {"id": "linear", "name": "linear", "data": {"type": "linear", "parameters": {"w": [2], "b": [1]}}}}}

with epochtree.session("clouds", hyperparameters={"lr": 0.05, "epochs": 10}) as session:
    weights = [0.0, 0.0, 0.0]
    if session.starts_from:  # a fork, or a resumed session
        weights = json.loads(open(session.starts_from.weights_path).read())
    for epoch in session.epochs(session.hyperparameters["epochs"]):
        for point, label in points:
            error = probability(weights, point) - label
            for i, x in enumerate((*point, 1.0)):
                weights[i] -= session.hyperparameters["lr"] * error * x
        epoch.log({"loss": loss_of(weights, points)}, split="val")
        epoch.commit(graph=graph, weights=json.dumps(weights).encode(), format="json")
        print(f"epoch {epoch.number:2}  loss {loss_of(weights, points):.4f}")
