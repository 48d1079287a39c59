"""Disks that are full, slow or not to be written, and values that can't be."""

from __future__ import annotations

import os
import sys
import unittest

from helpers import FolderCase, graph

import epochtree

BEGIN = """
import warnings
warnings.simplefilter("always")
session = epochtree.session("m")
print(session.id, flush=True)
epoch = session.epoch()
epoch.log({"x": 0}, step=0)
assert epoch.commit(graph={"id": "g", "nodes": {}}, weights=b"w")
run = os.path.join(os.environ["EPOCHTREE_DIR"], "runs", session.id)
journal = os.path.join(run, "journal.jsonl")
"""


@unittest.skipIf(sys.platform == "win32", "Windows has no limits of a file's size")
class FullDisk(FolderCase):
    FULL = (
        BEGIN
        + """
import resource
def room(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
room(os.path.getsize(journal) + 300)
epoch = session.epoch()
for i in range(5000):
    epoch.log({"x": i}, step=i)
assert epoch.commit() is False
assert session.epoch().commit(weights=b"w" * 5000) is False
for i in range(3):
    session.epoch().log({"y": i})
    session.epoch().log_samples({"y": [i] * 50})
    time.sleep(0.3)
"""
    )

    def test_drops_warns_once_and_tells_of_the_gap_when_there_is_room(self) -> None:
        self.run_code(
            self.FULL
            + """
room(resource.RLIM_INFINITY)
epoch = session.epoch()
epoch.log({"back": 1})
assert epoch.commit(weights=b"back") is True
session.finish()
"""
        )
        self.assertEqual(self.errors.count("EpochtreeWarning"), 1, self.errors)
        self.assertIn("could not be written", self.errors)
        lines = self.lines()
        self.assertEqual(sum(line["rows"] for line in lines if line["type"] == "gap"), 5000 + 3 + 150)
        # What must not be lost came later; the numbers of the epochs that were lost are not used again.
        self.assertEqual([line["number"] for line in lines if line["type"] == "epoch"], list(range(1, 11)))
        self.assertEqual(len([line for line in lines if line["type"] == "commit"]), 2)
        self.assertIn(("train", "back", None, 1), self.points())
        self.assertEqual(lines[-1]["status"], "completed")
        files = sorted(path.name[:3] for path in (self.runs()[0] / "weights").iterdir())
        self.assertEqual(files, ["1-" + files[0][2], "10-"])

    def test_without_room_to_the_end_it_ends_all_the_same(self) -> None:
        self.run_code(self.FULL + "session.finish()")
        self.assertEqual(self.errors.count("EpochtreeWarning"), 1, self.errors)
        self.assertEqual(len(self.lines(kind="commit")), 1)

    def test_a_folder_that_can_not_be_written(self) -> None:
        self.dir.write_text("a file")
        with self.assertRaises(epochtree.EpochtreeError) as failed:
            epochtree.session("m")
        self.assertIn("EPOCHTREE_DIR", str(failed.exception))
        code = """
        import resource
        resource.setrlimit(resource.RLIMIT_FSIZE, (10, resource.RLIM_INFINITY))
        try:
            epochtree.session("m", dir="other")
        except epochtree.EpochtreeError as error:
            os._exit(7 if error.code == "disk-full" else 8)
        """
        self.run_code(code, status=7)

    def test_after_an_outage_the_next_one_warns_again(self) -> None:
        self.run_code(
            self.FULL
            + """
for i in range(2):
    room(resource.RLIM_INFINITY)
    assert session.epoch().commit() is True
    room(os.path.getsize(journal) + 10)
    assert session.epoch().commit() is False
session.finish()
"""
        )
        self.assertEqual(self.errors.count("EpochtreeWarning"), 3, self.errors)


