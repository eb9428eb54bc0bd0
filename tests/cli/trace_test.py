"""qctl trace of an operation with failures, for a person on call at 80 columns."""

import datetime
import unittest

from programs import FakeServer, Terminal, run

ERROR = {"type": "GatewayError", "message": "upstream connect error or disconnect before headers"}


def time(seconds):
    began = datetime.datetime(2026, 11, 23, 9, 10)
    return (began + datetime.timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def id_of(number):
    return f"019a9f3c-7d11-7000-8000-{number:012}"


def task(number, type, state, created, parent=None, **fields):
    made = {"id": id_of(number), "queue": "payments", "type": type, "state": state, "attempts": 1,
            "max_attempts": 5, "created_at": time(created), "correlation_id": "op", **fields}
    if parent is not None:
        made["idempotency_key"] = f"{id_of(parent)}:0:{number}"
    return made


def dead(number, created, parent):
    return task(number, "charge", "dead", created, parent, dead_reason="max_attempts",
                started_at=time(created + 1), finished_at=time(created + 2), last_error=ERROR,
                failures=[{"attempt": 1, "at": time(created + 2), "worker_id": "w",
                           "error": {**ERROR, "message": f"{ERROR['message']} of {number}"}}])


class TraceTest(unittest.TestCase):
    def setUp(self):
        self.tasks = []
        self.fake = self.enterContext(FakeServer(
            lambda *_: (200, {"tasks": self.tasks, "next_cursor": None})))

    def terminal(self, *arguments, columns=80):
        seen = Terminal("trace", "op", *arguments, columns=columns, NO_COLOR="1",
                        QUERN_SERVER=self.fake.url)
        self.addCleanup(seen.close)
        self.assertEqual(seen.status(), 0)
        lines = seen.seen.decode().splitlines()
        if not arguments:
            self.assertLessEqual(max(map(len, lines)), columns)
        return lines

    def piped(self):
        return run("trace", "op", QUERN_SERVER=self.fake.url).stdout

    def test_what_a_person_has_to_act_on_has_its_id_and_its_reason(self):
        self.tasks = [task(1, "place_order", "succeeded", 0, started_at=time(1),
                           finished_at=time(3)), dead(2, 4, 1)]
        lines = self.terminal()
        self.assertIn("charge in payments  dead: max_attempts", lines[-4])
        self.assertEqual(lines[-3].split(), ["id", id_of(2)])
        self.assertRegex(lines[-2], r"^ ?\+6\.000s +attempt 1 failed: GatewayError: .*…$")
        self.assertIn(f"  {id_of(2)}\n", self.piped())

    def test_many_that_failed_alike_are_counted(self):
        self.tasks = [task(1, "place_order", "running", 0, started_at=time(1))]
        self.tasks += [dead(number, 4, 1) for number in range(2, 42)]
        lines = self.terminal()
        self.assertLess(len(lines), 20)
        self.assertRegex(lines[-2], r"└─ … 37 more charge in payments  dead: max_attempts  "
                                    r"GatewayError$")
        self.assertEqual(self.piped().count("dead: max_attempts"), 40)

    def test_how_each_fared_is_told(self):
        self.tasks = [
            task(1, "done", "succeeded", 0, started_at=time(60), finished_at=time(62), attempts=3,
                 redrives=1),
            task(2, "runs", "running", 4_000, started_at=time(4_001),
                 lease={"worker_id": "host:7", "expires_at": time(5_000)}),
            task(3, "later", "scheduled", 90_000, run_at="2999-01-01T00:00:00.000Z"),
            task(4, "stopped", "cancelled", 90_001, finished_at=time(90_002))]
        text = self.piped()
        self.assertIn("waited 1 min, took 2 s, 3 attempts, redriven  ", text)
        self.assertRegex(text, r"\n +\+1h06m40s  runs in .* running for .*, with host:7  ")
        self.assertRegex(text, r"\n\+25h00m00s  later in payments  scheduled  runs in \d+ d  ")
        self.assertIn("cancelled  not started  ", text)
        self.assertNotIn("done after", text)

    def test_an_operation_that_is_over_says_how_long_it_took(self):
        self.tasks = [task(1, "done", "succeeded", 0, started_at=time(1), finished_at=time(7.5))]
        self.assertIn("(2026-11-23T09:10:00.000Z), done after 7.500s\n", self.piped())


if __name__ == "__main__":
    unittest.main()
