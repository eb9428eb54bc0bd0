"""The real server among clients that mean harm, or have gone wrong."""

import json
import os
import resource
import socket
import struct
import subprocess
import sys
import tempfile
import unittest
import urllib.request

sys.path.insert(0, os.path.join(os.environ["QUERN_SOURCE_DIR"], "tests/cli"))
from programs import BIN, PATIENCE, environment, eventually  # noqa: E402


class Server:
    def __init__(self, *flags, descriptors=None):
        self.folder = tempfile.TemporaryDirectory()
        self.log_path = os.path.join(self.folder.name, "log")
        self.log_file = open(self.log_path, "w", encoding="utf-8")

        def limit():
            if descriptors is not None:
                resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))

        self.process = subprocess.Popen(
            [os.path.join(BIN, "quernd"), "--listen", "127.0.0.1:0", "--data",
             os.path.join(self.folder.name, "data"), *flags],
            stdout=subprocess.PIPE, stderr=self.log_file, text=True, env=environment(),
            preexec_fn=limit)
        line = self.process.stdout.readline()
        self.port = int(line.rsplit(":", 1)[1]) if line else None

    def log(self):
        with open(self.log_path, encoding="utf-8") as file:
            return file.read()

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.log_file.close()
        self.folder.cleanup()

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)

    def call(self, method, path, body=None):
        """(status, JSON), on a connection of its own."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}", method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as response:
                return response.status, json.load(response)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)


def request(method, path, body=""):
    fields = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n" if body else ""
    return f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n{body}".encode()


def head_of(connection):
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(4096)
        if not piece:
            return data
        data += piece
    return data


class HostileTest(unittest.TestCase):
    def start(self, *flags, **options):
        server = Server(*flags, **options)
        self.addCleanup(server.stop)
        return server

    def test_clients_cannot_take_the_descriptors_that_the_storage_needs(self):
        server = self.start(descriptors=300)
        self.assertIn("few file descriptors", server.log())
        limit = server.call("GET", "/info")[1]["limits"]["connections_max"]
        self.assertEqual(limit, 150)
        connections = [server.connect() for _ in range(400)]
        self.addCleanup(lambda: [c.close() for c in connections])
        # Those who came first are served, reads and writes.
        for connection in (connections[0], connections[100]):
            connection.sendall(request("POST", "/tasks", '{"type":"t","queue":"q"}'))
            self.assertIn(b" 202 ", head_of(connection))
        # Those who came when there was no room were told so.
        self.assertIn(b" 503 ", head_of(connections[399]))
        for connection in connections:
            connection.close()

        def counts():
            try:
                return server.call("GET", "/queues/q")[1].get("counts")
            except OSError:
                return None

        self.assertEqual(eventually(counts, "there is room again")["ready"], 2)
        self.assertNotIn("cannot accept", server.log())

    def test_too_few_descriptors_refuse_to_start(self):
        server = self.start(descriptors=100)
        self.assertEqual(server.process.wait(timeout=PATIENCE), 1)
        self.assertIn("file descriptors", server.log())

    def test_resets_in_the_middle_of_everything_leave_no_lease_and_no_connection(self):
        server = self.start()
        payload = "x" * 900_000
        for _ in range(8):
            self.assertEqual(server.call("POST", "/tasks",
                                         {"type": "t", "queue": "q", "payload": payload})[0], 202)
        lease = request("POST", "/leases", '{"queues":["q"],"max_tasks":8}')
        for sent in (lease, lease[:30], lease[:-1], lease + lease,
                     request("POST", "/leases", '{"queues":["none"],"wait_ms":60000}')):
            for _ in range(10):
                connection = server.connect()
                # Closing resets, whatever is under way.
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                connection.sendall(sent)
                if sent is lease:
                    connection.recv(1000)  # the answer has begun
                connection.close()

        def all_ready():
            return server.call("GET", "/queues/q")[1]["counts"]["ready"] == 8

        eventually(all_ready, "every lease went back")
        tasks = server.call("GET", "/tasks?queue=q")[1]["tasks"]
        self.assertEqual([task["attempts"] for task in tasks], [0] * 8)

        def connections():
            return len(os.listdir(f"/proc/{server.process.pid}/fd"))

        before = connections()
        eventually(lambda: connections() <= before, "the connections are closed")
        self.assertEqual(server.call("GET", "/readyz")[0], 200)

    def test_memory_for_answers_that_nobody_reads_is_bounded(self):
        server = self.start("--answer-memory-bytes-max", str(8 << 20))
        payload = "x" * 1_000_000
        ids = [server.call("POST", "/tasks", {"type": "t", "queue": "q", "payload": payload})[1]["id"]
               for _ in range(2)]

        def resident():
            with open(f"/proc/{server.process.pid}/status", encoding="utf-8") as file:
                fields = dict(line.split(":", 1) for line in file)
            return int(fields["VmRSS"].split()[0]) << 10

        before = resident()
        readers = []
        self.addCleanup(lambda: [reader.close() for reader in readers])
        for i in range(200):
            reader = socket.socket()
            reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            reader.settimeout(PATIENCE)
            reader.connect(("127.0.0.1", server.port))
            reader.sendall(request("GET", "/tasks/" + ids[i % 2]) * 8)
            readers.append(reader)
        eventually(lambda: "too many answers wait" in server.log(), "somebody is turned away")
        # 200 answers of a megabyte, 1,600 with those that are asked for behind them.
        self.assertLess(resident() - before, 100 << 20)
        self.assertEqual(server.call("GET", "/tasks/" + ids[0])[1]["payload"], payload)


if __name__ == "__main__":
    unittest.main()
