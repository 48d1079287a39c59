"""Several processes: ranks, workers, forks. One writes, and none hangs."""

from __future__ import annotations

import copy
import os
import pickle
import time
import unittest

from helpers import FolderCase

import epochtree

RANKED = """
with epochtree.session("net", {"lr": os.environ.get("RANK")}) as session:
    print(session.id, session.name, session.hyperparameters["lr"])
    start = session.starts_from
    if start:
        print(start.number, start.step, start.graph["nodes"]["a"]["id"], open(start.weights_path).read())
    for epoch in session.epochs(int(sys.argv[1])):
        epoch.log({"rank": int(os.environ["RANK"])}, step=epoch.number)
        epoch.log_samples({"rank": [0]})
        print(epoch.number, epoch.commit(graph={"id": "g", "nodes": {"a": {"id": 1}}}, weights=b"w%d" % epoch.number))
    if len(sys.argv) > 2:
        os._exit(9)
"""


class Ranks(FolderCase):
    def launch(self, *words: str, status: int = 0, **more: str) -> list[str]:
        """What each of three ranks printed; rank 0 begins last."""
        shared = {"WORLD_SIZE": "3", "MASTER_ADDR": "localhost", "MASTER_PORT": "29500", **more}
        children = [self.start(RANKED, *words, RANK=str(rank), **shared) for rank in (2, 1, 0)]
        told = []
        for child in reversed(children):
            out, err = child.communicate(timeout=180)
            self.assertEqual(child.returncode, status, err)
            told.append(out)
        return told

    def test_rank_0_writes_and_the_others_have_its_session(self) -> None:
        for _ in range(2):  # a second launch with the same key is another session
            first, second, third = self.launch("2")
            self.assertEqual((first, first), (second, third))
            self.assertIn(" 0\n1 True\n2 True\n", first)
        self.assertEqual(len(self.runs()), 2)
        for run in self.runs():
            self.assertEqual([value for *_, value in self.points(run)], [0, 0])

    def test_a_requeued_job_goes_on_with_all_its_ranks(self) -> None:
        job = {"SLURM_JOB_ID": "12"}
        told = self.launch("2", "die", status=9, **job)
        again = self.launch("3", **job)
        self.assertEqual(len(self.runs()), 1)
        self.assertEqual(told[0].split()[:2], again[0].split()[:2])
        self.assertEqual(again[0].splitlines()[1:], ["2 2 1 w2", "3 True"])
        self.assertEqual(again[0], again[1])

    def test_a_launched_session_is_every_ranks(self) -> None:
        session = epochtree.session("net")
        session.finish()
        first, second, _ = self.launch("1", EPOCHTREE_SESSION=session.id)
        self.assertEqual(first, second)
        self.assertTrue(first.startswith(session.id))
        self.assertEqual(len(self.runs()), 1)

    def test_a_rank_alone_records_nothing_and_says_so(self) -> None:
        from unittest import mock

        from epochtree import _distributed

        os.environ["RANK"] = "1"
        with mock.patch.object(_distributed, "_ALONE_WAIT_SECONDS", 0.2):
            with self.assertWarnsRegex(epochtree.EpochtreeWarning, "no rank 0"):
                session = epochtree.session("net")
            self.assertEqual([epoch.commit() for epoch in session.epochs(2)], [True, True])
            session.finish()
            os.environ["WORLD_SIZE"] = "2"
            with mock.patch.object(_distributed, "WAIT_SECONDS", 0.2):
                with self.assertRaises(epochtree.EpochtreeError) as failed:
                    epochtree.session("net")
                self.assertEqual(failed.exception.code, "no-rank-0")
        self.assertFalse(self.dir.exists())

    def test_disabled_by_hand(self) -> None:
        with epochtree.session("net", enabled=False) as session:
            for epoch in session.epochs(2):
                epoch.log({"x": 1})
                epoch.log_samples({"x": [1]})
                self.assertTrue(epoch.commit(graph={"nodes": {}}, weights=b"w"))
        self.assertFalse(self.dir.exists())

    def test_ranks_share_the_name_of_the_weights(self) -> None:
        from epochtree._resume import Start

        with epochtree.session("net") as session:
            session.epoch().commit(weights=b"weights")
        with epochtree.session("net", resume="must") as session:
            start = session.starts_from
            assert start and start.weights_path
            other = Start(str(self.dir), str(self.run_of(session)), start.record)
            path, inode = start.weights_path, os.stat(start.weights_path).st_ino
            self.assertEqual((other.weights_path, os.stat(path).st_ino), (path, inode))
        self.assertEqual(list((self.run_of(session) / "parent").iterdir()), [])


