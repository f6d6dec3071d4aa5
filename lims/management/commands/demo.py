"""`manage.py demo`: the whole lab on one machine, until Ctrl-C."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from argparse import ArgumentParser
from types import FrameType
from typing import Any, NoReturn

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from lims import demo
from screening.models import ScreeningResult

STOP_WITHIN = 20
"""Seconds that a child gets to stop by itself."""


class Command(BaseCommand):
    help = "Set up the demo lab, serve it and screen its patterns, all on this machine; Ctrl-C stops all of it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=int, default=8000)

    def handle(self, *args: Any, port: int, **options: Any) -> None:
        self._check_port(port)
        self.children: list[subprocess.Popen[bytes]] = []
        for told_to_stop in (signal.SIGINT, signal.SIGTERM):  # SIGINT too: a shell may start us with it ignored
            signal.signal(told_to_stop, _interrupt)
        try:
            self._say(f"Data folder: {settings.DATA_DIR}")
            call_command("migrate", verbosity=0)
            self._start("worker", [sys.executable, "manage.py", "worker"])
            self._start("trainer", [sys.executable, "manage.py", "worker", "--training"])
            demo.fill(say=self._say)
            self._start("web server", self._gunicorn(port))
            self._wait_until_screened()
            self._wait_until_served(port)
            self._say(demo.what_to_click(f"http://localhost:{port}"))
            self._watch()
        except KeyboardInterrupt:
            self._say("\nStopping …")
        finally:
            self._stop()

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()

    def _check_port(self, port: int) -> None:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                raise CommandError(f"Port {port} is in use. Choose another: make demo PORT={port + 1}") from None

    def _gunicorn(self, port: int) -> list[str]:
        return [
            *(sys.executable, "-m", "gunicorn", "lims.wsgi", "--bind", f"127.0.0.1:{port}"),
            *("--worker-class", "gthread", "--threads", "8", "--timeout", "120", "--log-level", "warning"),
        ]

    def _start(self, name: str, command: list[str]) -> None:
        """A child in a session of its own, so that Ctrl-C reaches it once, by us."""
        environment = {**os.environ, "ICOSA_DEMO": "1"}
        self.children.append(subprocess.Popen(command, cwd=settings.BASE_DIR, env=environment, start_new_session=True))

    def _wait_until_screened(self, patience: float = 180) -> None:
        waiting = ScreeningResult.objects.awaiting()
        until = time.monotonic() + patience
        while (n_left := waiting.count()) and time.monotonic() < until:
            self._check_children()
            if self.stdout.isatty():
                self.stdout.write(f"\rThe worker is screening: {n_left} patterns left   ", ending="")
                self.stdout.flush()
            time.sleep(0.5)
        self._say("")

    def _wait_until_served(self, port: int) -> None:
        while True:
            self._check_children()
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                return
            time.sleep(0.2)

    def _watch(self) -> None:
        while True:
            self._check_children()
            time.sleep(1)

    def _check_children(self) -> None:
        for child in self.children:
            if child.poll() is not None:
                raise CommandError(f"A part of the lab stopped by itself (exit status {child.returncode}); see above.")

    def _stop(self) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        for child in self.children:
            if child.poll() is None:
                child.terminate()
        until = time.monotonic() + STOP_WITHIN
        for child in self.children:
            try:
                child.wait(timeout=max(0.1, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                os.killpg(child.pid, signal.SIGKILL)


def _interrupt(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt
