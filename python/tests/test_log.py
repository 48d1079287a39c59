"""What is logged, and how it stands in the journal."""

from __future__ import annotations

import array
import decimal
import enum
import fractions
import math
import threading
import unittest
import warnings
from typing import Any

from helpers import FolderCase, graph

import epochtree


class Scalar:
    """Like a NumPy or torch scalar."""

    def __init__(self, value: float) -> None:
        self.value = value

    def __float__(self) -> float:
        return float(self.value)

    def item(self) -> float:
        return self.value


class Tensor:
    """Like an array: more than one number has no float."""

    def __init__(self, values: Any) -> None:
        self.values = values

    def __float__(self) -> float:
        if isinstance(self.values, list):
            if len(self.values) != 1:
                raise TypeError("only size-1 arrays can be converted to Python scalars")
            return float(self.values[0])
        return float(self.values)

    def tolist(self) -> Any:
        return self.values


class Names(str, enum.Enum):
    LOSS = "loss"


class Log(FolderCase):
    def logged(self, *calls: tuple[Any, ...]) -> list[tuple[str, str, Any, Any]]:
        with epochtree.session("m") as session:
            epoch = session.epoch()
            for call in calls:
                epoch.log(*call)
        return self.points(self.run_of(session))

    def test_numbers_of_every_kind(self) -> None:
        values = {
            "float": 0.1,
            "int": 3,
            "bool": True,
            "big": 2**70,
            "huge": 10**400,
            "decimal": decimal.Decimal("0.5"),
            "fraction": fractions.Fraction(1, 4),
            "scalar": Scalar(2.5),
            "tensor": Tensor([7.5]),
            "zero-dimensional": Tensor(1.5),
            "list": [4],
        }
        found = {name: value for _, name, _, value in self.logged((values, "val", 5))}
        self.assertEqual(
            found,
            {
                "float": 0.1,
                "int": 3,
                "bool": 1,
                "big": float(2**70),
                "huge": "Infinity",
                "decimal": 0.5,
                "fraction": 0.25,
                "scalar": 2.5,
                "tensor": 7.5,
                "zero-dimensional": 1.5,
                "list": 4,
            },
        )

    def test_nan_and_infinities_stay(self) -> None:
        calls = [({"x": x, "y": 1e308},) for x in (math.nan, math.inf, -math.inf, 1.0)]
        found = self.logged(*calls)
        self.assertEqual([v for _, n, _, v in found if n == "x"], ["NaN", "Infinity", "-Infinity", 1])
        # Their sum overflows, and still they are what they are.
        self.assertEqual([v for _, n, _, v in found if n == "y"], [1e308] * 4)

    def test_floats_come_back_to_the_last_bit(self) -> None:
        values = [math.pi * 10.0**e for e in range(-300, 300, 7)] + [5e-324, -0.0]
        found = self.logged(*[({"x": v}, "train", i) for i, v in enumerate(values)])
        self.assertEqual([v for *_, v in found], values)
        self.assertEqual([s for _, _, s, _ in found], list(range(len(values))))

    def test_lists_are_points(self) -> None:
        found = self.logged(
            ({"a": [1, 2, 3], "b": array.array("d", [4, 5, 6])}, "val", [10, 11, 12]),
            ({"a": Tensor([7.0, 8.0])},),
            ({"a": []},),
        )
        points = [("val", "a", s, v) for s, v in zip((10, 11, 12), (1, 2, 3))]
        points += [("val", "b", s, v) for s, v in zip((10, 11, 12), (4, 5, 6))]
        points += [("train", "a", None, 7), ("train", "a", None, 8)]
        self.assertEqual(sorted(found, key=str), sorted(points, key=str))

    def test_steps(self) -> None:
        found = self.logged(
            ({"x": 1}, "train", 2**53 - 1),
            ({"x": 2}, "train", Scalar(4.0)),
            ({"x": 3}, "train", -3),
            ({"x": 4},),
            ({"x": 5}, "train", [9]),
            ({"x": 6}, "train", 6.0),
        )
        self.assertEqual([s for _, _, s, _ in found], [2**53 - 1, 4, -3, None, 9, 6])

    def test_refuses_what_is_no_number_name_split_or_step(self) -> None:
        wrong: list[tuple[type[Exception], tuple[Any, ...]]] = [
            (TypeError, ({1: 0.5},)),
            (TypeError, ({"x": 1}, 3)),
            (TypeError, ([1, 2],)),
            (ValueError, ({"x": 1}, "train", 0.5)),
            (ValueError, ({"x": 1}, "train", 2**53)),
            (ValueError, ({"x": 1}, "train", math.nan)),
            (ValueError, ({"x": [1, 2], "y": [1]},)),
            (ValueError, ({"x": [1, 2], "y": 3},)),
            (ValueError, ({"x": [1, 2]}, "train", 1)),
            (ValueError, ({"n" * 70000: 1},)),
        ]
        with epochtree.session("m") as session:
            epoch = session.epoch()
            for kind, call in wrong:
                with self.subTest(call=str(call)[:60]), self.assertRaises(kind):
                    epoch.log(*call)
            epoch.log({"fine": 1})
            epoch.log({})
        self.assertEqual(self.points(), [("train", "fine", None, 1)])

    def test_what_is_no_number_warns_once_a_name_and_the_rest_is_logged(self) -> None:
        class Broken:
            def __float__(self) -> float:
                raise RuntimeError("no data")

        wrong = {
            "text": "0.5",
            "none": None,
            "complex": 1j,
            "two dimensions": [[1, 2], [3, 4]],
            "broken": Broken(),
            "some": [1, None],
            "dict": {"a": 1},
        }
        with warnings.catch_warnings(record=True) as caught, epochtree.session("m") as session:
            warnings.simplefilter("always")
            epoch = session.epoch()
            for i in range(3):
                epoch.log({"before": i, **wrong, "after": i}, step=i)
        self.assertEqual(len(caught), len(wrong))
        self.assertEqual({str(one.message).split("'")[1] for one in caught}, set(wrong))
        self.assertEqual(sorted(self.points(), key=str)[:3], [("train", "after", i, i) for i in range(3)])
        self.assertEqual(len(self.points()), 6)

    def test_gradients_are_left_behind(self) -> None:
        class Grad(Tensor):
            def __float__(self) -> float:
                raise AssertionError("torch warns here")

            def detach(self) -> Tensor:
                return Tensor(self.values)

        found = self.logged(({"x": Grad(0.5), "y": 1},), ({"x": Grad([0.25])},), ({"deep": [[[3]]]}, "train", 4))
        points = {("x", None, 0.5), ("x", None, 0.25), ("y", None, 1), ("deep", 4, 3)}
        self.assertEqual({(n, s, v) for _, n, s, v in found}, points)

    def test_rows_are_grouped_and_keep_their_order(self) -> None:
        calls: list[tuple[Any, ...]] = []
        for i in range(50):
            calls += [({"loss": i, "acc": -i}, "train", i), ({"lr": i}, "train", i), ({"loss": i}, "val", i)]
        found = self.logged(*calls)
        self.assertEqual([v for s, n, _, v in found if (s, n) == ("train", "loss")], list(range(50)))
        self.assertLess(len(self.lines(kind="metrics")), 20)
        # The same name in another set of names: nothing may overtake.
        mixed = [({"loss": i, "b": 0} if i % 3 else {"loss": i}, "train", i) for i in range(50)]
        with epochtree.session("m2") as session:
            epoch = session.epoch()
            for call in mixed:
                epoch.log(*call)
        points = self.points(self.run_of(session))
        self.assertEqual([v for _, n, _, v in points if n == "loss"], list(range(50)))

    def test_what_is_logged_later_does_not_change_what_was(self) -> None:
        values, column = {"x": 1.0}, [1, 2]
        with epochtree.session("m") as session:
            epoch = session.epoch()
            epoch.log(values)
            epoch.log_samples({"a": column, "b": [[1], [2]]})
            values["x"] = 2.0
            column[0] = 9
        self.assertEqual(self.points(), [("train", "x", None, 1)])
        self.assertEqual(self.lines(kind="samples")[0]["fields"], {"a": [1, 2], "b": [[1], [2]]})

    def test_texts_of_every_kind(self) -> None:
        names = ['ä\n"\\\x00\u2028', "🌳", "a/b/c", "", "x" * 10_000, "__proto__", "\ud83c\udf33"]
        found = self.logged(*[({name: 1}, name) for name in names], ({"half\ud800": 1},), ({Names.LOSS: 1},))
        expected = [*names[:-1], "🌳", "half\ufffd", "loss"]
        self.assertEqual([n for _, n, _, _ in found], expected)

    def test_a_row_wider_than_a_line(self) -> None:
        values = {f"metric-{i}-{'x' * 20}": i + 0.123456789 for i in range(250_000)}
        found = self.logged((values, "train", 1))
        self.assertEqual({n: v for _, n, _, v in found}, values)
        self.assertGreater(len(self.lines(kind="metrics")), 1)

    def test_flushed_within_a_quarter_of_a_second(self) -> None:
        import time

        with epochtree.session("m") as session:
            epoch = session.epoch()
            journal = self.run_of(session) / "journal.jsonl"
            for i in range(3):
                epoch.log({"x": i}, step=i)
                begin = time.monotonic()
                self.until(lambda i=i: f'"step":[{i}]' in journal.read_text())
                self.assertLess(time.monotonic() - begin, 0.6)  # a busy machine has its moments

    def test_many_threads(self) -> None:
        with epochtree.session("m") as session:
            epoch = session.epoch()

            def work(thread: int) -> None:
                for i in range(2000):
                    epoch.log({"x": i, f"t{thread}": i}, split=f"s{thread}", step=i)
                    if i % 500 == 0:
                        epoch.log_samples({"i": [i], "thread": [thread]})

            threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self.assertTrue(epoch.commit())
        points = self.points()
        for n in range(8):
            own = [(s, v) for split, name, s, v in points if (split, name) == (f"s{n}", "x")]
            self.assertEqual(own, [(i, i) for i in range(2000)])
        self.assertEqual(sum(len(line["fields"]["i"]) for line in self.lines(kind="samples")), 32)

    def test_after_the_end_nothing_happens_but_one_warning(self) -> None:
        with epochtree.session("m") as session:
            epoch = session.epoch()
        before = self.lines()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            epoch.log({"x": 1})
            epoch.log_samples({"x": [1]})
            self.assertFalse(epoch.commit(graph=graph()))
        self.assertEqual(len(caught), 1)
        self.assertEqual(self.lines(), before)
        with self.assertRaises(epochtree.EpochtreeError) as failed:
            session.epoch()
        self.assertEqual(failed.exception.code, "session-ended")


