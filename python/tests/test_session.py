"""Sessions: their files, names, epochs, commits, and how they end."""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import hmac
import json
import os
import re
import signal
import sys
import threading
import time
import unittest
import warnings
from pathlib import Path
from typing import Any

from helpers import FolderCase, graph

import epochtree
from epochtree import _folder
from epochtree._lock import RunLock


class Files(FolderCase):
    def test_a_run_of_two_epochs(self) -> None:
        state = self.root / "optimizer.bin"
        state.write_bytes(b"momentum")
        plan = {"id": "p", "everyEpochs": 2}
        with epochtree.session("net", {"lr": 0.1, "layers": (1, 2)}, plan, tags=["a"], key="k") as session:
            self.assertRegex(session.id, "^[0-9a-f]{24}$")
            self.assertLess(abs(int(session.id[:8], 16) - time.time()), 5)
            self.assertEqual(session.hyperparameters["layers"], (1, 2))
            self.assertIsNone(session.starts_from)
            for epoch in session.epochs(2):
                epoch.log({"loss": 1 / epoch.number}, split="val")
                size = 1 if epoch.number == 1 else 2
                self.assertTrue(epoch.commit(graph=graph(size), weights=b"w" * size, state=state, format="raw"))
        run = self.run_of(session)
        content = json.loads((run / "session.json").read_text())
        self.assertEqual((content["format"], content["sessionId"]), (1, session.id))
        self.assertEqual((content["modelName"], content["name"], content["key"]), ("net", "net", "k"))
        self.assertEqual((content["tags"], content["forkedFrom"]), (["a"], None))
        self.assertIsInstance(content["createdAt"], float)
        kinds = [line["type"] for line in self.lines()]
        self.assertEqual(kinds, ["started", *["epoch", "metrics", "commit"] * 2, "finished"])
        started = self.lines(kind="started")[0]
        self.assertEqual(started["hyperparameters"], {"lr": 0.1, "layers": [1, 2]})
        self.assertEqual(started["pruningPlan"], plan)
        self.assertEqual((started["after"], started["restored"], started["pid"]), (None, None, os.getpid()))
        for number, commit in enumerate(self.lines(kind="commit"), 1):
            tail = commit["epoch"][-6:]
            weights = commit["weights"]
            self.assertEqual(commit["graph"], f"graphs/{number}-{tail}.json")
            self.assertEqual(weights["file"], f"weights/{number}-{tail}.raw")
            self.assertEqual(commit["state"]["file"], f"weights/{number}-{tail}-state.bin")
            data = (run / weights["file"]).read_bytes()
            self.assertEqual(data, b"w" * number)
            self.assertEqual((weights["bytes"], weights["format"]), (number, "raw"))
            self.assertEqual(weights["sha256"], hashlib.sha256(data).hexdigest())
            self.assertEqual((run / commit["state"]["file"]).read_bytes(), b"momentum")
            self.assertEqual(json.loads((run / commit["graph"]).read_text()), graph(number))
            self.assertEqual(commit["pruned"], number == 2)
        finished = self.lines(kind="finished")[0]
        self.assertEqual((finished["status"], finished["error"]), ("completed", None))
        self.assertEqual(
            sorted(p.name for p in run.iterdir()), ["graphs", "journal.jsonl", "lock", "session.json", "weights"]
        )
        self.assertEqual((self.dir / ".gitignore").read_text(), "*\n")
        self.assertEqual(list(self.dir.rglob("*.tmp")), [])

    def test_the_recorded_command_holds_no_values_and_is_signed(self) -> None:
        code = "epochtree.session('m').finish()"
        self.run_code(code, "--secret", "x y", CUDA_VISIBLE_DEVICES="7", MY_TOKEN="hush")
        text = (self.runs()[0] / "session.json").read_text()
        command = json.loads(text)["command"]
        self.assertEqual(command["argv"][2:], ["--secret", "x y"])
        self.assertTrue(Path(command["argv"][0]).exists())
        self.assertTrue(Path(command["argv"][1]).exists())
        self.assertEqual(Path(command["cwd"]).resolve(), self.root.resolve())
        self.assertIn("CUDA_VISIBLE_DEVICES", command["env"])
        self.assertEqual(command["env"], sorted(command["env"]))
        self.assertNotIn("hush", text)
        self.assertNotIn("MY_TOKEN", text)
        key_file = self.root / "state" / "epochtree" / "command-key"
        self.assertEqual(key_file.stat().st_mode & 0o777, 0o600)
        message = "\0".join([command["host"], command["cwd"], *command["argv"]]).encode()
        expected = hmac.new(bytes.fromhex(key_file.read_text()), message, hashlib.sha256).hexdigest()
        self.assertEqual(command["signature"], expected)

    def test_without_a_place_for_the_key_there_is_no_signature(self) -> None:
        (self.root / "file").write_text("")
        self.run_code("epochtree.session('m').finish()", XDG_STATE_HOME=str(self.root / "file"))
        command = json.loads((self.runs()[0] / "session.json").read_text())["command"]
        self.assertNotIn("signature", command)

    def test_the_folder_is_found(self) -> None:
        del os.environ["EPOCHTREE_DIR"]
        at = os.getcwd()
        self.addCleanup(os.chdir, at)
        deep = self.root / "project" / "src" / "deep"
        deep.mkdir(parents=True)
        os.chdir(deep)
        root = Path.cwd().parents[2]
        self.assertEqual(_folder.find_folder(None), str(deep.resolve() / ".epochtree"))
        (root / "project" / "pyproject.toml").write_text("")
        self.assertEqual(_folder.find_folder(None), str(root / "project" / ".epochtree"))
        (root / ".epochtree").mkdir()
        self.assertEqual(_folder.find_folder(None), str(root / ".epochtree"))
        self.assertEqual(_folder.find_folder("x"), str(deep.resolve() / "x"))
        os.environ["EPOCHTREE_DIR"] = str(root / "elsewhere")
        self.assertEqual(_folder.find_folder(None), str(root / "elsewhere"))

    def test_hyperparameters_from_a_namespace_and_values_json_does_not_have(self) -> None:
        given = argparse.Namespace(lr=float("inf"), path=Path("x"), seed=2**60, deep={"s": {1}, 3: None})
        with epochtree.session("m", given) as session:
            self.assertEqual(session.hyperparameters["path"], Path("x"))
        told = self.lines(kind="started")[0]["hyperparameters"]
        self.assertEqual(told, {"lr": "Infinity", "path": "x", "seed": str(2**60), "deep": {"s": [1], "3": None}})
        with self.assertRaises(TypeError):
            epochtree.session("m", 3)

    def test_wrong_arguments_make_no_folder(self) -> None:
        for words in ({"resume": "perhaps"}, {"name": 3}, {"key": 3}):
            with self.assertRaises((TypeError, ValueError)):
                epochtree.session("m", **words)  # type: ignore[arg-type]
        with self.assertRaises(TypeError):
            epochtree.session(None)  # type: ignore[arg-type]
        self.assertFalse(self.dir.exists())


