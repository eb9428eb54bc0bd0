"""Samples by round, what is derived from them, and what each figure is called. No IO.

Every ratio is taken within a round, where a noisy moment hurts both of its sides; what is shown is the
median over the rounds.
"""

import statistics

# Every figure that is shown: what it is called, its unit, and its digits after the point.
FIGURES = {
    "submit_64": ("single submits, 64 connections", "tasks/s", 0),
    "submit_64_p50": ("· latency p50", "ms", 2),
    "submit_64_p99": ("· latency p99", "ms", 2),
    "submit_256": ("single submits, 256 connections", "tasks/s", 0),
    "submit_256_p99": ("· latency p99", "ms", 2),
    "redis_64": ("Redis LPUSH, appendfsync always, 64 connections", "tasks/s", 0),
    "redis_256": ("· 256 connections", "tasks/s", 0),
    "beanstalkd_64": ("beanstalkd put, binlog, fsync each, 64 connections", "tasks/s", 0),
    "rabbitmq_64": ("RabbitMQ durable classic queue, confirms, 64 connections", "tasks/s", 0),
    "rabbitmq_quorum_64": ("· quorum queue of one node", "tasks/s", 0),
    "ping_64": ("HTTP alone: GET /healthz, 64 connections", "requests/s", 0),
    "batch": ("batches of 100, 8 connections", "tasks/s", 0),
    "raw_64": ("raw RocksDB, two puts a task, synced batches of 64", "tasks/s", 0),
    "raw_256": ("· batches of 256", "tasks/s", 0),
    "lifecycle": ("whole life cycles, a request per step, 64 connections", "tasks/s", 0),
    "lifecycle_p50": ("· latency of all three p50", "ms", 2),
    "lifecycle_p99": ("· latency of all three p99", "ms", 2),
    "bullmq_add": ("BullMQ on synced Redis, adding, 64 at once", "tasks/s", 0),
    "bullmq_process": ("· processing, concurrency 64", "tasks/s", 0),
    "bullmq": ("· adding, then processing", "tasks/s", 0),
    "worker_submit": ("SDK's worker: its tasks submitted singly, 64 connections", "tasks/s", 0),
    "worker_batch": ("· submitted in batches of 1,000", "tasks/s", 0),
    "worker": ("· worked off, 64 empty handlers", "tasks/s", 0),
    "worker_cycle": ("· submitted singly, then worked off", "tasks/s", 0),
    "worker_batch_cycle": ("· submitted in batches, then worked off", "tasks/s", 0),
    "drain": ("load generator, 1 connection, leases and settles 64", "tasks/s", 0),
    "drain_wide": ("· 64 connections", "tasks/s", 0),
    "celery_submit": ("Celery on Redis (everysec), delay() by a process per core", "tasks/s", 0),
    "celery_prefork": ("· executed, acks_late, prefork", "tasks/s", 0),
    "celery_threads": ("· executed, acks_late, threads", "tasks/s", 0),
    "celery": ("· submitted, then executed by the better pool", "tasks/s", 0),
    "half_p50": ("submits on schedule at half the rate of 64 connections, p50", "ms", 2),
    "half_p99": ("· p99", "ms", 2),
    "delivery_p50": ("submit due → parked worker has the task, half load, p50", "ms", 2),
    "delivery_p99": ("· p99", "ms", 2),
    "single_p50": ("one connection, one submit at a time, p50", "ms", 3),
    "append_p50": ("4 KiB and fdatasync, file grows, p50", "ms", 3),
    "overwrite_p50": ("· file overwritten", "ms", 3),
    "submit_to_redis": ("submits against Redis, 64 connections", "×", 2),
    "submit_to_redis_256": ("· 256 connections", "×", 2),
    "submit_to_beanstalkd": ("· beanstalkd, 64 connections", "×", 2),
    "submit_to_rabbitmq": ("· RabbitMQ, the better of its two queues", "×", 2),
    "submit_to_ping": ("· HTTP alone", "×", 2),
    "batch_to_raw": ("batches of 100 against raw batches of 256", "×", 2),
    "lifecycle_to_bullmq": ("life cycles against BullMQ", "×", 2),
    "worker_to_celery": ("life cycles by the worker against Celery", "×", 1),
    "worker_batch_to_celery": ("· submitted in batches", "×", 1),
    "worker_to_drain": ("worker against the load generator, 1 connection", "×", 2),
    "worker_to_drain_wide": ("· 64 connections", "×", 2),
    "single_to_append": ("one submit against fdatasync of a growing file, p50", "×", 2),
    "single_to_overwrite": ("· of an overwritten file", "×", 2),
    "backlog_submit": ("submits with the backlog against an empty server", "×", 2),
    "backlog_lease": ("· lease and complete", "×", 2),
    "backlog_rss": ("resident memory with the backlog, as filled", "MB", 0),
    "backlog_rss_peak": ("· at most until the end", "MB", 0),
    "backlog_rss_restarted": ("· after a restart", "MB", 0),
    "restart": ("start to /readyz with the backlog, after SIGTERM", "s", 2),
    "restart_killed": ("· after SIGKILL", "s", 2),
    "due_calm_p99": ("others' life cycles, p99, before the tasks are due", "ms", 2),
    "due_p99": ("· while they become ready", "ms", 2),
    "due_seconds": ("· until all are ready", "s", 2),
    "due_ratio": ("others' p99 while tasks of one second become ready", "×", 2),
    "redrive_calm_p99": ("others' life cycles, p99, before a redrive", "ms", 2),
    "redrive_p99": ("· meanwhile", "ms", 2),
    "redrive_seconds": ("· until all are ready", "s", 2),
    "redrive_ratio": ("others' p99 during a redrive", "×", 2),
    "parked_bytes": ("parked workers: resident memory of each", "KB", 1),
    "parked_wake": ("· from a task's submit until one of them has it", "ms", 2),
    "disk_finished": ("disk with all tasks finished and retained", "MB", 1),
    "disk_after": ("· past retention", "MB", 1),
    "disk_restarted": ("· after a restart", "MB", 1),
    "written_per_cycle": ("bytes written to disk per life cycle", "bytes", 0),
}


