"""`epochtree.torch` against PyTorch itself: `python tests/with_torch.py`, with an interpreter that has it."""

from __future__ import annotations

import random
import unittest
import warnings
from typing import Any

import torch
from helpers import FolderCase
from torch import nn
from torch.nn.utils import prune

import epochtree


class Net(nn.Module):
    """One layer of every kind whose shape pruning changes; `width` is what is left."""

    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, width, 3, padding=1)
        self.bn = nn.BatchNorm2d(width)
        self.depthwise = nn.Conv2d(width, width, 3, padding=1, groups=width)
        self.up = nn.ConvTranspose2d(width, width, 2)
        self.group = nn.GroupNorm(2, width)
        self.relu = nn.PReLU(width)
        self.fc = nn.Linear(width, 4)
        self.norm = nn.LayerNorm(4)

    def forward(self, x: Any) -> Any:
        x = self.relu(self.group(self.up(self.depthwise(self.bn(self.conv(x))))))
        return self.norm(self.fc(x.mean((2, 3)))) + 1


class Text(nn.Module):
    def __init__(self, words: int = 20, width: int = 6, hidden: int = 5) -> None:
        super().__init__()
        self.embed = nn.Embedding(words, width)
        self.lstm = nn.LSTM(width, hidden, num_layers=2, bidirectional=True)
        self.gru = nn.GRU(2 * hidden, hidden)
        self.head = nn.Linear(hidden, words)

    def forward(self, x: Any) -> Any:
        return self.head(self.gru(self.lstm(self.embed(x))[0])[0])


