"""What bench/run makes of what it measured, and one small run of it from end to end."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

SOURCE = os.environ["QUERN_SOURCE_DIR"]
sys.path.insert(0, os.path.join(SOURCE, "bench"))
from measure import curves, install, report, rows, servers  # noqa: E402
from measure.figures import DERIVED, FIGURES, Figures  # noqa: E402

SIZES = {"backlog": 10_000_000, "due": 1_000_000, "dead": 1_000_000, "parked": 10_000,
         "finished": 1_000_000, "written": 200_000}
FACTS = {"date": "2026-01-02", "commit": "abc", "server": "quernd 1", "server_flags": [],
         "processor": "a processor", "cores": 2, "memory_bytes": 8e9, "kernel": "6.1",
         "file_system": "ext4", "disk": "vda", "fdatasync_ms": 0.15, "load_average": 0.1, "peers": {"redis": "Redis 7"},
         "without": {"celery": "no Celery"}, "rounds": 5, "large_rounds": 3, "curve_rounds": 3,
         "seconds": 5, "scale": 1, "sizes": SIZES}


def figures_of(*rounds):
    figures = Figures()
    for number, measured in enumerate(rounds):
        for name, value in measured.items():
            figures.add(number, name, value)
    return figures


class FiguresTest(unittest.TestCase):
    def test_a_ratio_is_taken_within_a_round_and_its_median_over_the_rounds(self):
        figures = figures_of({"submit_64": 10, "redis_64": 10}, {"submit_64": 80, "redis_64": 40},
                             {"submit_64": 30, "redis_64": 10})
        self.assertEqual(figures.samples("submit_to_redis"), [1, 2, 3])
        self.assertEqual(figures.median("submit_to_redis"), 2)
        # Of the medians it would be 30 / 10.
        self.assertEqual((figures.median("submit_64"), figures.median("redis_64")), (30, 10))

    def test_what_a_round_lacks_is_missing_in_what_follows_from_it_only(self):
        figures = figures_of({"submit_64": 10}, {"submit_64": 30, "redis_64": 10})
        self.assertEqual(figures.samples("submit_to_redis"), [3])
        self.assertIsNone(figures.median("lifecycle_to_bullmq"))
        self.assertEqual(figures.names(), ["submit_64", "redis_64", "submit_to_redis"])

    def test_two_phases_take_the_time_of_both(self):
        figures = figures_of({"bullmq_add": 300, "bullmq_process": 150, "lifecycle": 200})
        self.assertAlmostEqual(figures.median("bullmq"), 100)
        self.assertAlmostEqual(figures.median("lifecycle_to_bullmq"), 2)

    def test_celery_and_rabbitmq_count_by_the_better_of_their_two_ways(self):
        figures = figures_of({"celery_submit": 100, "celery_prefork": 25, "celery_threads": 100,
                              "submit_64": 90, "rabbitmq_64": 10, "rabbitmq_quorum_64": 30})
        self.assertAlmostEqual(figures.median("celery"), 50)
        self.assertAlmostEqual(figures.median("submit_to_rabbitmq"), 3)

    def test_only_figures_that_have_a_name_are_kept_and_derived_ones_never_given(self):
        for name in "nonsense", "submit_to_redis":
            with self.subTest(name=name), self.assertRaises(KeyError):
                Figures().add(0, name, 1)

    def test_medians_come_with_the_lowest_and_the_highest(self):
        shown = list(figures_of({"submit_64": 3000}, {"submit_64": 1000},
                                {"submit_64": 2000}).shown())
        self.assertEqual(shown, [(FIGURES["submit_64"][0], "tasks/s", "2,000", "1,000", "3,000")])

    def test_everything_that_is_derived_or_judged_has_a_name(self):
        self.assertLessEqual(set(DERIVED), set(FIGURES))
        self.assertLessEqual({name for row in rows.ROWS for name in row.figures}, set(FIGURES))


class RowsTest(unittest.TestCase):
    def judged(self, part_of_work, *rounds, first_written=None):
        judged = rows.judge(figures_of(*rounds), SIZES, first_written)
        found = [row for row in judged if part_of_work in row.work]
        self.assertEqual(len(found), 1, part_of_work)
        return found[0]

    def test_where_more_is_better_a_limit_is_the_least(self):
        for value, verdict in ((1.0, "aim"), (0.99, "reached"), (0.75, "reached"), (0.74, "missed")):
            with self.subTest(value=value):
                row = self.judged("LPUSH", {"submit_64": value, "redis_64": 1})
                self.assertEqual((row.value, row.verdict), (value, verdict))

    def test_where_less_is_better_it_is_the_most(self):
        for value, verdict in ((3, "aim"), (3.1, "reached"), (10, "reached"), (10.1, "missed")):
            with self.subTest(value=value):
                row = self.judged("parked worker has it", {"delivery_p99": value})
                self.assertEqual((row.value, row.unit, row.verdict), (value, "ms", verdict))

    def test_of_several_figures_the_worst_counts(self):
        row = self.judged("against an empty server", {"backlog_submit": 1, "backlog_lease": 0.7})
        self.assertEqual((row.value, row.verdict), (0.7, "missed"))
        row = self.judged("restart", {"restart": 1, "restart_killed": 4})
        self.assertEqual((row.value, row.verdict), (4, "reached"))

    def test_what_was_not_measured_is_not_met(self):
        self.assertEqual(self.judged("restart", {"restart": 1}).verdict, "not measured")
        self.assertEqual(self.judged("LPUSH").verdict, "not measured")

    def test_the_first_figure_of_bytes_written_sets_the_aim_of_the_next(self):
        self.assertEqual(self.judged("written", {"written_per_cycle": 900}).verdict, "measured")
        for value, verdict in ((500, "aim"), (501, "measured")):
            row = self.judged("written", {"written_per_cycle": value}, first_written=1000)
            self.assertEqual((row.aim, row.verdict), (500, verdict))

    def test_sizes_are_those_that_were_measured(self):
        self.assertIn("10,000,000 ready tasks", self.judged("resident memory at").work)
        judged = rows.judge(Figures(), {**SIZES, "backlog": 1000})
        self.assertTrue(any("at 1,000 ready tasks" in row.work for row in judged))


class ReportTest(unittest.TestCase):
    def test_quantities_have_the_digits_that_tell_something(self):
        for value, unit, text in ((None, "×", "–"), (0.756, "×", "0.756×"), (40, "×", "40×"),
                                  (12.345, "ms", "12.3 ms"), (123456.7, "tasks/s", "123,457 tasks/s"),
                                  (900, "bytes", "900 B"), (0, "s", "0 s")):
            self.assertEqual(report.quantity(value, unit), text)

    def test_the_table_says_what_was_reached_and_what_is_missing(self):
        figures = figures_of({"submit_64": 9, "redis_64": 10})
        text = report.as_markdown(FACTS, figures, rows.judge(figures, SIZES), ["batch.svg"], "pics")
        self.assertIn("LPUSH `appendfsync always` | 0.75× | 1× | 0.9× | reached |", text)
        self.assertIn("| – | not measured |", text)
        self.assertIn("![batch](pics/batch.svg)", text)
        self.assertIn("Without celery: no Celery.", text)
        self.assertIn("one fdatasync of 4 KiB takes 0.150 ms", text)
        self.assertNotIn("trial", text)
        self.assertIn("a trial, not a result",
                      report.as_markdown({**FACTS, "scale": 0.1}, figures, [], []))

    def test_publishing_replaces_what_stands_between_the_marks_and_nothing_else(self):
        with tempfile.TemporaryDirectory() as folder:
            docs, results = os.path.join(folder, "docs"), os.path.join(folder, "results")
            for name in docs, results:
                os.mkdir(name)
            shutil.copy(os.path.join(SOURCE, "docs/performance.md"), docs)
            for name in "results.json", "batch.svg":
                with open(os.path.join(results, name), "w") as file:
                    file.write("{}")
            figures = figures_of({"submit_64": 9, "redis_64": 10})
            for _ in range(2):  # again, over its own text
                report.publish(results, docs, FACTS, figures, rows.judge(figures, SIZES),
                               ["batch.svg"])
            with open(os.path.join(docs, "performance.md")) as page:
                published = page.read()
            with open(os.path.join(SOURCE, "docs/performance.md")) as page:
                before = page.read()
            self.assertEqual(published.split(report.BEGIN)[0], before.split(report.BEGIN)[0])
            self.assertEqual(published.split(report.END)[1], before.split(report.END)[1])
            self.assertEqual(published.count("![batch](performance/batch.svg)"), 1)
            self.assertEqual(sorted(os.listdir(os.path.join(docs, "performance"))),
                             ["batch.svg", "results.json"])


class CurvesTest(unittest.TestCase):
    def test_a_backlog_grows_by_powers_of_ten_up_to_its_size(self):
        self.assertEqual(curves.backlog_sizes(1_000_000), [1_000, 10_000, 100_000, 1_000_000])
        self.assertEqual(curves.backlog_sizes(25_000), [1_000, 10_000, 25_000])
        self.assertEqual(curves.backlog_sizes(10), [10])

    def test_the_points_of_a_series_are_medians_in_order(self):
        points = [{"round": number, "x": x, "series": series, "y": y} for number, x, series, y in (
            (0, 10, "b", 5), (0, 1, "a", 4), (1, 10, "b", 1), (1, 1, "b", 8), (2, 10, "b", 3))]
        self.assertEqual(curves.medians({"points": points}),
                         {"b": [(1, 8, 8, 8), (10, 3, 1, 5)], "a": [(1, 4, 4, 4)]})


class InstallTest(unittest.TestCase):
    def test_the_peers_are_those_of_packages_txt(self):
        self.assertEqual(install.packages_of_section("peers"),
                         ["beanstalkd", "python3-celery", "python3-redis", "rabbitmq-server",
                          "redis-server"])

    def test_an_unpacked_program_goes_before_the_systems(self):
        with tempfile.TemporaryDirectory() as folder:
            found = install.Peers(folder)
            self.assertEqual(found.program("sh"), shutil.which("sh"))
            place = os.path.join(found.root, "usr/bin")
            os.makedirs(place)
            with open(os.path.join(place, "sh"), "w") as file:
                os.fchmod(file.fileno(), 0o755)
            self.assertEqual(found.program("sh"), os.path.join(place, "sh"))
            self.assertIsNone(found.program("no-such-program"))


class ServersTest(unittest.TestCase):
    def test_a_server_ends_with_its_children_and_says_what_it_used(self):
        class Parent(servers.Server):
            def start(self):
                self.launch(["sh", "-c", "sleep 1000 & echo $!; wait"], stdout=subprocess.PIPE)
                self.child = int(self.process.stdout.readline())

        with tempfile.TemporaryDirectory() as folder:
            with Parent(os.path.join(folder, "data")) as parent:
                group = parent.process.pid
                self.assertIsNotNone(parent.stop(signal.SIGTERM))
            self.assertIsNone(parent.process)

            def gone():
                try:
                    os.killpg(group, 0)
                except ProcessLookupError:
                    return True
                return False

            servers.wait_for(gone, "the end of the children", 30)

    def test_what_does_not_come_ends_the_run_with_what_was_waited_for(self):
        with self.assertRaisesRegex(servers.BenchError, "rain: not within 0 s"):
            servers.wait_for(lambda: False, "rain", 0)


class RunTest(unittest.TestCase):
    def test_a_small_run_measures_judges_and_writes_everything(self):
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, "-B", os.path.join(SOURCE, "bench/run"), "--peers", "none",
                       "--bin", os.environ["QUERN_BIN_DIR"], "--data", os.path.join(folder, "data"),
                       "--results", os.path.join(folder, "results"), "--only",
                       "backlog,redrive,parked,curves", "--curves", "backlog", "--rounds", "1",
                       "--large-rounds", "1", "--curve-rounds", "1", "--seconds", "0.5",
                       "--scale", "0.001"]
            done = subprocess.run(command, capture_output=True, text=True, timeout=250)
            self.assertEqual(done.returncode, 0, done)
            self.assertEqual(os.listdir(os.path.join(folder, "data")), [])
            (name,) = os.listdir(os.path.join(folder, "results"))
            with open(os.path.join(folder, "results", name, "results.json")) as file:
                results = json.load(file)
            with open(os.path.join(folder, "results", name, "reports.json")) as file:
                commands = [report["command"][0] for report in json.load(file)]
            with open(os.path.join(folder, "results", name, "table.md")) as file:
                table = file.read()
        self.assertEqual(results["facts"]["sizes"]["dead"], 1000)
        for figure in ("backlog_submit", "backlog_lease", "backlog_rss", "restart", "restart_killed",
                       "redrive_ratio", "redrive_seconds", "parked_bytes", "parked_wake"):
            self.assertGreater(results["medians"][figure], 0, figure)
        self.assertEqual(commands.count("quern_raw_store"), 1)  # the disk, as a fact of the machine
        self.assertGreater(results["facts"]["fdatasync_ms"], 0)
        points = results["curves"]["backlog"]["points"]
        self.assertEqual([(point["x"], point["series"]) for point in points],
                         [(size, series) for size in (1000, 10000)
                          for series in ("submit", "lease and complete")])
        self.assertTrue(all(point["y"] > 0 for point in points))
        self.assertIn("redriving 1,000 dead tasks", table)
        self.assertIn("redriving 1,000 dead tasks", done.stdout)

    def test_flags_that_make_no_sense_are_refused(self):
        for flags in (["--only", "nonsense"], ["--curves", "nonsense"], ["--bin", "/nowhere"]):
            with self.subTest(flags=flags):
                done = subprocess.run([sys.executable, "-B", os.path.join(SOURCE, "bench/run"),
                                       "--bin", os.environ["QUERN_BIN_DIR"], *flags],
                                      capture_output=True, timeout=60)
                self.assertEqual(done.returncode, 2)


if __name__ == "__main__":
    unittest.main()
