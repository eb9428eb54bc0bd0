"""What takes millions of tasks or thousands of connections. Sizes are those of the table times --scale."""

import contextlib
import datetime
import os
import signal
import threading
import time

from measure.parked import Parked
from measure.servers import BenchError, Quernd, wait_for

EVENT_SECONDS_MAX = 600  # for what a million tasks do at once
LOOK_SECONDS = 0.05  # how often to look whether it is over, without being a load itself
# At the least, so that a short event has enough of them for a 99th percentile.
OTHERS_SECONDS_MIN = 1
# Other clients beside an event: few enough to leave the server room, enough for a 99th percentile.
OTHERS = ("--connections", 16, "--rate", 500, "--queue", "others")
FINISHED_BATCH = 1000


def megabytes(count):
    return count / 1e6


# --- a backlog ------------------------------------------------------------------------------------


def backlog(run):
    """Two servers side by side, one with the backlog; only one is under load at a time."""
    with run.folder() as folder:
        places = [os.path.join(folder, name) for name in ("empty", "full")]
        with Quernd(run.options, places[0]) as empty, Quernd(run.options, places[1]) as full:
            count = run.options.sizes["backlog"]
            run.load_exactly(count, full, "preload", "--connections", 8)
            run.round = 0
            run.add("backlog_rss", megabytes(full.memory_bytes("VmRSS")))
            for run.round in range(run.options.large_rounds):
                compare(run, empty, full, full_first=run.round % 2 == 1)
            run.add("backlog_rss_peak", megabytes(full.memory_bytes("VmHWM")))
            empty.end()
            for run.round in range(run.options.large_rounds):
                full.end()
                run.add("restart", full.start())
                full.stop(signal.SIGKILL)
                run.add("restart_killed", full.start())
                run.add("backlog_rss_restarted", megabytes(full.memory_bytes("VmRSS")))


def compare(run, empty, full, full_first):
    count = run.options.backlog_count
    for name, mode in (("backlog_submit", "submit"), ("backlog_lease", "lease")):
        rates = {}
        for server in (full, empty) if full_first else (empty, full):
            report = run.load_exactly(count, server, mode, "--connections", 64)
            rates[server] = report["tasks_per_second"]
        run.add(name, rates[full] / rates[empty])


# --- events that others feel ----------------------------------------------------------------------


def others_calm(run, server):
    report = run.load(server, "lifecycle", "--seconds", run.options.seconds, *OTHERS)
    return report["latency_us"]["cycle"]["p99"] / 1e3


@contextlib.contextmanager
def beside_others(run, server):
    """Others are measured for as long as the block takes, and a little longer if that is short."""
    began = time.monotonic()
    with run.beside(server, "lifecycle", *OTHERS, "--warmup", 0.1) as others:
        yield others
        time.sleep(max(0, began + OTHERS_SECONDS_MIN - time.monotonic()))


def due(run):
    """So many tasks become ready in one second. Others are measured until the last of them is."""
    count = run.options.sizes["due"]
    for run.round in range(run.options.large_rounds):
        with run.quernd() as server:
            run_at = submit_for_later(run, server, count)
            run.add("due_calm_p99", others_calm(run, server))
            if time.time() > run_at - 1:
                raise BenchError("due: the tasks were due before all was measured")
            time.sleep(run_at - 0.5 - time.time())
            with beside_others(run, server) as others:
                wait_for(lambda: server.counts("later")["scheduled"] == 0, "all tasks ready",
                         EVENT_SECONDS_MAX, LOOK_SECONDS)
                run.add("due_seconds", time.time() - run_at)
            run.add("due_p99", others[0]["latency_us"]["cycle"]["p99"] / 1e3)
            if server.counts("later")["ready"] != count:
                server.fail(f"{server.counts('later')} instead of {count} ready tasks")


