"""What a real server that has done a bit of everything shows under /metrics."""

import json
import os
import re
import sys
import urllib.error
import urllib.request

SOURCE = os.environ["QUERN_SOURCE_DIR"]
sys.path.insert(0, os.path.join(SOURCE, "tests", "cli"))

from programs import Server  # noqa: E402

RULES = os.path.join(SOURCE, "deploy", "prometheus", "quern.rules.yml")
DASHBOARD = os.path.join(SOURCE, "deploy", "grafana", "quern.json")
OPERATIONS = os.path.join(SOURCE, "docs", "operations.md")


def call(server, method, path, body=None):
    request = urllib.request.Request(
        server.url + path, method=method, data=None if body is None else json.dumps(body).encode(),
        headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        return answer.read().decode()


def metrics_text():
    with Server() as server:
        call(server, "POST", "/tasks", {"queue": "mail", "type": "send"})
        leased = json.loads(call(server, "POST", "/leases", {"queues": ["mail"]}))["tasks"][0]
        call(server, "POST", f"/tasks/{leased['id']}/fail",
             {"lease_token": leased["lease"]["token"], "retryable": False,
              "error": {"type": "broken", "message": "it broke"}})
        try:
            call(server, "GET", "/no/such/path")
        except urllib.error.HTTPError as refused:
            assert refused.code == 404, refused
        return call(server, "GET", "/metrics")


class Observed:
    """families: name -> type. labels: sample name -> label -> the values it has."""

    def __init__(self, text):
        self.families = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE))
        self.labels = {}
        for name, labels in re.findall(r"^([a-z_]+)(?:\{(.*)\})? \S+$", text, re.MULTILINE):
            known = self.labels.setdefault(name, {})
            for label, value in re.findall(r'([a-z_]+)="([^"]*)"', labels):
                known.setdefault(label, set()).add(value)
