"""Checks the demo's report against its journals and weights files, with nothing of the example's or the product's code.

python recompute.py FOLDER REPORT, where REPORT is what `epochtree demo --json --dir FOLDER` printed.
"""

import csv
import hashlib
import json
import math
import struct
import sys
from pathlib import Path

FOLDER, REPORT = Path(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text(encoding="utf-8"))
DATA = Path(__file__).resolve().parents[2] / "examples" / "two-days" / "digits.csv"


def read_session(run):
    """Own committed epochs in order: number -> {id, metrics, graph, weights, train_loss}."""
    started, open_epochs, committed = None, {}, []
    for text in (run / "journal.jsonl").read_text(encoding="utf-8").splitlines():
        line = json.loads(text)
        kind = line["type"]
        if kind == "started":
            started = line
        elif kind == "epoch":
            open_epochs[line["epoch"]] = {"id": line["epoch"], "number": line["number"], "points": {}}
        elif kind == "metrics":
            points = open_epochs[line["epoch"]]["points"]
            for name, values in line["values"].items():
                steps = line["step"] or [None] * len(values)
                points.setdefault(f"{line['split']}/{name}", []).extend(zip(steps, values))
        elif kind == "commit":
            epoch = open_epochs[line["epoch"]]
            epoch["graph"] = json.loads((run / line["graph"]).read_text(encoding="utf-8"))
            epoch["weights"] = line["weights"]
            committed.append(epoch)
        elif kind == "finished":
            assert line["status"] == "completed", line
    return started, committed


def last_value(points):
    """The last epoch-level value, else that of the highest step, last logged first."""
    whole = [value for step, value in points if step is None]
    if whole:
        return whole[-1]
    top = max(step for step, _ in points)
    return [value for step, value in points if step == top][-1]


def metrics(epoch):
    return {name: last_value(points) for name, points in epoch["points"].items()}


def read_weights(record):
    """name -> rows of a safetensors file, which is found and checked by its hash."""
    data = (FOLDER / "weights" / record["sha256"][:2] / record["sha256"]).read_bytes()
    assert hashlib.sha256(data).hexdigest() == record["sha256"] and len(data) == record["bytes"]
    (length,) = struct.unpack("<Q", data[:8])
    tensors = {}
    for name, entry in json.loads(data[8 : 8 + length]).items():
        if name == "__metadata__":
            continue
        assert entry["dtype"] == "F64", "weights are 64-bit floats"
        begin, end = entry["data_offsets"]
        values = struct.unpack(f"<{(end - begin) // 8}d", data[8 + length + begin : 8 + length + end])
        tensors[name] = entry["shape"], values
    return tensors


def validate(tensors):
    """Mean cross-entropy and accuracy on each third row of the digits."""
    with DATA.open(newline="") as file:
        rows = [[int(cell) for cell in row] for row in csv.reader(file)][2::3]
    losses, correct = [], 0
    for *pixels, label in rows:
        values = [pixel / 16 for pixel in pixels]
        for layer in ("hidden1", "hidden2", "output"):
            (inputs, units), weight = tensors[f"{layer}.weight"]
            bias = tensors[f"{layer}.bias"][1]
            assert inputs == len(values)
            values = [bias[u] + math.fsum(values[i] * weight[i * units + u] for i in range(inputs)) for u in range(units)]
            if layer != "output":
                values = [value if value > 0 else 0.0 for value in values]
        total = math.log(math.fsum(math.exp(value - max(values)) for value in values)) + max(values)
        losses.append(total - values[label])
        correct += values.index(max(values)) == label
    return math.fsum(losses) / len(rows), correct / len(rows)


def units(epoch):
    nodes = epoch["graph"]["nodes"]
    return [nodes[layer]["data"]["shape"][0] for layer in ("hidden1", "hidden2", "output")]


def close(a, b):
    assert math.isclose(a, b, rel_tol=1e-9), (a, b)