WORKER = """
import multiprocessing
def work(epoch, queue):
    epoch.log({"worker": 1})
    epoch.log_samples({"worker": [1]})
    epoch.commit(weights=b"of a worker")
    queue.put(os.getpid())
if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[1])
    with epochtree.session("net") as session:
        for epoch in session.epochs(2):
            queue = context.Queue()
            workers = [context.Process(target=work, args=(epoch, queue)) for _ in range(2)]
            for worker in workers: worker.start()
            for worker in workers: queue.get(timeout=120)
            for worker in workers: worker.join(30)
            assert [worker.exitcode for worker in workers] == [0, 0]
            epoch.log({"main": 1})
"""
OWN = """
import multiprocessing
def train(number):
    session = epochtree.session("sweep", {"number": number})
    for epoch in session.epochs(1):
        epoch.log({"number": number})
    if number == 2:
        raise ValueError("number two")
if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[1])
    workers = [context.Process(target=train, args=(number,)) for number in range(3)]
    for worker in workers: worker.start()
    for worker in workers: worker.join(30)
"""


class Workers(FolderCase):
    def kinds(self) -> list[str]:
        import multiprocessing

        return multiprocessing.get_all_start_methods()

    def test_they_do_not_write(self) -> None:
        for kind in self.kinds():
            with self.subTest(kind):
                self.run_code(WORKER, kind, EPOCHTREE_DIR=str(self.root / kind))
                (run,) = (self.root / kind / "runs").iterdir()
                self.assertEqual([name for _, name, _, _ in self.points(run)], ["main", "main"])
                self.assertEqual([line["weights"] for line in self.lines(run, "commit")], [None, None])
                self.assertEqual(self.lines(run)[-1]["status"], "completed")

    def test_a_session_of_their_own_ends_with_them(self) -> None:
        for kind in self.kinds():
            with self.subTest(kind):
                self.run_code(OWN, kind, EPOCHTREE_DIR=str(self.root / kind))
                runs = (self.root / kind / "runs").iterdir()
                ends = [self.lines(run, "finished")[-1] for run in runs]
                told = sorted((end["status"], end["error"] or "") for end in ends)
                self.assertEqual([status for status, _ in told], ["completed", "completed", "failed"])
                self.assertRegex(told[2][1], "number two|exception ended")

    def test_a_script_without_a_guard_makes_one_session(self) -> None:
        code = """
        import multiprocessing
        session = epochtree.session("net")
        epoch = session.epoch()
        epoch.log({"x": 1})
        def square(n): return n * n
        if __name__ == "__main__":
            with multiprocessing.get_context("spawn").Pool(2) as pool:
                assert pool.map(square, [1, 2, 3]) == [1, 4, 9]
        """
        self.run_code(code)
        self.assertEqual(len(self.runs()), 1)
        self.assertEqual(len(self.points()), 1)

    def test_copies_do_not_write(self) -> None:
        with epochtree.session("net") as session:
            epoch = session.epoch()
            for other in (copy.deepcopy(epoch), pickle.loads(pickle.dumps(epoch))):
                self.assertEqual((other.id, other.number), (epoch.id, epoch.number))
                other.log({"x": 1})
                other.commit(weights=b"w")
            pickle.loads(pickle.dumps(session)).finish()
            self.assertTrue(epoch.commit())
        self.assertEqual(self.points(), [])

    @unittest.skipUnless(hasattr(os, "fork"), "there is no fork here")
    def test_forks_while_threads_log(self) -> None:
        code = """
        import threading
        with epochtree.session("net") as session:
            epoch = session.epoch()
            going = True
            def log():
                i = 0
                while going:
                    epoch.log({"x": i}, step=i)
                    i += 1
            threads = [threading.Thread(target=log) for _ in range(3)]
            for thread in threads: thread.start()
            for i in range(20):
                pid = os.fork()
                if not pid:
                    epoch.log({"x": -1})
                    epoch.commit()
                    if i % 3 == 0: session.finish("failed")
                    if i % 2: os._exit(0)
                    sys.exit(0)
                assert os.waitpid(pid, 0)[1] == 0
            going = False
            for thread in threads: thread.join()
            assert epoch.commit()
        """
        self.run_code(code)
        self.assertEqual(len(self.lines(kind="finished")), 1)
        self.assertNotIn(-1, [value for *_, value in self.points()])


class Stops(FolderCase):
    def test_a_slow_disk_keeps_nobody_from_stopping(self) -> None:
        code = """
        real = os.write
        def slow(fd, data):
            time.sleep(0.2)
            return real(fd, data)
        session = epochtree.session("net")
        epoch = session.epoch()
        os.write = slow
        for i in range(30):
            epoch.log_samples({"text": ["x" * 250000]})
        print(session.id, flush=True)
        with session:
            try:
                time.sleep(60)
            except KeyboardInterrupt:
                print(time.time(), flush=True)
                raise
        """
        child = self.start(code)
        assert child.stdout
        run = self.dir / "runs" / child.stdout.readline().strip()
        (run / "stop").write_text("")
        begin = time.time()
        out, _ = child.communicate(timeout=180)
        self.assertLess(float(out) - begin, 2)
        self.assertEqual(self.lines(run)[-1]["status"], "stopped")


if __name__ == "__main__":
    unittest.main()