class SlowDisk(FolderCase):
    def test_waits_with_bounded_memory_and_loses_nothing(self) -> None:
        from epochtree import _journal

        calls, real = 60_000, os.write
        code = f"""
        import resource, threading
        from epochtree import _journal
        _journal.BUFFER_BYTES, _journal._ROOM_BYTES = 2 << 20, 1 << 20
        gate, real = threading.Event(), os.write
        def held(fd, data):
            gate.wait()
            return real(fd, data)
        session = epochtree.session("m")
        epoch = session.epoch()
        session._journal.put_and_flush()
        os.write = held
        threading.Timer(1.5, gate.set).start()
        begin, longest, waiting = time.monotonic(), 0, 0
        for i in range({calls}):
            before = time.monotonic()
            epoch.log({{"a": i, "b": i, "c": i, "d": i, "e": i}}, step=i)
            waiting = max(waiting, session._journal._bytes)
            longest = max(longest, time.monotonic() - before)
        assert longest > 0.3, longest
        assert waiting <= _journal.BUFFER_BYTES + 4096, waiting
        session.finish()
        """
        self.run_code(code)
        self.assertEqual([v for _, name, _, v in self.points() if name == "a"], list(range(calls)))
        self.assertEqual(self.lines(kind="gap"), [])
        self.assertEqual((real, _journal.BUFFER_BYTES), (os.write, 64 << 20))

    def test_nested_samples_count_by_all_they_hold(self) -> None:
        from epochtree._journal import _weight

        self.assertGreater(_weight([[0.5] * 1000] * 100), 100_000 * 8)
        self.assertGreater(_weight([{"text": "x" * 5000}] * 10), 50_000)


class Values(FolderCase):
    def test_settings_that_no_line_can_hold(self) -> None:
        deep: list[object] = []
        for _ in range(150):
            deep = [deep]
        given = {"lr": 0.1, "table": list(range(2_000_000)), "deep": deep}
        with self.assertWarnsRegex(epochtree.EpochtreeWarning, "'table'"):
            session = epochtree.session("m", given, {"id": "p", "deep": deep})
        session.finish()
        told = self.lines(kind="started")[0]
        self.assertEqual(told["hyperparameters"]["lr"], 0.1)
        self.assertRegex(told["hyperparameters"]["table"], "left out: [0-9]+ bytes")
        self.assertIn("...", str(told["pruningPlan"]["deep"]))
        self.assertEqual(session.hyperparameters, given)

    def test_a_graph_file_is_written_as_readers_need_it(self) -> None:
        file = self.root / "graph.json"
        file.write_text('{"id":"g","nodes":{"ü":{"data":{"n":9007199254740993,"x":NaN}}}}', "utf-16")
        with epochtree.session("m") as session:
            self.assertTrue(session.epoch().commit(graph=file))
        stored = (self.runs()[0] / self.lines(kind="commit")[0]["graph"]).read_text("utf-8")
        self.assertEqual(stored, '{"id":"g","nodes":{"ü":{"data":{"n":"9007199254740993","x":"NaN"}}}}')

    def test_settings_from_named_tuples_and_dataclasses_with_slots(self) -> None:
        import collections
        import dataclasses

        made = dataclasses.make_dataclass("Made", [("lr", float)], namespace={"__slots__": ("lr",)})
        for given in (collections.namedtuple("Made", "lr")(0.5), made(0.5)):
            with epochtree.session("m", given) as session:
                self.assertEqual(session.hyperparameters, {"lr": 0.5})

    def test_a_flush_that_fails_keeps_what_the_journal_names(self) -> None:
        from unittest import mock

        with epochtree.session("m") as session:
            epoch = session.epoch()
            session._journal.put_and_flush()  # type: ignore[union-attr]
            journal = session._journal._fd  # type: ignore[union-attr]
            real = os.fsync

            def broken(fd: int) -> None:
                if fd == journal:
                    raise OSError(5, "Input/output error")
                real(fd)

            with mock.patch("os.fsync", broken), self.assertWarnsRegex(epochtree.EpochtreeWarning, "flushed"):
                self.assertFalse(epoch.commit(graph=graph(), weights=b"w"))
        named = self.lines(kind="commit")[0]["weights"]["file"]
        self.assertEqual((self.runs()[0] / named).read_bytes(), b"w")


if __name__ == "__main__":
    unittest.main()
