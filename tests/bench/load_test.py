"""The load generator against a server that the test can count in, stall and break."""

import asyncio
import json
import os
import subprocess
import threading
import unittest

BENCH = os.path.join(os.environ["QUERN_BIN_DIR"], "quern_bench")


class FakeServer:
    """As much of Quern's API as the load generator speaks, kept in memory. Answers like the API's
    own JSON, without white space. `fail_each` = n answers every n-th submit with 503, `close_each`
    closes the connection instead, and `stall` delays the first submit by so many seconds."""

    def __init__(self, fail_each=0, close_each=0, stall=0.0):
        self.fail_each, self.close_each, self.stall = fail_each, close_each, stall
        self.ready, self.running = [], set()
        self.submit_requests = self.submitted = self.completed = self.refused = 0
        self.loop = asyncio.new_event_loop()

    def __enter__(self):
        async def listen():
            return await asyncio.start_server(self.serve, "127.0.0.1", 0)

        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()
        self.listener = asyncio.run_coroutine_threadsafe(listen(), self.loop).result()
        self.port = self.listener.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_):
        async def stop():
            self.listener.close()
            for task in asyncio.all_tasks() - {asyncio.current_task()}:
                task.cancel()

        asyncio.run_coroutine_threadsafe(stop(), self.loop).result()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()

    async def serve(self, reader, writer):
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                lines = head.split("\r\n")
                fields = dict(line.lower().split(": ", 1) for line in lines[1:] if line)
                body = await reader.readexactly(int(fields.get("content-length", 0)))
                answer = await self.answer(lines[0].split()[1], json.loads(body or "null"))
                if answer is None:
                    break
                status, value = answer
                text = json.dumps(value, separators=(",", ":"))
                head = f"HTTP/1.1 {status} X\r\nContent-Length: {len(text)}\r\n\r\n"
                writer.write((head + text).encode())
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def answer(self, target, body):
        if target == "/healthz":
            return 200, {}
        if target == "/tasks":
            self.submit_requests += 1
            number = self.submit_requests
            stall, self.stall = self.stall, 0
            await asyncio.sleep(stall)
            if self.close_each and number % self.close_each == 0:
                self.refused += 1
                return None
            if self.fail_each and number % self.fail_each == 0:
                self.refused += 1
                return 503, {"code": "overloaded"}
            return 202, self.submit(body)
        if target == "/tasks/batch":
            self.submit_requests += 1
            return 202, {"tasks": [self.submit(task) for task in body["tasks"]]}
        if target == "/leases":
            leased, self.ready = self.ready[: body["max_tasks"]], self.ready[body["max_tasks"] :]
            self.running.update(leased)
            return 200, {"tasks": [{"id": id, "lease": {"token": "t" + id}} for id in leased]}
        if target == "/leases/settle":
            return 200, {"settled": [self.complete(item["id"], item) for item in body["settle"]]}
        return 200, self.complete(target.split("/")[2], body)

    def submit(self, task):
        assert set(task) == {"queue", "type", "payload"}, task
        self.submitted += 1
        self.ready.append(str(self.submitted))
        return {"id": self.ready[-1]}

    def complete(self, id, body):
        assert body["lease_token"] == "t" + id, body
        self.running.remove(id)
        self.completed += 1
        return {"id": id, "state": "succeeded"}


