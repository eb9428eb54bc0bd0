#!/usr/bin/env python3
"""Prints what llvm-cov counted, file by file, and says no when too few branches were taken.

    llvm-cov export -summary-only … | coverage.py --branches-min PERCENT
"""

import argparse
import collections
import json
import os
import sys


def percent(taken, count):
    return 100 * taken / count if count else 100


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--branches-min", type=float, required=True)
    branches_min = parser.parse_args().branches_min

    sums = collections.defaultdict(lambda: [0, 0])
    for file in json.load(sys.stdin)["data"][0]["files"]:
        name = os.path.relpath(file["filename"])
        if not name.startswith(("storage/", "server/engine/")):
            continue
        branches, lines = file["summary"]["branches"], file["summary"]["lines"]
        print(f"{name:45} {branches['covered']:5} of {branches['count']:5} branches,"
              f" {percent(lines['covered'], lines['count']):5.1f} % of lines")
        for whole in ("server/engine" if name.startswith("server/") else "storage", "together"):
            sums[whole][0] += branches["covered"]
            sums[whole][1] += branches["count"]
    for whole, (taken, count) in sorted(sums.items()):
        print(f"{whole}: {taken} of {count} branches, {percent(taken, count):.1f} %")
    taken, count = sums["together"]
    if percent(taken, count) < branches_min:
        sys.exit(f"fewer than {branches_min:g} % of the branches were taken")


if __name__ == "__main__":
    main()
