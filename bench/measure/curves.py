"""How cost grows: one curve for each size that may grow, each with a series for whoever is measured.

A curve is {"x": what grows, "y": unit, "points": [{"round", "x", "series", "y"}]}.
"""

import os
import statistics

from measure.peers import Redis

CONNECTIONS = (1, 4, 16, 64, 256, 1024)
PAYLOADS = (100, 1_000, 4_000, 16_000, 64_000, 256_000)
BATCHES = (1, 10, 100, 1_000, 10_000)
QUEUES = (1, 10, 100, 1_000, 10_000)
BACKLOG_MIN = 1_000

CURVES = {
    "connections": ("connections", "requests/s"),
    "payload": ("payload, bytes", "tasks/s"),
    "batch": ("tasks in a batch", "tasks/s"),
    "queues": ("queues", "tasks/s"),
    "backlog": ("ready tasks in the queue", "tasks/s"),
}


def note(run, curve, series, x, y):
    what, unit = CURVES[curve]
    points = run.curves.setdefault(curve, {"x": what, "y": unit, "points": []})["points"]
    points.append({"round": run.round, "x": x, "series": series, "y": y})


def by_quern(run, curve, series, x, mode, *flags):
    with run.quernd() as server:
        report = run.timed(server, mode, *flags)
    note(run, curve, series, x, report["requests_per_second" if curve == "connections"
                                       else "tasks_per_second"])


def by_redis(run, curve, x, *flags):
    if not run.has("redis"):
        return
    with run.folder() as folder, Redis(run.peers, os.path.join(folder, "data")) as server:
        report = run.timed(server, "submit", *flags)
        server.stop()
    note(run, curve, "Redis, appendfsync always", x, report["tasks_per_second"])


def connections(run):
    for count in CONNECTIONS:
        flags = ("--connections", count)
        by_quern(run, "connections", "Quern, submits", count, "submit", *flags)
        by_redis(run, "connections", count, *flags)
        by_quern(run, "connections", "HTTP alone", count, "ping", *flags)


def payload(run):
    for size in PAYLOADS:
        flags = ("--connections", 64, "--payload-bytes", size)
        by_quern(run, "payload", "Quern", size, "submit", *flags)
        by_redis(run, "payload", size, *flags)


def batch(run):
    for size in BATCHES:
        by_quern(run, "batch", "Quern, 8 connections", size, "batch", "--connections", 8,
                 "--batch", size)


def queues(run):
    for count in QUEUES:
        by_quern(run, "queues", "whole life cycles", count, "lifecycle", "--connections", 64,
                 "--queues", count)


def backlog(run):
    """One server that fills up, measured at each power of ten."""
    count = run.options.backlog_count
    with run.quernd() as server:
        there = 0
        for size in backlog_sizes(run.options.sizes["backlog"]):
            run.load_exactly(size - there, server, "preload", "--connections", 8)
            there = size
            for series, mode in (("submit", "submit"), ("lease and complete", "lease")):
                report = run.load_exactly(count, server, mode, "--connections", 64)
                note(run, "backlog", series, size, report["tasks_per_second"])


def backlog_sizes(largest):
    """Powers of ten up to it, and itself."""
    sizes, size = [], BACKLOG_MIN
    while size < largest:
        sizes.append(size)
        size *= 10
    return [*sizes, largest]


TAKE = {"connections": connections, "payload": payload, "batch": batch, "queues": queues,
        "backlog": backlog}


def take(run, name):
    for run.round in range(run.options.curve_rounds):
        TAKE[name](run)


def medians(curve):
    """{series: [(x, median over the rounds, lowest, highest)]}, in the order of first appearance."""
    samples = {}
    for point in curve["points"]:
        samples.setdefault(point["series"], {}).setdefault(point["x"], []).append(point["y"])
    return {series: [(x, statistics.median(ys), min(ys), max(ys)) for x, ys in sorted(by_x.items())]
            for series, by_x in samples.items()}

