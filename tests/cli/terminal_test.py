"""qctl as a person sees it: through a pseudo-terminal."""

import json
import os
import tempfile
import unittest

from programs import FakeServer, Server, Terminal, eventually
from servers_test import TASK


class TerminalTest(unittest.TestCase):
    def setUp(self):
        self.server = self.enterContext(Server())

    def terminal(self, *arguments, **extra):
        terminal = Terminal(*arguments, QUERN_SERVER=self.server.url, **extra)
        self.addCleanup(terminal.close)
        return terminal

    def ready(self):
        return self.server.json("queue", "get", "w")[0]["counts"]["ready"]

    def test_a_purge_says_how_many_and_asks(self):
        for _ in range(3):
            self.server.qctl("submit", "t", "-q", "w")
        asked = self.terminal("queue", "purge", "w", "--state", "ready")
        asked.read_until("deletes 3 tasks (ready) of queue w, and what else is in that state when ")
        asked.send("n\n")
        self.assertEqual(asked.status(), 1)
        self.assertEqual(self.ready(), 3)
        asked = self.terminal("queue", "purge", "w", "--state", "ready")
        asked.read_until("[y/N]")
        asked.send("y\n")
        self.assertEqual(asked.status(), 0)
        self.assertEqual(self.ready(), 0)

    def test_a_worker_says_what_it_waits_for_and_ctrl_c_ends_it(self):
        worker = self.terminal("work", "-q", "w", "--", "true")
        worker.read_until("Working on w. Ctrl-C ends it in order")
        self.server.qctl("submit", "t", "-q", "w")
        worker.read_until("succeeded")  # so it is past its start
        worker.send("\x03")
        self.assertEqual(worker.status(), 0)

    def test_there_is_no_question_about_nothing(self):
        self.server.qctl("queue", "set", "w", "--lease", "1m")
        for command in (["queue", "purge", "w", "--state", "ready"],
                        ["dead", "discard", "w", "--all"]):
            asked = self.terminal(*command)
            self.assertEqual(asked.status(), 0)
            self.assertIn(b"There is nothing to do", asked.seen)
            self.assertNotIn(b"[y/N]", asked.seen)

    def test_a_discard_counts_what_its_filter_matches(self):
        for type in ("good", "bad", "bad"):
            self.server.qctl("submit", type, "-q", "w")
        worker = self.server.start("work", "-q", "w", "--", "sh", "-c", "exit 65")
        self.addCleanup(lambda: (worker.kill(), worker.communicate()))
        eventually(lambda: len(self.server.json("dead", "list", "w")) == 3, "three are dead")
        asked = self.terminal("dead", "discard", "w", "--type", "bad")
        asked.read_until("discards 2 tasks of the dead-letter queue of w for good. Continue?")
        asked.send("y\n")
        self.assertEqual(asked.status(), 0)
        left = self.server.json("dead", "list", "w")
        self.assertEqual([task["type"] for task in left], ["good"])
        self.assertIn("exit_65", self.server.qctl("dead", "show", left[0]["id"]).stdout)

    def test_what_dies_while_a_person_thinks_is_not_discarded(self):
        worker = self.server.start("work", "-q", "w", "--", "sh", "-c", "exit 65")
        self.addCleanup(lambda: (worker.kill(), worker.communicate()))
        self.server.qctl("submit", "t", "-q", "w")
        eventually(lambda: len(self.server.json("dead", "list", "w")) == 1, "one is dead")
        asked = self.terminal("dead", "discard", "w", "--before", "2099-01-01T00:00:00Z")
        asked.read_until("discards 1 task of")
        self.server.qctl("submit", "t", "-q", "w")
        eventually(lambda: len(self.server.json("dead", "list", "w")) == 2, "another is dead")
        asked.send("y\n")
        self.assertEqual(asked.status(), 0)
        self.assertEqual(len(self.server.json("dead", "list", "w")), 1)

    def dead(self, *types):
        for type in types:
            self.server.qctl("submit", type, "-q", "w")
        worker = self.server.start("work", "-q", "w", "--", "sh", "-c", "exit 65")
        self.addCleanup(lambda: (worker.kill(), worker.communicate()))
        eventually(lambda: len(self.server.json("dead", "list", "w")) >= len(types) and
                   self.ready() == 0, "all are dead")
        worker.kill()
        worker.wait()

    def test_anything_but_a_yes_is_a_no(self):
        self.dead("t", "t")
        self.server.qctl("submit", "t", "-q", "w")
        for command in (["queue", "purge", "w", "--state", "ready"],
                        ["queue", "delete", "w", "--force"],
                        ["dead", "discard", "w", "--all"],
                        ["dead", "redrive", "w", "--all"]):
            for answer in ("\r", "n\r", "\x04", "ja\r"):
                with self.subTest(command=command, answer=answer):
                    asked = self.terminal(*command)
                    asked.read_until("Continue? [y/N]")
                    asked.send(answer)
                    self.assertEqual(asked.status(), 1)
                    self.assertIn(b"Nothing was done.", asked.seen)
        counts = self.server.json("queue", "get", "w")[0]["counts"]
        self.assertEqual((counts["ready"], counts["dead"]), (1, 2))

    def test_a_forced_delete_says_what_goes_with_the_queue(self):
        self.dead("t", "t")
        self.server.qctl("submit", "t", "-q", "w")
        asked = self.terminal("queue", "delete", "w", "--force")
        asked.read_until("deletes queue w, its settings and its 3 tasks (1 ready, 2 dead) for good. "
                         "Continue? [y/N]")
        asked.send("yes\r")
        self.assertEqual(asked.status(), 0)
        self.server.qctl("queue", "get", "w", status=3)

    def test_a_queue_that_is_not_empty_is_not_asked_about_without_force(self):
        self.server.qctl("submit", "t", "-q", "w")
        refused = self.terminal("queue", "delete", "w")
        self.assertEqual(refused.status(), 1)
        self.assertNotIn(b"[y/N]", refused.seen)
        self.assertIn(b"--force", refused.seen)

    def test_a_redrive_of_many_asks_a_person_and_lets_a_script_go_ahead(self):
        self.dead("good", "bad", "bad")
        asked = self.terminal("dead", "redrive", "w", "--type", "bad", "--to-queue", "again")
        asked.read_until("runs 2 tasks of the dead-letter queue of w again, in queue again")
        asked.send("y\r")
        self.assertEqual(asked.status(), 0)
        self.assertEqual(self.server.json("queue", "get", "again")[0]["counts"]["ready"], 2)
        self.assertIn("Redriven 1 task\n", self.server.qctl("redrive", "w", "--all").stdout)
        self.dead("last")
        self.assertEqual(len(self.server.json("dead", "list", "w")), 2)  # the redriven one, too
        unasked = self.terminal("redrive", "w", "--all", "--yes")
        self.assertEqual(unasked.status(), 0)
        self.assertNotIn(b"[y/N]", unasked.seen)

    def test_a_redrive_of_single_tasks_refuses_what_it_cannot_do(self):
        task = self.server.json("submit", "t", "-q", "w")[0]["id"]
        for option in (["--to-queue", "other"], ["--rate", "1"]):
            refused = self.server.qctl("redrive", task, *option, status=2)
            self.assertIn("queue's name", refused.stderr)

    def test_without_a_terminal_or_yes_nothing_is_removed(self):
        self.server.qctl("submit", "t", "-q", "w")
        self.server.qctl("submit", "t", "-q", "dead")
        worker = self.server.start("work", "-q", "dead", "--", "sh", "-c", "exit 65")
        self.addCleanup(lambda: (worker.kill(), worker.communicate()))
        eventually(lambda: len(self.server.json("dead", "list", "dead")) == 1, "one is dead")
        for command in (["queue", "purge", "w", "--state", "ready"],
                        ["queue", "delete", "w", "--force"],
                        ["dead", "discard", "dead", "--all"]):
            self.assertIn("--yes", self.server.qctl(*command, status=2).stderr)
        self.assertEqual(len(self.server.json("dead", "list", "dead")), 1)
        self.assertEqual(self.server.json("queue", "get", "w")[0]["counts"]["ready"], 1)
        self.server.qctl("queue", "delete", "w", "--force", "--yes")
        self.server.qctl("queue", "get", "w", status=3)

    def test_colours_are_for_terminals_and_not_with_no_color(self):
        self.server.qctl("submit", "t", "-q", "w")
        coloured = self.terminal("queues")
        coloured.status()
        self.assertIn(b"\x1b[1m", coloured.seen)
        plain = self.terminal("queues", NO_COLOR="1")
        plain.status()
        self.assertNotIn(b"\x1b", plain.seen)
        self.assertIn(b"QUEUE", plain.seen)
        self.assertNotIn("\x1b", self.server.qctl("queues").stdout)

    def test_ctrl_c_in_a_batch_says_how_to_go_on(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        fifo = os.path.join(folder.name, "endless")
        os.mkfifo(fifo)
        batch = self.terminal("submit", "t", "--batch", fifo, "--payloads")
        with open(fifo, "w") as out:
            out.writelines(f"{i}\n" for i in range(1000))
            out.flush()
            batch.read_until("1,000 tasks")
            batch.send("\x03")
            self.assertEqual(batch.status(), 130)
        self.assertIn(b"Lines 1 to 1000 are on the server", batch.seen)

    def test_ids_that_name_no_dead_task_are_said_and_are_exit_3(self):
        self.dead("t", "t")
        first, second = (task["id"] for task in self.server.json("dead", "list", "w"))
        live = self.server.json("submit", "t", "-q", "w")[0]["id"]
        for command in (["dead", "redrive", "w", live], ["dead", "discard", "w", live, "--yes"]):
            done = self.server.qctl(*command, status=3)
            self.assertIn("0 tasks\n", done.stdout)
            self.assertIn("1 of the 1 id named no task", done.stderr)
        asked = self.terminal("dead", "discard", "w", live)
        self.assertEqual(asked.status(), 3)
        self.assertNotIn(b"[y/N]", asked.seen)
        done = self.server.qctl("dead", "discard", "w", first, live, "--yes", "--json", status=3)
        self.assertEqual(json.loads(done.stdout), {"discarded": 1})
        self.assertEqual(json.loads(done.stderr)["code"], "task_not_found")
        done = self.server.qctl("dead", "redrive", "w", second, second)
        self.assertEqual((done.stdout, done.stderr), ("Redriven 1 task\n", ""))

    def test_the_question_about_ids_is_of_those_that_are_dead(self):
        self.dead("t", "t", "t")
        ids = [task["id"] for task in self.server.json("dead", "list", "w")]
        live = self.server.json("submit", "t", "-q", "w")[0]["id"]
        asked = self.terminal("dead", "discard", "w", ids[0], ids[1], ids[1], live)
        asked.read_until("discards 2 tasks of the dead-letter queue of w for good. Continue?")
        asked.send("y\n")
        self.assertEqual(asked.status(), 3)
        self.assertEqual([task["id"] for task in self.server.json("dead", "list", "w")], ids[2:])

    def test_the_question_about_ids_does_not_read_the_queue(self):
        seen = []

        def answer(method, target, _):
            seen.append(target)
            dead = {**TASK, "state": "dead", "finished_at": "2026-11-23T09:12:00.000Z"}
            return (200, {"tasks": [dead], "next_cursor": "endless"}) if "/dead" in target else \
                (200, {**dead, "queue": "w"})
        fake = self.enterContext(FakeServer(answer))
        asked = Terminal("dead", "discard", "w", TASK["id"], QUERN_SERVER=fake.url)
        self.addCleanup(asked.close)
        asked.read_until("discards 1 task of")
        self.assertEqual(seen, ["/queues/w/dead?limit=1", f"/tasks/{TASK['id']}"])

    def test_a_long_count_is_mentioned(self):
        def answer(method, target, _):
            more = None if b"counting" in asked.seen else "next"
            dead = {**TASK, "state": "dead", "finished_at": "2026-11-23T09:12:00.000Z"}
            return 200, {"tasks": [dead], "next_cursor": more}
        fake = self.enterContext(FakeServer(answer))
        asked = Terminal("dead", "discard", "w", "--type", "t", QUERN_SERVER=fake.url)
        self.addCleanup(asked.close)
        asked.read_until("qctl: counting the dead tasks that match")
        asked.read_until("Continue? [y/N]")
        asked.send("n\n")
        self.assertEqual(asked.status(), 1)


if __name__ == "__main__":
    unittest.main()
