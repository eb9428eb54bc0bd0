"""The peers: how each is started, and what it is asked to promise. Durability as in docs/performance.md.

Redis, beanstalkd and RabbitMQ are driven by quern_bench over their own wires; Celery and BullMQ are
client and worker libraries, and do both themselves.
"""

import json
import os
import signal
import socket
import subprocess
import time

from measure.install import BENCH, DEBIAN_PYTHON
from measure.servers import BenchError, Server, free_port, wait_for


class Redis(Server):
    name = "Redis"
    wire = "redis"

    def __init__(self, peers, data, appendfsync="always"):
        super().__init__(data)
        self.peers, self.appendfsync = peers, appendfsync

    def start(self):
        os.makedirs(self.data)
        self.port = free_port()
        self.launch([self.peers.program("redis-server"), "--port", self.port, "--bind", "127.0.0.1",
                     "--dir", self.data, "--save", "", "--appendonly", "yes",
                     "--appendfsync", self.appendfsync, "--maxmemory-policy", "noeviction"],
                    **self.peers.environment())
        self.wait_for_port(self.port)

    def ask(self, *words):
        """One command, answered by an integer."""
        if not hasattr(self, "asking"):
            self.asking = socket.create_connection(("127.0.0.1", self.port)).makefile("rwb")
        self.asking.write(" ".join(words).encode() + b"\r\n")
        self.asking.flush()
        answer = self.asking.readline().decode()
        if not answer.startswith(":"):
            raise BenchError(f"Redis: {' '.join(words)}: {answer!r}")
        return int(answer[1:])


class Beanstalkd(Server):
    name = "beanstalkd"
    wire = "beanstalkd"

    def __init__(self, peers, data):
        super().__init__(data)
        self.peers = peers

    def start(self):
        os.makedirs(self.data)
        port = free_port()
        self.launch([self.peers.program("beanstalkd"), "-l", "127.0.0.1", "-p", port,
                     "-b", self.data, "-f", "0", "-z", 1 << 20])
        self.wait_for_port(port)


