"""qctl top through a pseudo-terminal: what it shows, its keys, its size, and the terminal after it."""

import os
import signal
import termios
import unittest

from programs import Server, Terminal, eventually


def queues_in(frame):
    return [line.split()[0] for line in frame[3:-1] if line and not line.startswith("…")]


class TopTest(unittest.TestCase):
    def setUp(self):
        self.server = self.enterContext(Server())

    def top(self, **size):
        top = Terminal("top", "--interval", "50ms", QUERN_SERVER=self.server.url, **size)
        self.addCleanup(top.close)
        return top

    def submit(self, queue, count=1):
        self.server.qctl("submit", "t", "-q", queue, "--batch", "-", "--payloads",
                         input="1\n" * count)

    def test_it_follows_and_gives_the_terminal_back_as_it_was(self):
        self.submit("first")
        ends = {"q": lambda top: top.send("q"), "Ctrl-C": lambda top: top.send("\x03"),
                "SIGTERM": lambda top: top.process.send_signal(signal.SIGTERM)}
        for name, end in ends.items():
            with self.subTest(end=name):
                top = self.top()
                top.read_until("first")
                self.assertIn(b"\x1b[?1049h\x1b[?25l", top.seen)
                self.assertFalse(top.settings()[3] & (termios.ECHO | termios.ICANON))
                self.submit(f"later_{name}")
                top.read_until(f"later_{name}")
                end(top)
                self.assertEqual(top.status(), 0)
                self.assertTrue(top.seen.endswith(b"\x1b[?25h\x1b[?1049l"))
                self.assertEqual(top.settings(), top.before)

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
        top.frame_until(lambda frame: frame[1].startswith("No answer, trying again") and
                        queues_in(frame) == ["here"], "the last that was seen stays")
        self.server.start_again()
        top.frame_until(lambda frame: frame[1] == "" and queues_in(frame) == ["here"],
                        "it goes on")


if __name__ == "__main__":
    unittest.main()
