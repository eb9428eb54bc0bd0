"""qctl work when something runs short: descriptors, time, or somebody who reads its output."""

import fcntl
import os
import resource
import unittest

from programs import eventually
from work_case import WorkCase, alive


def limited(ulimit):
    """What runs a program with a limit of descriptors."""
    return "sh", "-c", f'ulimit {ulimit}; exec "$0" "$@"'


class WorkLimitsTest(WorkCase):
    def retry_at_once(self):
        self.server.qctl("queue", "set", "w", "--retry-base", "1ms", "--retry-max", "1ms",
                         "--max-attempts", "100")

    def retry_much_later(self):
        self.server.qctl("queue", "set", "w", "--retry-base", "1h", "--retry-max", "1h")

    # Descriptors.

    def test_a_concurrency_that_descriptors_do_not_allow_is_refused_with_both_figures(self):
        said = self.server.qctl("work", "-q", "w", "-c", "400", "--", "true", status=2,
                                program=limited("-n 1024")).stderr
        self.assertIn("--concurrency 400 needs 2048 file descriptors", said)
        self.assertIn("this process may have 1024", said)
        self.assertIn("enough for 195", said)

    def test_the_soft_limit_of_descriptors_is_raised_for_the_worker_and_not_for_programs(self):
        id = self.submit()
        worker = self.work("ulimit -Sn", "-c", "100",
                           program=limited("-Sn 256"))
        self.assertEqual(self.until(id, "succeeded")["result"], 256)
        soft, hard = resource.prlimit(worker.pid, resource.RLIMIT_NOFILE)
        self.assertEqual(soft, hard)
        self.stop(worker)

    def test_as_many_programs_as_descriptors_allow_all_succeed(self):
        tasks = os.path.join(self.folder, "tasks")
        with open(tasks, "w") as out:
            out.write('{"type": "t"}\n' * 90)
        self.server.qctl("submit", "--batch", tasks, "-q", "w")
        worker = self.work("cat", "-c", "40", program=limited("-n 256"))
        eventually(lambda: self.counts()["succeeded"] == 90, "all succeed")
        self.stop(worker)
        self.assertEqual(worker.stderr.read(), "")

    def counts(self):
        return self.server.json("queue", "get", "w")[0]["counts"]

    def test_whatever_descriptor_cannot_be_had_no_task_hangs_and_it_is_said_once(self):
        worker = self.work("true")
        self.until(self.submit(), "succeeded")  # so its connections are there
        _, hard = resource.prlimit(worker.pid, resource.RLIMIT_NOFILE)
        short = []
        for room in range(1, 16):
            # The numbers that are taken do not count, only how high they may get.
            top = max(map(int, os.listdir(f"/proc/{worker.pid}/fd"))) + 1
            resource.prlimit(worker.pid, resource.RLIMIT_NOFILE, (top + room, hard))
            id = self.submit()
            task = eventually(lambda: (t := self.task(id))["state"] in ("succeeded", "scheduled")
                              and t, f"with room for {room} the task ends or is given back")
            if task["state"] == "scheduled":
                self.assertEqual(task["attempts"], 0)
                short.append(id)
            resource.prlimit(worker.pid, resource.RLIMIT_NOFILE, (hard, hard))
        self.assertTrue(short)
        for id in short:
            self.until(id, "succeeded")
        self.stop(worker)
        self.assertEqual(worker.stderr.read().count("Too many open files"), 1)

    def test_a_guard_that_hangs_holds_up_neither_its_task_nor_the_end(self):
        self.retry_much_later()
        id = self.submit()
        pids = os.path.join(self.folder, "pids")
        worker = self.work(f"echo $$ $PPID > {pids}.new; kill -STOP $PPID; mv {pids}.new {pids}; "
                           "while :; do sleep 1000; done", "--timeout", "1s", "--kill-after", "1s")
        eventually(lambda: os.path.exists(pids), "the program runs")
        self.assertEqual(self.until(id, "retrying")["last_error"]["type"], "timeout")
        with open(pids) as written:
            for pid in written.read().split():
                eventually(lambda: not alive(pid), f"{pid} is killed")
        self.stop(worker)

    # Time.

    def test_a_program_never_overlaps_its_next_attempt_and_its_last_words_are_the_message(self):
        self.retry_at_once()
        id = self.submit("t", "null", "--timeout", "4s")
        pid = os.path.join(self.folder, "pid")
        with open(pid, "w") as none_yet:
            none_yet.write("none")
        worker = self.work(f"trap '' TERM; grep -qs ') [^Z]' /proc/$(cat {pid})/stat && exit 65; "
                           f"echo $$ > {pid}; "
                           "echo last words >&2; while :; do sleep 1000; done", "-c", "2")

        def looked_at():
            task = self.task(id)
            self.assertNotEqual(task["state"], "dead", "an attempt overlaps the next")
            error = task.get("last_error") or {}
            return task["attempts"] >= 2 and (error["type"], error["message"])
        eventually(lambda: looked_at() == ("timeout", "timed out\nlast words"),
                   "the program's last words are the error's message")
        self.server.qctl("cancel", id)
        self.stop(worker)
        self.assertIn("failed: timed out", worker.stdout.read())

    # Who reads the output.

    def stalled(self):
        """A pipe that takes little and that nobody reads: its ends."""
        reading, writing = os.pipe()
        fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
        self.addCleanup(os.close, reading)
        self.addCleanup(os.close, writing)
        return reading, writing

    def test_a_standard_error_that_nobody_reads_holds_up_no_time_out_cancel_or_stop(self):
        self.retry_much_later()
        reading, writing = self.stalled()
        loud = "head -c 300000 /dev/zero | tr '\\0' x >&2; sleep 1000"
        worker = self.work(loud, "-c", "3", "--timeout", "2s", files={"stderr": writing})
        timed_out = self.submit()
        self.assertEqual(self.until(timed_out, "retrying")["last_error"]["type"], "timeout")
        cancelled = self.submit()
        self.until(cancelled, "running")
        self.server.qctl("cancel", cancelled)
        self.assertIn("lost: cancelled", worker.stdout.readline() + worker.stdout.readline())
        self.stop(worker)

    def test_standard_error_that_was_not_read_in_time_has_a_gap_that_is_said(self):
        reading, writing = self.stalled()
        worker = self.work("[ $QUERN_TASK_TYPE = after ] && echo after >&2; "
                           "[ $QUERN_TASK_TYPE = after ] || head -c 3000000 /dev/zero | tr '\\0' x >&2",
                           files={"stderr": writing})
        self.until(self.submit("loud"), "succeeded")
        os.set_blocking(reading, False)
        seen = ""

        def read_all():
            nonlocal seen
            try:
                seen += os.read(reading, 1 << 20).decode()
            except BlockingIOError:
                if "after" not in seen:
                    self.until(self.submit("after"), "succeeded")
            return "after\n" in seen
        eventually(read_all, "what comes after the gap")
        self.assertRegex(seen, r"qctl: \d+ bytes of standard error are left out here")
        self.stop(worker)

    def test_a_standard_output_that_nobody_reads_keeps_no_worker_from_its_end(self):
        tasks = os.path.join(self.folder, "tasks")
        with open(tasks, "w") as out:
            out.write('{"type": "t"}\n' * 150)
        self.server.qctl("submit", "--batch", tasks, "-q", "w")
        _, writing = self.stalled()
        worker = self.work("true", "-c", "4", files={"stdout": writing})
        eventually(lambda: self.counts()["succeeded"] == 150, "all succeed")
        self.stop(worker, status=1)
        self.assertRegex(worker.stderr.read(), r"qctl: \d+ lines of output are left out")

    def test_output_that_cannot_be_written_is_said_at_once_and_what_runs_is_finished(self):
        gate = self.gate()
        for output, why in ((self.closed_pipe(), "Broken pipe"),
                            (os.open("/dev/full", os.O_WRONLY), "No space left on device")):
            with self.subTest(why):
                running = self.submit("slow")
                worker = self.work(f"[ $QUERN_TASK_TYPE = quick ] || read line < {gate}", "-c", "2",
                                   files={"stdout": output})
                self.until(running, "running")
                self.until(self.submit("quick"), "succeeded")
                self.assertIn(f"the output could not be written: {why}", worker.stderr.readline())
                self.open_gate(gate)
                self.assertEqual(worker.wait(30), 1)
                self.assertEqual(worker.stderr.read(), "")
                self.assertEqual(self.task(running)["state"], "succeeded")
                os.close(output)

    def closed_pipe(self):
        reading, writing = os.pipe()
        os.close(reading)
        return writing


if __name__ == "__main__":
    unittest.main()
