"""qctl submit --batch: any size, wrong lines, and going on after a kill."""

import json
import os
import signal
import tempfile
import unittest

from programs import Server, eventually

LINES = 60_000


class BatchTest(unittest.TestCase):
    def setUp(self):
        self.server = self.enterContext(Server())
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, "tasks.ndjson")

    def write(self, lines):
        with open(self.path, "w") as out:
            out.writelines(line + "\n" for line in lines)

    def ready(self):
        queues = self.server.json("queues")
        return queues[0]["counts"]["ready"] if queues else 0

    def test_after_a_kill_the_same_command_submits_each_line_once(self):
        self.write(json.dumps({"type": "t", "payload": i}) for i in range(LINES))
        first = self.server.start("submit", "--batch", self.path)
        eventually(self.ready, "the first lines are on the server")
        first.send_signal(signal.SIGKILL)
        first.communicate()
        self.server.qctl("submit", "--batch", self.path)
        self.assertEqual(self.ready(), LINES)
        self.server.qctl("submit", "--batch", self.path, "--key-prefix", "again")
        self.assertEqual(self.ready(), 2 * LINES)

    def test_equal_lines_are_two_tasks_and_a_repeat_none(self):
        self.write(['{"type": "t"}', "", '{"type": "t"}'])
        for _ in range(2):
            self.server.qctl("submit", "--batch", self.path)
        self.assertEqual(self.ready(), 2)

    def test_a_wrong_line_is_named_and_those_before_it_are_submitted(self):
        self.write(['{"type": "t"}', '{"type": "t", "priority": 10}', '{"type": "t"}'])
        done = self.server.qctl("submit", "--batch", self.path, status=1)
        self.assertIn("line 2: /priority", done.stderr)
        self.assertIn("Lines 1 to 1 are on the server", done.stderr)
        self.assertEqual(self.ready(), 1)
        self.write(['{"type": "t"}', '{"type": "t", "priority": 9}', '{"type": "t"}'])
        self.server.qctl("submit", "--batch", self.path)
        self.assertEqual(self.ready(), 3)

    def test_a_line_that_is_too_long_ends_it_like_a_wrong_one(self):
        self.write(['{"type": "t"}', " " * (16 * 1024 * 1024) + "x"])
        done = self.server.qctl("submit", "--batch", self.path, status=2)
        self.assertIn("line 2: longer than", done.stderr)
        self.assertIn("Lines 1 to 1 are on the server", done.stderr)
        self.assertEqual(self.ready(), 1)

    def test_payloads_without_a_type_are_a_usage_error(self):
        done = self.server.qctl("submit", "--batch", "-", "--payloads", input="1\n", status=2)
        self.assertIn("name the type", done.stderr)
        self.assertIn("no command qeue", self.server.qctl("qeue", status=2).stderr)

    def test_lines_can_be_payloads_from_standard_input_and_json_comes_back_in_order(self):
        done = self.server.qctl("submit", "t", "--batch", "-", "--payloads", "--json",
                                input='{"n": 1}\n2\n')
        ids = [json.loads(line)["id"] for line in done.stdout.splitlines()]
        self.assertEqual([self.server.json("get", id)[0]["payload"] for id in ids], [{"n": 1}, 2])


if __name__ == "__main__":
    unittest.main()
