"""TLS of the real server: what it speaks, what it refuses, and how its certificate is exchanged. The
certificates are made by the commands of docs/access.md."""

import contextlib
import json
import os
import re
import shlex
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import unittest
import warnings

sys.path.insert(0, os.path.join(os.environ["QUERN_SOURCE_DIR"], "tests/cli"))
from programs import BIN, PATIENCE, QCTL, environment, eventually  # noqa: E402

QUERND = os.path.join(BIN, "quernd")


def commands_of_the_document(program):
    with open(os.path.join(os.environ["QUERN_SOURCE_DIR"], "docs/access.md"), encoding="utf-8") as file:
        text = file.read().replace("\\\n", " ")
    return [line for block in re.findall(r"```sh\n(.*?)```", text, re.S)
            for line in block.splitlines() if line.startswith(program)]


class Guarded:
    """A folder with tokens and certificates, and servers in it."""

    def __init__(self):
        self.folder = tempfile.mkdtemp()
        self.processes = []
        self.openssl(*shlex.split(commands_of_the_document("openssl req")[0])[1:])
        made = self.quernd("token", "new", "--name", "a", "--role", "admin", "--append", "tokens")
        self.token = made.stdout.strip()
        with open(self.path("a.token"), "w", encoding="utf-8") as file:
            file.write(self.token + "\n")

    def path(self, name):
        return os.path.join(self.folder, name)

    def openssl(self, *arguments):
        subprocess.run(["openssl", *arguments], cwd=self.folder, check=True, capture_output=True,
                       timeout=PATIENCE)

    def certificate(self, name, *arguments):
        """NAME.pem and NAME.key, for localhost; further arguments of openssl."""
        self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                     "-subj", "/CN=" + name, "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                     "-keyout", name + ".key", "-out", name + ".pem", *arguments)

    def quernd(self, *arguments):
        return subprocess.run([QUERND, *arguments], cwd=self.folder, capture_output=True, text=True,
                              env=environment(), timeout=PATIENCE)

    def start(self, *flags, listen="127.0.0.1:0"):
        log = open(self.path("log"), "w", encoding="utf-8")
        process = subprocess.Popen(
            [QUERND, "--listen", listen, "--data", "data", "--tokens", "tokens", *flags],
            cwd=self.folder, stdout=subprocess.PIPE, stderr=log, text=True, env=environment())
        self.processes.append((process, log))
        line = process.stdout.readline()
        assert line.startswith("quernd ready "), (line, self.log())
        self.url = line.split()[-1]
        self.port = int(self.url.rsplit(":", 1)[1])
        return process

    def start_with_tls(self, *flags):
        return self.start("--tls-cert", "cert.pem", "--tls-key", "key.pem", *flags)

    def log(self):
        with open(self.path("log"), encoding="utf-8") as file:
            return file.read()

    def stop(self):
        for process, log in self.processes:
            process.kill()
            process.wait()
            process.stdout.close()
            log.close()
        subprocess.run(["rm", "-rf", self.folder], check=True)

    def context(self, ca="cert.pem"):
        context = ssl.create_default_context(cafile=self.path(ca))
        return context

    @contextlib.contextmanager
    def connected(self, context=None):
        context = context or self.context()
        with socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE) as plain:
            with context.wrap_socket(plain, server_hostname="localhost") as wrapped:
                yield wrapped

    def request(self, target, method="GET", body=None, headers=""):
        text = f"{method} {target} HTTP/1.1\r\nHost: localhost\r\n" + headers
        text += f"Authorization: Bearer {self.token}\r\n"
        if body is not None:
            text += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        return (text + "\r\n" + (body or "")).encode()


