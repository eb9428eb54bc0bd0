"""What qctl says of a server that is slow, absent, of another version, or not Quern at all."""

import socket
import tempfile
import unittest

from programs import FakeServer, Terminal, run

TASK = {"id": "019a9f3c-7d11-7000-8000-2a6f5e0b1c22", "queue": "default", "type": "t",
        "state": "ready", "attempts": 0, "max_attempts": 5, "priority": 5, "payload": None,
        "created_at": "2026-11-23T09:10:00.000Z", "run_at": "2026-11-23T09:10:00.000Z",
        "correlation_id": "c", "metadata": {}, "redrives": 0, "failures": []}


def problem(status, code, detail):
    return status, {"type": f"/problems/{code}", "title": code, "status": status, "code": code,
                    "detail": detail}


class ServersTest(unittest.TestCase):
    def fake(self, answer):
        return self.enterContext(FakeServer(answer))

    def test_another_version_is_named_when_it_does_not_understand(self):
        def answer(method, target, _):
            if target == "/info":
                return 200, {"version": "9.8.7", "durability": "fsync", "limits": {}}
            return problem(404, "not_found", "no such path")
        server = self.fake(answer)
        said = run("queues", QUERN_SERVER=server.url, status=1).stderr
        self.assertIn("The server is Quern 9.8.7 and this is qctl ", said)
        self.assertIn("(this is qctl ", run("info", QUERN_SERVER=server.url).stdout)

    def test_a_field_that_a_newer_server_adds_is_no_trouble(self):
        server = self.fake(lambda *_: (200, {**TASK, "colour": {"of": ["the", "future"]}}))
        self.assertIn("ready", run("get", TASK["id"], QUERN_SERVER=server.url).stdout)

    def test_a_slow_server_is_mentioned_and_the_waiting_ends(self):
        server = self.fake(lambda *_: None)
        terminal = Terminal("get", TASK["id"], "--answer-timeout", "4s", QUERN_SERVER=server.url)
        self.addCleanup(terminal.close)
        terminal.read_until(f"{server.url} has not answered yet; waiting up to 4s")
        self.assertEqual(terminal.status(), 4)

    def test_one_that_accepts_and_never_answers_is_not_called_absent(self):
        server = self.fake(lambda *_: None)
        said = run("queues", "--answer-timeout", "100ms", QUERN_SERVER=server.url, status=4).stderr
        self.assertIn(server.url.removeprefix("http://"), said)
        self.assertNotIn("refused", said)

    def test_an_absent_server_is_named_with_where_its_address_is_from(self):
        with socket.socket() as unused:  # bound, so that nobody else listens there; refuses
            unused.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{unused.getsockname()[1]}"
            said = run("queues", QUERN_SERVER=url, status=4).stderr
        self.assertIn(url.removeprefix("http://"), said)
        self.assertIn("Is quernd running there? The address is from QUERN_SERVER", said)
        self.assertIn("from --server", run("queues", "--server", url, status=4).stderr)
        self.assertEqual(len(said.splitlines()), 2, said)

    def test_what_is_not_quern_is_called_that(self):
        for content in ("<html>hello</html>", "[1, 2]", "{}"):
            with self.subTest(content=content):
                server = self.fake(lambda *_: (200, content))
                said = run("info", QUERN_SERVER=server.url, status=4).stderr
                self.assertIn("Quern", said)
                self.assertIn("The address is from QUERN_SERVER", said)

    def test_a_bar_shows_the_share_of_the_file_that_is_on_the_server(self):
        chunks = []

        def answer(method, target, body):
            if target == "/info":
                return 200, {"version": "1", "durability": "fsync",
                             "limits": {"batch_tasks_max": 10_000}}
            chunks.append(body)
            return (202, {"tasks": [TASK] * 1_000}) if len(chunks) == 1 else None
        server = self.fake(answer)
        path = self.enterContext(tempfile.NamedTemporaryFile("w", suffix=".ndjson"))
        path.write('{"type": "t"}\n' * 4_000)
        path.flush()
        bar = Terminal("submit", "--batch", path.name, QUERN_SERVER=server.url)
        self.addCleanup(bar.close)
        bar.read_until("[######..................] 25 %")
        bar.read_until("1,000 tasks")
        bar.read_until("no answer for ")
        bar.send("\x03")
        self.assertEqual(bar.status(), 130)
        self.assertIn(b"Lines 1 to 1000 are on the server", bar.seen)


if __name__ == "__main__":
    unittest.main()