def bench(port, *flags):
    """The exit code, and the report or what was said on standard error."""
    command = [BENCH, *flags, "--json", "--server", f"127.0.0.1:{port}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    return done.returncode, json.loads(done.stdout) if done.stdout else done.stderr


class LoadTest(unittest.TestCase):
    def test_a_count_of_submits_is_sent_and_reported_exactly(self):
        with FakeServer() as server:
            code, report = bench(server.port, "submit", "--count", "500", "--connections", "8")
            self.assertEqual((code, server.submitted), (0, 500))
        self.assertEqual((report["tasks"], report["requests"], report["failures"]), (500, 500, {}))
        self.assertEqual(report["latency_us"]["submit"]["count"], 500)

    def test_a_preload_ends_with_a_smaller_batch_and_a_drain_completes_it_all(self):
        for batch in "1", "30":
            with FakeServer() as server:
                code, report = bench(server.port, "preload", "--count", "250", "--batch", "100")
                self.assertEqual((code, report["tasks"]), (0, 250))
                self.assertEqual((server.submitted, server.submit_requests), (250, 3))
                code, report = bench(server.port, "lease", "--batch", batch)
                self.assertEqual((code, report["tasks"], server.completed), (0, 250, 250))

    def test_a_drain_stops_at_its_count(self):
        with FakeServer() as server:
            bench(server.port, "preload", "--count", "250")
            code, report = bench(server.port, "lease", "--count", "100", "--batch", "30")
            self.assertEqual((code, report["tasks"], server.completed), (0, 100, 100))
            self.assertEqual(len(server.ready), 150)

    def test_life_cycles_leave_nothing_behind(self):
        with FakeServer() as server:
            flags = "--seconds", "0.3", "--warmup", "0.1", "--connections", "8"
            code, report = bench(server.port, "lifecycle", *flags)
            self.assertEqual(code, 0)
            self.assertEqual((server.ready, server.running), ([], set()))
            self.assertEqual(server.submitted, server.completed)
        self.assertGreater(report["tasks"], 0)
        self.assertLess(report["tasks"], server.submitted)  # the warm-up is not in the report
        for step in "submit", "lease", "complete", "cycle":
            self.assertEqual(report["latency_us"][step]["count"], report["tasks"])

    def test_a_failing_answer_is_counted_by_its_status_and_makes_the_exit_code_1(self):
        with FakeServer(fail_each=10) as server:
            code, report = bench(server.port, "submit", "--count", "200")
        self.assertEqual((code, report["failures"]), (1, {"503": server.refused}))
        self.assertEqual(server.refused, 20)
        self.assertEqual(report["tasks"], 180)
        self.assertIn("overloaded", report["first_failure"])

    def test_a_lost_connection_is_counted_and_opened_again(self):
        with FakeServer(close_each=10) as server:
            code, report = bench(server.port, "submit", "--count", "200", "--connections", "4")
        self.assertEqual((code, report["failures"], report["tasks"]), (1, {"lost": 20}, 180))

    def test_an_open_loop_counts_a_stall_for_all_that_were_due_meanwhile(self):
        with FakeServer(stall=0.5) as server:
            flags = "--rate", "200", "--seconds", "1", "--warmup", "0", "--connections", "1"
            code, report = bench(server.port, "submit", *flags)
        self.assertEqual((code, report["tasks"]), (0, 200))
        # 100 of the 200 were due during the stall and waited 250 ms on average.
        self.assertGreater(report["latency_us"]["submit"]["p90"], 100_000)
        self.assertGreater(report["latency_us"]["submit"]["max"], 490_000)
        self.assertGreater(report["late_max"], 50)

    def test_a_ping_has_no_tasks(self):
        with FakeServer() as server:
            code, report = bench(server.port, "ping", "--count", "50")
        self.assertEqual((code, report["tasks"], report["requests"]), (0, 0, 50))

    def test_no_server_is_an_error_that_says_so(self):
        code, said = bench(1, "submit", "--count", "1")
        self.assertEqual(code, 1)
        self.assertIn("cannot connect to 127.0.0.1:1", said)

    def test_flags_that_make_no_sense_are_refused(self):
        for flags in (
            ["preload"],
            ["submit", "--batch", "5"],
            ["submit", "--count", "5", "--seconds", "5"],
            ["submit", "--count", "5", "--warmup", "5"],
            ["lease", "--batch", "1001"],
            ["nonsense"],
            ["submit", "--no-such-flag"],
        ):
            with self.subTest(flags=flags):
                self.assertEqual(bench(1, *flags)[0], 2)


if __name__ == "__main__":
    unittest.main()
