"""A lab as docs/deploy.md has it, on this machine: gunicorn behind nginx and TLS, by the very files of `deploy/`."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests
from django.conf import settings

from tests.labs import Lab

DEPLOY = Path(settings.BASE_DIR) / "deploy"
HOST = "localhost"
WITHIN = 60.0
"""Seconds until each part answers, on a busy machine."""


def nginx_program() -> str:
    found = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if not found:
        message = "nginx is absent: install Debian's package nginx-light"
        if os.environ.get("ICOSA_REQUIRE_ALL"):
            pytest.fail(message)
        pytest.skip(message)
    return found


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


class Nginx:
    """nginx with deploy/nginx.conf, where only ports, paths and the names of sockets are this machine's."""

    def __init__(self, folder: Path, sockets: list[str]) -> None:
        self.folder, self.port, self.plain_port = folder, free_port(), free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self._make_certificate()
        site = (DEPLOY / "nginx.conf").read_text()
        servers = "\n".join(f"    server {where} fail_timeout=0;" for where in sockets)
        for written, here in (
            (r"    server unix:/run/icosa-web.sock fail_timeout=0;", servers),
            (r"icosa\.our-lab\.example", HOST),
            (r"listen 443 ssl", f"listen 127.0.0.1:{self.port} ssl"),
            (r"listen 80;", f"listen 127.0.0.1:{self.plain_port};"),
            (r"    listen \[::\]:.*\n", ""),
            (r"https://\$host\$request_uri", f"https://$host:{self.port}$request_uri"),
            (r"/etc/icosa/tls", str(folder)),
            (r"/opt/icosa/deploy", str(DEPLOY)),
        ):
            assert re.search(written, site), written
            site = re.sub(written, here.replace("\\", r"\\"), site)
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        places = "\n".join(f"{kind}_temp_path {folder / kind};" for kind in kinds)
        (folder / "nginx.conf").write_text(
            f"{'user root;' if os.getuid() == 0 else ''}\ndaemon off;\nworker_processes 1;\npid {folder}/nginx.pid;\n"
            f"error_log {folder}/nginx.log;\nevents {{}}\nhttp {{\ntypes {{ text/html html; }}\n"
            f"access_log off;\n{places}\n{site}}}\n"
        )

    def command(self, *words: str) -> list[str]:
        return [nginx_program(), "-e", str(self.folder / "nginx.log"), "-c", str(self.folder / "nginx.conf"), *words]

    def start(self) -> None:
        self.process = subprocess.Popen(self.command())
        wait_for(lambda: answers(self.plain_port), "nginx")

    def stop(self) -> None:
        if self.process:
            self.process.terminate()
            self.process.wait(20)

    def _make_certificate(self) -> None:
        """Signed by itself, for this host alone."""
        made = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        named = ["-subj", f"/CN={HOST}", "-addext", f"subjectAltName=DNS:{HOST}", "-days", "2"]
        files = ["-keyout", str(self.folder / "privkey.pem"), "-out", str(self.folder / "fullchain.pem")]
        subprocess.run([*made, *named, *files], check=True, capture_output=True)


class Web:
    """One web host: gunicorn with deploy/gunicorn.conf.py at a socket of its own."""

    def __init__(self, lab: Lab, name: str) -> None:
        self.lab, self.socket = lab, lab.log.parent / f"{name}.sock"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "gunicorn", "-c", "deploy/gunicorn.conf.py", "--bind", f"unix:{self.socket}"]
        with self.lab.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, cwd=settings.BASE_DIR, env=self.lab.environment, stdout=log, stderr=log
            )

    def stop(self) -> None:
        if self.process:
            self.process.terminate()
            self.process.wait(40)


class Browser(requests.Session):
    """Somebody who trusts the certificate of this host, and no other."""

    def __init__(self, nginx: Nginx) -> None:
        super().__init__()
        self.trust_env = False  # its certificates and proxies are not ours
        self.nginx, self.verify = nginx, str(nginx.folder / "fullchain.pem")

    def ask(self, path: str, **options: object) -> requests.Response:
        method = str(options.pop("method", "POST" if options.keys() & {"data", "files"} else "GET"))
        return self.request(method, f"https://{HOST}:{self.nginx.port}{path}", timeout=WITHIN, **options)  # type: ignore[arg-type]

    def sign_in(self, name: str, password: str, **headers: str) -> requests.Response:
        self.ask("/sign-in/")
        origin = f"https://{HOST}:{self.nginx.port}"
        form = {"username": name, "password": password, "csrfmiddlewaretoken": self.cookies["csrftoken"]}
        return self.ask("/sign-in/", data=form, headers={"Origin": origin, **headers}, allow_redirects=False)


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_for(condition: object, what: str) -> None:
    until = time.monotonic() + WITHIN
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < until, f"waited {WITHIN} s for {what}"
        time.sleep(0.1)
