"""Completions as a person gets them: Tab in a real bash, zsh and fish."""

import os
import re
import subprocess
import tempfile
import unittest

from programs import QCTL, Terminal, environment, eventually, run

# What is typed before Tab, and the words that qctl is then called with.
ENDINGS = (
    ("queue pu", ["queue", "purge"]),
    ("queue set emails --retry-str", ["queue", "set", "emails", "--retry-strategy"]),
    ("queue set emails --retry-strategy l", ["queue", "set", "emails", "--retry-strategy",
                                             "linear"]),
    ("comp", ["completions"]),
    ("completions ba", ["completions", "bash"]),
    # The value of an option is no command.
    ("--profile queue canc", ["--profile", "queue", "cancel"]),
    ("--profile queue --server http://queue:7480 canc",
     ["--profile", "queue", "--server", "http://queue:7480", "cancel"]),
    ("list -q dead --sta", ["list", "-q", "dead", "--state"]),
    ("list -q dead --state suc", ["list", "-q", "dead", "--state", "succeeded"]),
    # A value behind =.
    ("--color=al", ["--color=always"]),
    ("dead list emails --reason=not", ["dead", "list", "emails", "--reason=not_retryable"]),
    ("--color=never canc", ["--color=never", "cancel"]),
    # Files.
    ("--token-file prod", ["--token-file", "production.token"]),
    ("--token-file=prod", ["--token-file=production.token"]),
    ("submit --batch prod", ["submit", "--batch", "production.token"]),
    ("submit report @rep", ["submit", "report", "@report.json"]),
    # A program and its arguments.
    ("work -q emails -- unusual-prog", ["work", "-q", "emails", "--", "unusual-program"]),
    ("work -q emails -- unusual-program rep", ["work", "-q", "emails", "--", "unusual-program",
                                               "report.json"]),
)


class Shell:
    """An interactive shell in which qctl prints what it is called with."""

    SHOW = "qctl() { printf '<<%s>>' \"$@\"; printf '\\nEND\\n'; }\n"

    def __init__(self, folder, name):
        self.folder, self.name = folder, name
        script = os.path.join(folder, f"{name}.completions")
        with open(script, "w") as out:
            out.write(run("completions", name).stdout)
        setup = {"bash": "bind 'set enable-bracketed-paste off'\n",
                 "zsh": "autoload -Uz compinit\ncompinit -u -D\nunsetopt zle_bracketed_paste\n"}
        rc = os.path.join(folder, ".zshrc" if name == "zsh" else "bashrc")
        with open(rc, "w") as out:
            out.write(f"{setup[name]}source {script}\n{self.SHOW}PS1='ready> '\n")
        command = {"bash": ["bash", "--noprofile", "--rcfile", rc, "-i"], "zsh": ["zsh", "-d", "-i"]}
        self.terminal = Terminal(program=command[name], columns=200, cwd=folder, ZDOTDIR=folder,
                                 PATH=f"{folder}:{os.environ['PATH']}")

    def called_with(self, typed):
        self.terminal.seen = b""
        self.terminal.send(f"qctl {typed}\t\r")
        self.terminal.read_until("END")
        words = re.findall(r"<<(.*?)>>", self.terminal.seen.decode())
        self.terminal.read_until("ready> ")
        return words

    def listed(self, typed):
        """What Tab shows when there are several."""
        self.terminal.seen = b""
        self.terminal.send(f"qctl {typed}\t\t")

        def look():
            self.terminal.read()
            return b"\n" in self.terminal.seen
        eventually(look, "a list")
        self.terminal.send("\x03")
        self.terminal.read_until("ready> ")
        return self.terminal.seen.decode().split()


class CompletionsTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        for name in ("production.token", "report.json", "unusual-program"):
            with open(os.path.join(self.folder, name), "w") as out:
                out.write("#!/bin/sh\n")
        os.chmod(os.path.join(self.folder, "unusual-program"), 0o755)
        os.mkdir(os.path.join(self.folder, "cancel"))  # a folder's name is still a command's

    def shell(self, name):
        shell = Shell(self.folder, name)
        self.addCleanup(shell.terminal.close)
        shell.terminal.read_until("ready> ")
        return shell

    def test_tab_in_bash(self):
        shell = self.shell("bash")
        for typed, words in ENDINGS:
            with self.subTest(typed=typed):
                self.assertEqual(shell.called_with(typed), words)

    def test_tab_in_zsh(self):
        shell = self.shell("zsh")
        for typed, words in ENDINGS:
            with self.subTest(typed=typed):
                self.assertEqual(shell.called_with(typed), words)
        self.assertTrue({"get", "set", "pause", "Show"} <= set(shell.listed("queue ")))

    def test_fish(self):
        for typed, words in ENDINGS:
            with self.subTest(typed=typed):
                found = self.fish(f"qctl {typed}")
                last = words[-1].split("=")[-1]
                self.assertIn(last, [word.split("=")[-1] for word in found])
                self.assertLessEqual(len(found), 2 if last.startswith("unusual") else 1)

    def fish(self, line):
        done = subprocess.run(
            ["fish", "--no-config", "-c", f"{QCTL} completions fish | source; complete -C $argv[1]",
             line], capture_output=True, text=True, check=True, cwd=self.folder,
            env=environment(PATH=f"{self.folder}:{os.environ['PATH']}"))
        self.assertEqual(done.stderr, "")
        return [offered.split("\t")[0] for offered in done.stdout.splitlines()]

    def test_bash_completes_without_readline(self):
        def complete(*words):
            script = run("completions", "bash").stdout + (
                f"COMP_WORDS=({' '.join(repr(word) for word in words)})\n"
                f"COMP_CWORD={len(words) - 1}\n_qctl\nprintf '%s\\n' \"${{COMPREPLY[@]}}\"\n")
            return sorted(subprocess.run(["bash", "-c", script], capture_output=True, text=True,
                                         check=True).stdout.split())
        self.assertEqual(complete("qctl", "que"), ["queue", "queues"])
        self.assertEqual(complete("qctl", "queue", "pu"), ["purge"])
        self.assertEqual(complete("qctl", "--profile", "queue", "que"), ["queue", "queues"])
        self.assertEqual(complete("qctl", "--color=al"), ["--color=always"])
        self.assertEqual(complete("qctl", "--color", "="), ["always", "auto", "never"])
        self.assertEqual(complete("qctl", "submit", "t", "@/dev/nul"), ["@/dev/null"])
        self.assertEqual(complete("qctl", "--profile", ""), [])


if __name__ == "__main__":
    unittest.main()