class Names(FolderCase):
    def test_names_are_mended_and_numbered(self) -> None:
        cases = {
            "net": "net",
            " a@b~c\n ": "a-b-c-",
            "deadbeef": "model-deadbeef",
            "DEADBEEF": "model-DEADBEEF",
            "dead": "dead",
            "": "model",
            "  ": "model-2",
            "🌳 \"'\\/": "🌳 \"'\\/",
            "e\u0301": "é",
            "half\ud800": "half-",
            "x" * 10_000: "x" * 10_000,
        }
        for model, name in cases.items():
            with self.subTest(model=model[:20].encode("utf-8", "replace")):
                with epochtree.session(model) as session:
                    self.assertEqual(session.name, name)
                content = json.loads((self.run_of(session) / "session.json").read_text("utf-8"))
                self.assertEqual(content["modelName"], model.replace("\ud800", "\ufffd"))
        with epochtree.session("net") as session:
            self.assertEqual(session.name, "net-2")
        with epochtree.session("other", name="net") as session:
            self.assertEqual(session.name, "net-3")
        file = self.dir / "names" / hashlib.sha256("é".encode()).hexdigest()
        self.assertEqual(json.loads(file.read_text())["name"], "é")

    def test_two_at_one_moment_get_two_names(self) -> None:
        _folder.make_folder(str(self.dir))
        taken: list[str] = []
        barrier = threading.Barrier(8)

        def work() -> None:
            barrier.wait()
            for _ in range(5):
                taken.append(_folder.reserve_name(str(self.dir), "net", _folder.new_id()))

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(len(set(taken)), 40)

    def test_many_names_cost_few_tries(self) -> None:
        made = [_folder.reserve_name(str(self.dir), "net", _folder.new_id()) for _ in range(300)]
        self.assertEqual(made, ["net", *[f"net-{n}" for n in range(2, 301)]])

    def test_a_name_whose_writer_died_is_free_after_an_hour(self) -> None:
        file = self.dir / "names" / hashlib.sha256(b"net").hexdigest()
        file.parent.mkdir(parents=True)
        file.write_bytes(b"")
        self.assertEqual(_folder.reserve_name(str(self.dir), "net", "0" * 24), "net-2")
        os.utime(file, (1, 1))
        self.assertEqual(_folder.reserve_name(str(self.dir), "net", "1" * 24), "net")
        self.assertEqual(_folder.reserve_name(str(self.dir), "net", "1" * 24), "net")


