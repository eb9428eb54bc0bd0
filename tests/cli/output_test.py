"""qctl for scripts: errors as JSON, mistakes on the command line, output that cannot be written."""

import json
import os
import signal
import socket
import subprocess
import tempfile
import unittest

from programs import QCTL, FakeServer, Server, environment, run
from servers_test import TASK

# Raw in a JSON string: DEL, a C1 control (CSI), a bidi override and an isolate.
HARMFUL = "a\x7fb\x9b31mc\u202ed\u2066e"


class OutputTest(unittest.TestCase):
    def error_of(self, *arguments, status, **extra):
        """What --json says on standard error: exactly one object."""
        done = run(*arguments, "--json", status=status, **extra)
        self.assertEqual(done.stdout, "")
        error = json.loads(done.stderr)
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        self.assertTrue(error["detail"])
        return error["code"]

    def test_with_json_every_error_is_one_object(self):
        for arguments in (["nonsense"], ["queues", "--nope"], ["get"], ["list"], ["submit"], [],
                          ["queues", "--limit", "0"], ["queues", "--color", "pink"],
                          ["submit", "t", "--delay", "5"], ["submit", "t", "@/no/such/file"],
                          ["submit", "--batch", "/no/such/file"], ["queues", "--server", "nowhere"],
                          ["queues", "--profile", "none"], ["queues", "--token-file", "/none"]):
            with self.subTest(arguments):
                self.assertEqual(self.error_of(*arguments, status=2), "usage")
        done = run("work", "-q", "w", "--json", "--", "/no/such/program", status=2)
        self.assertEqual(json.loads(done.stderr)["code"], "usage")

    def test_with_json_no_server_and_a_stranger_are_one_object(self):
        with socket.socket() as unused:  # bound, so that nobody else listens there; refuses
            unused.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{unused.getsockname()[1]}"
            self.assertEqual(self.error_of("queues", status=4, QUERN_SERVER=url), "unreachable")
        with FakeServer(lambda *_: (200, "<html>hello</html>")) as stranger:
            self.assertEqual(self.error_of("info", status=4, QUERN_SERVER=stranger.url),
                             "bad_response")

    def test_json_cannot_drive_a_terminal_and_stays_equal(self):
        raw = json.dumps({**TASK, "payload": {HARMFUL: HARMFUL + "é漢😀"}}, ensure_ascii=False)
        with FakeServer(lambda *_: (200, raw)) as server:
            out = run("get", TASK["id"], "--json", QUERN_SERVER=server.url).stdout
        self.assertEqual(json.loads(out)["payload"], {HARMFUL: HARMFUL + "é漢😀"})
        for character in "\x7f\x9b\u202e\u2066":
            self.assertNotIn(character, out)
        self.assertIn("é漢😀", out)
        self.assertIn("\\u202e", out)

    def test_output_that_cannot_be_written_is_an_error(self):
        with FakeServer(lambda *_: (200, TASK)) as server:
            for arguments in (["--help"], ["submit", "--help"], ["--version"], ["man"],
                              ["completions", "bash"], ["get", TASK["id"]]):
                with self.subTest(arguments), open("/dev/full", "w") as full:
                    done = subprocess.run([QCTL, *arguments], stdout=full, stderr=subprocess.PIPE,
                                          env=environment(QUERN_SERVER=server.url), text=True)
                    self.assertEqual(done.returncode, 1)
                    self.assertEqual(done.stderr, "qctl: the output could not be written\n")

    def test_closed_standard_output_is_noticed_and_never_the_servers_socket(self):
        with FakeServer(lambda *_: (200, TASK)) as server:
            done = subprocess.run([QCTL, "get", TASK["id"]], stderr=subprocess.PIPE, text=True,
                                  env=environment(QUERN_SERVER=server.url),
                                  preexec_fn=lambda: os.close(1))
        self.assertEqual((done.returncode, done.stderr),
                         (1, "qctl: the output could not be written\n"))

    def test_a_closed_pipe_ends_quietly(self):
        reading, writing = os.pipe()
        os.close(reading)
        for ignored in (False, True):  # by whoever started us
            done = subprocess.run([QCTL, "man"], stdout=writing, stderr=subprocess.PIPE,
                                  env=environment(), restore_signals=not ignored)
            self.assertEqual((done.returncode, done.stderr), (-signal.SIGPIPE, b""))
        os.close(writing)

    def test_what_is_mistyped_is_named(self):
        for arguments, said in ((["qeue"], "there is no command qeue"),
                                (["--json-lines"], "there is no option --json-lines"),
                                ([], "name a command"),
                                (["queue", "set", "w", "--lease", "none"], '"none" is no DURATION')):
            stderr = run(*arguments, status=2).stderr
            self.assertTrue(stderr.startswith("qctl: "), stderr)
            self.assertIn(said, stderr)

    def test_what_is_missing_is_named_with_the_usage(self):
        for arguments, said in (
                (["cancel"], "missing: ids; usage: qctl cancel [OPTIONS] ids..."),
                (["dead", "show"], "missing: id; usage: qctl dead show [OPTIONS] id"),
                (["queue"], "missing: a command; usage: qctl queue [OPTIONS] COMMAND"),
                (["work", "--", "true"], "missing: --queue; usage: qctl work --queue QUEUE"),
                (["work", "-q", "w"], "missing: a program behind --; usage: qctl work")):
            self.assertIn(f"qctl: {said}", run(*arguments, status=2).stderr)

    def test_a_number_out_of_range_is_told_the_range(self):
        for number in ("0", "1001", "-1", "x"):
            said = run("queues", f"--limit={number}", status=2).stderr
            self.assertIn(f'--limit: "{number}" is no whole number from 1 to 1000', said)

    def test_an_empty_value_is_not_taken_for_an_option_that_was_not_given(self):
        for option in ("--key", "--correlation-id", "--queue", "--server", "--profile",
                       "--token-file", "--ca-file", "--batch"):
            with self.subTest(option):
                said = run("submit", *(["t"] if option != "--batch" else []), option, "",
                           status=2).stderr
                self.assertIn(f"{option}: must not be empty", said)

    def test_a_token_on_the_command_line_is_refused_and_not_repeated(self):
        for arguments in (["queues", "--token", "s3cret"], ["--token=s3cret", "queues"]):
            said = run(*arguments, status=2).stderr
            self.assertIn("--token-file", said)
            self.assertNotIn("s3cret", said)

    def test_numbers_that_make_no_sense_are_usage_errors(self):
        for arguments in (["dead", "discard", "w", "--limit", "0"],
                          ["dead", "discard", "w", "--limit", "-1"],
                          ["redrive", "w", "--limit", "0"], ["redrive", "w", "--limit=-1"],
                          ["redrive", "w", "--all", "--rate", "0"],
                          ["redrive", "w", "--all", "--rate", "nan"],
                          ["redrive", "w", "--all", "--rate", "inf"],
                          ["queue", "set", "w", "--retry-factor", "nan"],
                          ["queue", "set", "w", "--retry-factor", "inf"],
                          ["queue", "set", "w", "--retention", "none"],
                          ["queue", "set", "w", "--idempotency-window", "none"],
                          ["queue", "set", "w", "--max-attempts", "none"]):
            with self.subTest(arguments):
                run(*arguments, status=2)

    def test_a_setting_goes_back_to_its_default(self):
        with Server() as server:
            before = server.json("queue", "set", "w", "--lease", "2m", "--ttl", "1h",
                                 "--retention", "1m")[0]
            self.assertEqual((before["lease_ms"], before["retention_ms"]), (120_000, 60_000))
            after = server.json("queue", "set", "w", "--lease", "default", "--ttl", "none",
                                "--retention", "default")[0]
            self.assertEqual((after["lease_ms"], after["retention_ms"]), (60_000, 86_400_000))
            self.assertIsNone(after["ttl_ms"])

    def test_with_json_what_is_not_there_or_not_dead_is_one_object(self):
        with Server() as server:
            id = server.json("submit", "t", "-q", "w")[0]["id"]
            for arguments, code, status in ((["dead", "show", id], "not_dead", 1),
                                            (["trace", "nope"], "task_not_found", 3),
                                            (["list", "-q", "nope"], "queue_not_found", 3)):
                with self.subTest(arguments):
                    self.assertEqual(self.error_of(*arguments, status=status,
                                                   QUERN_SERVER=server.url), code)

    def test_with_json_the_next_cursor_is_an_object_on_standard_error(self):
        with Server() as server:
            for queue in ("a", "b"):
                server.qctl("submit", "t", "-q", queue)
                server.qctl("submit", "t", "-q", "w")
            for command in (["queues"], ["list", "-q", "w"]):
                first = server.qctl(*command, "--limit", "1", "--json")
                more = json.loads(first.stderr)
                self.assertEqual(list(more), ["next_cursor"])
                second = server.qctl(*command, "--json", "--cursor", more["next_cursor"])
                self.assertNotEqual(json.loads(first.stdout),
                                    json.loads(second.stdout.splitlines()[0]))
                self.assertEqual(second.stderr, "")

    def test_with_json_dead_letters_that_are_not_shown_are_one_object(self):
        def answer(*_):
            return 200, {"tasks": [{**TASK, "state": "dead"}] * 2, "next_cursor": "next"}
        with FakeServer(answer) as server:
            for flags, said in ((["--limit", "2"], {"next_cursor": "next"}),
                                (["--limit", "1", "--type", "t"], {"more": True})):
                done = run("dead", "list", "w", *flags, "--json", QUERN_SERVER=server.url)
                self.assertEqual(json.loads(done.stderr), said)

    def test_a_list_of_a_queue_that_is_not_there_is_not_an_empty_one(self):
        with Server() as server:
            server.qctl("queue", "set", "empty", "--lease", "1m")
            self.assertEqual(server.qctl("list", "-q", "empty").stdout, "No tasks.\n")
            mistyped = server.qctl("list", "-q", "nope", status=3)
            self.assertEqual(mistyped.stdout, "")
            self.assertIn("nope", mistyped.stderr)

    def test_a_token_that_cannot_be_one_is_named_by_where_it_is_from(self):
        said = run("queues", QUERN_TOKEN="s3cret b\nc", status=2).stderr
        self.assertIn("QUERN_TOKEN: a token has no spaces", said)
        with tempfile.NamedTemporaryFile("w") as file:
            file.write("s3cret b")
            file.flush()
            said += run("queues", "--token-file", file.name, status=2).stderr
            self.assertIn(file.name, said)
        self.assertNotIn("s3cret", said)

    def test_mistakes_in_a_submit_are_named(self):
        for arguments, said in ((["@/"], "cannot read the payload from /\n"),
                                (["-m", "x=1", "-m", "x=2"], "--metadata x=2: there is another"),
                                (["--server", "http://127.0.0.1:1", "--profile", "p"],
                                 "--server and --profile exclude each other")):
            self.assertIn(said, run("submit", "t", *arguments, status=2).stderr)


if __name__ == "__main__":
    unittest.main()
