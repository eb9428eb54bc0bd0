"""--help, the manual page and the completions say the same; every command has examples."""

import re
import subprocess
import unittest

from programs import QCTL, FakeServer, environment


def run(*arguments):
    done = subprocess.run([QCTL, *arguments], capture_output=True, text=True, env=environment())
    assert done.returncode == 0, done
    return done.stdout


def commands_in(help_text):
    part = help_text.split("Subcommands:\n")
    return re.findall(r"^  (\S+) ", part[1].split("\n\n")[0], re.M) if len(part) > 1 else []


def options_in(help_text):
    return set(re.findall(r"^  (?:-\w,)?(--[\w-]+)", help_text, re.M)) - {"--help", "--version"}


def tree(path=()):
    text = run(*path, "--help")
    yield path, text
    for name in commands_in(text):
        yield from tree((*path, name))


class ShellTest(unittest.TestCase):
    def test_the_manual_page_and_all_completions_name_every_command_and_option(self):
        manual = run("man").replace("\\-", "-")
        scripts = {shell: run("completions", shell) for shell in ("bash", "zsh", "fish")}
        found = list(tree())
        self.assertGreater(len(found), 25)
        for path, text in found:
            name = " ".join(("qctl", *path))
            if path:
                self.assertTrue(f".SS {name}\n" in manual, name)
            for option in options_in(text):
                self.assertTrue(f"\\fB{option}\\fR" in manual, (name, option))
                entry = f"__qctl_at \\'{name}\\''.* -l {option[2:]}( |$)".replace("\\", "\\\\")
                self.assertTrue(re.search(entry, scripts["fish"], re.M), (name, option))
                words = re.search(rf"^ +'{name}'\) values='(.*)' ;;$", scripts["bash"], re.M)
                self.assertTrue(words and option in words[1].split(), (name, option))
                words = re.search(rf"^ +'{name}'\)\n.*\n +flags=\((.*) \)", scripts["zsh"], re.M)
                self.assertTrue(words and f"'{option}:" in words[1], (name, option))

    def test_the_manual_page_has_nothing_that_mandoc_complains_about(self):
        linted = subprocess.run(["mandoc", "-T", "lint"], input=run("man"), capture_output=True,
                                text=True)
        self.assertEqual(linted.stdout + linted.stderr, "")

    def test_the_manual_page_says_what_scripts_and_administrators_ask(self):
        page = subprocess.run(["mandoc", "-T", "utf8"], input=run("man"), capture_output=True,
                              text=True, check=True).stdout
        page = re.sub(".\x08", "", page)  # bold and underlined as on a typewriter
        sections = dict(re.findall(r"^([A-Z][A-Z ]+)\n(.*?)(?=^\S)", page, re.M | re.S))
        for title, words in {
                "EXIT STATUS": ["0", "1", "2", "3", "4", "5", "130"],
                "ENVIRONMENT": ["QUERN_SERVER", "QUERN_TOKEN", "QUERN_PROFILE", "NO_COLOR"],
                "FILES": ["~/.config/quern/qctl.toml"]}.items():
            for word in words:
                self.assertIn(word, sections[title].split(), title)
        for synopsis in ("qctl work --queue QUEUE [OPTIONS] -- PROGRAM...",
                         "qctl queue purge --state STATE [OPTIONS] name",
                         "qctl dead discard [OPTIONS] queue [ids...]",
                         "qctl completions [OPTIONS] shell"):
            self.assertIn(f"\n       {synopsis}\n", page)

    def test_help_fits_80_columns_and_names_what_is_required(self):
        for path, text in tree():
            self.assertEqual([line for line in text.splitlines() if len(line) > 82], [], path)
        self.assertIn("Usage: qctl work --queue QUEUE [OPTIONS] -- PROGRAM...\n",
                      run("work", "--help"))

    def test_help_has_nothing_that_only_the_parser_needs(self):
        for path, text in tree():
            for noise in ("REQUIRED", ":INT", " in [", "\n\n\n", " ...", "=default"):
                self.assertNotIn(noise, text, path)
        work = run("work", "--help")
        self.assertIn("\n  PROGRAM...  ", work)
        self.assertIn("\n  -q,--queue QUEUE  ", work)
        self.assertIn("\n  -c,--concurrency NUMBER  ", work)

    def test_help_of_work_has_the_defaults_that_are_true(self):
        work = re.sub(r"\s+", " ", run("work", "--help"))
        self.assertIn("(default: as the task or its queue says)", work)
        self.assertIn("at most a third of the lease (default: 5s)", work)

    def test_every_command_has_examples(self):
        for path, text in tree():
            if path and not commands_in(text):
                self.assertIn("Examples:\n  ", text, path)

    def test_a_pipe_gets_no_colours_unless_they_are_asked_for(self):
        queue = {"name": "w", "counts": {"dead": 1}}
        with FakeServer(lambda *_: (200, {"queues": [queue], "next_cursor": None})) as server:
            for flags, coloured in (([], False), (["--color", "auto"], False),
                                    (["--color", "always"], True)):
                out = run("queues", *flags, "--server", server.url)
                self.assertIn("QUEUE", out)
                self.assertEqual("\x1b" in out, coloured, flags)


if __name__ == "__main__":
    unittest.main()
