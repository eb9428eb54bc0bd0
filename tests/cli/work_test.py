"""qctl work: what a program's end means, what it is given, and how it is stopped."""

import json
import os
import signal
import ssl
import unittest

from programs import eventually
from work_case import WorkCase, alive


class WorkTest(WorkCase):
    def test_exit_0_completes_with_json_or_text(self):
        ids = [self.submit("json", '{"a": 1}'), self.submit("text"), self.submit("none")]
        self.work("case $QUERN_TASK_TYPE in json) cat;; text) echo ' two words ';; esac")
        results = [self.until(id, "succeeded")["result"] for id in ids]
        self.assertEqual(results, [{"a": 1}, " two words", None])

    def test_exit_65_is_dead_at_once_and_others_are_retried_with_the_end_of_stderr(self):
        self.server.qctl("queue", "set", "w", "--retry-base", "1h", "--retry-max", "1h")
        ids = {code: self.submit(f"exit{code}") for code in (65, 75, 3)}
        self.work("echo first >&2; echo last words >&2; exit ${QUERN_TASK_TYPE#exit}")
        dead = self.until(ids[65], "dead")
        self.assertEqual(dead["dead_reason"], "not_retryable")
        self.assertEqual(dead["last_error"]["message"], "first\nlast words")
        for code in (75, 3):
            retrying = self.until(ids[code], "retrying")
            self.assertIn("last words", retrying["last_error"]["message"])
            self.assertIn(f"exit status {code}", retrying["last_error"]["message"])

    def test_the_environment_names_the_task_and_holds_no_token(self):
        id = self.submit("t", "null", "--correlation-id", "op")
        self.work("env | grep ^QUERN_", QUERN_TOKEN="secret")
        seen = self.until(id, "succeeded")["result"]
        for line in (f"QUERN_TASK_ID={id}", "QUERN_ATTEMPT=1", "QUERN_CORRELATION_ID=op",
                     "QUERN_QUEUE=w"):
            self.assertIn(line, seen.split("\n"))
        self.assertNotIn("secret", seen)

    def test_a_cancelled_program_gets_sigterm_and_then_its_whole_group_sigkill(self):
        id = self.submit()
        pids = os.path.join(self.folder, "pids")
        # Neither ends on SIGTERM.
        self.work(f"trap '' TERM; sleep 1000 & echo $$ $! > {pids}.new; mv {pids}.new {pids}; "
                  "while :; do wait; done", "--kill-after", "100ms")
        eventually(lambda: os.path.exists(pids), "the program runs")
        self.server.qctl("cancel", id)
        with open(pids) as written:
            both = written.read().split()
        for pid in both:
            eventually(lambda: not alive(pid), f"{pid} is killed")

    def family(self, end):
        """A program with a child, a grandchild whose parent is gone, and one in a session of its
        own; none ends on SIGTERM. The worker, and the pids."""
        pids = os.path.join(self.folder, "pids")
        worker = self.work(
            f"trap '' TERM HUP; echo $$ >> {pids}.new; sleep 1000 & echo $! >> {pids}.new; "
            f"(sleep 1000 & echo $! >> {pids}.new); "
            f"setsid sh -c 'echo $$ >> {pids}.new; mv {pids}.new {pids}; sleep 1000' & "
            + end)
        eventually(lambda: os.path.exists(pids), "the program runs")
        with open(pids) as written:
            family = written.read().split()
        self.assertEqual(len(family), 4)
        return worker, family

    def test_a_killed_worker_leaves_nothing_of_its_programs_behind(self):
        self.submit()
        worker, family = self.family("while :; do wait; done")
        os.kill(worker.pid, signal.SIGKILL)
        for pid in family:
            eventually(lambda: not alive(pid), f"{pid} is killed")

    def test_what_a_program_leaves_running_is_killed_when_it_ends(self):
        id = self.submit()
        gate = self.gate()
        _, family = self.family(f"read line < {gate}")
        self.open_gate(gate)
        for pid in family:
            eventually(lambda: not alive(pid), f"{pid} is killed")
        self.until(id, "succeeded")

    def test_a_killed_guard_takes_its_program_along_and_the_task_is_tried_again(self):
        self.server.qctl("queue", "set", "w", "--retry-base", "1h", "--retry-max", "1h")
        id = self.submit()
        pid = os.path.join(self.folder, "pid")
        self.work(f"echo $$ > {pid}.new; echo $PPID >> {pid}.new; mv {pid}.new {pid}; "
                  "while :; do sleep 1000; done")
        eventually(lambda: os.path.exists(pid), "the program runs")
        with open(pid) as written:
            program, guard = written.read().split()
        with open(f"/proc/{guard}/cmdline") as name:
            self.assertEqual(name.read().rstrip("\0"), "quern-guard")
        os.kill(int(guard), signal.SIGKILL)
        self.assertIn("Killed", self.until(id, "retrying")["last_error"]["message"])
        eventually(lambda: not alive(program), "the program is killed")

    def test_a_program_that_takes_too_long_is_stopped_and_retried(self):
        self.server.qctl("queue", "set", "w", "--retry-base", "1h", "--retry-max", "1h")
        id = self.submit()
        self.work("sleep 1000", "--timeout", "100ms")
        error = self.until(id, "retrying")["last_error"]
        self.assertEqual((error["type"], error["message"]), ("timeout", "timed out"))

    def test_a_tasks_own_time_out_is_called_that_though_the_program_ends_with_0(self):
        self.server.qctl("queue", "set", "w", "--retry-base", "1h", "--retry-max", "1h")
        id = self.submit("t", "null", "--timeout", "1s")
        worker = self.work("trap 'echo stopping >&2; exit 0' TERM; sleep 1000 & wait")
        error = self.until(id, "retrying")["last_error"]
        self.assertEqual((error["type"], error["message"]), ("timeout", "timed out\nstopping"))
        self.stop(worker)
        self.assertIn("failed: timed out", worker.stdout.read())

    def test_a_result_that_is_too_large_as_json_is_called_that(self):
        ids = [self.submit("escaped"), self.submit("raw"), self.submit("fits")]
        self.work("case $QUERN_TASK_TYPE in "
                  "escaped) head -c 600000 /dev/zero | tr '\\0' '\\\\';; "
                  "raw) head -c 2000000 /dev/zero | tr '\\0' x;; "
                  "fits) printf '\"%s\"\\n' $(head -c 1048574 /dev/zero | tr '\\0' x);; esac")
        for id in ids[:2]:
            dead = self.until(id, "dead")
            self.assertEqual((dead["dead_reason"], dead["last_error"]["type"]),
                             ("not_retryable", "ResultTooLarge"))
        self.assertEqual(len(self.until(ids[2], "succeeded")["result"]), 1_048_574)

    def test_output_that_grows_too_large_after_the_program_ended_is_no_result_either(self):
        id = self.submit()
        # The rest is written when the program is a zombie: it has ended, and is not yet reaped.
        self.work("head -c 1000000 /dev/zero | tr '\\0' a; "
                  "(until grep -q ' Z ' /proc/$$/stat; do :; done; "
                  "head -c 60000 /dev/zero | tr '\\0' b; echo c) & exit 0")
        dead = self.until(id, "dead")
        self.assertEqual((dead["dead_reason"], dead["last_error"]["type"]),
                         ("not_retryable", "ResultTooLarge"))

    def test_times_that_make_no_sense_are_usage_errors(self):
        for flags, why in ((["--heartbeat", "0s"], "--heartbeat must be at least 100ms"),
                           (["--timeout", "0s"], "--timeout must be longer"),
                           (["--lease", "1ms"], "--lease must be from 1 second")):
            said = self.server.qctl("work", "-q", "w", *flags, "--", "true", status=2).stderr
            self.assertIn(why, said)

    def test_sigterm_lets_what_runs_finish(self):
        id = self.submit()
        gate = os.path.join(self.folder, "gate")
        os.mkfifo(gate)
        worker = self.work(f"read line < {gate}; echo '\"done\"'")
        self.until(id, "running")
        worker.send_signal(signal.SIGTERM)
        with open(gate, "w") as out:  # opens when the program reads
            out.write("go\n")
        self.assertEqual(worker.wait(30), 0)
        self.assertEqual(self.task(id)["result"], "done")

    def runs(self):
        """The processes of the program so far; a line is there once its end is."""
        path = os.path.join(self.folder, "runs")
        if not os.path.exists(path):
            return []
        with open(path) as written:
            return written.read().split("\n")[:-1]

    def started(self, id):
        """The worker runs the program: its process."""
        return eventually(self.runs, "the program runs")[0]

    def test_a_server_that_is_killed_and_comes_back_gets_the_result_of_what_ran(self):
        gate = self.gate()
        id = self.submit()
        worker = self.work(f"echo $$ >> {self.folder}/runs; read line < {gate}; echo '\"done\"'")
        self.started(id)
        self.server.kill()
        self.server.start_again()
        self.assertEqual(self.task(id)["state"], "running")
        self.open_gate(gate)
        self.assertEqual(self.until(id, "succeeded")["result"], "done")
        self.assertEqual(len(self.runs()), 1)
        after = self.submit()  # and it keeps consuming
        eventually(lambda: len(self.runs()) == 2, "the next one runs")
        self.open_gate(gate)
        self.assertEqual(self.until(after, "succeeded")["attempts"], 1)
        self.stop(worker)

    def test_a_result_that_found_no_server_is_reported_when_it_is_back(self):
        gate = self.gate()
        id = self.submit()
        worker = self.work(f"echo $$ >> {self.folder}/runs; read line < {gate}; echo '\"done\"'")
        pid = self.started(id)
        self.server.kill()
        self.open_gate(gate)
        eventually(lambda: not alive(pid), "the program has ended")
        self.server.start_again()
        task = self.until(id, "succeeded")
        self.assertEqual((task["result"], task["attempts"]), ("done", 1))
        self.assertEqual(len(self.runs()), 1)
        self.stop(worker)

    def test_a_program_that_cannot_be_found_is_a_usage_error(self):
        for program in ("/no/such/program", self.folder, "."):
            said = self.server.qctl("work", "-q", "w", "--", program, status=2).stderr
            self.assertIn(f'cannot find or run "{program}"', said)

    def test_a_program_that_cannot_be_started_costs_no_attempt_and_ends_the_worker(self):
        id = self.submit("t", "null", "--max-attempts", "1")
        program = os.path.join(self.folder, "program")
        with open(program, "w") as out:
            out.write("#!/no/such/interpreter\n")
        os.chmod(program, 0o700)
        said = self.server.qctl("work", "-q", "w", "--", program, status=2)
        self.assertIn(f'cannot run "{program}": the interpreter', said.stderr)
        self.assertIn("released", said.stdout)
        task = self.task(id)
        self.assertEqual((task["state"], task["attempts"]), ("ready", 0))

    def lines(self, worker):
        return [json.loads(line) for line in worker.stdout.read().splitlines()]

    def test_a_task_that_was_cancelled_is_lost_and_not_called_succeeded(self):
        gate = self.gate()
        noticed = self.submit()
        worker = self.work(f"echo $$ >> {self.folder}/runs; trap 'exit 0' TERM; "
                           f"read line < {gate}", "--json")
        self.started(noticed)
        self.server.qctl("cancel", noticed)  # a heartbeat says so
        late = self.submit()
        eventually(lambda: len(self.runs()) == 2, "the next one runs")
        self.open_gate(gate)
        self.until(late, "succeeded")
        self.stop(worker)
        ends = {line["id"]: line for line in self.lines(worker)}
        self.assertEqual((ends[noticed]["outcome"], ends[noticed]["detail"]), ("lost", "cancelled"))
        self.assertEqual(ends[late]["outcome"], "succeeded")

    def test_a_result_that_came_too_late_is_lost(self):
        gate = self.gate()
        id = self.submit()
        script = f"echo $$ >> {self.folder}/runs; read line < {gate}"
        worker = self.server.start("work", "-q", "w", "--lease", "3h", "--heartbeat", "1h", "--",
                                   "sh", "-c", script)  # no heartbeat says it sooner
        self.addCleanup(lambda: (worker.kill(), worker.communicate()))
        self.started(id)
        self.server.qctl("cancel", id)
        self.open_gate(gate)
        self.assertIn("lost: cancelled after", worker.stdout.readline())

    def test_with_json_a_worker_whose_server_is_away_says_so_in_an_object(self):
        worker = self.work("true", "--json", "--quiet")
        id = self.submit()
        self.until(id, "succeeded")  # so it is past its first call
        self.server.kill()
        said = json.loads(worker.stderr.readline())
        self.assertEqual(said["code"], "worker")
        self.assertIn("trying again", said["detail"])
        self.server.start_again()

    def test_a_program_gets_the_ca_file_from_wherever_it_is_named(self):
        id = self.submit()
        ca_file = ssl.get_default_verify_paths().cafile or "/etc/ssl/certs/ca-certificates.crt"
        relative = os.path.relpath(ca_file)
        self.work("echo $QUERN_CA_FILE", QUERN_CA_FILE=relative)
        self.assertEqual(os.path.realpath(self.until(id, "succeeded")["result"]),
                         os.path.realpath(ca_file))

    def test_what_a_program_submits_has_the_correlation_id_of_its_task(self):
        self.server.qctl("queue", "set", "other", "--max-attempts", "1")  # there before it is listed
        self.submit("first", "null", "--correlation-id", "op")
        qctl = os.path.join(os.environ["QUERN_BIN_DIR"], "qctl")
        self.work(f"[ $QUERN_TASK_TYPE = first ] || exit 0; {qctl} submit second -q other; "
                  f"{qctl} submit third -q other --correlation-id own")
        ids = eventually(lambda: len(t := self.server.json("list", "-q", "other")) == 2 and t, "both")
        self.assertEqual({task["type"]: task["correlation_id"] for task in ids},
                         {"second": "op", "third": "own"})

    def test_a_program_gets_the_token_only_when_told_and_never_as_an_argument(self):
        look = ("echo \"[$QUERN_TOKEN]\"; cat /proc/$$/cmdline /proc/$PPID/cmdline "
                "/proc/$(cut -d' ' -f4 /proc/$PPID/stat)/cmdline | tr '\\0' ' '")
        for flags, token in (([], "[]"), (["--pass-token"], "[secret]")):
            id = self.submit()
            worker = self.work(look, *flags, QUERN_TOKEN="secret")
            first, arguments = self.until(id, "succeeded")["result"].split("\n", 1)
            self.assertEqual(first, token)
            self.assertIn("qctl work", arguments)  # looked at the worker, too
            self.assertNotIn("secret", arguments)
            self.stop(worker)


if __name__ == "__main__":
    unittest.main()
