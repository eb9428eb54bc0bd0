"""qctl's profiles, trace, and what scripts read."""

import json
import os
import re
import tempfile
import unittest

from programs import FakeServer, Server, Terminal, run


class LookTest(unittest.TestCase):
    def setUp(self):
        self.server = self.enterContext(Server())
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.config = folder.name
        os.mkdir(os.path.join(self.config, "quern"))

    def profiles(self, text):
        with open(os.path.join(self.config, "quern", "qctl.toml"), "w") as out:
            out.write(text)

    def qctl(self, *arguments, status=0, server=""):
        return self.server.qctl(*arguments, status=status, XDG_CONFIG_HOME=self.config,
                                QUERN_SERVER=server)

    def test_a_profile_names_the_server_and_gives_way_to_the_environment_unless_it_is_named(self):
        self.profiles(f'default = "here"\n[profiles.here]\nserver = "{self.server.url}"\n')
        self.assertIn("profile here", self.qctl("info").stdout)
        self.qctl("info", server="http://127.0.0.1:1", status=4)
        self.qctl("info", "--profile", "here", server="http://127.0.0.1:1")
        self.assertIn("[profiles.other]", self.qctl("info", "--profile", "other", status=2).stderr)

    def test_a_token_in_the_configuration_is_refused(self):
        self.profiles(f'[profiles.p]\nserver = "{self.server.url}"\ntoken = "secret"\n')
        refused = self.qctl("info", "--profile", "p", status=2).stderr
        self.assertIn("qctl.toml:3", refused)
        self.assertIn("token_file", refused)
        self.assertNotIn("secret", refused)

    def test_trace_shows_follow_ups_below_the_task_that_submitted_them(self):
        root = self.server.qctl("submit", "place_order", "--correlation-id", "op").stdout.strip()
        # The key that the SDK's Context::submit makes for a follow-up.
        child = self.server.qctl("submit", "send_mail", "-q", "mails", "--correlation-id", "op",
                                 "--key", f"{root}:0:0").stdout.strip()
        text = self.server.qctl("trace", "op").stdout
        self.assertRegex(text, r"op  2 tasks: 2 ready; begun ")
        self.assertRegex(text, r"\n\+0\.\d{3}s  place_order in default  ready .*\n")
        self.assertRegex(text, r"\n\+\d+\.\d{3}s  └─ send_mail in mails  ready .*\n")
        tasks = self.server.json("trace", child)  # by one of its tasks
        self.assertEqual([(task["id"], task.get("parent_id")) for task in tasks],
                         [(root, None), (child, root)])
        self.server.qctl("trace", "nothing", status=3)

    def test_one_task_that_is_refused_keeps_no_other_from_being_cancelled(self):
        ids = [self.server.qctl("submit", "t").stdout.strip() for _ in range(3)]
        self.server.qctl("cancel", ids[1])
        done = self.server.qctl("cancel", *ids, status=1)
        self.assertEqual(done.stdout.count("Cancelled"), 2)
        self.assertEqual(len(done.stderr.splitlines()), 1)
        self.assertEqual(self.server.json("get", ids[2])[0]["state"], "cancelled")

    def test_dead_tasks_are_filtered_in_few_requests_and_up_to_the_limit(self):
        asked = []

        def answer(_, target, __):  # every second one matches
            asked.append(target)
            tasks = [{"id": f"019a9f3c-7d11-7000-8000-{len(asked) * 1000 + i:012}", "queue": "w",
                      "type": "ab"[i % 2], "state": "dead", "dead_reason": "expired"}
                     for i in range(int(re.search(r"limit=(\d+)", target)[1]))]
            return 200, {"tasks": tasks, "next_cursor": "on" if len(asked) < 50 else None}
        with FakeServer(answer) as fake:
            listed = run("dead", "list", "w", "--type", "a", "--limit", "750", "--json",
                         QUERN_SERVER=fake.url)
        self.assertEqual(listed.stdout.count("\n"), 750)
        self.assertEqual(len(asked), 2)
        self.assertEqual(json.loads(listed.stderr), {"more": True})

    def submit_follow_ups(self, parent, count):
        lines = (json.dumps({"type": "send_mail", "queue": "mails", "correlation_id": "op",
                             "idempotency_key": f"{parent}:0:{i}"}) for i in range(count))
        self.server.qctl("submit", "--batch", "-", input="\n".join(lines))

    def test_a_trace_of_many_tasks_is_short_on_a_terminal_and_whole_elsewhere(self):
        root = self.server.qctl("submit", "place_order", "--correlation-id", "op").stdout.strip()
        self.submit_follow_ups(root, 1_000)
        whole = self.server.qctl("trace", "op").stdout.splitlines()
        self.assertEqual(len(whole), 1 + 1_001)
        self.assertIn("1,001 tasks: 1,001 ready", whole[0])
        shown = self.terminal("trace", "op")
        self.assertEqual(len(shown), 14)  # head, root, ten, their number, how to see all
        self.assertRegex(shown[-2], r"└─ … 990 more send_mail in mails  ready$")
        self.assertIn("--all", shown[-1])
        self.assertLess(max(map(len, shown)), 81)
        self.assertEqual(len(self.terminal("trace", "op", "--all")), len(whole))

    def test_a_trace_of_a_long_chain_stays_on_the_screen(self):
        parent = ""
        for i in range(12):
            key = ("--key", f"{parent}:0:0") if parent else ()
            parent = self.server.qctl("submit", f"step{i}", "--correlation-id", "op",
                                      *key).stdout.strip()
        shown = self.terminal("trace", "op")
        self.assertRegex(shown[12], r"└─ \(level 11\) step11 in default")
        self.assertLess(max(map(len, shown)), 81)

    def terminal(self, *arguments):
        seen = Terminal(*arguments, NO_COLOR="1", QUERN_SERVER=self.server.url)
        self.addCleanup(seen.close)
        self.assertEqual(seen.status(), 0)
        return seen.seen.decode().splitlines()

    def test_json_is_one_line_whatever_the_payload(self):
        id = self.server.qctl("submit", "t", '{\n "a": "b\\n"\n}').stdout.strip()
        self.assertEqual(self.server.qctl("get", id, "--json").stdout.count("\n"), 1)
        self.assertEqual(self.server.json("get", id)[0]["payload"], {"a": "b\n"})

    def test_waiting_in_vain_has_an_exit_status_of_its_own(self):
        id = self.server.qctl("submit", "t").stdout.strip()
        self.server.qctl("wait", id, "--timeout", "10ms", status=5)


if __name__ == "__main__":
    unittest.main()
