#!/usr/bin/env python3
"""Holds what the HTTP tests exchanged with the server against docs/openapi.yaml.

    check.py OPENAPI_YAML LOG...

A log is what tests/support/exchange_log.h describes. Checked are
  - every response: its status is documented for that route and method, the headers that are required
    are there, and the body fits the schema of its media type;
  - every request that was answered 2xx: its query parameters and its body fit their schemas;
  - what is documented nowhere: another path is 404, another method 405 with the right Allow, or 501;
  - the coverage: every operation, every 2xx and every refusal of its own that is documented was seen;
  - the document itself: all references resolve, and every object says what else it may hold.
"""

import json
import re
import sys
import urllib.parse

import jsonschema
import yaml

METHODS = ("get", "put", "post", "patch", "delete")
REPORTED_MAX = 40


class Document:
    """The OpenAPI document with all references replaced by what they refer to."""

    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            self.raw = yaml.safe_load(file)
        self.flaws = []
        self.paths = self.resolve(self.raw["paths"], "/paths")
        self.operations = {}
        self.routes = []
        for template, item in self.paths.items():
            pattern = re.compile(re.sub(r"\\{[a-z_]+\\}", "[^/]+", re.escape(template)) + "$")
            methods = {m.upper() for m in METHODS if m in item}
            # Fixed segments go before parameters: /tasks/batch is no task's id.
            self.routes.append((template.count("{"), pattern, template, methods))
            for method in methods:
                operation = item[method.lower()]
                operation["all_parameters"] = {
                    (p["in"], p["name"].lower()): p
                    for p in item.get("parameters", []) + operation.get("parameters", [])}
                self.operations[method, template] = operation
        self.routes.sort(key=lambda route: route[0])
        # Refusals that every operation can give, whatever it does.
        self.common = set.intersection(*({s for s in o["responses"] if int(s) >= 400}
                                         for o in self.operations.values()))

    def resolve(self, node, where):
        if isinstance(node, list):
            return [self.resolve(entry, f"{where}/{i}") for i, entry in enumerate(node)]
        if not isinstance(node, dict):
            return node
        if node.get("type") == "object" and "additionalProperties" not in node:
            self.flaws.append(f"{where}: an object without additionalProperties")
        rest = {k: self.resolve(v, f"{where}/{k}") for k, v in node.items() if k != "$ref"}
        if not isinstance(node.get("$ref"), str):
            return rest
        target = self.resolve(self.find(node["$ref"], where), node["$ref"])
        # Beside a reference other keywords apply as well: that is so in schemas only.
        if not {k for k in rest if k not in ("description", "default")}:
            return target
        return {**rest, "allOf": rest.get("allOf", []) + [target]}

    def find(self, reference, where):
        node = self.raw
        for part in reference.removeprefix("#/").split("/"):
            if part not in node:
                self.flaws.append(f"{where}: nothing at {reference}")
                return {}
            node = node[part]
        return node

    def route(self, path):
        for _, pattern, template, methods in self.routes:
            if pattern.match(path):
                return template, methods
        return None, set()


def problem_flaw(status, body, headers):
    """What is wrong with a problem document, beyond its schema."""
    if headers.get("content-type") != "application/problem+json":
        return f"Content-Type {headers.get('content-type')}"
    if not isinstance(body, dict):
        return "no problem document"
    if body.get("status") != status:
        return "`status` is not the response's"
    if body.get("type") != "/problems/" + str(body.get("code")).replace("_", "-"):
        return f"type {body.get('type')} does not match code {body.get('code')}"
    return None


