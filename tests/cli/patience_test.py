"""qctl waits for a server that is away, and says so: batches and `wait` through a restart."""

import json
import os
import signal
import tempfile
import threading
import unittest

from programs import FakeServer, Server, Terminal, eventually, run
from servers_test import TASK, problem


class PatienceTest(unittest.TestCase):
    def reading(self, process):
        """What the process says on standard error, as it comes."""
        said = []
        thread = threading.Thread(target=lambda: said.extend(iter(process.stderr.readline, "")))
        thread.start()
        self.addCleanup(lambda: (process.kill(), process.wait(), thread.join(),
                                 process.stderr.close(), process.stdout.close()))
        return lambda: "".join(said)

    def batch_file(self, lines):
        file = self.enterContext(tempfile.NamedTemporaryFile("w", suffix=".ndjson"))
        file.write("".join(line + "\n" for line in lines))
        file.flush()
        return file.name

    def test_a_batch_without_a_server_says_so_and_goes_on_when_it_is_there(self):
        server = self.enterContext(Server())
        server.kill()
        batch = server.start("submit", "--batch", self.batch_file(['{"type": "t"}'] * 3))
        said = self.reading(batch)
        eventually(lambda: "cannot connect" in said(), "the reason on standard error")
        self.assertIn("trying again for up to 5m", said())
        server.start_again()
        self.assertEqual(batch.wait(30), 0)
        eventually(lambda: "the server answers again" in said(), "the end of the trouble is said")
        self.assertEqual(server.json("queues")[0]["counts"]["ready"], 3)

    def test_a_batch_whose_server_stays_away_ends_with_exit_4(self):
        with Server() as gone:
            url = gone.url
        done = run("submit", "--batch", self.batch_file(['{"type": "t"}']), "--patience", "200ms",
                   QUERN_SERVER=url, status=4)
        self.assertIn("Nothing of it is known to be on the server yet", done.stderr)

    def test_a_silent_server_is_mentioned_where_there_is_no_terminal(self):
        def answer(method, target, _):
            return (200, {"version": "1", "durability": "fsync", "limits": {}}) \
                if target == "/info" else None
        server = self.enterContext(FakeServer(answer))
        path = self.batch_file(['{"type": "t"}'])
        done = run("submit", "--batch", path, "--patience", "4s", QUERN_SERVER=server.url, status=4)
        self.assertIn(f"qctl: {server.url} has not answered yet; waiting up to 4s", done.stderr)
        as_json = run("submit", "--batch", path, "--patience", "4s", "--json",
                      QUERN_SERVER=server.url, status=4)
        self.assertEqual(json.loads(as_json.stderr)["code"], "unreachable")

    def test_wait_rides_through_a_restart(self):
        server = self.enterContext(Server())
        id = server.qctl("submit", "t", "-q", "w").stdout.strip()
        waiting = server.start("wait", id, "--timeout", "10m", "--json")
        told = server.start("wait", id)
        said = self.reading(told)
        self.addCleanup(lambda: (waiting.kill(), waiting.communicate()))
        server.kill()
        eventually(lambda: "trying again for up to 5m" in said(), "a notice on standard error")
        server.start_again()
        worker = server.start("work", "-q", "w", "--", "true")
        self.addCleanup(lambda: (worker.kill(), worker.communicate()))
        out, err = waiting.communicate(timeout=30)
        self.assertEqual((waiting.returncode, err), (0, ""))
        self.assertEqual(json.loads(out)["state"], "succeeded")
        self.assertEqual(told.wait(30), 0)

    def test_wait_gives_up_on_an_absent_server_when_its_time_is_over(self):
        with Server() as gone:
            url = gone.url
        for flags in (["--timeout", "300ms"], ["--patience", "300ms"]):
            done = run("wait", TASK["id"], *flags, QUERN_SERVER=url, status=4)
            self.assertIn("cannot connect", done.stderr)

    def test_wait_mentions_a_silent_server(self):
        server = self.enterContext(FakeServer(lambda *_: None))
        done = run("wait", TASK["id"], "--patience", "4s", QUERN_SERVER=server.url, status=4)
        self.assertIn(f"{server.url} has not answered yet", done.stderr)

    def test_a_refusal_is_not_waited_for(self):
        server = self.enterContext(FakeServer(lambda *_: problem(403, "forbidden", "not yours")))
        run("wait", TASK["id"], QUERN_SERVER=server.url, status=1)
        run("submit", "--batch", self.batch_file(['{"type": "t"}']), QUERN_SERVER=server.url,
            status=1)

    def test_a_wait_that_runs_out_says_how_the_task_stands(self):
        server = self.enterContext(Server())
        done = server.qctl("submit", "t", "--wait", "100ms", status=5)
        self.assertIn("is not finished after 100ms: it is ready, with 0 of 5 attempts begun",
                      done.stderr)
        id = json.loads(server.qctl("submit", "t", "--json").stdout)["id"]
        done = server.qctl("wait", id, "--timeout", "100ms", "--json", status=5)
        self.assertEqual(json.loads(done.stderr)["code"], "not_in_time")
        self.assertEqual(json.loads(done.stdout)["state"], "ready")

    def test_a_submit_whose_waiting_fails_tells_the_id(self):
        def answer(method, *_):
            return (202, TASK) if method == "POST" else problem(403, "forbidden", "not for you")
        server = self.enterContext(FakeServer(answer))
        done = run("submit", "t", "--wait", "10s", QUERN_SERVER=server.url, status=1)
        self.assertIn(f"task {TASK['id']} is submitted, but waiting for it failed: not for you",
                      done.stderr)

    def test_a_slow_producer_is_not_kept_waiting_and_the_server_not_blamed(self):
        server = self.enterContext(Server())
        folder = self.enterContext(tempfile.TemporaryDirectory())
        fifo = os.path.join(folder, "lines")
        os.mkfifo(fifo)
        bar = Terminal("submit", "t", "--batch", fifo, "--payloads", QUERN_SERVER=server.url)
        self.addCleanup(bar.close)
        with open(fifo, "w") as out:
            for count in (1, 2):
                out.write(f"{count}\n")
                out.flush()
                bar.read_until(f"\r{count} task")  # though the source stays open
            bar.read_until("waiting for input for 3 s")
        self.assertEqual(bar.status(), 0)
        self.assertNotIn(b"no answer", bar.seen)
        self.assertIn(b"2 tasks are on the server", bar.seen)

    def test_a_submit_that_waits_rides_through_an_absence_and_submits_once(self):
        server = self.enterContext(Server())
        server.kill()
        waiting = server.start("submit", "t", "-q", "w", "--wait", "10m")
        said = self.reading(waiting)
        patient = server.start("submit", "t", "-q", "other", "--patience", "10m", "--json")
        self.addCleanup(lambda: (patient.kill(), patient.communicate()))
        eventually(lambda: "trying again for up to 5m" in said(), "a notice on standard error")
        self.assertIsNone(patient.poll())
        server.start_again()
        out, err = patient.communicate(timeout=30)
        self.assertEqual((patient.returncode, err), (0, ""))
        self.assertEqual(json.loads(out)["queue"], "other")
        worker = server.start("work", "-q", "w", "--", "true")
        self.addCleanup(lambda: (worker.kill(), worker.communicate()))
        self.assertEqual(waiting.wait(30), 0)
        counts = {queue["name"]: queue["counts"] for queue in server.json("queues")}
        self.assertEqual((counts["w"]["succeeded"], counts["other"]["ready"]), (1, 1))

    def test_a_submit_waits_for_a_full_queue_and_repeats_with_one_key(self):
        keys = []

        def answer(method, target, body):
            if method == "GET":
                return 200, {**TASK, "state": "succeeded"}
            keys.append(json.loads(body)["idempotency_key"])
            return (202, TASK) if len(keys) == 5 else problem(429, "queue_full", "no room")
        server = self.enterContext(FakeServer(answer))
        for flags in (["--wait", "10m"], ["--patience", "10m"]):
            keys.clear()
            run("submit", "t", *flags, QUERN_SERVER=server.url)
            self.assertEqual((len(keys), len(set(keys))), (5, 1))

    def test_a_submit_gives_up_when_its_time_is_over(self):
        with Server() as gone:
            url = gone.url
        for flags in (["--wait", "300ms"], ["--patience", "300ms"],
                      ["--wait", "10m", "--patience", "300ms"]):
            done = run("submit", "t", *flags, QUERN_SERVER=url, status=4)
            self.assertIn("cannot connect", done.stderr)

    def test_ctrl_c_while_a_submit_waits_leaves_the_id_behind(self):
        server = self.enterContext(Server())
        for queue, flags in (("w", []), ("json", ["--json"])):
            waiting = server.start("submit", "t", "-q", queue, "--wait", "10m", *flags)
            said = self.reading(waiting)
            eventually(lambda: "; waiting up to 10m" in said(), "what is waited for")
            waiting.send_signal(signal.SIGINT)
            self.assertEqual(waiting.wait(30), -signal.SIGINT)
            id = server.json("list", "-q", queue)[0]["id"]
            self.assertEqual(said(), f"Submitted {id}; waiting up to 10m\n")


if __name__ == "__main__":
    unittest.main()
