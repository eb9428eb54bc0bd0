#!/usr/bin/env python3
"""Holds the alert rules, the dashboard and docs/operations.md against what a real server shows.

Checked are
  - every metric that rules and dashboard name is there, with every label that they ask it for;
  - docs/operations.md has every metric that there is, no other, and says what to do for every alert;
  - the dashboard: panels have their own ids, do not overlap, and say what they show.
"""

import itertools
import json
import re
import sys

import yaml
from observed import DASHBOARD, OPERATIONS, RULES, Observed, metrics_text

# A metric's name and, right behind it, which of its samples.
SELECTOR = re.compile(r"\b((?:quern|process)_[a-z_]+)(?:\{([^}]*)\})?")
MATCHER = re.compile(r'([a-z_]+)\s*(=~|!~|!=|=)\s*"([^"]*)"')
# What Prometheus itself adds to a sample.
TARGET_LABELS = {"job", "instance"}


def read_yaml(path):
    with open(path, encoding="utf-8") as file:
        return yaml.safe_load(file)


def flaws_of_expression(where, expression, observed):
    found = SELECTOR.findall(expression)
    if not found and "up{" not in expression:
        yield f"{where}: names no metric: {expression}"
    for name, matchers in found:
        if name not in observed.labels:
            yield f"{where}: there is no {name}"
            continue
        labels = {**observed.labels[name]}
        if name.endswith("_bucket"):
            labels.setdefault("le", set())
        for label, operator, value in MATCHER.findall(matchers):
            if label in TARGET_LABELS:
                continue
            if label not in labels:
                yield f"{where}: {name} has no label {label}"
            elif operator == "=" and "$" not in value and value not in labels[label]:
                yield f"{where}: {name} has no {label}={value}"
            elif operator in ("=~", "!~") and "$" not in value:
                for one in value.split("|"):
                    # Routes and queues depend on what was done; the others are all shown.
                    if label not in ("route", "queue") and one not in labels[label]:
                        yield f"{where}: {name} has no {label}={one}"


def flaws_of_rules(observed):
    for group in read_yaml(RULES)["groups"]:
        for rule in group["rules"]:
            where = rule["alert"]
            yield from flaws_of_expression(where, rule["expr"], observed)
            if rule["labels"].get("severity") not in ("critical", "warning"):
                yield f"{where}: severity {rule['labels'].get('severity')}"
            if set(rule["annotations"]) != {"summary", "description"}:
                yield f"{where}: annotations {sorted(rule['annotations'])}"


def overlap(a, b):
    a, b = a["gridPos"], b["gridPos"]
    return (a["x"] < b["x"] + b["w"] and b["x"] < a["x"] + a["w"] and
            a["y"] < b["y"] + b["h"] and b["y"] < a["y"] + a["h"])


def flaws_of_dashboard(observed):
    with open(DASHBOARD, encoding="utf-8") as file:
        board = json.load(file)
    panels = board["panels"]
    ids = [panel["id"] for panel in panels]
    if len(set(ids)) != len(ids):
        yield "dashboard: two panels have one id"
    for a, b in itertools.combinations(panels, 2):
        if overlap(a, b):
            yield f"dashboard: {a['title']} and {b['title']} overlap"
    for panel in panels:
        where = f"dashboard, {panel['title']}"
        if panel["type"] == "row":
            continue
        if not panel["targets"]:
            yield f"{where}: shows nothing"
        for target in panel["targets"]:
            yield from flaws_of_expression(where, target["expr"], observed)
    for note in board["annotations"]["list"]:
        yield from flaws_of_expression(f"dashboard, {note['name']}", note["expr"], observed)
    for variable in board["templating"]["list"]:
        if variable["type"] == "query":
            yield from flaws_of_expression(f"dashboard, ${variable['name']}",
                                           variable["query"]["query"], observed)


def flaws_of_documentation(observed):
    with open(OPERATIONS, encoding="utf-8") as file:
        text = file.read()
    documented = set(re.findall(r"^\| `((?:quern|process)_[a-z_]+)`", text, re.MULTILINE))
    for name in sorted(set(observed.families) - documented):
        yield f"operations.md: {name} is not there"
    for name in sorted(documented - set(observed.families)):
        yield f"operations.md: there is no {name}"
    alerts = {rule["alert"] for group in read_yaml(RULES)["groups"] for rule in group["rules"]}
    explained = set(re.findall(r"^### (Quern\w+)$", text, re.MULTILINE))
    for alert in sorted(alerts ^ explained):
        yield f"operations.md and the rules differ: {alert}"


def main():
    observed = Observed(metrics_text())
    assert len(observed.families) > 50, observed.families
    flaws = [*flaws_of_rules(observed), *flaws_of_dashboard(observed),
             *flaws_of_documentation(observed)]
    for flaw in flaws:
        print(flaw)
    return 1 if flaws else 0


if __name__ == "__main__":
    sys.exit(main())