def submit_for_later(run, server, count):
    """Unix time when all are due: late enough to submit them all and measure others before."""
    trial = max(1, count // 50)
    later = ("--connections", 8, "--queue", "later", "--run-at")
    far = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=1)
    rate = run.load_exactly(trial, server, "preload", "--connections", 8, "--queue", "trial",
                            "--run-at", text_of(far))["tasks_per_second"]
    run_at = int(time.time() + 2 * count / rate + 2 * run.options.seconds + 5)
    when = datetime.datetime.fromtimestamp(run_at, datetime.timezone.utc)
    run.load_exactly(count, server, "preload", *later, text_of(when))
    return run_at


def text_of(when):
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


def redrive(run):
    """So many dead tasks go back to their queue by one request."""
    count = run.options.sizes["dead"]
    for run.round in range(run.options.large_rounds):
        with run.quernd() as server:
            dead = ("--connections", 4, "--queue", "dead")
            run.load_exactly(count, server, "preload", *dead)
            run.load_exactly(count, server, "lease", *dead, "--batch", FINISHED_BATCH, "--fail")
            run.add("redrive_calm_p99", others_calm(run, server))
            with beside_others(run, server) as others:
                began = time.monotonic()
                answer = in_thread(lambda: server.request(
                    "POST", "/queues/dead/dead/redrive", {"all": True}, EVENT_SECONDS_MAX))
                wait_for(lambda: server.counts("dead")["ready"] == count, "all tasks redriven",
                         EVENT_SECONDS_MAX, LOOK_SECONDS)
                run.add("redrive_seconds", time.monotonic() - began)
                if answer() != (200, {"redriven": count}):
                    server.fail(f"redriving {count} tasks answered {answer()}")
            run.add("redrive_p99", others[0]["latency_us"]["cycle"]["p99"] / 1e3)


def in_thread(call):
    """Begins `call`; what is returned waits for it and says what it said."""
    said = []
    thread = threading.Thread(target=lambda: said.append(call()))
    thread.start()

    def answer():
        thread.join()
        return said[0] if said else None

    return answer


# --- parked workers, disk -------------------------------------------------------------------------


def parked(run):
    for run.round in range(run.options.large_rounds):
        with run.quernd() as server:
            run.load(server, "lifecycle", "--connections", 1, "--count", 100)
            with Parked(server, run.options.sizes["parked"]) as waiting:
                run.add("parked_bytes", waiting.bytes_each() / 1e3)
                run.add("parked_wake", 1e3 * waiting.wake_one().seconds)


def disk(run):
    """All tasks are finished; then their retention ends."""
    count = run.options.sizes["finished"]
    for run.round in range(run.options.large_rounds):
        with run.quernd() as server:
            for mode in ("preload", "lease"):
                run.load_exactly(count, server, mode, "--connections", 4, "--batch", FINISHED_BATCH)
            run.add("disk_finished", megabytes(settled(server.disk_bytes)))
            server.request("PATCH", "/queues/bench", {"retention_ms": 0})
            wait_for(lambda: server.counts("bench")["succeeded"] == 0, "retention",
                     EVENT_SECONDS_MAX)
            run.add("disk_after", megabytes(settled(server.disk_bytes)))
            server.end()
            server.start()
            run.add("disk_restarted", megabytes(server.disk_bytes()))


def settled(read, quiet_seconds=3.0):
    """What `read` says once it has said the same for so long: compaction goes on by itself."""
    value, since = read(), time.monotonic()
    deadline = since + EVENT_SECONDS_MAX
    while time.monotonic() - since < quiet_seconds:
        time.sleep(0.1)
        now = read()
        if now != value:
            value, since = now, time.monotonic()
        if time.monotonic() > deadline:
            raise BenchError(f"the disk was not quiet for {quiet_seconds} s")
    return value


def written(run):
    """By the whole process, its clean end included, as the kernel accounts for it."""
    count = run.options.sizes["written"]
    for run.round in range(run.options.large_rounds):
        with run.quernd() as server:
            run.load_exactly(count, server, "lifecycle", "--connections", 64)
            settled(server.disk_bytes)
            blocks = server.end().ru_oublock
            run.add("written_per_cycle", blocks * 512 / count)


SECTIONS = {"backlog": backlog, "due": due, "redrive": redrive, "parked": parked, "disk": disk,
            "written": written}
