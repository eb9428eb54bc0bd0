"""The load generator against a server that the test can count in, stall and break."""

import asyncio
import json
import os
import signal
import socketserver
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
        self.ready, self.running, self.payloads = [], set(), {}
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

    def wait_for_submits(self, count):
        async def reached():
            while self.submitted < count:
                await asyncio.sleep(0.001)

        asyncio.run_coroutine_threadsafe(reached(), self.loop).result(timeout=60)

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
            return 200, {"tasks": [{"id": id, "payload": self.payloads[id],
                                    "lease": {"token": "t" + id}} for id in leased]}
        if target == "/leases/settle":
            return 200, {"settled": [self.complete(item["id"], item) for item in body["settle"]]}
        return 200, self.complete(target.split("/")[2], body)

    def submit(self, task):
        assert set(task) == {"queue", "type", "payload"}, task
        self.submitted += 1
        self.ready.append(str(self.submitted))
        self.payloads[self.ready[-1]] = task["payload"]
        return {"id": self.ready[-1]}

    def complete(self, id, body):
        assert body["lease_token"] == "t" + id, body
        self.running.remove(id)
        self.completed += 1
        return {"id": id, "state": "succeeded"}


class FakePeer(socketserver.ThreadingTCPServer):
    """A server whose submits are so many lines (Redis) each, and which answers each with `answer`."""

    daemon_threads = True

    def __init__(self, lines, answer):
        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                while all(self.rfile.readline() for _ in range(lines)):
                    self.server.submitted += 1
                    self.wfile.write(answer)

        self.submitted = 0
        super().__init__(("127.0.0.1", 0), Handler)
        self.port = self.server_address[1]

    def __enter__(self):
        self.thread = threading.Thread(target=self.serve_forever)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.thread.join()
        self.server_close()


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

    def test_deliveries_are_measured_from_when_a_submit_was_due_until_a_worker_has_the_task(self):
        with FakeServer(stall=0.5) as server:
            flags = "--rate", "200", "--seconds", "1", "--warmup", "0", "--connections", "2"
            code, report = bench(server.port, "deliver", *flags)
            self.assertEqual((code, report["tasks"], report["failures"]), (0, 200, {}), report)
            self.assertEqual((server.submitted, server.completed), (200, 200))
            self.assertEqual((server.ready, server.running), ([], set()))
        delivery = report["latency_us"]["delivery"]
        self.assertEqual(delivery["count"], 200)
        self.assertGreater(delivery["p90"], 100_000)  # as in the open loop above
        self.assertGreater(delivery["max"], 490_000)

    def test_an_interrupt_ends_the_measured_time_and_prints_what_was_measured(self):
        with FakeServer() as server:
            command = [BENCH, "submit", "--json", "--server", f"127.0.0.1:{server.port}",
                       "--seconds", "1000", "--warmup", "0"]
            with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
                server.wait_for_submits(1)
                process.send_signal(signal.SIGINT)
                report = json.loads(process.communicate(timeout=60)[0])
            self.assertEqual((process.returncode, report["failures"]), (0, {}))
            self.assertEqual(report["tasks"], server.submitted)
            self.assertLess(report["seconds"], 900)

    def test_submits_to_other_servers_are_counted_and_their_refusals_noticed(self):
        for wire, lines, stored, refused in (
            ("redis", 7, b":1\r\n", b"-OOM command not allowed\r\n"),
            ("beanstalkd", 2, b"INSERTED 1\r\n", b"OUT_OF_MEMORY\r\n"),
        ):
            flags = "submit", "--wire", wire, "--count", "100", "--connections", "4"
            with self.subTest(wire=wire), FakePeer(lines, stored) as peer:
                code, report = bench(peer.port, *flags)
                self.assertEqual((code, report["tasks"], report["failures"]), (0, 100, {}))
                self.assertEqual((peer.submitted, report["wire"]), (100, wire))
            with self.subTest(wire=wire), FakePeer(lines, refused) as peer:
                code, report = bench(peer.port, *flags)
                self.assertEqual((code, report["tasks"]), (1, 0))
                self.assertEqual(report["failures"], {"500": 100})
                self.assertIn(refused.decode().strip(), report["first_failure"])

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
            ["deliver", "--connections", "2"],
            ["deliver", "--rate", "5", "--connections", "1"],
            ["deliver", "--rate", "5", "--payload-bytes", "21"],
            ["batch", "--wire", "redis"],
            ["submit", "--wire", "nonsense"],
            ["lease", "--fail"],
            ["lease", "--batch", "2", "--run-at", "2026-01-01T00:00:00Z"],
            ["submit", "--no-such-flag"],
        ):
            with self.subTest(flags=flags):
                self.assertEqual(bench(1, *flags)[0], 2)


if __name__ == "__main__":
    unittest.main()
