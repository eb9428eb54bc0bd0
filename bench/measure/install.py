"""Brings the peers into a folder under build/: nothing is installed on the system.

Debian's packages are downloaded and unpacked there, BullMQ comes by npm. What the system has already is
taken from there. What cannot be had is a reason to skip its rows, never an error.
"""

import os
import platform
import re
import shutil
import subprocess

from measure.servers import BenchError

BENCH = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ROOT = os.path.dirname(BENCH)
LIBRARIES = f"usr/lib/{platform.machine()}-linux-gnu"
PYTHON_PACKAGES = "usr/lib/python3/dist-packages"
ERLANG = "usr/lib/erlang"
DEBIAN_PYTHON = "/usr/bin/python3"  # for which its packages are built, whatever comes first on the path


class Peers:
    """Where the programs of the peers are; `without` says why one is missing."""

    def __init__(self, folder):
        self.folder = os.path.abspath(folder)
        self.root = os.path.join(self.folder, "debian")
        self.without = {}

    def install(self, say):
        os.makedirs(self.folder, exist_ok=True)
        for bring in (self.unpack_packages, self.install_bullmq):
            try:
                bring(say)
            except (BenchError, OSError, subprocess.SubprocessError) as error:
                say(f"peers: {error}")

    def unpack_packages(self, say):
        if os.path.isdir(self.root) or not shutil.which("apt-get"):
            return
        wanted = missing_packages(packages_of_section("peers"))
        if not wanted:
            return  # the system has them all
        say(f"peers: unpacking {len(wanted)} packages under {os.path.relpath(self.folder)}")
        downloads = os.path.join(self.folder, "downloads")
        unpacked = self.root + ".part"
        for folder in (downloads, unpacked):
            shutil.rmtree(folder, ignore_errors=True)
            os.makedirs(folder)
        # apt's own user may not write here.
        run(["apt-get", "-q", "-o", "APT::Sandbox::User=root", "download", *wanted], cwd=downloads)
        for name in sorted(os.listdir(downloads)):
            run(["dpkg", "-x", os.path.join(downloads, name), unpacked])
        self.relocate_erlang(unpacked)
        os.rename(unpacked, self.root)
        shutil.rmtree(downloads)

    def relocate_erlang(self, unpacked):
        """Its start script has the place where Debian installs it."""
        path = os.path.join(unpacked, ERLANG, "bin/erl")
        if os.path.exists(path):
            with open(path) as script:
                text = script.read()
            with open(path, "w") as script:
                script.write(text.replace("/" + ERLANG, os.path.join(self.root, ERLANG)))

    def install_bullmq(self, say):
        folder = os.path.join(self.folder, "npm")
        if os.path.isdir(os.path.join(folder, "node_modules/bullmq")):
            return
        if not shutil.which("npm") or not shutil.which("node"):
            raise BenchError("BullMQ needs node and npm: Debian's packages nodejs and npm, say")
        os.makedirs(folder, exist_ok=True)
        say("peers: installing BullMQ by npm")
        for name in ("package.json", "bullmq.mjs"):
            shutil.copy(os.path.join(BENCH, "peers", name), folder)
        run(["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts"], cwd=folder)

    # --- where things are -------------------------------------------------------------------------

    def program(self, name):
        """Its path, unpacked or the system's; None if it is nowhere."""
        # RabbitMQ's own scripts come first: those in sbin insist on the user and folders of a service.
        folders = ("usr/lib/rabbitmq/bin", "usr/bin", "usr/sbin")
        unpacked = os.pathsep.join(os.path.join(self.root, folder) for folder in folders)
        return (shutil.which(name, path=unpacked)
                or shutil.which(name, path="/usr/lib/rabbitmq/bin")
                or shutil.which(name))

    def environment(self):
        """For programs of Debian's packages."""
        return {"LD_LIBRARY_PATH": os.path.join(self.root, LIBRARIES),
                "PYTHONPATH": os.path.join(self.root, PYTHON_PACKAGES)}

    def bullmq(self):
        """The script beside BullMQ's modules, as it is in this tree now; None without BullMQ."""
        folder = os.path.join(self.folder, "npm")
        if not os.path.isdir(os.path.join(folder, "node_modules/bullmq")):
            return None
        return shutil.copy(os.path.join(BENCH, "peers/bullmq.mjs"), folder)

    def celery(self):
        """Whether Debian's Python finds Celery and its client of Redis."""
        if not os.path.exists(DEBIAN_PYTHON):
            return False
        done = subprocess.run([DEBIAN_PYTHON, "-c", "import celery, redis"], capture_output=True,
                              env={**os.environ, **self.environment()})
        return done.returncode == 0


def packages_of_section(section):
    """Names of packages.txt, which lists all that Quern uses."""
    names, inside = [], False
    with open(os.path.join(ROOT, "packages.txt")) as lines:
        for line in lines:
            if line.startswith("# ["):
                inside = line.startswith(f"# [{section}]")
            elif inside and line.strip() and not line.startswith("#"):
                names.append(line.strip())
    return names


def missing_packages(names):
    """The packages and what they depend on, as far as the system does not have them."""
    said = run(["apt-get", "-s", "--no-install-recommends", "install", *names])
    return re.findall(r"^Inst (\S+)", said, re.MULTILINE)


def run(command, cwd=None):
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    if done.returncode != 0:
        raise BenchError(f"{' '.join(command[:4])} …: {(done.stderr or done.stdout).strip()[-300:]}")
    return done.stdout
