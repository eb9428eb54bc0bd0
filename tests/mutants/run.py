"""Turns on one planted bug after another and runs the suites until one of them fails.

usage: run.py TESTS_DIR [--only NAME]... [--jobs N] [--quick]

Prints who caught what and the score. Exit status 1 when a bug survives all suites, or when a suite
fails without any.
"""

import argparse
import collections
import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys
import time

from plant import load

# Quick and sharp ones first. The last ones need ports, processes and a real disk.
SUITES = [
    ("simulation", ["quern_sim", "--seeds", "2000", "--threads", "1", "--brief"], {}),
    ("engine_test", ["engine_test"], {"QUERN_SEEDS": "20"}),
    ("server_test", ["server_test"], {}),
    ("storage_test", ["storage_test"], {}),
    ("http_test", ["http_test"], {}),
    ("session_test", ["session_test"], {}),
    ("access_test", ["access_test"], {}),
    ("crash_test", ["crash_test"], {"QUERN_CRASH_CYCLES": "4"}),
]
TIME_LIMIT_S = 300


def run_suite(tests, suite, mutant):
    """None when it passes, else how it fails, in a line."""
    name, command, extra = suite
    environment = {**os.environ, **extra}
    environment.pop("QUERN_MUTANT", None)
    if mutant:
        environment["QUERN_MUTANT"] = mutant
    try:
        done = subprocess.run([tests / command[0], *command[1:]], env=environment, text=True,
                              errors="replace", capture_output=True, timeout=TIME_LIMIT_S)
    except subprocess.TimeoutExpired:
        return "hangs"
    return None if done.returncode == 0 else first_words(name, done)


def first_words(suite, done):
    text = done.stdout + done.stderr
    if suite == "simulation":
        said = re.search(r"^seed \d+ fails.*", text, re.MULTILINE)
    else:
        said = re.search(r"TEST CASE: *(.*)", text)
    if said:
        return (said.group(1) if said.groups() else said.group(0)).strip()[:110]
    return f"exit status {done.returncode}"


def hunt(tests, mutant):
    begun = time.monotonic()
    asked = mutant.get("suite") is None
    for suite in SUITES:
        asked = asked or suite[0] == mutant.get("suite")
        if not asked or not (tests / suite[1][0]).exists():
            continue
        said = run_suite(tests, suite, mutant["name"])
        if said:
            return mutant, suite[0], said, time.monotonic() - begun
    return mutant, None, "SURVIVES", time.monotonic() - begun


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("tests", type=pathlib.Path)
    parser.add_argument("--only", action="append", default=[])
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--quick", action="store_true",
                        help="the simulation alone, with the bugs that it can see")
    options = parser.parse_args()
    tests = options.tests.resolve()

    mutants = [m for m in load() if not options.only or m["name"] in options.only]
    if options.quick:
        del SUITES[1:]
        mutants = [m for m in mutants if "suite" not in m]
    if not mutants:
        sys.exit("no such mutant")
    for suite in SUITES:
        said = (tests / suite[1][0]).exists() and run_suite(tests, suite, None)
        if said:
            sys.exit(f"{suite[0]} fails without any planted bug: {said}")

    score = collections.Counter()
    survivors = []
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for mutant, suite, said, seconds in pool.map(lambda m: hunt(tests, m), mutants):
            print(f"{mutant['name']:34} {suite or '-':13} {seconds:6.1f} s  {said}", flush=True)
            score[suite] += 1
            if suite is None:
                survivors.append(mutant)

    print(f"\n{len(mutants) - len(survivors)} of {len(mutants)} planted bugs were caught:",
          ", ".join(f"{count} by {suite}" for suite, count in score.most_common() if suite))
    for mutant in survivors:
        print(f"SURVIVES: {mutant['name']} ({mutant['about']}; {mutant['file']})")
    sys.exit(1 if survivors else 0)


if __name__ == "__main__":
    main()
