"""One run of bench/run: the programs that it starts, and where what they said is kept."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile

from measure.figures import Figures
from measure.servers import BenchError, Quernd


def say(text):
    print(text, file=sys.stderr, flush=True)


class Run:
    def __init__(self, options, directory, peers, unavailable):
        self.options = options
        self.directory = directory  # for temporary data
        self.peers = peers
        self.unavailable = unavailable  # peer: why it cannot be measured, None if it can
        self.figures = Figures()
        self.curves = {}
        self.reports = []  # of all programs, as they came
        self.round = 0

    def add(self, name, value):
        self.figures.add(self.round, name, value)

    def has(self, peer):
        return self.unavailable[peer] is None

    @contextlib.contextmanager
    def folder(self):
        with tempfile.TemporaryDirectory(dir=self.directory, ignore_cleanup_errors=True) as folder:
            yield folder

    @contextlib.contextmanager
    def quernd(self, *flags):
        """A server that has nothing, with a clean end unless the block fails."""
        with self.folder() as folder, Quernd(self.options, os.path.join(folder, "data"),
                                             *flags) as server:
            yield server
            if server.process:
                server.end()

    # --- programs ---------------------------------------------------------------------------------

    def start(self, name, *arguments):
        command = [os.path.join(self.options.bin, name), *map(str, arguments)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def report_of(self, process):
        """What it measured, once it has ended."""
        said = process.communicate()[0]
        report = json.loads(said) if said else {}
        command = [os.path.basename(process.args[0]), *process.args[1:]]
        self.reports.append({"round": self.round, "command": command, "report": report})
        if process.returncode != 0:
            raise BenchError(f"{' '.join(command)}: {report.get('first_failure', 'failed')}")
        return report

    def program(self, name, *arguments):
        return self.report_of(self.start(name, *arguments))

    def load(self, server, mode, *flags):
        """What quern_bench says of `server`, Quern's or a peer's."""
        return self.program("quern_bench", *self.load_arguments(server, mode, *flags))

    def load_arguments(self, server, mode, *flags):
        wire = ("--wire", server.wire) if hasattr(server, "wire") else ()
        return (mode, "--json", "--server", server.address, *wire, *flags)

    def load_exactly(self, count, server, mode, *flags):
        report = self.load(server, mode, "--count", count, *flags)
        if report["tasks"] != count:
            raise BenchError(f"{mode}: {report['tasks']} tasks instead of {count}")
        return report

    def timed(self, server, mode, *flags):
        report = self.load(server, mode, "--seconds", self.options.seconds, *flags)
        if report["requests"] == 0:
            raise BenchError(f"{mode}: no request began in {self.options.seconds} s; take longer")
        return report

    def raw(self, mode, *flags):
        with self.folder() as folder:
            return self.program("quern_raw_store", mode, "--seconds", self.options.seconds,
                                "--data", os.path.join(folder, "raw"), *flags)

    @contextlib.contextmanager
    def beside(self, server, mode, *flags):
        """quern_bench runs for as long as the block does; the report comes in the yielded list."""
        process = self.start("quern_bench", *self.load_arguments(server, mode, *flags, "--seconds",
                                                                 3600))
        reports = []
        try:
            yield reports
            process.send_signal(signal.SIGINT)
            reports.append(self.report_of(process))
        finally:
            if process.poll() is None:
                process.kill()
                process.communicate()
