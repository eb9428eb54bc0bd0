"""The tables of list, dead list and queues: whole in a pipe, made to fit on a terminal."""

import json
import re
import unittest

from programs import FakeServer, Terminal, run

TYPES = ("send_email", "rebuild_search_index_for_every_tenant", "t")
ERROR = {"type": "SmtpTimeout", "message": "connection to smtp.example.com timed out after 30 s",
         "details": {"code": 421}}
WIDTHS = (40, 50, 60, 72, 80, 100, 132)


def task(number, state):
    found = {"id": f"019a9f3c-7d11-7000-8000-{number:012}", "queue": "documents:tenant-4711",
             "type": TYPES[number % 3], "state": state, "attempts": 5, "max_attempts": 5,
             "created_at": "2026-11-23T09:10:00.123Z"}
    if state == "dead":
        found |= {"dead_reason": "max_attempts", "finished_at": "2026-11-23T09:12:00.000Z",
                  "last_error": ERROR}
    return found


def queue(number):
    counts = dict.fromkeys(("blocked", "scheduled", "ready", "running", "retrying", "dead",
                            "succeeded", "cancelled"), 1_234_567 // (number + 1))
    return {"name": f"documents-to-index:tenant-{number:04}", "counts": counts,
            "oldest_ready_age_ms": 720_000, "paused": number == 1}


class TablesTest(unittest.TestCase):
    def setUp(self):
        self.pages, self.page_size = 1, 3
        self.fake = self.enterContext(FakeServer(self.answer))

    def answer(self, _, target, __):
        """The cursor is the number of the next page."""
        seen = re.search(r"cursor=(\d+)", target)
        page = int(seen[1]) if seen else 0
        following = {"next_cursor": str(page + 1) if page + 1 < self.pages else None}
        numbers = range(self.page_size * page, self.page_size * (page + 1))
        if target.startswith("/queues?") or target == "/queues":
            return 200, {"queues": [queue(number) for number in numbers], **following}
        if target.startswith("/tasks/"):
            return 200, {**task(1, "dead"), "failures": [
                {"attempt": 5, "at": "2026-11-23T09:12:00.000Z", "worker_id": "w", "error": ERROR}]}
        state = "dead" if "/dead" in target else "retrying"
        return 200, {"tasks": [task(number, state) for number in numbers], **following}

    def terminal(self, columns, *arguments):
        seen = Terminal(*arguments, columns=columns, NO_COLOR="1", QUERN_SERVER=self.fake.url)
        self.addCleanup(seen.close)
        self.assertEqual(seen.status(), 0)
        return seen.seen.decode().splitlines()

    def piped(self, *arguments):
        return run(*arguments, QUERN_SERVER=self.fake.url).stdout.splitlines()

    def test_the_last_error_of_a_task_is_whole_however_narrow_the_terminal(self):
        lines = self.terminal(60, "get", task(1, "dead")["id"])
        self.assertIn(f"last error      {ERROR['type']}: {ERROR['message']}", lines)
        self.assertIn(f"error details   {json.dumps(ERROR['details'])}", lines)

    def test_every_width_gets_one_line_a_task_and_whole_ids(self):
        for command in (["list", "-q", "w"], ["list", "--correlation-id", "op"],
                        ["dead", "list", "w"]):
            for columns in WIDTHS:
                with self.subTest(command=command, columns=columns):
                    lines = self.terminal(columns, *command)
                    self.assertEqual(len(lines), 4)
                    self.assertLessEqual(max(map(len, lines)), columns)
                    for number, line in enumerate(lines[1:]):
                        self.assertEqual(line.split()[0], task(number, "ready")["id"])

    def test_what_matters_most_is_there_at_80_columns_and_still_at_40(self):
        titles = {columns: self.terminal(columns, "list", "-q", "w")[0].split()
                  for columns in (40, 80)}
        self.assertEqual(titles[80][:3], ["ID", "TYPE", "STATE"])
        self.assertEqual(titles[40], ["ID", "STA"])
        self.assertIn("retrying", self.terminal(80, "list", "-q", "w")[1])
        self.assertTrue(self.terminal(40, "list", "-q", "w")[1].endswith(" ret"))
        self.assertIn("QUEUE", self.terminal(80, "list", "--correlation-id", "op")[0])
        self.assertIn("SmtpTimeout: con", self.terminal(80, "dead", "list", "w")[1])

    def test_queues_show_what_is_wrong_at_every_width(self):
        for columns in WIDTHS:
            with self.subTest(columns=columns):
                lines = self.terminal(columns, "queues")
                self.assertLessEqual(max(map(len, lines)), columns)
                self.assertTrue({"QUEUE", "READY", "DEAD"} <= set(lines[0].split()))
                self.assertTrue(lines[2].endswith(" paused") or columns == 40)
        self.assertEqual(self.terminal(80, "queues")[1].split()[0], queue(0)["name"])

    def test_a_pipe_gets_everything_whole(self):
        self.assertIn(TYPES[1], self.piped("list", "-q", "w")[2])
        self.assertTrue(self.piped("dead", "list", "w")[1].endswith(ERROR["message"]))
        self.assertEqual(self.piped("queues")[0].split(),
                         ["QUEUE", "READY", "RUNNING", "SCHEDULED", "RETRYING", "DEAD",
                          "SUCCEEDED", "CANCELLED", "OLDEST"])

    def test_many_pages_are_one_table(self):
        self.pages, self.page_size = 3, 700
        blank = {"list": "  STATE", "dead": "  REASON", "queues": "READY  "}
        for command in (["list", "-q", "w", "--all"], ["dead", "list", "w", "--all"],
                        ["dead", "list", "w", "--reason", "max_attempts", "--all"],
                        ["queues", "--all"]):
            with self.subTest(command=command):
                lines = self.piped(*command)
                self.assertEqual(len(lines), 1 + 2_100)
                self.assertEqual([line for line in lines[1:] if re.match("ID|QUEUE", line)], [])
                beside = lines[0].index(blank[command[0]]) + blank[command[0]].index("  ")
                self.assertEqual({line[beside:beside + 2] for line in lines}, {"  "})

    def test_pages_that_came_before_one_that_failed_are_shown(self):
        def answer(method, target, body):
            return (500, {}) if "cursor=2" in target else self.answer(method, target, body)
        self.pages = 5
        with FakeServer(answer) as fake:
            failed = run("list", "-q", "w", "--all", status=4, QUERN_SERVER=fake.url)
        self.assertEqual(len(failed.stdout.splitlines()), 1 + 6)


if __name__ == "__main__":
    unittest.main()
