"""A web address and a mail server of the tests' own, on loopback, that keep what they are given."""

from __future__ import annotations

import base64
import http.server
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Box:
    """What came, and how the server behaves: `answers` are given one after the other, then it takes everything."""

    url: str = ""
    answers: list[int] = field(default_factory=list)
    taken: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    """Headers (or envelope) and content of what was taken."""
    tries: int = 0
    user: str | None = None
    encrypted: bool = False


@contextmanager
def web_box() -> Iterator[Box]:
    """A web server that takes posts."""
    box = Box()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["content-length"]))
            box.tries += 1
            status = box.answers.pop(0) if box.answers else 204
            if status < 300:
                box.taken.append(({name.lower(): value for name, value in self.headers.items()}, content))
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Quiet."""

    with _serving(http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as port:
        box.url = f"http://127.0.0.1:{port}/hook"
        yield box


@contextmanager
def mail_box(certificate: Path | None = None, from_the_start: bool = False) -> Iterator[Box]:
    """A mail server (RFC 5321) that takes mail; with a certificate by STARTTLS, or encrypted from the start."""
    box = Box()
    context = None
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)

    class Handler(socketserver.StreamRequestHandler):
        def setup(self) -> None:
            if context is not None and from_the_start:
                self.request = context.wrap_socket(self.request, server_side=True)
                box.encrypted = True
            super().setup()

        def finish(self) -> None:
            super().finish()
            self.request.close()  # the encrypted one, which is not the server's own

        def say(self, line: str) -> None:
            self.wfile.write(f"{line}\r\n".encode())

        def handle(self) -> None:
            envelope: dict[str, str] = {}
            self.say("220 test")
            while line := self.rfile.readline().decode().strip():
                verb, _, rest = line.partition(" ")
                verb = verb.upper()
                if verb == "EHLO":
                    offers = ["AUTH PLAIN"] + (["STARTTLS"] if context is not None and not box.encrypted else [])
                    for offer in ["test", *offers[:-1]]:
                        self.say(f"250-{offer}")
                    self.say(f"250 {offers[-1]}")
                elif verb == "STARTTLS":
                    assert context is not None
                    self.say("220 go on")
                    self.request = context.wrap_socket(self.request, server_side=True)
                    self.rfile, self.wfile = self.request.makefile("rb"), self.request.makefile("wb", 0)
                    box.encrypted = True
                elif verb == "AUTH":
                    box.user = base64.b64decode(rest.split()[1]).decode().strip("\0").replace("\0", ":")
                    self.say("235 known")
                elif verb == "MAIL":
                    box.tries += 1
                    envelope["from"] = rest
                    status = box.answers.pop(0) if box.answers else 250
                    self.say(f"{status} ok")
                elif verb == "RCPT":
                    envelope["to"] = rest
                    self.say("250 ok")
                elif verb == "DATA":
                    self.say("354 go on")
                    lines = iter(self.rfile.readline, b".\r\n")
                    box.taken.append((dict(envelope), b"".join(lines)))
                    self.say("250 taken")
                elif verb == "QUIT":
                    self.say("221 bye")
                    return
                else:
                    self.say("250 ok")

    with _serving(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)) as port:
        box.url = f"127.0.0.1:{port}"
        yield box


@contextmanager
def _serving(server: socketserver.TCPServer) -> Iterator[int]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def make_certificate(path: Path) -> Path:
    """A certificate for 127.0.0.1 that vouches for itself, with its key, in one file."""
    import datetime
    import ipaddress

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    now = datetime.datetime.now(datetime.UTC)
    alternative = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(alternative, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(secret + made.public_bytes(serialization.Encoding.PEM))
    return path
