"""The examples of every --help do what they say when they are pasted into a shell."""

import contextlib
import os
import re
import shutil
import subprocess
import tempfile
import unittest

from programs import BIN, QCTL, Server, Terminal, environment, eventually, run

ID = "019a9f3c-7d11-7000-8000-2a6f5e0b1c22"  # of the examples
# Live screens and workers go on until they are told to end.
ENDLESS = re.compile(r"qctl (top|work)\b")


def commands_in(help_text):
    part = help_text.split("Subcommands:\n")
    return re.findall(r"^  (\S+) ", part[1].split("\n\n")[0], re.M) if len(part) > 1 else []


def examples(path=()):
    text = run(*path, "--help").stdout
    for line in re.findall(r"^  (.*\bqctl .*)$", text.split("Examples:\n")[1].split("\n\n")[0],
                           re.M):
        yield line
    for name in commands_in(text):
        yield from examples((*path, name))


class ExamplesTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.backups = os.path.join(self.folder, "backups")
        self.restored = 0
        self.server = self.enterContext(Server("--backup-directory", self.backups))
        self.stopped = None
        for name, content, mode in (
                ("report.json", "{}", 0o644), ("tasks.ndjson", '{"type": "t"}\n', 0o644),
                ("docs.json", "[1, 2]", 0o644), ("send_email.py", "#!/bin/sh\ncat\n", 0o755),
                ("generate", "#!/bin/sh\necho 1\n", 0o755), ("thumb", "#!/bin/sh\n", 0o755)):
            with open(os.path.join(self.folder, name), "w") as out:
                out.write(content)
            os.chmod(os.path.join(self.folder, name), mode)
        for part in (".zfunc", ".config/fish/completions"):
            os.makedirs(os.path.join(self.folder, part))

    def environment(self):
        return {"QUERN_SERVER": self.server.url, "HOME": self.folder, "MANPAGER": "cat",
                "PATH": f"{BIN}:{self.folder}:{os.environ['PATH']}"}

    @contextlib.contextmanager
    def worker(self, *arguments):
        with subprocess.Popen([QCTL, "work", "-q", *arguments],
                              env=environment(**self.environment()), stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL) as worker:
            try:
                yield
            finally:
                worker.terminate()

    def finished(self, task, state):
        eventually(lambda: self.server.json("get", task)[0]["state"] == state, f"it is {state}")

    def prepare(self):
        """What the examples speak of: queues with a dead task, an operation, a task, a backup."""
        self.server.qctl("drain", "--end")  # an example before this one drains
        submitted = self.server.qctl("submit", "t", "-q", "emails", "--correlation-id",
                                     "order-4711").stdout.strip()
        self.server.qctl("queue", "resume", "emails")  # an example before this one pauses it
        with self.worker("emails", "--", "sh", "-c", "exit 65"):
            self.finished(submitted, "dead")
        for command in (["set", "imports", "--max-attempts", "1"],
                        ["delete", "imports", "--force", "--yes"],  # what an example submitted
                        ["set", "imports", "--max-attempts", "1"]):
            self.server.qctl("queue", *command)
        return submitted

    def stopped_store(self):
        """The data directory of a server that has ended."""
        if self.stopped is None:
            with Server() as server:
                server.process.terminate()
                server.process.wait()
                self.stopped = os.path.join(self.folder, "stopped")
                shutil.copytree(server.folder, self.stopped)
        return self.stopped

    def test_each_works_when_it_is_pasted(self):
        found = list(dict.fromkeys(examples()))
        self.assertGreater(len(found), 40)
        for example in found:
            with self.subTest(example=example):
                self.paste(example)

    def with_our_paths(self, example):
        if "qctl backup" not in example:
            return example.replace("/var/lib/quern", self.stopped_store())
        newest = self.server.json("backup", "list")[0]["id"]
        self.restored += 1
        new = os.path.join(self.folder, f"restored{self.restored}")
        return re.sub(r"\b12\b", str(newest),
                      re.sub(r"/var/lib/quern|/tmp/look", new, example)
                      ).replace("/backup/quern", self.backups)

    def paste(self, example):
        task = self.prepare()
        if "qctl cancel" in example:
            task = self.server.qctl("submit", "t", "-q", "waiting").stdout.strip()
        if "qctl backup" in example:
            self.server.qctl("backup", "create")
        script = self.with_our_paths(example.replace(ID, task))
        if not ENDLESS.match(example):
            with self.worker("default", "-q", "emails", "--quiet", "--", "cat"):
                return self.ask_in_a_terminal(script)
        seen = Terminal(program=["sh", "-c", "exec " + script], cwd=self.folder,
                        **self.environment())
        self.addCleanup(seen.close)
        if example.startswith("qctl top"):
            seen.read_until("emails")
            seen.send("q")
        else:
            queue = re.search(r"(?:-q|--queue) (\w+)", example)[1]
            done = self.server.qctl("submit", "t", '{"url": "u"}', "-q", queue).stdout.strip()
            self.finished(done, "succeeded")
            seen.send("\x03")
        self.assertEqual(seen.status(), 0, seen.seen)

    def ask_in_a_terminal(self, script):
        seen = Terminal(program=["bash", "-c", f"set -o pipefail; {script}"], cwd=self.folder,
                        **self.environment())
        self.addCleanup(seen.close)

        def answer():
            seen.read()
            if b"[y/N] " in seen.seen:
                seen.send("y\n")
                return True
            return seen.process.poll() is not None
        eventually(answer, "an end or a question")
        self.assertEqual(seen.status(), 0, seen.seen)


if __name__ == "__main__":
    unittest.main()
