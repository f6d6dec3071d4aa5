"""A whole lab on this machine that may be mistreated: web, worker and, where asked for, a PostgreSQL of its own.

Its services come back as systemd brings them back (Restart=always), once all processes of theirs are gone: those whose main
process was killed must end by themselves, and what does not is counted and killed.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

PROJECT = Path(__file__).resolve().parents[1]
MARK = "ICOSA_OF_SERVICE"
"""Environment variable by which a process tells which service it belongs to, whoever its parent is by now."""
RESTART_AFTER = 1.0
END_WITHIN = 15.0
"""Seconds."""


def processes_of(mark: str, place: Path | None = None) -> set[int]:
    """Every living process with this mark in its environment, or at work in ``place``: PostgreSQL's own overwrite theirs."""
    wanted, found = f"{MARK}={mark}".encode(), set()
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):
                is_ours = wanted in (folder / "environ").read_bytes() or (
                    place and (folder / "cwd").readlink() == place
                )
                if is_ours and not is_zombie(int(folder.name)):
                    found.add(int(folder.name))
    return found


def is_zombie(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


def command_of(pid: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    return ""


def tell(pids: set[int], what: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, what)


class Service:
    """One program under a keeper that starts it anew."""

    def __init__(
        self,
        name: str,
        command: list[str],
        environment: dict[str, str],
        log: Path,
        user: str = "",
        place: Path | None = None,
    ) -> None:
        self.name, self.command, self.log, self.user, self.place = name, command, log, user, place
        self.mark = f"{name}-{uuid4().hex[:8]}"
        self.environment = environment | {MARK: self.mark}
        self.n_starts = 0
        self.n_left_behind = 0
        """Processes that did not end by themselves within END_WITHIN once the main one was gone."""
        self.process: subprocess.Popen[bytes] | None = None
        self._wanted = False
        self._keeper: threading.Thread | None = None

    @property
    def pid(self) -> int:
        return self.process.pid if self.process else 0

    def start(self) -> None:
        self._wanted = True
        self._start()
        self._keeper = threading.Thread(target=self._keep, daemon=True)
        self._keeper.start()

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """Ask the main process to end, and end what is left of it."""
        self._wanted = False
        if self.process and self.process.poll() is None:
            self.process.send_signal(how)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(END_WITHIN)
        if self._keeper:
            self._keeper.join()
        self._end_the_rest()

    def processes(self) -> set[int]:
        return processes_of(self.mark, self.place)

    def _start(self) -> None:
        self.n_starts += 1
        as_user = {"user": self.user, "group": pwd.getpwnam(self.user).pw_gid, "extra_groups": []} if self.user else {}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(  # type: ignore[call-overload]
                self.command, cwd="/" if self.user else PROJECT, env=self.environment, stdout=log, stderr=log, **as_user
            )

    def _keep(self) -> None:
        while self._wanted:
            assert self.process
            if self.process.poll() is None:
                time.sleep(0.1)
                continue
            self._end_the_rest()
            time.sleep(RESTART_AFTER)
            if self._wanted:
                self._start()

    def _end_the_rest(self) -> None:
        until = time.monotonic() + END_WITHIN
        while self.processes() and time.monotonic() < until:
            time.sleep(0.1)
        left = self.processes()
        self.n_left_behind += len(left)
        tell(left, signal.SIGKILL)
        while self.processes():
            time.sleep(0.05)


class Wire:
    """The cable between the lab and its database: what comes to ``port`` goes on to ``to``, until it is cut."""

    def __init__(self, port: int, to: int) -> None:
        self.port, self.to = port, to
        self._ends: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._listener: socket.socket | None = None
        self.mend()

    def mend(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self.port), backlog=64)
        threading.Thread(target=self._accept, args=[self._listener], daemon=True).start()

    def cut(self) -> None:
        """Every connection breaks, and new ones are refused."""
        if self._listener:
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None
        with self._lock:
            ends, self._ends = self._ends, set()
        for end in ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _address = listener.accept()
                try:
                    far = socket.create_connection(("127.0.0.1", self.to), timeout=5)
                except OSError:
                    near.close()
                    continue
                far.settimeout(None)
                with self._lock:
                    self._ends |= {near, far}
                for source, target in ((near, far), (far, near)):
                    threading.Thread(target=self._pump, args=[source, target], daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while content := source.recv(1 << 16):
                target.sendall(content)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        with self._lock:
            self._ends -= {source, target}


def postgresql_tools() -> Path | None:
    """The folder of PostgreSQL's programs, of the newest version; None where they are not installed."""
    folders = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/postgres")]
    if found := shutil.which("postgres"):
        folders.append(Path(found).resolve().parent)
    return max(folders, key=lambda folder: folder.parent.name.zfill(3), default=None)


def own_postgresql(folder: Path, port: int) -> Service:
    """A server with an empty cluster, and its log in ``folder``; fsync and all else as PostgreSQL has it.

    It refuses to run as root, and its user may not look into the folders of others: so its own lies beside them.
    """
    tools, user = postgresql_tools(), "nobody" if os.getuid() == 0 else ""
    assert tools
    place = Path(tempfile.mkdtemp(prefix="icosa-postgresql-"))
    if user:
        shutil.chown(place, user)
    as_user = {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []} if user else {}
    subprocess.run(  # type: ignore[call-overload]
        [tools / "initdb", "-D", place / "data", "-U", "icosa", "-A", "trust", "-E", "UTF8"],
        check=True, cwd="/", stdout=subprocess.DEVNULL, **as_user,
    )  # fmt: skip
    settings = ("listen_addresses=127.0.0.1", "unix_socket_directories=", f"port={port}")
    told = [part for setting in settings for part in ("-c", setting)]
    command = [str(tools / "postgres"), "-D", str(place / "data"), *told]
    return Service("postgresql", command, dict(os.environ), folder / "postgresql.log", user, place / "data")


@contextlib.contextmanager
def small_disk(place: Path, megabytes: int) -> Iterator[bool]:
    """A file system of its own at ``place``, so that it can be filled; False where this user may not mount one."""
    place.mkdir(parents=True, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(place)]
    may = os.getuid() == 0 and subprocess.run(mount, check=False, capture_output=True).returncode == 0
    try:
        yield may
    finally:
        if may:
            subprocess.run(["umount", "--lazy", str(place)], check=True)


class OwnLab:
    """Web, worker and database, in ``folder``; ``port`` and the two above it are used."""

    def __init__(self, folder: Path, port: int, *, on_postgresql: bool) -> None:
        self.folder, self.port = folder, port
        self.data = folder / "data"
        self.data.mkdir(exist_ok=True)
        self.backups = folder / "backups"
        self.address = f"http://127.0.0.1:{port}"
        self.server = own_postgresql(folder, port + 2) if on_postgresql else None
        self.wire: Wire | None = None
        self.environment = {
            **os.environ,
            "ICOSA_DATA": str(self.data),
            "DATABASE_URL": f"postgresql://icosa@127.0.0.1:{port + 1}/postgres" if on_postgresql else "",
            "DJANGO_SETTINGS_MODULE": os.environ.get("DJANGO_SETTINGS_MODULE", "lims.settings"),
            "PYTHONPATH": str(PROJECT),
            "PATH": f"{postgresql_tools() or ''}:{os.environ['PATH']}",
            "OMP_NUM_THREADS": "1",
            "ICOSA_DISK_FREE": "0.05",
        }
        gunicorn = ("-m", "gunicorn", "lims.wsgi", "--bind", f"127.0.0.1:{port}", "--worker-class", "gthread")
        self.web = self._service("web", *gunicorn, "--threads", "8", "--log-level", "warning")
        self.worker = self._service("worker", "manage.py", "worker")

    def _service(self, name: str, *command: str) -> Service:
        return Service(name, [sys.executable, *command], self.environment, self.folder / f"{name}.log")

    @property
    def services(self) -> list[Service]:
        return [self.worker, self.web, *([self.server] if self.server else [])]

    def manage(self, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "manage.py", *command], cwd=PROJECT, env=self.environment | environment,
            check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip

    def begin(self, *command: str, **environment: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "manage.py", *command], cwd=PROJECT, env=self.environment | environment,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def start(self) -> None:
        if self.server:
            self.server.start()
            wait_for_port(self.port + 2)
            self.wire = Wire(self.port + 1, self.port + 2)
        migrated = self.manage("migrate", "-v0")
        assert migrated.returncode == 0, migrated.stdout
        self.web.start()
        self.worker.start()

    def stop(self) -> None:
        for service in self.services:
            service.stop(signal.SIGINT if service is self.server else signal.SIGTERM)
        if self.wire:
            self.wire.cut()
        if self.server and self.server.place:
            shutil.rmtree(self.server.place.parent)


def wait_for_port(port: int, within: float = 30.0) -> None:
    until = time.monotonic() + within
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        assert time.monotonic() < until, f"nothing listens on port {port}"
        time.sleep(0.1)


def three_free_ports() -> int:
    """The first of three in a row that nobody listens on now."""
    while True:
        with socket.create_server(("127.0.0.1", 0)) as first:
            port = int(first.getsockname()[1])
            try:
                for other in (port + 1, port + 2):
                    socket.create_server(("127.0.0.1", other)).close()
            except (OSError, OverflowError):
                continue
            return port