class Checker:
    def __init__(self, document):
        self.document = document
        self.failures = []
        self.seen = set()  # (method, template, status), and with a code for problems
        self.count = 0
        self.validators = {}

    def fail(self, exchange, text):
        shown = json.dumps(exchange.get("response_body"))[:300]
        self.failures.append(f"{exchange['where']}: {exchange['method']} {exchange['target'][:100]} "
                             f"-> {exchange['status']}: {text}\n      {shown}")

    def validate(self, exchange, value, schema, what):
        key = id(schema)
        if key not in self.validators:
            self.validators[key] = jsonschema.Draft202012Validator(schema)
        error = jsonschema.exceptions.best_match(self.validators[key].iter_errors(value))
        if error is not None:
            pointer = "/".join(str(p) for p in error.absolute_path)
            self.fail(exchange, f"{what} at /{pointer}: {error.message[:300]}")

    def body(self, exchange, side):
        """(whether there is a body to check, its value)."""
        text = exchange[side]
        if not isinstance(text, str):
            return False, None
        try:
            return True, json.loads(text)
        except ValueError as error:
            self.fail(exchange, f"{side} is not JSON: {error}")
            return False, None

    def check(self, exchange):
        self.count += 1
        method = "GET" if exchange["method"] == "HEAD" else exchange["method"]
        target = urllib.parse.urlsplit(exchange["target"])
        template, methods = self.document.route(target.path)
        headers = {name.lower(): value for name, value in exchange["response_headers"]}
        status = exchange["status"]
        if "x-request-id" not in headers:
            self.fail(exchange, "no X-Request-ID")
        if method not in methods:
            self.check_undocumented(exchange, template, methods, headers)
            return
        operation = self.document.operations[method, template]
        response = operation["responses"].get(str(status))
        if response is None:
            self.fail(exchange, f"{status} is not documented for {method} {template}")
            return
        self.seen.add((method, template, status))
        self.check_response(exchange, response, headers, (method, template, status))
        if status < 300:
            self.check_request(exchange, operation, target.query)

    def check_undocumented(self, exchange, template, methods, headers):
        status = exchange["status"]
        _, body = self.body(exchange, "response_body")
        if exchange["method"] != "HEAD":
            flaw = problem_flaw(status, body, headers)
            if flaw:
                self.fail(exchange, flaw)
        # Strangers are not told what there is.
        expected = {"404" if template is None else "405", "401"}
        if str(status) not in expected | self.document.common:
            self.fail(exchange, f"expected {expected} where nothing is documented")
        if status == 405:
            allowed = {m.strip() for m in headers.get("allow", "").split(",")} - {"OPTIONS"}
            wanted = methods | ({"HEAD"} if "GET" in methods else set())
            if allowed != wanted:
                self.fail(exchange, f"Allow is {sorted(allowed)}, not {sorted(wanted)}")

    def check_response(self, exchange, response, headers, key):
        for name, header in response.get("headers", {}).items():
            value = headers.get(name.lower())
            if value is None and header.get("required"):
                self.fail(exchange, f"no {name}")
            if value is not None:
                self.validate(exchange, value, header["schema"], name)
        content = response.get("content")
        if content is None:
            if exchange["response_body"] is not None:
                self.fail(exchange, "a body where none is documented")
            return
        media_type = headers.get("content-type", "")
        if media_type not in content:
            self.fail(exchange, f"Content-Type {media_type} instead of {sorted(content)}")
            return
        if exchange["method"] == "HEAD":
            return
        if exchange["response_body"] is None:
            self.fail(exchange, "no body")
        if media_type.startswith("text/plain"):
            # Instead of a body that is too long to log, there is an object.
            if not isinstance(exchange["response_body"], dict):
                self.validate(exchange, exchange["response_body"], content[media_type]["schema"],
                              "response")
            return
        present, body = self.body(exchange, "response_body")
        if not present:
            return
        self.validate(exchange, body, content[media_type]["schema"], "response")
        if exchange["status"] >= 400:
            flaw = problem_flaw(exchange["status"], body, headers)
            if flaw:
                self.fail(exchange, flaw)
            else:
                self.seen.add(key + (body["code"],))

    def check_request(self, exchange, operation, query):
        for name, text in urllib.parse.parse_qsl(query, keep_blank_values=True):
            parameter = operation["all_parameters"].get(("query", name))
            if parameter is None:
                self.fail(exchange, f"accepted the unknown query parameter {name}")
            else:
                self.validate(exchange, from_query(text, parameter["schema"]), parameter["schema"],
                              f"query parameter {name}")
        documented = operation.get("requestBody")
        if exchange["request_body"] is None:
            if documented and documented.get("required"):
                self.fail(exchange, "accepted without a body")
            return
        if documented is None:
            return  # read and dropped
        media_type = "application/json"
        for name, value in exchange["request_headers"]:
            if name.lower() == "content-type":
                media_type = value.split(";")[0].strip().lower()
        content = documented["content"].get(media_type)
        if content is None:
            self.fail(exchange, f"accepted a body of type {media_type}")
            return
        present, body = self.body(exchange, "request_body")
        if present:
            self.validate(exchange, body, content["schema"], "accepted request")

    def unseen(self):
        """What is documented and was never exchanged."""
        for (method, template), operation in sorted(self.document.operations.items()):
            for status, response in operation["responses"].items():
                if status in self.document.common:
                    continue
                key = (method, template, int(status))
                if key not in self.seen and int(status) < 300:
                    yield f"{method} {template} -> {status}"
                if int(status) >= 400:
                    for code in sorted(codes(response)):
                        if key + (code,) not in self.seen:
                            yield f"{method} {template} -> {status} {code}"


def codes(response):
    schema = response["content"]["application/problem+json"]["schema"]
    return set(schema["properties"]["code"]["enum"])


def from_query(text, schema):
    schemas = [schema] + schema.get("allOf", [])
    types = {s.get("type") for s in schemas}
    if "integer" in types and re.fullmatch(r"-?[0-9]+", text):
        return int(text)
    if "boolean" in types and text in ("true", "false"):
        return text == "true"
    return text


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    if hasattr(sys, "set_int_max_str_digits"):
        sys.set_int_max_str_digits(0)  # payloads hold integers of any length
    document = Document(sys.argv[1])
    checker = Checker(document)
    failures = list(dict.fromkeys(document.flaws))
    for path in sys.argv[2:]:
        before = checker.count
        with open(path, encoding="utf-8") as log:
            for number, line in enumerate(log, 1):
                exchange = json.loads(line)
                exchange["where"] = f"{path.rsplit('/', 1)[-1]}:{number}"
                checker.check(exchange)
        if checker.count == before:
            failures.append(f"{path} is empty")
    failures += checker.failures
    failures += [f"never seen: {what}" for what in checker.unseen()]
    for failure in failures[:REPORTED_MAX]:
        print(f"  {failure}")
    if len(failures) > REPORTED_MAX:
        print(f"  … and {len(failures) - REPORTED_MAX} more")
    print(f"{checker.count} exchanges, {len(document.operations)} operations, "
          f"{len(failures)} failures")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
