"""Many workers that wait in long-polls: what each of them costs, and whom a task wakes."""

import json
import re
import resource
import selectors
import socket
import time
from collections import namedtuple

WAIT = {"queues": ["parked"], "wait_ms": 60000}
Woken = namedtuple("Woken", "connections tasks seconds")


def message(method, path, body):
    text = json.dumps(body)
    return (f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(text)}\r\n\r\n{text}").encode()


def answer(connection):
    """The status and the JSON of one whole answer."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += received(connection)
    head, body = data.split(b"\r\n\r\n", 1)
    length = int(re.search(rb"Content-Length: (\d+)", head).group(1))
    while len(body) < length:
        body += received(connection)
    return int(head.split()[1]), json.loads(body)


def received(connection):
    data = connection.recv(65536)
    if not data:
        raise ConnectionError("the server closed the connection")
    return data


def connect(server):
    host, port = server.address.rsplit(":", 1)
    return socket.create_connection((host, int(port)))


def allow_files(count):
    """For this process and the servers that it starts from then on."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = max(soft, count + 1000)
    if hard != resource.RLIM_INFINITY:
        wanted = min(hard, wanted)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


class Parked:
    """`count` connections with a long-poll each. Call allow_files() before the server is started."""

    def __init__(self, server, count):
        self.server, self.count = server, count
        self.selector = selectors.DefaultSelector()
        self.connections = []

    def __enter__(self):
        self.before = self.server.memory_bytes("VmRSS")
        request = message("POST", "/leases", WAIT)
        for _ in range(self.count):
            connection = connect(self.server)
            self.connections.append(connection)
            connection.sendall(request)
            self.selector.register(connection, selectors.EVENT_READ)
        # Through the same queue of commands behind all of them: when it is answered, all are parked.
        self.server.request("POST", "/leases", {"queues": ["parked"]})
        return self

    def __exit__(self, *_):
        for connection in self.connections:
            connection.close()
        self.selector.close()

    def bytes_each(self):
        return (self.server.memory_bytes("VmRSS") - self.before) / self.count

    def wake_one(self):
        """One task: who is woken, what they got, and how long after its submit the first one was."""
        with connect(self.server) as producer:
            began = time.monotonic()
            producer.sendall(message("POST", "/tasks", {"type": "bench", "queue": "parked"}))
            woken = self.selector.select(timeout=10)
            seconds = time.monotonic() - began
        # Nobody else may be woken, so others are waited for.
        woken += [more for more in self.selector.select(timeout=0.5) if more not in woken]
        tasks = sum(len(answer(key.fileobj)[1]["tasks"]) for key, _ in woken)
        return Woken(len(woken), tasks, seconds)
