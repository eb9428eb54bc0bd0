"""The facts of the machine that figures depend on."""

import datetime
import os
import platform
import re
import subprocess

from measure.install import DEBIAN_PYTHON, ROOT


def output_of(*command, environment=None):
    try:
        done = subprocess.run(command, capture_output=True, text=True,
                              env={**os.environ, **(environment or {})})
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def first_value(path, field):
    with open(path) as lines:
        return next((line.split(":", 1)[1].strip() for line in lines if line.startswith(field)), "")


def mount_of(path):
    """(device, type) of the file system that `path` lies on."""
    with open("/proc/mounts") as mounts:
        points = [line.split()[:3] for line in mounts]
    inside = [(len(point), device, kind) for device, point, kind in points
              if (path + "/").startswith(point.rstrip("/") + "/")]
    return max(inside)[1:]


def disk_of(path):
    """What the kernel says of the disk under `path`: name, model, whether it turns."""
    number = os.stat(path).st_dev
    device = f"/sys/dev/block/{os.major(number)}:{os.minor(number)}"
    if not os.path.isdir(device):
        return "unknown"
    device = os.path.realpath(device)
    if os.path.exists(os.path.join(device, "partition")):
        device = os.path.dirname(device)
    facts = [os.path.basename(device)]
    for name, shown in (("device/model", "{}"), ("queue/rotational", "rotational {}"),
                        ("queue/write_cache", "{}")):
        try:
            with open(os.path.join(device, name)) as file:
                facts.append(shown.format(file.read().strip()))
        except OSError:
            pass
    return ", ".join(facts)


def peer_versions(run):
    """As each says itself, of those that were measured."""
    environment = run.peers.environment()
    python = (DEBIAN_PYTHON, "-c", "import celery; print('Celery', celery.__version__)")
    versions = {}
    if run.has("redis"):
        said = output_of(run.peers.program("redis-server"), "--version", environment=environment)
        versions["redis"] = "Redis " + "".join(re.findall(r"v=(\S+)", said))
    if run.has("beanstalkd"):
        versions["beanstalkd"] = output_of(run.peers.program("beanstalkd"), "-v",
                                           environment=environment)
    if run.has("celery"):
        versions["celery"] = output_of(*python, environment=environment)
    if run.has("rabbitmq"):
        home = os.path.dirname(os.path.dirname(os.path.realpath(
            run.peers.program("rabbitmq-server"))))
        versions["rabbitmq"] = "RabbitMQ " + os.path.basename(home).split("-")[-1]
    if run.has("bullmq"):
        path = os.path.join(os.path.dirname(run.peers.bullmq()), "node_modules/bullmq/package.json")
        versions["bullmq"] = "BullMQ " + first_value(path, '  "version"').strip('",')
        versions["node"] = "Node.js " + output_of("node", "--version").lstrip("v")
    return versions


def fdatasync_ms(run):
    """4 KiB on a growing file, p50: looked at before anything else uses the disk."""
    with run.folder() as folder:
        report = run.program("quern_raw_store", "fdatasync", "--seconds", 1,
                             "--data", os.path.join(folder, "file"))
    return report["appending"]["latency_us"]["p50"] / 1e3


def facts(run):
    options = run.options
    commit = output_of("git", "-C", ROOT, "rev-parse", "--short", "HEAD")
    changed = output_of("git", "-C", ROOT, "status", "--porcelain", "--untracked-files=no")
    version = output_of(os.path.join(options.bin, "quernd"), "--version")
    _, kind = mount_of(run.directory)
    return {
        "date": datetime.date.today().isoformat(),
        "commit": commit + (" with changes" if changed else ""),
        "server": " ".join(version.split()),
        "server_flags": options.server_flags,
        "processor": first_value("/proc/cpuinfo", "model name"),
        "cores": os.cpu_count(),
        "memory_bytes": int(first_value("/proc/meminfo", "MemTotal").split()[0]) * 1024,
        "kernel": platform.release(),
        "file_system": kind,
        "disk": disk_of(run.directory),
        "fdatasync_ms": fdatasync_ms(run),
        "load_average": os.getloadavg()[0],
        "peers": peer_versions(run),
        "without": {peer: why for peer, why in run.unavailable.items() if why},
        "rounds": options.rounds,
        "large_rounds": options.large_rounds,
        "curve_rounds": options.curve_rounds,
        "seconds": options.seconds,
        "scale": options.scale,
        "sizes": options.sizes,
    }
