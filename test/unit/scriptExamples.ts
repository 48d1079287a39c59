/** A training script with most of what is understood, and four sessions. */
export const realisticScript = `"""Trains, and says so: epochtree.session("not this one")."""
from __future__ import annotations

import argparse
import json
import math
from pathlib import Path
from types import SimpleNamespace

import torch
import epochtree as et
from epochtree import session as run, evaluate

BASE = {"lr": 1e-3, "epochs": 40, "optimizer": {"name": "sgd", "betas": (0.9, 0.999)}}
PLAN = dict(
    id="p1", method="l1-norm", everyEpochs=2, startEpoch=2, endEpoch=40, ratio=0.12,
    targetSparsity=0.95, ignoredLayers=["output"],
)
MODEL = "res" "net50"
PARENT = "resnet50@max(val/acc)~2"  # epochtree: resnet50@30 was the best
METRICS = {"loss": math.nan}


class Trainer:
    """Holds a session."""

    def __init__(self, args: argparse.Namespace, *, lr: float = 0.1) -> None:
        self.session = et.session(MODEL, {**BASE, "lr": lr, "name": f"run-{args.seed}"}, PLAN, key=None)

    def train(self, batches):
        for epoch in tqdm(self.session.epochs(BASE["epochs"])):
            for step, (x, y) in enumerate(batches):
                epoch.log({"loss": self.step(x, y), "lr": self.lr}, split="train", step=step)
            validate(epoch, x[1:, ::2], y if y is not None else [])
            epoch.commit(graph=self.graph(), weights="model.safetensors")


def validate(epoch: et.Epoch, *data, **options):
    epoch.log({"loss": 0.3, "acc": 1 - 0.3}, split="val")
    epoch.log(METRICS, "test")


@torch.no_grad()
def main() -> None:
    parser = argparse.ArgumentParser()
    args = parser.parse_args()
    with (
        run("vgg", hyperparameters=SimpleNamespace(lr=-1, seeds=[1, 2, 3]), resume="auto") as session,
        open(Path("log") / "x.txt", "w") as file,  # a comment (with brackets
    ):
        print(f"{session.name!r:>10} {{x}}", file=file)
        for i, epoch in enumerate(session.epochs(40)):
            try:
                loss = sum(v for v in (1, 2) if v)
            except (ValueError, KeyError) as error:
                raise RuntimeError("""no
                loss""") from error
            epoch.log(dict(loss=loss, total=i))
    if args.fork:
        et.session("resnet50", fork_from=PARENT if args.best else 'resnet50@30', resume="never", pruning_plan={
            **PLAN,
            "ratio": 1 / 8,
        }).finish()
    evaluation = evaluate("resnet50@latest~1")
    evaluation.log({"latency": 1.5})
    subprocess.run(["epochtree", "compare", "resnet50@30", "resnet50-2", "--metric", "val/acc"])
    match args.mode:
        case {"mode": mode, **rest} | [mode, *_]:
            lambda s=3, *a: s + 1


async def later():
    async with et.session("m", hyperparameters=json.loads("{}")) as s:
        return [x async for x in s if (y := x) > 5.]


if __name__ == "__main__":
    main()
`

const block = (i: number) => `class Block${i}(nn.Module):
    """A residual block."""

    def __init__(self, channels_in, channels_out, stride=1):
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels_out, kernel_size=3, stride=stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(channels_out)
        if stride != 1 or channels_in != channels_out:
            self.shortcut = nn.Sequential(nn.Conv2d(channels_in, channels_out, 1, stride), nn.BatchNorm2d(channels_out))

    def forward(self, x):
        out = F.relu(self.norm1(self.conv1(x)))  # epoch and session are words here
        out += self.shortcut(x)
        for i in range(10):
            out = out * self.scales[i] + {"a": 1, "b": [1, 2, 3]}["a"]
        return F.relu(out)


`

/** A script of 5,000 lines: many layers, and a session at its end. */
export const longScript = `import epochtree\nimport torch.nn as nn\n\nHYPERPARAMETERS = {"lr": 0.1, "epochs": 40}\n\n\n${Array.from(
  { length: 280 },
  (_, i) => block(i),
).join('')}def main():
    with epochtree.session("resnet50", hyperparameters=HYPERPARAMETERS, fork_from="resnet50@30") as session:
        for epoch in session.epochs(40):
            epoch.log({"loss": 0.3}, split="val")
`
