"""Going on: resumed sessions, forks, launched sessions, and what they start from."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import unittest
import warnings
from pathlib import Path
from typing import Any

from helpers import FolderCase, graph

import epochtree
from epochtree import _folder
from epochtree._resume import History

KILLED = """
key = sys.argv[1] if len(sys.argv) > 1 else None
with epochtree.session('m', {'lr': 1}, key=key) as session:
    print(session.id, flush=True)
    for epoch in session.epochs(9):
        for step in range(3):
            epoch.log({'loss': step}, step=10 * epoch.number + step)
        epoch.log({'acc': 1})
        if epoch.number == 3:
            time.sleep(0.5)
            os.kill(os.getpid(), signal.SIGKILL)
        epoch.commit(graph={'id': 'g', 'nodes': {'n': {'id': epoch.number}}},
                     weights=b'w%d' % epoch.number, state=b's%d' % epoch.number, format='raw')
"""


class Resume(FolderCase):
    def killed(self, *words: str) -> Path:
        return self.dir / "runs" / self.run_code(KILLED, *words, status=-9)

    def test_leaves_copies_from_a_team_alone(self) -> None:
        run = self.killed("job")
        content = json.loads((run / "session.json").read_text())
        (run / "session.json").write_text(json.dumps({**content, "pulled": {"team": "t", "by": "ada@lab"}}))
        before = (run / "journal.jsonl").read_bytes()
        with self.assertRaisesRegex(epochtree.EpochtreeError, "no session of the model"):
            epochtree.session("m", resume="must")
        # Its key starts another one.
        with epochtree.session("m", key="job") as session:
            self.assertNotEqual(session.id, run.name)
        os.environ["EPOCHTREE_SESSION"] = run.name
        self.addCleanup(os.environ.pop, "EPOCHTREE_SESSION", None)
        with self.assertRaisesRegex(epochtree.EpochtreeError, "trained on another machine") as raised:
            epochtree.session("m")
        self.assertEqual(raised.exception.code, "session-elsewhere")
        self.assertEqual((run / "journal.jsonl").read_bytes(), before)

    def test_goes_on_after_the_last_committed_epoch(self) -> None:
        run = self.killed()
        with open(run / "journal.jsonl", "ab") as file:
            file.write(b'{"type":"commit","epoch":"half a li')
        with epochtree.session("m", resume="must") as session:
            self.assertEqual(self.run_of(session), run)
            start = session.starts_from
            assert start is not None
            self.assertEqual((start.session, start.number, start.step), (session.id, 2, 22))
            self.assertEqual(start.graph, {"id": "g", "nodes": {"n": {"id": 2}}})
            assert start.weights_path and start.state_path
            self.assertEqual(Path(start.weights_path).read_bytes(), b"w2")
            self.assertEqual(Path(start.state_path).read_bytes(), b"s2")
            self.assertTrue(start.weights_path.endswith(".raw"))
            self.assertEqual((start.weights_epoch, start.weights_number), (start.epoch, 2))
            self.assertEqual([epoch.number for epoch in session.epochs(4)], [3, 4])
        starts = self.lines(run, "started")
        self.assertEqual((starts[1]["after"], starts[1]["restored"]), (start.epoch, "full"))
        self.assertNotEqual(starts[0]["attempt"], starts[1]["attempt"])
        self.assertEqual([line["number"] for line in self.lines(run, "epoch")], [1, 2, 3, 3, 4])
        # Committed without a graph of its own: the file of the last one is named again.
        files = [commit["graph"] for commit in self.lines(run, "commit")]
        self.assertEqual(files[1:], [files[1]] * 3)
        self.assertFalse(list((run / "parent").iterdir()))

    def test_finds_weights_where_reading_the_journal_moved_them(self) -> None:
        run = self.killed()
        for commit in self.lines(run, "commit"):
            for what in ("weights", "state"):
                stored = Path(_folder.stored_weights(str(self.dir), commit[what]["sha256"]))
                stored.parent.mkdir(parents=True, exist_ok=True)
                os.replace(run / commit[what]["file"], stored)
                stored.chmod(0o444)
        with epochtree.session("m", resume="must") as session:
            assert session.starts_from and session.starts_from.weights_path
            self.assertEqual(Path(session.starts_from.weights_path).read_bytes(), b"w2")

    def test_damaged_or_missing_weights_are_named(self) -> None:
        run = self.killed()
        file = run / self.lines(run, "commit")[-1]["weights"]["file"]
        file.write_bytes(b"w3")
        with epochtree.session("m", resume="must") as session:
            assert session.starts_from
            with self.assertRaisesRegex(epochtree.EpochtreeError, file.name) as failed:
                _ = session.starts_from.weights_path
            self.assertEqual(failed.exception.code, "weights-damaged")
            file.unlink()
            with self.assertRaises(epochtree.EpochtreeError) as failed:
                _ = session.starts_from.weights_path
            self.assertEqual(failed.exception.code, "weights-missing")

    def test_the_nearest_weights_when_the_last_epoch_has_none(self) -> None:
        with epochtree.session("m") as session:
            for epoch in session.epochs(4):
                epoch.log({"x": 1}, step=epoch.number)
                if epoch.number < 3:
                    epoch.commit(graph=graph(epoch.number), weights=b"%d" % epoch.number)
        with self.assertWarnsRegex(epochtree.EpochtreeWarning, "that of epoch 2"):
            session = epochtree.session("m", resume="must")
        with session:
            start = session.starts_from
            assert start and start.weights_path
            self.assertEqual((start.number, start.step, start.weights_number), (4, 4, 2))
            self.assertEqual(Path(start.weights_path).read_bytes(), b"2")
            self.assertEqual(start.graph, graph(2))
            self.assertIsNone(start.state_path)
            self.assertEqual(next(iter(session.epochs(9))).number, 5)

    def test_a_journal_that_others_wrote_or_broke(self) -> None:
        a, b, c = (f"{n:024x}" for n in (1, 2, 3))
        lines: list[Any] = [
            {"type": "started"},
            {"type": "epoch", "epoch": a, "number": 1},
            {"type": "metrics", "epoch": a, "split": "t", "step": [1, 7, None], "time": 0, "values": {"x": [1, 2, 3]}},
            {"type": "commit", "epoch": a, "graph": None, "weights": None},
            "not json",
            [1, 2],
            {"type": "commit", "epoch": b, "graph": None},
            {"type": "epoch", "epoch": b, "number": 1},
            {"type": "commit", "epoch": b},
            {"type": "epoch", "epoch": c, "number": 2},
            {"type": "started"},
            {"type": "commit", "epoch": c},
            {"type": "epoch", "epoch": 7, "number": "x"},
            {"type": "unknown"},
        ]
        text = "".join(
            (line if isinstance(line, str) else json.dumps(line, separators=(",", ":"))) + "\n" for line in lines
        )
        self.root.joinpath("journal.jsonl").write_text(text)
        history = History(str(self.root))
        assert history.last
        self.assertEqual((history.last.id, history.last.number, history.step), (a, 1, 7))
        self.assertIsNone(history.status)
        self.assertIsNone(History(str(self.root), above=1).last)

    def test_cut_at_any_byte_it_opens_and_goes_on(self) -> None:
        run = self.killed()
        whole = (run / "journal.jsonl").read_bytes()
        for length in [*range(0, len(whole), 97), len(whole)]:
            (run / "journal.jsonl").write_bytes(whole[:length])
            commits = whole[:length].count(b'\n{"type":"commit"') - (
                0 if whole[:length].rfind(b"\n") > whole[:length].rfind(b'\n{"type":"commit"') else 1
            )
            with epochtree.session("m", resume="must") as session:
                self.assertEqual(session.starts_from.number if session.starts_from else 0, max(0, commits))
            self.lines(run)

    def test_the_same_key_goes_on_only_with_an_interrupted_session(self) -> None:
        run = self.killed("job-1")
        with epochtree.session("m", key="job-2") as other, epochtree.session("n", key="job-1") as another:
            self.assertNotIn(run, (self.run_of(other), self.run_of(another)))
        with epochtree.session("m", key="job-1", resume="never") as anew:
            self.assertIsNone(anew.starts_from)
        # The newest of the key is completed: nothing was interrupted.
        with epochtree.session("m", key="job-1") as third:
            self.assertIsNone(third.starts_from)
        for done in (anew, third):
            shutil.rmtree(self.run_of(done))
        with epochtree.session("m", key="job-1") as session:
            self.assertEqual(self.run_of(session), run)

    def test_a_requeued_job_just_continues(self) -> None:
        os.environ["SLURM_JOB_ID"] = "4711"
        run = self.killed()
        content = json.loads((run / "session.json").read_text())
        self.assertIn("4711", content["key"])
        with epochtree.session("m") as session:
            self.assertEqual(self.run_of(session), run)
        os.environ["SLURM_JOB_ID"] = "4712"
        with epochtree.session("m") as session:
            self.assertNotEqual(self.run_of(session), run)

    def test_must_without_anything_fails(self) -> None:
        with self.assertRaises(epochtree.EpochtreeError) as failed:
            epochtree.session("m", resume="must")
        self.assertEqual(failed.exception.code, "nothing-to-resume")
        self.assertIn("epochtree: nothing-to-resume: ", str(failed.exception))

    def test_must_by_name_and_deleted_sessions(self) -> None:
        with epochtree.session("m") as first, epochtree.session("m") as second:
            pass
        with epochtree.session("m", resume="must", name="m") as session:
            self.assertEqual(session.id, first.id)
        (self.run_of(second) / "marks.json").write_text('{"deleted": 1.5}')
        (self.run_of(first) / "marks.json").write_text('{"name": "renamed"}')
        with epochtree.session("m", resume="must") as session:
            self.assertEqual((session.id, session.name), (first.id, "renamed"))

    def test_two_engines_on_one_session(self) -> None:
        child = self.start("s = epochtree.session('m', key='k'); print(s.id, flush=True); input()")
        assert child.stdout
        child.stdout.readline()
        with self.assertRaises(epochtree.EpochtreeError) as failed:
            epochtree.session("m", resume="must")
        self.assertEqual(failed.exception.code, "session-running")
        self.assertIn(str(child.pid), str(failed.exception))
        # Of the same key, but not interrupted: another session.
        with epochtree.session("m", key="k") as session:
            self.assertIsNone(session.starts_from)
        shutil.rmtree(self.run_of(session))
        child.kill()
        child.wait()
        with epochtree.session("m", key="k") as session:
            self.assertEqual(len(self.runs()), 1)

    def test_a_program_that_was_started_does_not_keep_the_lock(self) -> None:
        import signal

        code = """
        import subprocess
        session = epochtree.session('m')
        child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'], stdout=-3, stderr=-3)
        pid = os.fork()
        if not pid:
            os.close(1); os.close(2)
            time.sleep(60)
            os._exit(0)
        print(child.pid, pid, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
        """
        pids = self.run_code(code, status=-9).split()
        try:
            with epochtree.session("m", resume="must") as session:
                self.assertEqual(len(self.runs()), 1)
                self.assertIsNone(session.starts_from)
        finally:
            for pid in pids:
                os.kill(int(pid), signal.SIGKILL)

    def test_without_working_locks_a_sign_of_life_counts(self) -> None:
        from unittest import mock

        from epochtree import _lock

        with mock.patch.object(_lock, "_try_lock", return_value=None), epochtree.session("m") as session:
            with self.assertRaises(epochtree.EpochtreeError) as failed:
                epochtree.session("m", resume="must")
            self.assertEqual(failed.exception.code, "session-running")
            os.utime(self.run_of(session) / "alive", (1, 1))
            epochtree.session("m", resume="must").finish()


class Forks(FolderCase):
    def fork(self, **more: Any) -> str:
        """A fork of epoch 30, as the command line makes it."""
        session_id = _folder.new_id()
        run = self.dir / "runs" / session_id
        (run / "parent").mkdir(parents=True)
        weights = {
            "file": "parent/weights.raw",
            "sha256": hashlib.sha256(b"w30").hexdigest(),
            "bytes": 3,
            "format": "raw",
        }
        (run / "parent" / "weights.raw").write_bytes(b"w30")
        (run / "parent" / "graph.json").write_text(json.dumps(graph(30)))
        start = {
            "session": "1" * 24,
            "sessionName": "m",
            "epoch": "2" * 24,
            "number": 30,
            "step": 1234,
            "graph": "parent/graph.json",
            "weights": weights,
            "state": None,
        }
        (run / "parent" / "start.json").write_text(json.dumps(start))
        content = {
            "format": 1,
            "sessionId": session_id,
            "modelName": "m",
            "name": "m-2",
            "forkedFrom": {"sessionId": "1" * 24, "epochId": "2" * 24, "epochNumber": 30},
            "overrides": more,
            "command": None,
            "createdAt": 1.5,
        }
        (run / "session.json").write_text(json.dumps(content))
        os.environ["EPOCHTREE_SESSION"] = session_id
        return session_id

    def test_edits_win_and_epochs_go_on(self) -> None:
        edits = {"lr": 0.5, "net": {"width": 9}, "new": 1}
        fork = self.fork(hyperparameters=edits, pruningPlan={"id": "q"}, epochs=32)
        script = {"lr": 1, "net": {"width": 1, "depth": 2}, "kept": (1,)}
        with epochtree.session("m", script, {"id": "p", "ratio": 1}) as session:
            self.assertNotIn("EPOCHTREE_SESSION", os.environ)
            self.assertEqual((session.id, session.name), (fork, "m-2"))
            merged = {"lr": 0.5, "net": {"width": 9, "depth": 2}, "kept": (1,), "new": 1}
            self.assertEqual((session.hyperparameters, session.pruning_plan), (merged, {"id": "q"}))
            start = session.starts_from
            assert start and start.weights_path
            self.assertEqual((start.session, start.epoch, start.number, start.step), ("1" * 24, "2" * 24, 30, 1234))
            self.assertEqual((start.graph, start.weights_number), (graph(30), 30))
            self.assertEqual(Path(start.weights_path).read_bytes(), b"w30")
            self.assertEqual([epoch.number for epoch in session.epochs(40)], [31, 32])
        run = self.run_of(session)
        self.assertEqual(script["net"], {"width": 1, "depth": 2})
        started = self.lines(run, "started")[0]
        self.assertEqual((started["after"], started["restored"]), ("2" * 24, "weights"))
        commits = self.lines(run, "commit")
        self.assertRegex(commits[0]["graph"], "^graphs/31-")
        self.assertEqual(commits[0]["graph"], commits[1]["graph"])
        self.assertEqual([commit["pruned"] for commit in commits], [False, False])
        content = json.loads((run / "session.json").read_text())
        self.assertEqual(content["createdAt"], 1.5)
        # Resumed before it has weights of its own, it starts from its parent's.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with epochtree.session("m", resume="must") as session:
                start = session.starts_from
                assert start and start.weights_path
                self.assertEqual((start.number, start.weights_number), (32, 30))
                self.assertEqual((start.epoch, start.weights_epoch), (commits[1]["epoch"], "2" * 24))
                self.assertEqual(Path(start.weights_path).read_bytes(), b"w30")
        self.assertTrue((run / "parent" / "weights.raw").exists())

    def test_another_model_leaves_it_for_the_one_it_is_meant_for(self) -> None:
        fork = self.fork()
        with epochtree.session("teacher") as teacher:
            self.assertNotEqual(teacher.id, fork)
        with epochtree.session("m") as session:
            self.assertEqual(session.id, fork)
        with epochtree.session("m") as session:
            self.assertNotEqual(session.id, fork)

    def test_the_launchers_folder_comes_before_the_scripts(self) -> None:
        fork = self.fork()
        with epochtree.session("m", dir=self.root / "own") as session:
            self.assertEqual(session.id, fork)
        with epochtree.session("m", dir=self.root / "own") as session:
            self.assertTrue((self.root / "own" / "runs" / session.id).exists())

    def test_a_launched_session_that_is_not_there(self) -> None:
        for wrong in ("0" * 24, "../../etc"):
            os.environ["EPOCHTREE_SESSION"] = wrong
            with self.assertRaises(epochtree.EpochtreeError) as failed:
                epochtree.session("m")
            self.assertEqual(failed.exception.code, "unknown-session")

    def test_a_fork_with_damaged_weights_is_refused_when_they_are_asked_for(self) -> None:
        fork = self.fork()
        (self.dir / "runs" / fork / "parent" / "weights.raw").write_bytes(b"w31")
        with epochtree.session("m") as session:
            assert session.starts_from
            with self.assertRaises(epochtree.EpochtreeError) as failed:
                _ = session.starts_from.weights_path
        self.assertEqual(failed.exception.code, "weights-damaged")


if __name__ == "__main__":
    unittest.main()