class Samples(FolderCase):
    def fields(self, *calls: dict[str, Any]) -> list[dict[str, Any]]:
        with epochtree.session("m") as session:
            epoch = session.epoch()
            for call in calls:
                epoch.log_samples(call)
        return [line["fields"] for line in self.lines(kind="samples")]

    def test_columns_of_every_kind(self) -> None:
        import datetime

        found = self.fields(
            {
                "id": ["a", "🌳", "half\udc00", None],
                "label": (1, 2**53 - 1, 2**53, -(2**70)),
                "loss": [0.5, math.nan, math.inf, -math.inf],
                "tensor": Tensor([0.5, 1.5, 2.5, math.nan]),
                "nested": [[1, math.nan], {"k": 2**60}, (1, 2), {3}],
                "other": [b"by\xfftes", datetime.date(2020, 1, 2), True, Scalar(1.0).item],
                "same": "test",
                "range": range(4),
            }
        )[0]
        self.assertEqual(found["id"], ["a", "🌳", "half\ufffd", None])
        self.assertEqual(found["label"], [1, 2**53 - 1, str(2**53), str(-(2**70))])
        self.assertEqual(found["loss"], [0.5, "NaN", "Infinity", "-Infinity"])
        self.assertEqual(found["tensor"], [0.5, 1.5, 2.5, "NaN"])
        self.assertEqual(found["nested"], [[1, "NaN"], {"k": str(2**60)}, [1, 2], [3]])
        self.assertEqual(found["other"][:3], ["by\ufffdtes", "2020-01-02", True])
        self.assertEqual(found["same"], ["test"] * 4)
        self.assertEqual(found["range"], [0, 1, 2, 3])

    def test_refuses_columns_of_different_lengths(self) -> None:
        with epochtree.session("m") as session:
            epoch = session.epoch()
            with self.assertRaisesRegex(ValueError, "length"):
                epoch.log_samples({"a": [1], "b": [1, 2]})
            with self.assertRaises(TypeError):
                epoch.log_samples([1, 2])  # type: ignore[arg-type]
            epoch.log_samples({"a": []})
            epoch.log_samples({})
            epoch.log_samples({"a": 1, "b": "one document"})
        self.assertEqual([s["fields"] for s in self.lines(kind="samples")], [{"a": [1], "b": ["one document"]}])

    def test_many_rows_go_in_several_lines(self) -> None:
        n = 30_000
        found = self.fields({"i": list(range(n)), "x": [i / 7 for i in range(n)]})
        self.assertGreater(len(found), 1)
        self.assertEqual([i for fields in found for i in fields["i"]], list(range(n)))
        self.assertEqual([x for fields in found for x in fields["x"]], [i / 7 for i in range(n)])

    def test_long_texts_are_split_at_8_mib_and_longer_ones_left_out(self) -> None:
        texts = [chr(97 + i) * 3_000_000 for i in range(4)] + ["y" * 9_000_000, "last"]
        with self.assertWarnsRegex(epochtree.EpochtreeWarning, "8 MiB"):
            found = self.fields({"text": texts})
        self.assertEqual([t for fields in found for t in fields["text"]], [*texts[:4], "last"])
        self.assertEqual(self.lines(kind="gap")[0]["rows"], 1)


if __name__ == "__main__":
    unittest.main()