def ratio(above, below):
    return lambda figures: figures[above] / figures[below]


def one_after_the_other(first, second):
    """The rate of both, of which neither begins before the other's end."""
    return lambda figures: 1 / (1 / figures[first] + 1 / figures[second])


# What follows from the figures of one round, in an order in which each follows from those before.
DERIVED = {
    "bullmq": one_after_the_other("bullmq_add", "bullmq_process"),
    "worker_cycle": one_after_the_other("worker_submit", "worker"),
    "worker_batch_cycle": one_after_the_other("worker_batch", "worker"),
    "celery": lambda figures: one_after_the_other("celery_submit", "celery_best")(
        {**figures, "celery_best": max(figures["celery_prefork"], figures["celery_threads"])}),
    "submit_to_redis": ratio("submit_64", "redis_64"),
    "submit_to_redis_256": ratio("submit_256", "redis_256"),
    "submit_to_beanstalkd": ratio("submit_64", "beanstalkd_64"),
    "submit_to_rabbitmq": lambda figures:
        figures["submit_64"] / max(figures["rabbitmq_64"], figures["rabbitmq_quorum_64"]),
    "submit_to_ping": ratio("submit_64", "ping_64"),
    "batch_to_raw": ratio("batch", "raw_256"),
    "lifecycle_to_bullmq": ratio("lifecycle", "bullmq"),
    "worker_to_celery": ratio("worker_cycle", "celery"),
    "worker_batch_to_celery": ratio("worker_batch_cycle", "celery"),
    "worker_to_drain": ratio("worker", "drain"),
    "worker_to_drain_wide": ratio("worker", "drain_wide"),
    "single_to_append": ratio("single_p50", "append_p50"),
    "single_to_overwrite": ratio("single_p50", "overwrite_p50"),
    "due_ratio": ratio("due_p99", "due_calm_p99"),
    "redrive_ratio": ratio("redrive_p99", "redrive_calm_p99"),
}


class Figures:
    """Samples by figure and round. What a round lacks is missing in what follows from it, no more."""

    def __init__(self):
        self.rounds = {}

    def add(self, number, name, value):
        if name not in FIGURES or name in DERIVED:
            raise KeyError(name)
        self.rounds.setdefault(number, {})[name] = value

    def derived(self):
        """The rounds in order, each with what follows from it."""
        for _, measured in sorted(self.rounds.items()):
            figures = dict(measured)
            for name, follow in DERIVED.items():
                try:
                    figures[name] = follow(figures)
                except KeyError:
                    pass
            yield figures

    def samples(self, name):
        return [figures[name] for figures in self.derived() if name in figures]

    def names(self):
        """Of all that was measured or follows from it."""
        there = set().union(*self.derived())
        return [name for name in FIGURES if name in there]

    def median(self, name):
        """None for what was not measured."""
        samples = self.samples(name)
        return statistics.median(samples) if samples else None

    def shown(self):
        """(label, unit, median, lowest, highest) of all that was measured, as text."""
        rounds = list(self.derived())
        for name, (label, unit, digits) in FIGURES.items():
            if samples := [figures[name] for figures in rounds if name in figures]:
                shown = (statistics.median(samples), min(samples), max(samples))
                yield label, unit, *(f"{value:,.{digits}f}" for value in shown)
