"""The worker's bench against the real server: it takes every task, and says how many."""

import json
import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.environ["QUERN_SOURCE_DIR"], "tests/cli"))
from programs import BIN, PATIENCE, Server  # noqa: E402


def run(name, *flags):
    return subprocess.run([os.path.join(BIN, name), *flags], capture_output=True, text=True,
                          timeout=PATIENCE)


class WorkerBenchTest(unittest.TestCase):
    def test_it_empties_the_queue_and_counts_what_succeeded(self):
        with Server() as server:
            address = server.url.split("://")[1]
            filled = run("quern_bench", "preload", "--server", address, "--count", "500")
            self.assertEqual(filled.returncode, 0, filled)
            done = run("quern_worker_bench", "--server", address, "--count", "500")
            self.assertEqual(done.returncode, 0, done)
            report = json.loads(done.stdout)
            self.assertEqual(report["tasks"], 500)
            self.assertAlmostEqual(report["tasks_per_second"] * report["seconds"], 500, delta=50)
            counts = server.json("queue", "get", "bench")[0]["counts"]
            self.assertEqual((counts["ready"], counts["succeeded"]), (0, 500))

    def test_flags_that_make_no_sense_are_refused(self):
        for flags in (["--concurrency", "0"], ["--count", "0"], ["--no-such-flag"]):
            with self.subTest(flags=flags):
                self.assertEqual(run("quern_worker_bench", *flags).returncode, 2)


if __name__ == "__main__":
    unittest.main()
