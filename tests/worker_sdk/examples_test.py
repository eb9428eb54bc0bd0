"""The examples of the SDK, each run as its users would, against the real server."""

import contextlib
import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.environ["QUERN_SOURCE_DIR"], "tests/cli"))
from programs import BIN, PATIENCE, Server, eventually  # noqa: E402


class ServerThatRestarts(Server):
    """At the same address and with the same data."""

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def start_again(self):
        self.process = subprocess.Popen(
            [os.path.join(BIN, "quernd"), "--listen", self.url.split("://")[1],
             "--data", self.folder],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert self.process.stdout.readline().split()[-1] == self.url


class ExamplesTest(unittest.TestCase):
    def start(self, name, *arguments):
        program = subprocess.Popen([os.path.join(BIN, name), *arguments], stdout=subprocess.PIPE,
                                   text=True)
        self.addCleanup(lambda: (program.kill(), program.wait(), program.stdout.close()))
        return program

    def stop(self, program):
        program.send_signal(signal.SIGTERM)
        self.assertEqual(program.wait(PATIENCE), 0)

    def submit(self, server, *arguments):
        return server.qctl("submit", *arguments).stdout.strip()

    def test_hello_worker(self):
        server = self.enterContext(Server())
        worker = self.start("hello_worker", server.url)
        task = server.json("submit", "greet", '"world"', "--queue", "hello", "--wait", "30s")[0]
        self.assertEqual(task["result"], {"greeted": "world"})
        self.assertEqual(worker.stdout.readline(), 'Hello "world"\n')
        self.stop(worker)

    def test_llm_caller(self):
        server = self.enterContext(Server())
        done = subprocess.run([os.path.join(BIN, "llm_caller"), server.url], capture_output=True,
                              text=True, timeout=4 * PATIENCE)
        self.assertEqual(done.returncode, 0, done)
        self.assertIn('progress: {"of":8,"paragraphs":', done.stdout)
        self.assertRegex(done.stdout, r"[1-9]\d* rate limits, 9 failures; the circuit opened [1-9]")
        tasks = server.json("list", "--queue", "documents")
        self.assertEqual([task["state"] for task in tasks], ["succeeded"] * 13)
        # What the model's refusals cost in attempts: its rate limits and failures, and not one of
        # the releases by the open circuit.
        refusals = sum(map(int, re.search(r"(\d+) rate limits, (\d+) failures", done.stdout).groups()))
        self.assertEqual(sum(task["attempts"] for task in tasks), 13 + refusals)

    def test_exactly_once(self):
        server = self.enterContext(ServerThatRestarts())
        folder = self.enterContext(tempfile.TemporaryDirectory())
        worker = self.start("exactly_once", server.url, folder)
        bank = os.path.join(folder, "bank.db")
        database = eventually(lambda: open_when_ready(bank), "the worker makes its tables")
        self.addCleanup(database.close)

        def look(sql):
            return [row[0] for row in database.execute(sql)]

        # While we hold the database the worker leases the tasks and cannot do them yet.
        database.execute("BEGIN IMMEDIATE")
        ids = [self.submit(server, "credit", '{"account": "ada", "cents": 250}', "-q", "bank")
               for _ in range(4)]
        eventually(lambda: self.states(server, ids) == ["running"] * 4, "all are running")
        # Then it does them, and has nobody to tell.
        server.kill()
        database.execute("ROLLBACK")
        eventually(lambda: look("SELECT count(*) FROM once") == [4], "all receipts are sent")
        worker.kill()
        worker.wait()

        server.start_again()
        self.assertEqual(self.states(server, ids), ["running"] * 4)
        worker = self.start("exactly_once", server.url, folder)
        eventually(lambda: self.states(server, ids) == ["succeeded"] * 4, "all are done again")
        self.assertEqual([server.json("get", id)[0]["attempts"] for id in ids], [2] * 4)
        self.assertEqual(look("SELECT cents FROM accounts WHERE name = 'ada'"), [1000])
        with open(os.path.join(folder, "receipts.txt")) as receipts:
            self.assertEqual(len(receipts.readlines()), 4)
        bad = server.qctl("submit", "credit", '{"account": "ada"}', "-q", "bank", "--wait", "30s",
                          "--json", status=1)  # it is dead
        self.assertEqual(json.loads(bad.stdout)["last_error"]["type"], "BadCredit")
        self.stop(worker)

    def states(self, server, ids):
        return [server.json("get", id)[0]["state"] for id in ids]

    def test_asio_program(self):
        server = self.enterContext(Server())
        program = self.start("asio_program", server.url)
        port = int(program.stdout.readline().split()[-1])
        with socket.create_connection(("127.0.0.1", port), PATIENCE) as connection:
            lines = self.enterContext(connection.makefile("rw"))

            def price_of(name):
                lines.write(name + "\n")
                lines.flush()
                return lines.readline()

            self.assertEqual(price_of("tea"), "unknown\n")
            change = json.dumps({"name": "tea", "price": "2.40"})
            task = server.json("submit", "set", change, "-q", "prices", "--wait", "30s")[0]
            self.assertEqual(task["state"], "succeeded")
            self.assertEqual(price_of("tea"), "2.40\n")
            self.stop(program)  # with a connection open


def open_when_ready(file):
    """The bank's database, once the worker has made all of it."""
    if not os.path.exists(file):
        return None
    database = sqlite3.connect(file, timeout=PATIENCE, isolation_level=None)
    with contextlib.suppress(sqlite3.OperationalError):
        database.execute("SELECT count(*) FROM once")
        return database
    database.close()
    return None


if __name__ == "__main__":
    unittest.main()