class Epochs(FolderCase):
    def test_a_body_that_ends_is_committed_one_that_breaks_is_not(self) -> None:
        with epochtree.session("m") as session:
            for epoch in session.epochs(5):
                if epoch.number == 1:
                    epoch.commit(graph=graph(), weights=b"1")
                if epoch.number == 4:
                    break
        commits = self.lines(kind="commit")
        self.assertEqual(len(commits), 3)
        self.assertEqual(len({commit["graph"] for commit in commits}), 1)
        self.assertEqual([commit["weights"] is None for commit in commits], [False, True, True])
        self.assertEqual([line["number"] for line in self.lines(kind="epoch")], [1, 2, 3, 4])

    def test_without_a_graph_there_is_none(self) -> None:
        with epochtree.session("m") as session:
            for _ in session.epochs(1):
                pass
        self.assertIsNone(self.lines(kind="commit")[0]["graph"])

    def test_at_the_last_number_already_warns(self) -> None:
        with epochtree.session("m") as session:
            self.assertEqual(len(list(session.epochs(2))), 2)
            with self.assertWarnsRegex(epochtree.EpochtreeWarning, "at epoch 2 already"):
                self.assertEqual(list(session.epochs(2)), [])
            self.assertEqual([epoch.number for epoch in session.epochs(4)], [3, 4])

    def test_epochs_by_hand(self) -> None:
        session = epochtree.session("m")
        first, second = session.epoch(), session.epoch()
        self.assertEqual((first.number, second.number), (1, 2))
        self.assertTrue(second.commit())
        with self.assertWarnsRegex(epochtree.EpochtreeWarning, "committed already"):
            self.assertFalse(first.commit())
        with self.assertWarns(epochtree.EpochtreeWarning):
            self.assertFalse(second.commit())
        session.close()
        session.finish()
        self.assertEqual(len(self.lines(kind="finished")), 1)

    def test_graphs(self) -> None:
        file = self.root / "graph.json"
        file.write_text(json.dumps(graph(7)))
        big = {"nodes": {"ü\ud800": {"id": 1, "data": {"n": 2**60, "x": float("nan"), "t": (1, 2)}}}}
        with epochtree.session("m") as session:
            session.epoch().commit(graph=file)
            session.epoch().commit(graph=str(file))
            session.epoch().commit(graph=big)
            for wrong in ({"id": 1}, {"nodes": []}, {"nodes": {"a": 1}}):
                with self.assertRaises(ValueError):
                    session.epoch().commit(graph=wrong)
            with self.assertRaises(TypeError):
                session.epoch().commit(graph=3)  # type: ignore[arg-type]
            with self.assertRaises(FileNotFoundError):
                session.epoch().commit(graph=self.root / "none")
        one, two, three = [commit["graph"] for commit in self.lines(kind="commit")]
        self.assertEqual(one, two)
        found = json.loads((self.runs()[0] / three).read_text("utf-8"), parse_constant=self.fail)
        data = found["nodes"]["ü\ufffd"]["data"]
        self.assertEqual(data, {"n": str(2**60), "x": "NaN", "t": [1, 2]})
        self.assertIn("id", found)

    def test_weights_of_every_kind(self) -> None:
        import io

        file = self.root / "w.safetensors"
        file.write_bytes(os.urandom(3_000_000))
        kinds: list[tuple[Any, bytes, str]] = [
            (b"abc", b"abc", "bin"),
            (bytearray(b"abc"), b"abc", "bin"),
            (memoryview(b"abcd")[::1], b"abcd", "bin"),
            (io.BytesIO(b"xyz"), b"xyz", "bin"),
            (b"", b"", "bin"),
            (file, file.read_bytes(), "safetensors"),
            (str(file), file.read_bytes(), "safetensors"),
        ]
        with epochtree.session("m") as session:
            for given, _, _ in kinds:
                self.assertTrue(session.epoch().commit(weights=given))
            with self.assertRaises(TypeError):
                session.epoch().commit(weights=[1, 2])
            with self.assertRaises(FileNotFoundError):
                session.epoch().commit(weights=self.root / "none")
            with self.assertRaises(OSError):
                session.epoch().commit(weights=self.root)
            self.assertTrue(session.epoch().commit(weights=b"x", format="../../evil"))
        commits = [commit["weights"] for commit in self.lines(kind="commit")]
        for (_, data, kind), weights in zip(kinds, commits):
            self.assertEqual((self.runs()[0] / weights["file"]).read_bytes(), data)
            self.assertEqual((weights["sha256"], weights["format"]), (hashlib.sha256(data).hexdigest(), kind))
        self.assertEqual(commits[-1]["format"], "bin")

    def test_the_users_file_is_copied(self) -> None:
        file = self.root / "model.pt"
        with epochtree.session("m") as session:
            for epoch in session.epochs(3):
                file.write_bytes(b"epoch %d" % epoch.number)
                epoch.commit(weights=file)
            with open(file, "r+b") as opened:  # in place, as some formats are written
                opened.write(b"gone")
        self.assertTrue(file.exists())
        for number, commit in enumerate(self.lines(kind="commit"), 1):
            self.assertEqual((self.runs()[0] / commit["weights"]["file"]).read_bytes(), b"epoch %d" % number)

    def test_everything_logged_before_a_commit_is_on_the_disk_after_it(self) -> None:
        with epochtree.session("m") as session:
            for epoch in session.epochs(20):
                for step in range(50):
                    epoch.log({"x": step}, step=step)
                epoch.log_samples({"i": list(range(10))})
                self.assertTrue(epoch.commit())
                text = (self.run_of(session) / "journal.jsonl").read_text()
                self.assertTrue(text.splitlines()[-1].startswith('{"type":"commit"'))
                self.assertEqual(text.count(epoch.id), len(re.findall(f'"epoch":"{epoch.id}"', text)))
                self.assertEqual(len([p for p in self.points() if p[2] == 49]), epoch.number)