def response_of(connection):
    """(status, body)."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65536)
        if not piece:
            raise AssertionError(f"the connection ended after {data!r}")
        data += piece
    head, body = data.split(b"\r\n\r\n", 1)
    length = int(re.search(rb"Content-Length: (\d+)", head).group(1))
    while len(body) < length:
        piece = connection.recv(65536)
        if not piece:
            raise AssertionError("the connection ended in the middle of a body")
        body += piece
    return int(head.split()[1]), json.loads(body)


def response_of_many(connection, count):
    """The statuses of answers that may come together."""
    data = b""
    statuses = []
    while len(statuses) < count:
        while True:
            head, separator, rest = data.partition(b"\r\n\r\n")
            if separator:
                length = int(re.search(rb"Content-Length: (\d+)", head).group(1))
                if len(rest) >= length:
                    break
            piece = connection.recv(65536)
            if not piece:
                raise AssertionError(f"the connection ended after {statuses}")
            data += piece
        statuses.append(int(head.split()[1]))
        data = rest[length:]
    return statuses


class TlsTest(unittest.TestCase):
    def setUp(self):
        self.guarded = Guarded()
        self.addCleanup(self.guarded.stop)

    def assert_alert(self, context, alert):
        with self.assertRaisesRegex(ssl.SSLError, alert):
            with self.guarded.connected(context):
                pass

    def test_requests_large_bodies_and_long_polls_go_over_tls(self):
        guarded = self.guarded
        guarded.start_with_tls()
        self.assertTrue(guarded.url.startswith("https://127.0.0.1:"))
        with guarded.connected() as connection:
            # Two at once, then one whose body fills many records, one way and the other.
            connection.sendall(guarded.request("/healthz") + guarded.request("/info"))
            self.assertEqual(response_of_many(connection, 2), [200, 200])
            payload = json.dumps("x" * 900_000)
            connection.sendall(guarded.request(
                "/tasks", "POST", '{"type":"t","queue":"q","payload":' + payload + "}"))
            self.assertEqual(response_of(connection)[0], 202)
            connection.sendall(guarded.request("/leases", "POST", '{"queues":["q"]}'))
            status, leased = response_of(connection)
            self.assertEqual((status, len(leased["tasks"][0]["payload"])), (200, 900_000))
            # Byte by byte.
            for byte in guarded.request("/healthz"):
                connection.sendall(bytes([byte]))
            self.assertEqual(response_of(connection)[0], 200)

            # What comes during a long-poll is answered after it.
            connection.sendall(guarded.request("/leases", "POST", '{"queues":["p"],"wait_ms":60000}'))
            connection.sendall(guarded.request("/healthz"))
            with guarded.connected() as other:
                other.sendall(guarded.request("/tasks", "POST", '{"type":"t","queue":"p"}'))
                self.assertEqual(response_of(other)[0], 202)
            self.assertEqual(response_of_many(connection, 2), [200, 200])

    def test_a_client_that_goes_during_a_long_poll_leaves_its_lease(self):
        guarded = self.guarded
        guarded.start_with_tls()
        with guarded.connected() as gone:
            gone.sendall(guarded.request("/healthz") +
                         guarded.request("/leases", "POST", '{"queues":["q"],"wait_ms":60000}'))
            self.assertEqual(response_of(gone)[0], 200)
        with guarded.connected() as other:
            other.sendall(guarded.request("/tasks", "POST", '{"type":"t","queue":"q"}'))
            task_id = response_of(other)[1]["id"]

            def ready():
                other.sendall(guarded.request("/tasks/" + task_id))
                task = response_of(other)[1]
                return task["state"] == "ready" and task["attempts"] == 0

            eventually(ready, "nobody holds the task")

    def test_a_client_that_goes_before_its_long_poll_begins_leaves_no_lease(self):
        guarded = self.guarded
        process = guarded.start_with_tls()
        with guarded.connected() as gone:
            gone.sendall(guarded.request("/healthz"))
            self.assertEqual(response_of(gone)[0], 200)
            process.send_signal(signal.SIGSTOP)  # so that request and end come at once
            gone.sendall(guarded.request("/leases", "POST", '{"queues":["q"],"wait_ms":60000}'))
        process.send_signal(signal.SIGCONT)
        with guarded.connected() as other:
            other.sendall(guarded.request("/tasks", "POST", '{"type":"t","queue":"q"}'))
            task_id = response_of(other)[1]["id"]
            other.sendall(guarded.request("/tasks/" + task_id))
            self.assertEqual(response_of(other)[1]["attempts"], 0)
        self.assertIsNone(process.poll())

    def test_versions_before_1_2_and_weak_ciphers_get_an_alert(self):
        guarded = self.guarded
        guarded.start_with_tls()
        for version in ("TLSv1_2", "TLSv1_3"):
            context = guarded.context()
            context.minimum_version = context.maximum_version = ssl.TLSVersion[version]
            with guarded.connected(context) as connection:
                self.assertEqual(connection.version(), version.replace("_", "."))
                self.assertIsNone(connection.compression())
                connection.sendall(guarded.request("/healthz"))
                self.assertEqual(response_of(connection)[0], 200)
                self.assertFalse(connection.session and connection.session.has_ticket)
        for version in ("TLSv1", "TLSv1_1"):
            context = guarded.context()
            context.set_ciphers("ALL:@SECLEVEL=0")
            with self.subTest(version=version):
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", DeprecationWarning)
                    context.minimum_version = context.maximum_version = ssl.TLSVersion[version]
                self.assert_alert(context, "(?i)alert protocol version|unsupported protocol")
        for ciphers in ("AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-SHA256", "ECDHE-ECDSA-AES128-SHA",
                        "DHE-RSA-AES128-GCM-SHA256"):
            with self.subTest(ciphers=ciphers):
                context = guarded.context()
                context.maximum_version = ssl.TLSVersion.TLSv1_2
                context.set_ciphers(ciphers)
                self.assert_alert(context, "(?i)handshake failure")

    def test_plain_http_is_told_so_and_nonsense_closes(self):
        guarded = self.guarded
        guarded.start_with_tls()
        with socket.create_connection(("127.0.0.1", guarded.port), timeout=PATIENCE) as plain:
            plain.sendall(guarded.request("/healthz"))
            status, problem = response_of(plain)
            self.assertEqual((status, problem["code"]), (400, "bad_request"))
            self.assertIn("https", problem["detail"])
            self.assertEqual(plain.recv(1), b"")
        with socket.create_connection(("127.0.0.1", guarded.port), timeout=PATIENCE) as plain:
            plain.sendall(b"\x00" * 100)
            with contextlib.suppress(ConnectionResetError):
                while plain.recv(100):
                    pass
        with guarded.connected() as connection:
            connection.sendall(guarded.request("http://localhost/healthz"))
            self.assertEqual(response_of(connection)[0], 421)
            connection.sendall(guarded.request("https://localhost/healthz"))
            self.assertEqual(response_of(connection)[0], 200)

    def test_the_certificate_is_exchanged_by_sighup_and_kept_when_the_new_one_is_not_right(self):
        guarded = self.guarded
        process = guarded.start_with_tls()
        for name in ("cert.pem", "key.pem"):
            os.rename(guarded.path(name), guarded.path("old-" + name))
        guarded.certificate("new", "-days", "30")
        guarded.certificate("foreign", "-days", "30")

        def install(certificate, key):
            for source, target in ((certificate, "cert.pem"), (key, "key.pem")):
                subprocess.run(["cp", guarded.path(source), guarded.path(target)], check=True)
            process.send_signal(signal.SIGHUP)

        def served_by(ca):
            try:
                with guarded.connected(guarded.context(ca)):
                    return True
            except ssl.SSLCertVerificationError:
                return False

        with guarded.connected(guarded.context("old-cert.pem")) as open_before:
            install("new.pem", "foreign.key")
            eventually(lambda: "is not the key of cert.pem" in guarded.log() or
                       "cannot read the key of cert.pem" in guarded.log(), "the log says why")
            self.assertTrue(served_by("old-cert.pem"))
            install("new.pem", "new.key")
            eventually(lambda: served_by("new.pem"), "the new certificate is served")
            self.assertFalse(served_by("old-cert.pem"))
            open_before.sendall(guarded.request("/healthz"))
            self.assertEqual(response_of(open_before)[0], 200)

    def assert_refused(self, says, *flags):
        done = self.guarded.quernd("--listen", "127.0.0.1:0", "--data", "data", *flags)
        self.assertEqual((done.returncode, done.stdout), (1, ""), done)
        self.assertIn(says, done.stderr)

    def test_files_that_are_not_right_refuse_to_start(self):
        guarded = self.guarded
        guarded.certificate("other", "-days", "30")
        guarded.openssl("pkey", "-in", "key.pem", "-aes256", "-passout", "pass:secret",
                        "-out", "locked.key")
        self.make_expired()
        self.assert_refused("cannot read a certificate", "--tls-cert", "no.pem", "--tls-key", "key.pem")
        self.assert_refused("cannot read the key", "--tls-cert", "cert.pem", "--tls-key", "no.key")
        self.assert_refused("key", "--tls-cert", "cert.pem", "--tls-key", "other.key")
        self.assert_refused("not encrypted", "--tls-cert", "cert.pem", "--tls-key", "locked.key")
        self.assert_refused("expired on 2001-", "--tls-cert", "expired.pem", "--tls-key", "key.pem")
        self.assert_refused("not valid before 2101-", "--tls-cert", "early.pem", "--tls-key", "key.pem")
        self.assert_refused("only together", "--tls-cert", "cert.pem")

    def make_expired(self):
        """expired.pem and early.pem, of the same key: `openssl ca` alone takes both dates."""
        guarded = self.guarded
        with open(guarded.path("ca.cnf"), "w", encoding="utf-8") as file:
            file.write("[ca]\ndefault_ca=c\n[c]\ndatabase=index\nserial=serial\nnew_certs_dir=.\n"
                       "default_md=sha256\npolicy=p\nunique_subject=no\n[p]\ncommonName=supplied\n")
        open(guarded.path("index"), "w", encoding="utf-8").close()
        guarded.openssl("req", "-new", "-key", "key.pem", "-subj", "/CN=localhost", "-out", "r.csr")
        for name, begin, end in (("expired", "20000101000000Z", "20010101000000Z"),
                                 ("early", "21010101000000Z", "21020101000000Z")):
            guarded.openssl("ca", "-batch", "-config", "ca.cnf", "-selfsign", "-keyfile", "key.pem",
                            "-rand_serial", "-in", "r.csr", "-startdate", begin, "-enddate", end,
                            "-out", name + ".pem")

    def test_qctl_speaks_to_it_as_the_document_says_and_works_with_a_token(self):
        guarded = self.guarded
        guarded.start_with_tls()
        address = guarded.url.replace("127.0.0.1", "localhost")

        def qctl(*arguments, status=0, ca="cert.pem"):
            done = subprocess.run(
                [QCTL, "--server", address, "--ca-file", ca, "--token-file", "a.token", *arguments],
                cwd=guarded.folder, capture_output=True, text=True, env=environment(),
                timeout=PATIENCE)
            self.assertEqual(done.returncode == 0, status == 0, done)
            return done.stdout + done.stderr

        os.chmod(guarded.path("a.token"), 0o600)
        documented = [shlex.split(line) for line in commands_of_the_document("qctl --server")]
        self.assertEqual(documented[0][1:6:2], ["--server", "--ca-file", "--token-file"])
        submitted = qctl("submit", "greet", "--queue", "q")
        self.assertRegex(submitted, "[0-9a-f]{8}-")
        self.assertIn("q", qctl(*documented[0][7:]))
        guarded.certificate("foreign", "-days", "30")
        self.assertIn("certificate", qctl("queues", status=1, ca="foreign.pem"))

    def test_a_worker_with_a_token_of_that_role_alone_works_over_tls(self):
        guarded = self.guarded
        guarded.quernd("token", "new", "--name", "w", "--role", "worker", "--queues", "q*",
                       "--append", "tokens", "--token-file", "w.token")
        guarded.start_with_tls()
        worker = subprocess.Popen(
            [QCTL, "--server", guarded.url.replace("127.0.0.1", "localhost"), "--ca-file", "cert.pem",
             "--token-file", "w.token", "work", "--queue", "q1", "--", "cat"],
            cwd=guarded.folder, env=environment(), stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True)
        self.addCleanup(worker.stderr.close)
        try:
            with guarded.connected() as connection:
                connection.sendall(guarded.request(
                    "/tasks", "POST", '{"type":"t","queue":"q1","payload":[1,2]}'))
                task_id = response_of(connection)[1]["id"]
                connection.sendall(guarded.request(f"/tasks/{task_id}?wait_ms=30000"))
                task = response_of(connection)[1]
                self.assertEqual((task["state"], task["result"]), ("succeeded", [1, 2]), task)
        finally:
            worker.terminate()
            self.assertEqual(worker.wait(timeout=PATIENCE), 0)

    def test_a_handshake_that_stalls_does_not_hold_up_others(self):
        guarded = self.guarded
        guarded.start_with_tls()
        silent = [socket.create_connection(("127.0.0.1", guarded.port), timeout=PATIENCE)
                  for _ in range(50)]
        silent[0].sendall(b"\x16\x03\x01")
        with guarded.connected() as connection:
            connection.sendall(guarded.request("/healthz"))
            self.assertEqual(response_of(connection)[0], 200)
        # The ten seconds that a handshake has.
        begin = time.monotonic()
        with contextlib.suppress(ConnectionResetError):
            self.assertEqual(silent[0].recv(1), b"")
        self.assertGreater(time.monotonic() - begin, 8)
        for connection in silent:
            connection.close()

    def test_with_tokens_other_addresses_may_be_listened_on_and_without_tls_it_warns(self):
        guarded = self.guarded
        guarded.start(listen="0.0.0.0:0")
        self.assertTrue(guarded.url.startswith("http://0.0.0.0:"))
        self.assertIn("tokens without TLS", guarded.log())


if __name__ == "__main__":
    unittest.main()
