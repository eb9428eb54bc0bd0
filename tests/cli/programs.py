"""The real quernd and qctl, for tests: on any port, with data in a temporary folder."""

import atexit
import fcntl
import http.server
import json
import os
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import tempfile
import termios
import threading
import time

BIN = os.environ["QUERN_BIN_DIR"]
QCTL = os.path.join(BIN, "qctl")
PATIENCE = 30  # seconds; the one deadline for what ought to happen at once
# Whose configuration is empty, and where a shell may write its own.
HOME = tempfile.mkdtemp()
atexit.register(shutil.rmtree, HOME, ignore_errors=True)


def environment(**extra):
    kept = {k: v for k, v in os.environ.items() if not k.startswith("QUERN_") and k != "NO_COLOR"}
    return {**kept, "HOME": HOME, "XDG_CONFIG_HOME": HOME, "TERM": "xterm", **extra}


def eventually(look, promise):
    deadline = time.monotonic() + PATIENCE
    while True:
        seen = look()
        if seen:
            return seen
        if time.monotonic() > deadline:
            raise AssertionError(f"not in time: {promise}; last seen: {seen!r}")
        time.sleep(0.01)


def run(*arguments, status=0, input="", program=(), **extra):
    """`program`: what runs qctl, given its path and arguments."""
    done = subprocess.run([*program, QCTL, *arguments], input=input, capture_output=True, text=True,
                          env=environment(**extra), timeout=PATIENCE)
    assert done.returncode == status, (arguments, done)
    return done


class Server:
    def __init__(self, *flags):
        self.flags = flags

    def __enter__(self):
        self.folder = tempfile.mkdtemp()
        self.launch("127.0.0.1:0")
        return self

    def __exit__(self, *_):
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def launch(self, address):
        self.process = subprocess.Popen(
            [os.path.join(BIN, "quernd"), "--listen", address, "--data", self.folder, *self.flags],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.url = self.process.stdout.readline().split()[-1]

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def start_again(self):
        """After kill(): where its clients look for it."""
        self.launch(self.url.removeprefix("http://"))

    def qctl(self, *arguments, **extra):
        return run(*arguments, **{"QUERN_SERVER": self.url, **extra})

    def json(self, *arguments):
        return [json.loads(line) for line in self.qctl(*arguments, "--json").stdout.splitlines()]

    def start(self, *arguments, files=None, program=(), **extra):
        """`files`: other output than pipes, as Popen has it; `program`: as of run()."""
        output = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **(files or {})}
        return subprocess.Popen([*program, QCTL, *arguments], **output, text=True,
                                env=environment(QUERN_SERVER=self.url, **extra))


class Terminal:
    """qctl (or another program) behind a pseudo-terminal, whose other side stays open to ask for its
    settings."""

    def __init__(self, *arguments, rows=24, columns=80, program=(QCTL,), cwd=None, **extra):
        self.fd, self.inner = pty.openpty()
        self.resize(rows, columns)
        self.before = termios.tcgetattr(self.inner)
        self.process = subprocess.Popen(
            [*program, *arguments], stdin=self.inner, stdout=self.inner, stderr=self.inner,
            cwd=cwd, env=environment(**extra), start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        self.seen = b""

    def resize(self, rows, columns):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def settings(self):
        return termios.tcgetattr(self.inner)

    def read(self):
        """Whether there was anything."""
        if not select.select([self.fd], [], [], 0.02)[0]:
            return False
        self.seen += os.read(self.fd, 65536)
        return True

    def read_until(self, text):
        def look():
            self.read()
            return text.encode() in self.seen
        eventually(look, f"{text!r} in {self.seen[-2000:]!r}")

    def frames(self):
        """What `top` drew, whole screens only, as lists of lines without colours."""
        drawn = self.seen.decode(errors="replace").split("\x1b[H")[1:]
        colours = r"\x1b\[[0-9;?]*[A-Za-z]"
        return [re.sub(colours, "", frame.split("\x1b[J")[0]).replace("\r", "").split("\n")
                for frame in drawn if "\x1b[J" in frame]

    def frame_until(self, holds, promise):
        """The first screen drawn from now on for which `holds(lines)`."""
        self.seen = b""

        def look():
            self.read()
            return next((frame for frame in self.frames() if holds(frame)), None)
        return eventually(look, promise)

    def send(self, text):
        os.write(self.fd, text.encode())

    def status(self):
        def ended():
            self.read()
            status = self.process.poll()
            return None if status is None else (status,)
        status = eventually(ended, "the end of qctl")[0]
        while self.read():
            pass
        return status

    def close(self):
        self.process.kill()
        self.process.wait()
        os.close(self.fd)
        os.close(self.inner)


class FakeServer:
    """Answers HTTP with `answer(method, target, body)`: None hangs, else (status, object or text)."""

    def __init__(self, answer):
        self.released = threading.Event()
        fake = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                answered = answer(self.command, self.path, body)
                if answered is None:
                    fake.released.wait()
                    self.close_connection = True
                    return
                status, content = answered
                text = content if isinstance(content, str) else json.dumps(content)
                kind = "json" if 200 <= status < 300 else "problem+json"
                self.send_response(status)
                self.send_header("Content-Type", f"application/{kind}")
                self.send_header("Content-Length", str(len(text.encode())))
                self.end_headers()
                self.wfile.write(text.encode())

            do_GET = do_POST = handle_any

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.released.set()
        self.server.shutdown()
        self.server.server_close()
