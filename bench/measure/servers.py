"""Servers as processes of ours: on ports that are free, ended by their process id."""

import http.client
import json
import os
import select
import signal
import socket
import subprocess
import time

START_SECONDS_MAX = 120  # a server that does not take requests by then has failed
STOP_SECONDS_MAX = 120


class BenchError(Exception):
    """Ends the run: what was asked for cannot be measured."""


def free_port():
    """For servers that cannot be told to choose one themselves."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(condition, what, seconds, interval=0.01):
    """Returns what `condition` returns, once that is true."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise BenchError(f"{what}: not within {seconds} s")
        time.sleep(interval)
    return value


class Server:
    """One process, until the `with` block ends. Its children are in a process group with it."""

    name = "server"

    def __init__(self, data):
        self.data = data
        self.process = None
        self.address = None

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.stop(signal.SIGKILL)
            raise
        return self

    def __exit__(self, *_):
        self.stop(signal.SIGKILL)

    def start(self):
        raise NotImplementedError

    def launch(self, command, stdout=None, **environment):
        with open(self.data + ".log", "ab") as log:
            self.process = subprocess.Popen(
                list(map(str, command)), stdin=subprocess.DEVNULL, stdout=stdout or log, stderr=log,
                env={**os.environ, **environment}, start_new_session=True)

    def stop(self, number=signal.SIGTERM):
        """What the process used in all, as wait4 tells it; None if it was not running."""
        if self.process is None:
            return None
        process, self.process = self.process, None
        send_group(process.pid, number)
        usage = wait_usage(process)
        send_group(process.pid, signal.SIGKILL)  # children that outlived it
        if process.stdout:
            process.stdout.close()
        return usage

    def wait_for_port(self, port):
        """Until a connection to it is taken."""
        def connects():
            if self.process.poll() is not None:
                self.fail(f"ended with {self.process.returncode}")
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", port)) == 0

        wait_for(connects, f"{self.name} on port {port}", START_SECONDS_MAX)
        self.address = f"127.0.0.1:{port}"

    def fail(self, what):
        with open(self.data + ".log", errors="replace") as log:
            tail = "".join(log.readlines()[-10:])
        raise BenchError(f"{self.name}: {what}\n{tail}")


def send_group(pid, number):
    try:
        os.killpg(pid, number)
    except ProcessLookupError:
        pass


def wait_usage(process):
    """wait4 instead of Popen.wait, for the resources that the process used."""
    def ended():
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            process.returncode = os.waitstatus_to_exitcode(status)
            return usage
        return None

    if process.returncode is not None:
        return None
    try:
        return wait_for(ended, f"the end of process {process.pid}", STOP_SECONDS_MAX, 0.001)
    except BenchError:
        process.kill()
        process.wait()
        raise


class Quernd(Server):
    """quernd on a data directory."""

    name = "quernd"

    def __init__(self, options, data, *flags):
        super().__init__(data)
        self.command = [os.path.join(options.bin, "quernd"), "--listen", "127.0.0.1:0",
                        "--data", data, *options.server_flags, *flags]

    def start(self):
        """Seconds from the start of the process until it says on /readyz that it takes work."""
        began = time.monotonic()
        self.launch(self.command, stdout=subprocess.PIPE)
        if not select.select([self.process.stdout], [], [], START_SECONDS_MAX)[0]:
            self.fail(f"not ready within {START_SECONDS_MAX} s")
        line = self.process.stdout.readline().decode()
        if not line.startswith("quernd ready http://"):
            self.fail(f"said {line!r} instead of being ready")
        self.address = line.split("http://")[1].strip()
        wait_for(lambda: self.request("GET", "/readyz")[0] == 200, "/readyz", START_SECONDS_MAX,
                 0.001)
        return time.monotonic() - began

    def end(self):
        """A clean end, which must succeed."""
        process = self.process
        usage = self.stop(signal.SIGTERM)
        if process.returncode != 0:
            self.fail(f"exit code {process.returncode} after SIGTERM")
        return usage

    def request(self, method, path, body=None, timeout=STOP_SECONDS_MAX):
        """The status, and the answer's JSON (None without)."""
        connection = http.client.HTTPConnection(self.address, timeout=timeout)
        try:
            headers = {"Content-Type": "application/json"} if body is not None else {}
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            text = answer.read()
            return answer.status, json.loads(text) if text else None
        finally:
            connection.close()

    def counts(self, queue):
        status, answer = self.request("GET", f"/queues/{queue}")
        if status != 200:
            self.fail(f"GET /queues/{queue}: {status}")
        return answer["counts"]

    def memory_bytes(self, field):
        """VmRSS (resident now) or VmHWM (at most so far)."""
        with open(f"/proc/{self.process.pid}/status") as status:
            line = next(line for line in status if line.startswith(field + ":"))
        return int(line.split()[1]) * 1024

    def cpu_seconds(self):
        with open(f"/proc/{self.process.pid}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def disk_bytes(self):
        """What the data directory takes, in blocks as du counts them."""
        total = 0
        for folder, _, names in os.walk(self.data):
            for name in names:
                try:
                    total += os.stat(os.path.join(folder, name)).st_blocks * 512
                except FileNotFoundError:  # a file that compaction just replaced
                    pass
        return total
