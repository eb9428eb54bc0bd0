"""qctl top through a pseudo-terminal: what it shows, its keys, its size, and the terminal after it."""

import os
import re
import signal
import termios
import threading
import unittest

from programs import FakeServer, Server, Terminal, eventually
from servers_test import problem


def queues_in(frame):
    return [line.split()[0] for line in frame[3:-1] if line and not line.startswith("…")]


class TopTest(unittest.TestCase):
    def setUp(self):
        self.server = self.enterContext(Server())

    def top(self, interval="50ms", **size):
        top = Terminal("top", "--interval", interval, QUERN_SERVER=self.server.url, **size)
        self.addCleanup(top.close)
        return top

    def submit(self, queue, count=1):
        self.server.qctl("submit", "t", "-q", queue, "--batch", "-", "--payloads",
                         input="1\n" * count)

    def test_it_follows_and_gives_the_terminal_back_as_it_was(self):
        self.submit("first")
        def signalled(number):
            return lambda top: top.process.send_signal(number)
        ends = {"q": (lambda top: top.send("q"), 0),
                "Ctrl-C": (lambda top: top.send("\x03"), 130),
                "Ctrl-Backslash": (lambda top: top.send("\x1c"), 131),
                "SIGTERM": (signalled(signal.SIGTERM), 143),
                "SIGHUP": (signalled(signal.SIGHUP), 129)}
        for name, (end, status) in ends.items():
            with self.subTest(end=name):
                top = self.top()
                top.read_until("first")
                self.assertIn(b"\x1b[?1049h\x1b[?25l", top.seen)
                self.assertFalse(top.settings()[3] & (termios.ECHO | termios.ICANON))
                self.submit(f"later_{name}")
                top.read_until(f"later_{name}")
                end(top)
                self.assertEqual(top.status(), status)
                self.assertTrue(top.seen.endswith(b"\x1b[?25h\x1b[?1049l"))
                self.assertEqual(top.settings(), top.before)

    def test_a_terminal_that_can_draw_nothing_is_refused(self):
        for name in ("dumb", ""):
            top = self.top(TERM=name)
            self.assertEqual(top.status(), 2)
            self.assertIn(b"qctl: top draws a screen", top.seen)
            self.assertNotIn(b"\x1b", top.seen)

    def test_ctrl_z_gives_the_terminal_back_until_it_goes_on(self):
        top = self.top()
        top.read_until("0 queues")
        top.send("\x1a")
        _, status = os.waitpid(top.process.pid, os.WUNTRACED)
        self.assertTrue(os.WIFSTOPPED(status))
        self.assertEqual(top.settings(), top.before)
        top.process.send_signal(signal.SIGCONT)
        top.frame_until(lambda frame: "0 queues" in frame[0], "it is drawn again")
        self.assertFalse(top.settings()[3] & termios.ECHO)
        top.send("q")
        self.assertEqual(top.status(), 0)
        self.assertEqual(top.settings(), top.before)

    def test_after_a_stop_from_outside_it_takes_the_terminal_again(self):
        top = self.top()
        top.read_until("0 queues")
        top.process.send_signal(signal.SIGSTOP)
        os.waitpid(top.process.pid, os.WUNTRACED)
        termios.tcsetattr(top.inner, termios.TCSANOW, top.before)  # as a shell does
        top.process.send_signal(signal.SIGCONT)
        eventually(lambda: top.read() or not top.settings()[3] & termios.ECHO, "no echo")
        top.send("q")
        self.assertEqual(top.status(), 0)
        self.assertEqual(top.settings(), top.before)

    def test_80_columns_hold_all_that_matters(self):
        self.submit("documents-to-index", 1_234)
        self.server.qctl("queue", "pause", "documents-to-index")
        top = self.top(columns=80)
        frame = top.frame_until(lambda frame: "documents-to-index" in frame[3], "the queue")
        self.assertEqual(frame[2].split(), ["QUEUE", "READY", "OLDEST", "RUNNING", "RETRY",
                                            "DEAD", "IN/s", "OUT/s"])
        self.assertRegex(frame[3], r"^documents-to-index +1,234 .* paused$")
        self.assertEqual(frame[0], f"Quern  1 queue, 1 paused  {self.server.url}")
        self.assertRegex(frame[1], r"^1,234 ready  0 running  0 dead  in \S+/s  out \S+/s$")
        top.resize(rows=24, columns=40)
        frame = top.frame_until(lambda frame: frame[3].endswith(" paused"), "the narrow one")
        self.assertLessEqual(max(map(len, frame)), 40)
        self.assertLessEqual({"QUEUE", "READY", "DEAD"}, set(frame[2].split()))

    def test_rates_are_shown(self):
        self.submit("w")
        top = self.top(interval="1s")  # so long each rate stays on the screen

        def rate_shown():
            self.server.qctl("submit", "t", "-q", "w")
            top.read()
            return [frame for frame in top.frames()
                    if frame[2].split()[-2:] == ["IN/s", "OUT/s"] and len(frame) > 4
                    and float(frame[3].split()[-2].rstrip("k")) > 0]
        eventually(rate_shown, "submits a second")

    def test_what_waits_longest_is_on_top_and_what_is_idle_below(self):
        self.server.qctl("queue", "set", "a-idle", "--max-attempts", "5")
        self.submit("m-busy")
        top = self.top()
        top.frame_until(lambda frame: queues_in(frame) == ["m-busy", "a-idle"], "idle below")
        eventually(lambda: top.read() or self.server.json("queue", "get", "m-busy")[0]
                   ["oldest_ready_age_ms"] > 1_100, "it has waited for over a second")
        self.submit("b-fresh")
        top.frame_until(lambda frame: queues_in(frame) == ["m-busy", "b-fresh", "a-idle"],
                        "the oldest on top")

    def test_keys_sort(self):
        self.submit("a", 2)
        self.submit("b", 3)
        self.submit("c", 1)
        self.server.qctl("queue", "set", "c", "--retry-base", "1h", "--retry-max", "1h")
        worker = self.server.start("work", "-q", "c", "--", "sh", "-c", "exit 65")
        self.addCleanup(lambda: (worker.kill(), worker.communicate()))
        top = self.top()
        for key, name, order in (("r", "[r ready]", ["b", "a", "c"]),
                                 ("d", "[d dead]", ["c", "a", "b"]),
                                 ("n", "[n name]", ["a", "b", "c"]),
                                 ("o", "[o oldest]", ["a", "b", "c"])):
            top.send(key)
            top.frame_until(lambda frame: name in frame[-1] and queues_in(frame) == order,
                            f"{order} after {key}")

    def test_queues_that_do_not_fit_are_counted_and_can_be_scrolled_to(self):
        for i in range(15):
            self.submit(f"q{i:02}")
        top = self.top(rows=10)  # six rows, one of which says what is hidden
        frame = top.frame_until(lambda frame: len(queues_in(frame)) == 5, "five rows")
        self.assertEqual(frame[-2], "… 10 more")
        self.assertLessEqual(len(frame), 10)
        top.send("\x1b[B\x1b[B")
        top.frame_until(lambda frame: queues_in(frame)[:1] == ["q02"] and
                        frame[-2] == "… 8 more, 2 above", "two rows further down")
        top.send("\x1b[6~\x1b[6~\x1b[6~\x1b[6~")
        top.frame_until(lambda frame: queues_in(frame)[-1:] == ["q14"] and
                        frame[-2] == "… 0 more, 10 above", "the end")
        top.send("n")
        top.frame_until(lambda frame: queues_in(frame)[:1] == ["q00"], "sorting begins at the top")

    def test_a_resize_is_followed_at_once(self):
        for i in range(15):
            self.submit(f"q{i:02}")
        top = self.top(rows=24, columns=120)
        top.frame_until(lambda frame: len(queues_in(frame)) == 15, "all fit")
        top.resize(rows=8, columns=40)
        frame = top.frame_until(lambda frame: len(queues_in(frame)) == 3, "three fit")
        self.assertEqual(len(frame), 8)
        self.assertEqual([line for line in frame if len(line) > 40], [])
        top.resize(rows=24, columns=120)
        top.frame_until(lambda frame: len(queues_in(frame)) == 15, "all fit again")
        for rows, columns in ((1, 1), (2, 5), (4, 3)):
            top.resize(rows, columns)
            top.frame_until(lambda frame: len(frame) <= rows and len(frame[0]) <= columns,
                            "a tiny one is no trouble")

    def test_a_server_that_goes_away_is_said_and_waited_for(self):
        self.submit("here")
        top = self.top()
        top.read_until("here")
        self.server.kill()
        top.frame_until(lambda frame: re.match(r"No answer for .*, trying again", frame[1]) and
                        queues_in(frame) == ["here"], "the last that was seen stays")
        self.server.start_again()
        top.frame_until(lambda frame: frame[1].startswith("1 ready") and queues_in(frame) == ["here"],
                        "it goes on")

    def test_a_first_answer_that_will_not_pass_ends_it(self):
        for answer, status, said in (
                (problem(401, "unauthorized", "no token was given"), 1, b"qctl: no token was given"),
                ((200, "<html>hello</html>"), 4, b"Quern")):
            with FakeServer(lambda *_: answer) as fake:
                top = Terminal("top", "--interval", "50ms", QUERN_SERVER=fake.url)
                self.addCleanup(top.close)
                self.assertEqual(top.status(), status)
                shown = top.seen.split(b"\x1b[?1049l")
                self.assertIn(said, shown[1])  # on the screen that stays
                self.assertEqual(top.settings(), top.before)

    def test_a_later_refusal_is_not_called_a_silence(self):
        refuses = threading.Event()
        fake = self.enterContext(FakeServer(
            lambda *_: problem(401, "unauthorized", "the token is unknown") if refuses.is_set()
            else (200, {"queues": [], "next_cursor": None})))
        top = Terminal("top", "--interval", "50ms", QUERN_SERVER=fake.url)
        self.addCleanup(top.close)
        top.read_until("No queues yet")
        refuses.set()
        top.frame_until(lambda frame: re.match("Refused for .*, trying again: the token", frame[1]),
                        "what the server says")
        top.send("q")
        self.assertEqual(top.status(), 0)


if __name__ == "__main__":
    unittest.main()