class RabbitMq(Server):
    name = "RabbitMQ"

    def __init__(self, peers, data, wire="rabbitmq"):
        super().__init__(data)
        self.peers, self.wire = peers, wire
        self.port_mapper = None

    def start(self):
        os.makedirs(self.data)
        port, mapper_port = free_port(), free_port()
        for name, text in (("rabbitmq.conf", f"listeners.tcp.1 = 127.0.0.1:{port}\n"),
                           ("enabled_plugins", "[].\n")):
            with open(os.path.join(self.data, name), "w") as file:
                file.write(text)
        inside = {name: os.path.join(self.data, path) for name, path in (
            ("HOME", "."), ("RABBITMQ_CONFIG_FILE", "rabbitmq.conf"),
            ("RABBITMQ_ENABLED_PLUGINS_FILE", "enabled_plugins"),
            ("RABBITMQ_CONF_ENV_FILE", "none"), ("RABBITMQ_MNESIA_BASE", "mnesia"),
            ("RABBITMQ_LOG_BASE", "log"), ("RABBITMQ_PID_FILE", "pid"))}
        environment = {
            **self.peers.environment(), **inside,
            "PATH": os.path.dirname(self.peers.program("erl")) + os.pathsep + os.environ["PATH"],
            "ERL_EPMD_PORT": str(mapper_port), "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": "bench@localhost", "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_LOGS": "-"}
        # Erlang's port mapper would be left behind if RabbitMQ started it.
        self.port_mapper = subprocess.Popen(
            [self.peers.program("epmd")], env={**os.environ, **environment},
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.launch([self.peers.program("rabbitmq-server")], **environment)
        self.wait_for_port(port)

    def stop(self, number=signal.SIGTERM):
        usage = super().stop(number)
        if self.port_mapper:
            self.port_mapper.terminate()
            self.port_mapper.wait()
            self.port_mapper = None
        return usage


class CeleryWorker(Server):
    """A worker of celery_tasks.py, with as many processes or threads as there are cores."""

    name = "Celery"

    def __init__(self, peers, data, redis, pool):
        super().__init__(data)
        self.peers, self.redis, self.pool = peers, redis, pool

    def environment(self):
        environment = self.peers.environment()
        environment["PYTHONPATH"] += os.pathsep + os.path.join(BENCH, "peers")
        environment["BENCH_BROKER"] = f"redis://127.0.0.1:{self.redis.port}/0"
        return environment

    def start(self):
        self.launch([DEBIAN_PYTHON, "-B", "-m", "celery", "-A", "celery_tasks", "worker",
                     "--pool", self.pool, "--concurrency", os.cpu_count(), "--loglevel", "WARNING",
                     "--without-gossip", "--without-mingle", "--without-heartbeat"],
                    **self.environment())


def celery(peers, folder, count, payload_bytes):
    """Tasks a second: submitted by one process per core, and executed by the better of Celery's two
    usual pools. On Redis with the fsync that its users run, once a second: less than Quern promises."""
    rates = {}
    for pool in ("prefork", "threads"):
        place = os.path.join(folder, pool)
        with Redis(peers, place, appendfsync="everysec") as redis:
            worker = CeleryWorker(peers, os.path.join(folder, pool + "-worker"), redis, pool)
            submitted, submit_rate = celery_submits(worker, count, payload_bytes)
            rates.setdefault("submitted_per_second", submit_rate)
            with worker:
                rates[pool + "_per_second"] = rate_of_emptying(redis, submitted)
                worker.stop()
    rates["executed_per_second"] = max(rates["prefork_per_second"], rates["threads_per_second"])
    return rates


def celery_submits(worker, count, payload_bytes):
    """How many there are in all, and the rate of those that were timed."""
    cores = os.cpu_count()
    command = [DEBIAN_PYTHON, "-B", os.path.join(BENCH, "peers/celery_tasks.py"),
               str(count // cores), str(payload_bytes)]
    environment = {**os.environ, **worker.environment()}
    producers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
                 for _ in range(cores)]
    said = [json.loads(producer.communicate()[0] or "null") for producer in producers]
    if None in said:
        raise BenchError("Celery: a producer failed")
    seconds = max(one["ended"] for one in said) - min(one["began"] for one in said)
    return (count // cores + 1) * cores, count // cores * cores / seconds


def rate_of_emptying(redis, count):
    """From the first task that is done until the last one is: the worker's start is not measured."""
    def left():
        return redis.ask("LLEN", "celery") + redis.ask("HLEN", "unacked")

    if left() != count:
        raise BenchError(f"Celery: {left()} tasks on the broker instead of {count}")
    wait_for(lambda: left() < count, "Celery's first task", 60, 0.002)
    began, there = time.monotonic(), left()
    wait_for(lambda: left() == 0, "Celery's last task", 600, 0.01)
    return there / (time.monotonic() - began)


def bullmq(peers, folder, count, concurrency, payload_bytes):
    """Jobs a second added and processed, by one process, on Redis that syncs every write."""
    with Redis(peers, os.path.join(folder, "redis")) as redis:
        command = ["node", peers.bullmq(), redis.port, count, concurrency, payload_bytes]
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
        if done.returncode != 0:
            raise BenchError(f"BullMQ: {done.stderr[-500:]}")
        return json.loads(done.stdout)


def available(peers):
    """Why each peer cannot be measured; None for those that can."""
    def needs(*programs):
        missing = [name for name in programs if not peers.program(name)]
        return f"no {missing[0]}" if missing else None

    redis = needs("redis-server")
    return {
        "redis": redis,
        "beanstalkd": needs("beanstalkd"),
        "rabbitmq": needs("rabbitmq-server", "erl", "epmd"),
        "celery": redis or (None if peers.celery() else "no Celery"),
        "bullmq": redis or (None if peers.bullmq() else "no BullMQ"),
    }
