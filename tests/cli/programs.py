"""The real quernd and qctl, for tests: on any port, with data in a temporary folder."""

import json
import os
import pty
import select
import shutil
import signal
import subprocess
import tempfile
import time

BIN = os.environ["QUERN_BIN_DIR"]
QCTL = os.path.join(BIN, "qctl")
PATIENCE = 30  # seconds; the one deadline for what ought to happen at once


def environment(**extra):
    kept = {k: v for k, v in os.environ.items() if not k.startswith("QUERN_") and k != "NO_COLOR"}
    return {**kept, "XDG_CONFIG_HOME": "/nonexistent", "TERM": "xterm", **extra}


def eventually(look, promise):
    deadline = time.monotonic() + PATIENCE
    while True:
        seen = look()
        if seen:
            return seen
        if time.monotonic() > deadline:
            raise AssertionError(f"not in time: {promise}; last seen: {seen!r}")
        time.sleep(0.01)


class Server:
    def __enter__(self):
        self.folder = tempfile.mkdtemp()
        self.process = subprocess.Popen(
            [os.path.join(BIN, "quernd"), "--listen", "127.0.0.1:0", "--data", self.folder],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.url = self.process.stdout.readline().split()[-1]
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def qctl(self, *arguments, status=0, input="", **extra):
        done = subprocess.run([QCTL, *arguments], input=input, capture_output=True, text=True,
                              env=environment(**{"QUERN_SERVER": self.url, **extra}), timeout=PATIENCE)
        assert done.returncode == status, (arguments, done)
        return done

    def json(self, *arguments):
        return [json.loads(line) for line in self.qctl(*arguments, "--json").stdout.splitlines()]

    def start(self, *arguments, **extra):
        return subprocess.Popen([QCTL, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                text=True, env=environment(QUERN_SERVER=self.url, **extra))


class Terminal:
    """qctl behind a pseudo-terminal."""

    def __init__(self, *arguments, **extra):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execve(QCTL, [QCTL, *arguments], environment(**extra))
        self.seen = b""

    def read_until(self, text):
        def look():
            if select.select([self.fd], [], [], 0.05)[0]:
                try:
                    self.seen += os.read(self.fd, 65536)
                except OSError:  # the other side is closed
                    pass
            return text.encode() in self.seen
        eventually(look, f"{text!r} in {self.seen[-2000:]!r}")

    def send(self, text):
        os.write(self.fd, text.encode())

    def status(self):
        def ended():
            if select.select([self.fd], [], [], 0)[0]:
                try:
                    self.seen += os.read(self.fd, 65536)
                except OSError:
                    pass
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            return (os.waitstatus_to_exitcode(status),) if pid else None
        try:
            return eventually(ended, "the end of qctl")[0]
        finally:
            os.close(self.fd)

    def kill(self):
        os.kill(self.pid, signal.SIGKILL)
