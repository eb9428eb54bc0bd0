"""What tests of qctl work share."""

import os
import signal
import tempfile
import unittest

from programs import Server, eventually


class WorkCase(unittest.TestCase):
    """A server whose queue `w` workers take tasks from, and a folder."""

    def setUp(self):
        self.server = self.enterContext(Server())
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def submit(self, type="t", payload="null", *flags):
        return self.server.qctl("submit", type, payload, "-q", "w", *flags).stdout.strip()

    def work(self, script, *flags, files=None, **extra):
        """`files`: where its output goes, as Popen has them."""
        worker = self.server.start("work", "-q", "w", "--heartbeat", "100ms", *flags, "--", "sh",
                                   "-c", script, files=files, **extra)
        self.addCleanup(lambda: (worker.kill(), worker.communicate()))
        return worker

    def task(self, id):
        return self.server.json("get", id)[0]

    def until(self, id, state):
        return eventually(lambda: (t := self.task(id))["state"] == state and t, f"{id} {state}")

    def stop(self, worker, status=0):
        worker.send_signal(signal.SIGTERM)
        self.assertEqual(worker.wait(30), status)

    def gate(self):
        path = os.path.join(self.folder, "gate")
        os.mkfifo(path)
        return path

    def open_gate(self, path):
        with open(path, "w") as out:  # opens when the program reads
            out.write("go\n")


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False
