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

    def assert_ends_at(self, line, why, *flags, count):
        done = self.server.qctl("submit", "--batch", self.path, *flags, status=1)
        self.assertIn(f"qctl: line {line}: ", done.stderr)
        self.assertIn(why, done.stderr)
        self.assertIn(f"Lines 1 to {line - 1} are on the server", done.stderr)
        self.assertIn(f"--from-line {line} skips", done.stderr)
        self.assertEqual(self.ready(), count)

    def test_a_line_that_only_the_server_refuses_keeps_none_before_it_away(self):
        wrong = {"two times": '{"type": "t", "delay_ms": 5, "run_at": "2030-01-01T00:00:00Z"}',
                 "deep": '{"type": "t", "payload": %s}' % ("[" * 62 + "]" * 62),
                 "large": '{"type": "t", "payload": "%s"}' % ("x" * (1 << 20))}
        why = {"two times": "cannot be given together", "deep": "nested too deeply",
               "large": "/payload has 1,048,578 bytes"}
        for index, name in enumerate(wrong):
            with self.subTest(name):
                lines = [json.dumps({"type": "t", "payload": i}) for i in range(1_500)]
                self.write(lines[:1_234] + [wrong[name]] + lines[1_235:])
                self.assert_ends_at(1_235, why[name], "--key-prefix", name,
                                    count=1_500 * index + 1_234)
                self.write(lines)  # corrected in its place
                self.server.qctl("submit", "--batch", self.path, "--key-prefix", name)
                self.assertEqual(self.ready(), 1_500 * (index + 1))

    def test_a_key_that_another_task_has_is_found_by_halves(self):
        self.server.qctl("submit", "t", "1", "--key", "taken")
        lines = [json.dumps({"type": "t", "payload": i}) for i in range(700)]
        lines[611] = '{"type": "t", "payload": 2, "idempotency_key": "taken"}'
        self.write(lines)
        self.assert_ends_at(612, "/idempotency_key names another task", count=612)

    def test_a_queue_with_room_for_some_takes_those(self):
        self.server.qctl("queue", "set", "default", "--max-backlog", "650")
        self.write(json.dumps({"type": "t", "payload": i}) for i in range(900))
        self.assert_ends_at(651, "max_backlog", "--patience", "100ms", count=650)
        self.server.qctl("queue", "set", "default", "--max-backlog", "none")
        self.server.qctl("submit", "--batch", self.path)
        self.assertEqual(self.ready(), 900)

    def test_a_line_that_is_too_long_ends_it_like_a_wrong_one(self):
        self.write(['{"type": "t"}', " " * (16 * 1024 * 1024) + "x"])
        done = self.server.qctl("submit", "--batch", self.path, status=2)
        self.assertIn("line 2: longer than", done.stderr)
        self.assertIn("Lines 1 to 1 are on the server", done.stderr)
        self.assertEqual(self.ready(), 1)

    def test_a_too_long_key_prefix_is_a_usage_error(self):
        self.write(['{"type": "t"}'])
        for prefix in ("x" * 250, "é", ""):
            self.server.qctl("submit", "--batch", self.path, "--key-prefix", prefix, status=2)

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