runs = {run.name: run for run in (FOLDER / "runs").iterdir() if (run / "session.json").exists()}
names = [model["id"] for model in REPORT["models"]]
(plan1, day1), (plan2, day2) = [read_session(runs[name]) for name in names]
by_number = {epoch["number"]: epoch for epoch in day1}
assert [epoch["number"] for epoch in day1] == list(range(1, 41))
assert [epoch["number"] for epoch in day2] == list(range(31, 41))
forked = json.loads((runs[names[1]] / "session.json").read_text(encoding="utf-8"))["forkedFrom"]
assert forked == {"sessionId": names[0], "epochId": by_number[30]["id"], "epochNumber": 30}
histories = [day1, day1[:30] + day2]

# Day 1's plan changes the graph every two epochs, until the layers have what it leaves them.
changes = [b["number"] for a, b in zip(day1, day1[1:]) if units(a) != units(b)]
assert set(range(2, 33, 2)) <= set(changes) and all(number % 2 == 0 for number in changes), changes
assert units(day1[0])[0] == 48 > units(by_number[30])[0] > units(day1[-1])[0]
assert [b["number"] for a, b in zip(histories[1][29:], day2) if units(a) != units(b)] == [32, 36]

# Day 2 starts exactly where epoch 30 was: in its weights, and in what the restored network computed.
start = json.loads((runs[names[1]] / "parent" / "start.json").read_text(encoding="utf-8"))
assert start["weights"]["sha256"] == by_number[30]["weights"]["sha256"]
restored, logged = metrics(day2[0]), metrics(by_number[30])
for name in ("loss", "accuracy"):
    assert restored[f"restored/{name}"] == logged[f"val/{name}"]
assert sorted(one["metric"] for one in REPORT["restored"]) == ["val/accuracy", "val/loss"]
for one in REPORT["restored"]:
    assert one["equal"] is True and one["logged"] == one["restored"] == logged[one["metric"]]

# What was logged is what the weights give.
for epoch in (by_number[30], day1[-1], day2[-1]):
    tensors = read_weights(epoch["weights"])
    loss, accuracy = validate(tensors)
    close(loss, metrics(epoch)["val/loss"])
    close(accuracy, metrics(epoch)["val/accuracy"])
    assert sum(len(values) for _, values in tensors.values()) == metrics(epoch)["model/parameters"]
    assert [tensors[f"{layer}.bias"][0][0] for layer in ("hidden1", "hidden2", "output")] == units(epoch)

# The report.
assert REPORT["sharedEpochs"] == 30
assert [pair["shared"] for pair in REPORT["pairs"]] == [30] and REPORT["pairs"][0]["at"]["id"] == by_number[30]["id"]
expected = [{epoch["number"]: metrics(epoch) for epoch in history} for history in histories]
assert set(REPORT["metrics"]) == {name for history in expected for values in history.values() for name in values}
for name, compared in REPORT["metrics"].items():
    assert compared["values"] == [history[40].get(name) for history in expected], name
    for curve, history in zip(compared["curves"], expected):
        assert curve["epochs"] == list(history), name
        assert curve["values"] == [values.get(name) for values in history.values()], name
for model, history in zip(REPORT["models"], histories):
    assert model["epochs"] == 40 and model["epoch"]["id"] == history[-1]["id"]
    assert model["graph"]["parameters"] == metrics(history[-1])["model/parameters"]
plans = [plan1["pruningPlan"], plan2["pruningPlan"]]
paths = {key for plan in plans for key in plan if plans[0].get(key) != plans[1].get(key)}
assert {one["path"].split("[")[0] for one in REPORT["pruningPlan"]} == paths
for one in REPORT["pruningPlan"]:
    assert one["values"] == [plan.get(one["path"]) for plan in plans], one
assert REPORT["hyperparameters"] == []
nodes = [history[-1]["graph"]["nodes"] for history in histories]
(difference,) = REPORT["graph"]
assert {node["id"] for node in difference["nodes"]} == {
    key
    for key in nodes[0]
    if {**nodes[0][key], "pruning_plan_id": None} != {**nodes[1][key], "pruning_plan_id": None}
}
assert (difference["added"], difference["removed"]) == (0, 0)
print("the report is right")