class Tied(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.inside = nn.Embedding(10, width)
        self.outside = nn.Linear(width, 10, bias=False)
        self.outside.weight = self.inside.weight
        self.register_buffer("scale", torch.tensor(2.0))
        self.alone = nn.Parameter(torch.ones(width))

    def forward(self, x: Any) -> Any:
        if x.sum() > 0:  # can't be traced
            return self.outside(self.inside(x) * self.alone)
        return self.inside(x)


class WithTorch(FolderCase):
    def committed(self, model: Any, **more: Any) -> Any:
        """The session that goes on from one epoch of this model."""
        with epochtree.session("net") as session:
            epoch = session.epoch()
            self.assertTrue(
                epoch.commit(graph=epochtree.torch.graph(model), weights=epochtree.torch.weights(model), **more)
            )
        resumed = epochtree.session("net", resume="must")
        self.addCleanup(resumed.finish)
        assert resumed.starts_from
        return resumed

    def same(self, a: Any, b: Any, *inputs: Any) -> None:
        a.eval(), b.eval()
        with torch.no_grad():
            self.assertTrue(torch.equal(a(*inputs), b(*inputs)))
        self.assertEqual(str(a), str(b))

    def test_a_smaller_model_comes_back_into_the_larger_one(self) -> None:
        cases: list[tuple[Any, Any, Any]] = [
            (Net(6), Net(8), torch.rand(2, 3, 5, 5)),
            (Net(8), Net(8), torch.rand(2, 3, 5, 5)),
            (Net(10), Net(8), torch.rand(2, 3, 5, 5)),
            (Text(12, 4, 3), Text(), torch.randint(0, 12, (7, 2))),
            (Tied(3), Tied(5), torch.randint(1, 10, (4,))),
            (Net(6).double(), Net(8).double(), torch.rand(2, 3, 5, 5, dtype=torch.float64)),
        ]
        for small, large, inputs in cases:
            with self.subTest(type(small).__name__):
                small(inputs)  # the running means move
                start = self.committed(small).starts_from
                self.assertTrue(start.weights_path.endswith(".safetensors"))
                self.assertIs(epochtree.torch.restore(large, start), large)
                self.same(small, large, inputs)
                optimizer = torch.optim.SGD(large.parameters(), 0.1)
                large.train()(inputs).sum().backward()
                optimizer.step()

    def test_a_shared_parameter_stays_shared(self) -> None:
        large = epochtree.torch.restore(Tied(5), self.committed(Tied(3)).starts_from)
        self.assertIs(large.inside.weight, large.outside.weight)
        self.assertEqual(large.inside.embedding_dim, 3)

    def test_an_unchanged_parameter_stays_the_optimizers(self) -> None:
        model = Net()
        before = model.fc.weight
        self.assertIs(epochtree.torch.restore(model, self.committed(Net()).starts_from).fc.weight, before)

    def test_masks_come_back(self) -> None:
        small = Net(6)
        prune.l1_unstructured(small.fc, "weight", 0.5)
        start = self.committed(small).starts_from
        counts = start.graph["nodes"]["fc"]["data"]
        self.assertEqual((counts["parameters"]["weight"], counts["nonzero"]["weight"]), ([4, 6], 12))
        large = epochtree.torch.restore(Net(), start)
        self.same(small, large, torch.rand(1, 3, 5, 5))
        self.assertEqual(int((large.fc.weight == 0).sum()), 12)

    def test_another_model_is_refused_as_a_whole(self) -> None:
        start = self.committed(Net()).starts_from
        model = nn.Sequential(nn.Linear(2, 2))
        before = {name: value.clone() for name, value in model.state_dict().items()}
        with self.assertRaises(epochtree.EpochtreeError) as failed:
            epochtree.torch.restore(model, start)
        self.assertEqual(failed.exception.code, "weights-mismatch")
        self.assertIn("+conv.bias", str(failed.exception))
        self.assertTrue(all(torch.equal(before[name], value) for name, value in model.state_dict().items()))

    def test_every_type_comes_back_to_the_bit(self) -> None:
        values = {
            str(dtype): torch.arange(6).reshape(2, 3).to(dtype)
            for dtype in (torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int32)
        }
        values.update(
            small=torch.arange(3, dtype=torch.uint8),
            flag=torch.tensor([True, False]),
            complex=torch.ones(2) * 1j,
            empty=torch.empty(0, 4),
            scalar=torch.tensor(1.5),
            turned=torch.rand(3, 5).t(),
            conj=(torch.ones(2) * 1j).conj(),
            nan=torch.tensor([float("nan"), float("inf")]),
        )
        file = self.root / "all.safetensors"
        epochtree.torch.weights(values).save(file)
        found = epochtree.torch.load(str(file))
        self.assertEqual(set(found), set(values))
        for name, value in values.items():
            self.assertEqual((found[name].dtype, found[name].shape), (value.dtype, value.shape), name)
            self.assertTrue(torch.equal(found[name].nan_to_num(), value.nan_to_num()), name)
        self.assertEqual(bytes(epochtree.torch.weights(values)), file.read_bytes())
        with self.assertRaisesRegex(TypeError, "sparse|float"):
            epochtree.torch.weights({"sparse": torch.eye(3).to_sparse()})

    def test_what_torch_saved_is_loaded_too(self) -> None:
        small, file = Net(6), self.root / "model.pt"
        torch.save(small.state_dict(), file)
        with epochtree.session("net") as session:
            self.assertTrue(session.epoch().commit(weights=file))
        with epochtree.session("net", resume="must") as session:
            assert session.starts_from
            self.same(small, epochtree.torch.restore(Net(), session.starts_from), torch.rand(1, 3, 5, 5))

    def test_the_graph_follows_forward(self) -> None:
        nodes = epochtree.torch.graph(Net())["nodes"]
        self.assertEqual(nodes["bn"]["inputs"], {"conv": {}})
        self.assertEqual(nodes["conv"]["outputs"], {"bn": {}})
        self.assertEqual(nodes["conv"]["data"]["type"], "Conv2d")
        self.assertEqual(nodes["conv"]["data"]["parameters"], {"weight": [8, 3, 3, 3], "bias": [8]})
        self.assertEqual(nodes["conv"]["data"]["nonzero"]["weight"], 216)
        self.assertEqual(nodes["output"]["inputs"], {"add": {}})
        for model in (Net(), Text(), Tied(4), nn.TransformerEncoderLayer(8, 2), nn.Linear(2, 2)):
            nodes = epochtree.torch.graph(model)["nodes"]
            counted = sum(
                torch.Size(shape).numel()
                for node in nodes.values()
                for shape in node["data"].get("parameters", {}).values()
            )
            self.assertEqual(counted, sum(value.numel() for value in model.parameters()), type(model))
            for name, node in nodes.items():
                self.assertEqual(node["id"], name)
                for other in node["inputs"]:
                    self.assertIn(name, nodes[other]["outputs"])

    def test_training_goes_on_to_the_bit(self) -> None:
        def train(model: Any, optimizer: Any, scheduler: Any, steps: int) -> list[float]:
            losses = []
            for _ in range(steps):
                loss = (model(torch.rand(4, 3, 5, 5)) - torch.rand(4, 4) * random.random()).square().mean()
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                scheduler.step()
                losses.append(loss.item())
            return losses

        def made(model: Any) -> tuple[Any, Any]:
            optimizer = torch.optim.AdamW(model.parameters(), 0.01)
            return optimizer, torch.optim.lr_scheduler.StepLR(optimizer, 2, 0.5)

        small = Net(6)
        optimizer, scheduler = made(small)
        train(small, optimizer, scheduler, 3)
        state = epochtree.torch.state(optimizer=optimizer, scheduler=scheduler, note={"best": 0.5, 3: (1, None)})
        start = self.committed(small, state=state).starts_from
        expected = train(small, optimizer, scheduler, 4)
        large = epochtree.torch.restore(Net(8), start)
        optimizer, scheduler = made(large)
        found = epochtree.torch.restore_state(start, optimizer=optimizer, scheduler=scheduler)
        self.assertEqual(found["note"], {"best": 0.5, 3: (1, None)})
        self.assertEqual(train(large, optimizer, scheduler, 4), expected)
        with self.assertRaisesRegex(epochtree.EpochtreeError, "holds no 'scaler'"):
            epochtree.torch.restore_state(start, scaler=None)

    def test_tensors_are_logged_without_a_warning(self) -> None:
        with warnings.catch_warnings(), epochtree.session("net") as session:
            warnings.simplefilter("error")
            epoch = session.epoch()
            epoch.log(
                {"loss": torch.tensor(0.5, requires_grad=True).sum(), "half": torch.tensor(1.5).bfloat16()},
                step=torch.tensor(3),
            )
            epoch.log({"many": torch.arange(3).bfloat16()}, step=torch.arange(3))
            epoch.log_samples({"label": torch.arange(3), "loss": torch.rand(3, requires_grad=True) * 0})
        points = {(name, step): value for _, name, step, value in self.points()}
        self.assertEqual(points, {("loss", 3): 0.5, ("half", 3): 1.5, **{("many", n): n for n in range(3)}})
        self.assertEqual(self.lines(kind="samples")[0]["fields"], {"label": [0, 1, 2], "loss": [0, 0, 0]})

    def test_data_loaders_with_workers(self) -> None:
        code = """
        import torch
        from torch.utils.data import DataLoader, Dataset
        class Rows(Dataset):
            def __init__(self, epoch): self.epoch = epoch
            def __len__(self): return 8
            def __getitem__(self, index):
                self.epoch.log({"from a worker": 1})
                return index
        if __name__ == "__main__":
            with epochtree.session("net") as session:
                for epoch in session.epochs(2):
                    for kind in ("fork", "spawn"):
                        loader = DataLoader(Rows(epoch), 2, num_workers=2, multiprocessing_context=kind)
                        for batch in loader:
                            epoch.log({"sum": batch.sum()})
        """
        self.run_code(code)
        self.assertEqual({name for _, name, _, _ in self.points()}, {"sum"})
        self.assertEqual(len(self.points()), 16)


if __name__ == "__main__":
    unittest.main()
