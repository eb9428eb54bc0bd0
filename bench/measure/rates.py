"""Rates and latencies of seconds each: every round takes them all, every other round backwards, so that
what is compared stands side by side and nobody is always first."""

import os

from measure.peers import Beanstalkd, RabbitMq, Redis, bullmq, celery

BULLMQ_TASKS_PER_SECOND = 8_000  # about what it does, so that it runs for about --seconds
CELERY_TASKS_PER_SECOND = 1_000
PAYLOAD_BYTES = 200


def latencies(run, name, report, step):
    for quantile in ("p50", "p99"):
        run.add(f"{name}_{quantile}", report["latency_us"][step][quantile] / 1e3)


def submits(run, connections):
    with run.quernd() as server:
        report = run.timed(server, "submit", "--connections", connections)
    run.add(f"submit_{connections}", report["tasks_per_second"])
    p99 = report["latency_us"]["submit"]["p99"] / 1e3
    run.add(f"submit_{connections}_p99", p99)
    if connections == 64:
        run.add("submit_64_p50", report["latency_us"]["submit"]["p50"] / 1e3)
        half = f"{report['tasks_per_second'] / 2:.0f}"
        with run.quernd() as server:
            on_schedule = run.timed(server, "submit", "--connections", 64, "--rate", half)
        latencies(run, "half", on_schedule, "submit")


def peer_submits(run, peer, name, make, connections=64):
    if not run.has(peer):
        return
    with run.folder() as folder, make(run.peers, os.path.join(folder, "data")) as server:
        report = run.timed(server, "submit", "--connections", connections)
        server.stop()
    run.add(f"{name}_{connections}", report["tasks_per_second"])


def redis(run, connections):
    peer_submits(run, "redis", "redis", Redis, connections)


def other_brokers(run):
    peer_submits(run, "beanstalkd", "beanstalkd", Beanstalkd)
    for wire, name in (("rabbitmq", "rabbitmq"), ("rabbitmq-quorum", "rabbitmq_quorum")):
        peer_submits(run, "rabbitmq", name,
                     lambda peers, data, wire=wire: RabbitMq(peers, data, wire))


def ping(run):
    with run.quernd() as server:
        report = run.timed(server, "ping", "--connections", 64)
    run.add("ping_64", report["requests_per_second"])


def batches(run):
    with run.quernd() as server:
        report = run.timed(server, "batch", "--connections", 8, "--batch", 100)
    run.add("batch", report["tasks_per_second"])


def raw_store(run):
    for batch in (256, 64):
        run.add(f"raw_{batch}", run.raw("puts", "--batch", batch)["tasks_per_second"])


def life_cycles(run):
    with run.quernd() as server:
        report = run.timed(server, "lifecycle", "--connections", 64)
    run.add("lifecycle", report["tasks_per_second"])
    latencies(run, "lifecycle", report, "cycle")
    # Half of that load, with every worker parked when its task comes.
    half = f"{report['tasks_per_second'] / 2:.0f}"
    with run.quernd() as server:
        delivered = run.timed(server, "deliver", "--connections", 128, "--rate", half)
    latencies(run, "delivery", delivered, "delivery")


def bullmq_cycles(run):
    if not run.has("bullmq"):
        return
    count = round(BULLMQ_TASKS_PER_SECOND * run.options.seconds)
    with run.folder() as folder:
        report = bullmq(run.peers, folder, count, 64, PAYLOAD_BYTES)
    run.reports.append({"round": run.round, "command": ["bullmq"], "report": report})
    run.add("bullmq_add", report["added_per_second"])
    run.add("bullmq_process", report["processed_per_second"])


def worker(run):
    """The worker and the load generator take the same number of tasks from one server."""
    count = run.options.worker_count
    with run.quernd() as server:
        submitted = run.load_exactly(count, server, "submit", "--connections", 64)
        run.add("worker_submit", submitted["tasks_per_second"])
        report = run.program("quern_worker_bench", "--server", server.address, "--count", count)
        run.add("worker", report["tasks_per_second"])
        for name, connections in (("drain", 1), ("drain_wide", 64)):
            filled = run.load_exactly(count, server, "preload", "--connections", 8)
            run.add("worker_batch", filled["tasks_per_second"])
            drained = run.load_exactly(count, server, "lease", "--connections", connections,
                                       "--batch", 64)
            run.add(name, drained["tasks_per_second"])


def celery_cycles(run):
    if not run.has("celery"):
        return
    count = round(CELERY_TASKS_PER_SECOND * run.options.seconds)
    with run.folder() as folder:
        report = celery(run.peers, folder, count, PAYLOAD_BYTES)
    run.reports.append({"round": run.round, "command": ["celery"], "report": report})
    run.add("celery_submit", report["submitted_per_second"])
    for pool in ("prefork", "threads"):
        run.add(f"celery_{pool}", report[f"{pool}_per_second"])


def one_at_a_time(run):
    with run.quernd() as server:
        report = run.timed(server, "submit", "--connections", 1)
    run.add("single_p50", report["latency_us"]["submit"]["p50"] / 1e3)


def fdatasync(run):
    report = run.raw("fdatasync")
    for name, how in (("append_p50", "appending"), ("overwrite_p50", "overwriting")):
        run.add(name, report[how]["latency_us"]["p50"] / 1e3)


# What is compared stands side by side.
STEPS = {
    "submits": (
        lambda run: submits(run, 64), lambda run: redis(run, 64),
        lambda run: submits(run, 256), lambda run: redis(run, 256),
        other_brokers, ping),
    "batches": (batches, raw_store),
    "cycles": (life_cycles, bullmq_cycles),
    "worker": (worker, celery_cycles),
    "single": (one_at_a_time, fdatasync),
}


def take(run, section, number):
    """One round of a section."""
    run.round = number
    steps = STEPS[section]
    for step in steps if number % 2 == 0 else reversed(steps):
        step(run)