class Ends(FolderCase):
    def ending(self) -> tuple[str, Any]:
        finished = self.lines(kind="finished")[-1]
        return finished["status"], finished["error"]

    def test_an_exception_fails_and_goes_on(self) -> None:
        with self.assertRaises(ZeroDivisionError), epochtree.session("m") as session:
            for epoch in session.epochs(3):
                epoch.log({"x": 1 / 0})
        self.assertEqual(self.ending(), ("failed", "ZeroDivisionError: division by zero"))
        self.assertEqual(self.lines(kind="commit"), [])

    def test_ctrl_c_stops(self) -> None:
        with self.assertRaises(KeyboardInterrupt), epochtree.session("m"):
            raise KeyboardInterrupt
        self.assertEqual(self.ending(), ("stopped", None))

    def test_ctrl_c_stops_whatever_goes_wrong_on_the_way_out(self) -> None:
        with self.assertRaises(RuntimeError), epochtree.session("m"):
            try:
                raise KeyboardInterrupt
            finally:
                raise RuntimeError("a worker is gone")
        self.assertEqual(self.ending(), ("stopped", None))

    def test_ctrl_c_that_a_script_took_care_of_stops_nothing(self) -> None:
        with self.assertRaises(RuntimeError), epochtree.session("m"):
            with contextlib.suppress(KeyboardInterrupt):
                raise KeyboardInterrupt
            raise RuntimeError("it went on")
        self.assertEqual(self.ending(), ("failed", "RuntimeError: it went on"))

    @unittest.skipIf(sys.platform == "win32", "Windows sends no such signal to one process")
    def test_ctrl_c_at_any_moment_leaves_whole_epochs_and_no_litter(self) -> None:
        code = """
        with epochtree.session("m", resume=sys.argv[1]) as session:
            print(session.id, flush=True)
            for epoch in session.epochs(10**6):
                epoch.log({"x": 1}, step=epoch.number)
                epoch.commit(graph={"nodes": {"a": {"n": epoch.number}}}, weights=os.urandom(300_000), state=b"s")
        """
        for round in range(8):
            child = self.start(code, "must" if round else "never")
            assert child.stdout
            run = self.dir / "runs" / child.stdout.readline().strip()
            time.sleep(0.02 * round)  # wherever it is by then
            child.send_signal(signal.SIGINT)
            _, errors = child.communicate(timeout=60)
            self.assertIn("KeyboardInterrupt", errors)
            self.assertEqual(self.lines(run)[-1]["status"], "stopped", errors)
        numbers = {line["epoch"]: line["number"] for line in self.lines(run, "epoch")}
        commits = self.lines(run, "commit")
        told = [numbers[commit["epoch"]] for commit in commits]
        self.assertEqual(told, sorted(set(told)))
        for commit in commits:
            data = (run / commit["weights"]["file"]).read_bytes()
            self.assertEqual(hashlib.sha256(data).hexdigest(), commit["weights"]["sha256"])
        named = {run / commit[what]["file"] for commit in commits for what in ("weights", "state")}
        # Between two instructions of the interpreter one commit's files may stay behind.
        self.assertLessEqual(len(list((run / "weights").iterdir())) - len(named), 2)
        self.assertEqual(len(self.runs()), 1)

    def test_leaving_by_sys_exit(self) -> None:
        for code, status in ((0, "completed"), (None, "completed"), (3, "failed"), ("why", "failed")):
            with self.assertRaises(SystemExit), epochtree.session("m"):
                raise SystemExit(code)
            self.assertEqual(
                json.loads((self.newest() / "journal.jsonl").read_text().splitlines()[-1])["status"], status
            )

    def newest(self) -> Path:
        return max(self.runs(), key=lambda run: (run / "journal.jsonl").stat().st_mtime_ns)

    def test_plain_calls_end_with_the_process(self) -> None:
        begin = "s = epochtree.session('m'); e = s.epoch(); e.log({'x': 1}); e.commit(); e.log({'y': 2})\n"
        self.run_code(begin)
        self.assertEqual(self.ending(), ("completed", None))
        self.assertEqual(len(self.points()), 2)
        self.run_code(begin + "raise ValueError('no')", status=1)
        self.assertIn("ValueError: no", self.errors)
        statuses = [self.lines(run, "finished")[-1] for run in self.runs()]
        self.assertIn(("failed", "ValueError: no"), [(s["status"], s["error"]) for s in statuses])
        self.run_code(begin + "s.finish('failed', 'I say so')")
        statuses = [self.lines(run, "finished")[-1] for run in self.runs()]
        self.assertIn(("failed", "I say so"), [(s["status"], s["error"]) for s in statuses])

    def test_os_exit_and_kill_leave_it_unfinished_and_unlocked(self) -> None:
        begin = "s = epochtree.session('m'); e = s.epoch(); e.commit()\n"
        self.run_code(begin + "os._exit(0)")
        self.run_code(begin + "os.kill(os.getpid(), signal.SIGKILL)", status=-9)
        self.run_code(begin + "os.kill(os.getpid(), signal.SIGTERM); time.sleep(9)", status=-15)
        self.assertEqual(len(self.runs()), 3)
        for run in self.runs():
            self.assertEqual([line["type"] for line in self.lines(run)], ["started", "epoch", "commit"])
            self.assertTrue((run / "alive").exists())
            RunLock(str(run), "0" * 24).release()

    def test_the_stop_file(self) -> None:
        cases = {
            "with": "with epochtree.session('m') as s:\n    print(s.id, flush=True)\n    time.sleep(60)",
            "plain": "s = epochtree.session('m'); print(s.id, flush=True)\nwhile True: sum(range(1000))",
            "ignored signal": "signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
            "with epochtree.session('m') as s:\n    print(s.id, flush=True)\n    while True: sum(range(1000))",
            "caught": "s = epochtree.session('m'); print(s.id, flush=True)\n"
            "try: time.sleep(60)\nexcept KeyboardInterrupt: print('saved')",
        }
        children = {}
        for name, code in cases.items():
            child = self.start(code)
            assert child.stdout
            children[name] = (child, self.dir / "runs" / child.stdout.readline().strip())
        for name, (child, run) in children.items():
            with self.subTest(name):
                (run / "stop").write_text("please")
                begin = time.monotonic()
                _, errors = child.communicate(timeout=20)
                self.assertLess(time.monotonic() - begin, 3)
                self.assertEqual("KeyboardInterrupt" in errors, name != "caught")
                self.assertEqual(self.lines(run, "finished")[-1]["status"], "stopped")

    def test_an_old_stop_file_does_not_count(self) -> None:
        with epochtree.session("m") as session:
            run = self.run_of(session)
        (run / "stop").write_text("")
        with epochtree.session("m", resume="must") as session:
            self.assertEqual(self.run_of(session), run)
            time.sleep(0.8)
        self.assertEqual(self.ending(), ("completed", None))

    def test_the_sign_of_life_is_renewed(self) -> None:
        from epochtree import _lock

        before, _lock.TOUCH_SECONDS = _lock.TOUCH_SECONDS, 0.3
        try:
            with epochtree.session("m") as session:
                alive = self.run_of(session) / "alive"
                os.utime(alive, (1, 1))
                self.until(lambda: alive.stat().st_mtime > 1000)
            self.assertFalse(alive.exists())
        finally:
            _lock.TOUCH_SECONDS = before

    def test_warnings_as_errors_do_not_end_the_training(self) -> None:
        with warnings.catch_warnings(), epochtree.session("m") as session:
            warnings.simplefilter("error")
            epoch = session.epoch()
            self.assertTrue(epoch.commit())
            self.assertFalse(epoch.commit())


if __name__ == "__main__":
    unittest.main()
