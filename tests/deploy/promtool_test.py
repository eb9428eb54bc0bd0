#!/usr/bin/env python3
"""Prometheus' own tool on what a real server shows, on the alert rules and on their tests.

    promtool_test.py PROMTOOL

`./dev` fetches promtool (Debian package prometheus). Without it the test is skipped: exit status 77.
"""

import os
import shutil
import subprocess
import sys
import tempfile

import yaml
from observed import RULES, metrics_text

SKIPPED = 77
TESTS = RULES.replace(".rules.yml", ".rules.test.yml")
CONFIGURATION = os.path.join(os.path.dirname(RULES), "prometheus.yml")


def promtool(tool, *arguments, input=None):
    done = subprocess.run([tool, *arguments], input=input, capture_output=True, text=True)
    print(f"promtool {' '.join(arguments)}: {done.returncode}\n{done.stdout}{done.stderr}")
    # Of names that could be better it only says so.
    return done.returncode == 0 and (input is None or not done.stderr)


def untested_alerts():
    """Alerts of which no test says that they fire, or none that they do not."""
    with open(RULES, encoding="utf-8") as file:
        alerts = {rule["alert"] for group in yaml.safe_load(file)["groups"]
                  for rule in group["rules"]}
    with open(TESTS, encoding="utf-8") as file:
        checks = [check for test in yaml.safe_load(file)["tests"]
                  for check in test["alert_rule_test"]]
    fire = {check["alertname"] for check in checks if check.get("exp_alerts")}
    rest = {check["alertname"] for check in checks if not check.get("exp_alerts")}
    return sorted(alerts - (fire & rest))


def main():
    tool = shutil.which(sys.argv[1])
    if tool is None:
        print("promtool is not there; ./dev setup fetches it")
        return SKIPPED
    untested = untested_alerts()
    print("alerts without a test:", untested)
    with tempfile.TemporaryDirectory() as folder:
        # As whoever installs it has it: the configuration beside the rules.
        for path in (RULES, CONFIGURATION):
            shutil.copy(path, folder)
        results = [
            promtool(tool, "check", "metrics", input=metrics_text()),
            promtool(tool, "check", "config", os.path.join(folder, "prometheus.yml")),
            promtool(tool, "check", "rules", RULES),
            promtool(tool, "test", "rules", TESTS),
        ]
    return 0 if all(results) and not untested else 1


if __name__ == "__main__":
    sys.exit(main())
