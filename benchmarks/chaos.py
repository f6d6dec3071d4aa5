"""A lab that is mistreated while instruments send it 2,000 patterns: is anything lost, doubled or left hanging?

Real gunicorn, real `manage.py worker`, a PostgreSQL of its own with fsync on (or SQLite), real API keys, and clients that try
again as the uploader does. Meanwhile, in an order that the seed gives: kill -9 of screening processes, of the queue's master,
of the watchdog and of the web process; the worker's host off for a while; PostgreSQL restarted, killed and cut off; the disk
full; a backup killed half way; a migration of a fresh lab killed half way. Two onlookers ask the home page and /healthz all the
time. At the end everything is counted, and it fails where anything is wrong.

python -m benchmarks.chaos [--sqlite] [--files 2000] [--minutes 6] [--seed 1] [--port 8780]

Filling the disk needs the right to mount a file system (root); without it that is left out, and said.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import itertools
import os
import platform
import random
import re
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.api_upload import MAKE_KEY, measured
from benchmarks.chaos_onlookers import Onlookers, ask
from benchmarks.own_lab import (
    OwnLab,
    command_of,
    postgresql_tools,
    processes_of,
    small_disk,
    tell,
    three_free_ports,
    wait_for_port,
)
from benchmarks.upload import MAKE_PERSON
from lims.uploader.icosa_upload import Lab, PutOff, Refused, Unreachable

N_CLIENTS = 4
CLIENT_TIMEOUT = 20.0
TRY_AGAIN_AFTER = 1.0
DISK = 600
"""MB of the small disk."""
FINISH_WITHIN = 300.0
"""Seconds in which everything must be screened once the last file is there: leases run out after one minute."""


@dataclass(frozen=True)
class Plan:
    """How much of it, in seconds. pause: between two disasters; left_out: disasters that are not tried."""

    n_files: int
    burst: int
    seconds: float
    pause: tuple[float, float]
    cut_for: float
    full_for: float
    frozen_for: float = 15.0
    off_for: float = 45.0
    n_migrations: int = 3
    left_out: frozenset[str] = frozenset()


SHORT = Plan(
    60, 20, 18.0, (0.5, 1.5), 4.0, 3.0, n_migrations=0,
    left_out=frozenset(
        {"kill_a_backend", "restart_postgresql", "freeze_the_database", "switch_the_workers_host_off", "kill_the_watchdog"}
    ),
)  # fmt: skip


@dataclass
class Clients:
    """Programs of instruments that send ``files`` in bursts over ``seconds``, and note what was acknowledged."""

    lab: OwnLab
    key: str
    files: list[tuple[str, bytes]]
    plan: Plan
    acknowledged: dict[str, str] = field(default_factory=dict)
    """SHA-256 of each file that the lab said it has → its path."""
    refused: list[str] = field(default_factory=list)
    put_off: Counter[str] = field(default_factory=Counter)

    def start(self) -> list[threading.Thread]:
        began, numbers = time.monotonic(), itertools.count()
        threads = [threading.Thread(target=self._send, args=[began, numbers], daemon=True) for _ in range(N_CLIENTS)]
        for thread in threads:
            thread.start()
        return threads

    def _send(self, began: float, numbers: Iterator[int]) -> None:
        lab = Lab(self.lab.address, self.key, "chaos", timeout=CLIENT_TIMEOUT)
        while (number := next(numbers)) < len(self.files):
            burst = number - number % self.plan.burst
            time.sleep(max(0.0, began + burst * self.plan.seconds / len(self.files) - time.monotonic()))
            path, content = self.files[number]
            while not self._is_settled(lab, path, content):
                time.sleep(TRY_AGAIN_AFTER)

    def _is_settled(self, lab: Lab, path: str, content: bytes) -> bool:
        try:
            lab.deliver(path, content)
        except Refused as error:
            self.refused.append(f"{path}: {error}")
        except (PutOff, Unreachable) as error:  # NotLetIn is one of these
            self.put_off[f"{type(error).__name__}: {re.sub(r'[0-9a-f]{12}', '…', str(error))}"] += 1
            return False
        else:
            self.acknowledged[hashlib.sha256(content).hexdigest()] = path
        return True


class Disasters:
    """What is done to the lab; each is a method, and `all` names those that this lab can have."""

    def __init__(self, lab: OwnLab, chance: random.Random, plan: Plan, *, disk_can_be_filled: bool) -> None:
        self.lab, self.chance, self.plan = lab, chance, plan
        self.all: list[Callable[[], None]] = [
            self.kill_a_screening_process,
            self.kill_the_queues_master,
            self.kill_the_watchdog,
            self.kill_the_web_process,
            self.switch_the_workers_host_off,
            self.kill_a_backup,
        ]
        if disk_can_be_filled:
            self.all.append(self.fill_the_disk)
        if lab.server:
            self.all += [self.restart_postgresql, self.kill_postgresql, self.kill_a_backend]
            self.all += [self.cut_the_database_off, self.freeze_the_database]
        self.all = [disaster for disaster in self.all if disaster.__name__ not in plan.left_out]

    def kill_a_screening_process(self) -> None:
        children = [pid for pid in self.lab.worker.processes() if "spawn_main" in command_of(pid)]
        if children:
            tell({self.chance.choice(sorted(children))}, signal.SIGKILL)

    def kill_the_queues_master(self) -> None:
        masters = {pid for pid in self.lab.worker.processes() if "--unwatched" in command_of(pid)}
        tell({min(masters)} if masters else set(), signal.SIGKILL)

    def kill_the_watchdog(self) -> None:
        tell({self.lab.worker.pid}, signal.SIGKILL)

    def kill_the_web_process(self) -> None:
        tell({self.chance.choice(sorted(self.lab.web.processes()))}, signal.SIGKILL)

    def switch_the_workers_host_off(self) -> None:
        self.lab.worker.stop(signal.SIGKILL)
        time.sleep(self.plan.off_for)
        self.lab.worker.start()

    def kill_a_backup(self) -> None:
        backup = self.lab.begin("backup", str(self.lab.backups))
        time.sleep(self.chance.uniform(1.5, 6))
        backup.kill()
        backup.wait()

    def fill_the_disk(self) -> None:
        ballast = self.lab.data / "ballast"
        until = time.monotonic() + self.plan.full_for
        with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
            while True:  # to the last byte
                file.write(bytes(1 << 16))
        while time.monotonic() < until:  # and what becomes free meanwhile
            with contextlib.suppress(OSError), ballast.open("ab", buffering=0) as file:
                while True:
                    file.write(bytes(512))
            time.sleep(0.2)
        ballast.unlink()

    def restart_postgresql(self) -> None:
        assert self.lab.server
        tell({self.lab.server.pid}, signal.SIGINT)
        self._until_postgresql_is_back()

    def kill_postgresql(self) -> None:
        assert self.lab.server
        tell({self.lab.server.pid}, signal.SIGKILL)
        self._until_postgresql_is_back()

    def kill_a_backend(self) -> None:
        """Then PostgreSQL ends all of its connections and recovers."""
        assert self.lab.server
        backends = sorted(self.lab.server.processes() - {self.lab.server.pid})
        tell({self.chance.choice(backends)} if backends else set(), signal.SIGKILL)

    def cut_the_database_off(self) -> None:
        assert self.lab.wire
        self.lab.wire.cut()
        time.sleep(self.plan.cut_for)
        self.lab.wire.mend()

    def freeze_the_database(self) -> None:
        """It takes what it is sent and answers nothing, as when its disk hangs."""
        assert self.lab.server
        frozen = self.lab.server.processes()
        tell(frozen, signal.SIGSTOP)
        time.sleep(self.plan.frozen_for)
        tell(frozen, signal.SIGCONT)

    def _until_postgresql_is_back(self) -> None:
        assert self.lab.server
        n_starts, until = self.lab.server.n_starts, time.monotonic() + 60
        while self.lab.server.n_starts == n_starts and time.monotonic() < until:
            time.sleep(0.1)
        wait_for_port(self.lab.port + 2)


def mistreat(disasters: Disasters, onlookers: Onlookers, until: float) -> list[str]:
    """Each disaster once, and then on by chance until that moment; their names in order."""
    names, chance = [], disasters.chance
    order = chance.sample(disasters.all, len(disasters.all))
    while order or time.monotonic() < until:
        disaster = order.pop() if order else chance.choice(disasters.all)
        name = disaster.__name__.replace("_", " ")
        onlookers.during = name
        print(f"{datetime.now(UTC):%H:%M:%S} {name}", flush=True)
        names.append(name)
        disaster()
        time.sleep(chance.uniform(*disasters.plan.pause))
    onlookers.during = "nothing"
    return names


def kill_migrations(lab: OwnLab, chance: random.Random, times: int) -> str:
    """Migrate a fresh lab, killed half way, several times; then to the end: it must be like one that was never disturbed."""
    folder = lab.folder / "upgraded"
    folder.mkdir()
    there = {"ICOSA_DATA": str(folder)}
    address = f"postgresql://icosa@127.0.0.1:{lab.port + 2}"
    if lab.server:
        import psycopg

        with psycopg.connect(f"{address}/postgres", autocommit=True) as connection:
            connection.execute("CREATE DATABASE upgraded")
        there["DATABASE_URL"] = f"{address}/upgraded"
    n_killed = 0
    for _ in range(times):
        migrating = lab.begin("migrate", "-v0", **there)
        with contextlib.suppress(subprocess.TimeoutExpired):
            migrating.wait(chance.uniform(3, 9))
        n_killed += migrating.poll() is None
        migrating.kill()
        migrating.wait()
    migrated = lab.manage("migrate", "-v0", **there)
    assert migrated.returncode == 0, migrated.stdout
    checked = lab.manage("migrate", "--check", "-v0", **there), lab.manage("check_trail", **there)
    assert all(done.returncode == 0 for done in checked), [done.stdout for done in checked]
    if lab.server:
        assert postgresql_schema(f"{address}/upgraded") == postgresql_schema(f"{address}/postgres")
    else:
        assert sqlite_schema(folder / "icosa.sqlite3") == sqlite_schema(lab.data / "icosa.sqlite3")
    return f"a migration of a fresh lab, killed {n_killed} times half way, then run again: the same tables, indexes and triggers"


def postgresql_schema(address: str) -> str:
    tools = postgresql_tools()
    assert tools
    dumped = subprocess.run([tools / "pg_dump", "--schema-only", address], check=True, capture_output=True, text=True)
    return "\n".join(sorted(line for line in dumped.stdout.splitlines() if not line.startswith(("\\", "--"))))


def sqlite_schema(file: Path) -> list[str]:
    with contextlib.closing(sqlite3.connect(file)) as connection:
        rows = connection.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'")
        return sorted(re.sub(r"new__", "", sql) for (sql,) in rows)


class WrongError(Exception):
    """Something was lost, doubled or left hanging."""


def verify(lab: OwnLab, clients: Clients) -> None:
    """Count everything, and print it; WrongError at the end where anything is."""
    wrong: list[str] = []

    def say(good: bool, what: str) -> None:
        print(f"{'ok   ' if good else 'WRONG'} {what}", flush=True)
        if not good:
            wrong.append(what)

    from django.conf import settings

    from lims import kept_files
    from mlmodels.models import ModelVersion
    from samples.models import Pattern, PatternFile, Reading
    from screening.models import ScreeningResult

    until = time.monotonic() + FINISH_WITHIN
    while ScreeningResult.objects.awaiting().exists() and time.monotonic() < until:
        time.sleep(1)
    say(not clients.refused, f"{len(clients.refused)} files refused {clients.refused[:3]}")
    sent = {hashlib.sha256(content).hexdigest() for _name, content in clients.files}
    say(sent == set(clients.acknowledged), f"{len(clients.acknowledged)} of {len(sent)} files acknowledged")
    kept = dict(PatternFile.objects.values_list("sha256", "content"))
    lost = [sha for sha in clients.acknowledged if sha not in kept]
    say(not lost, f"{len(lost)} acknowledged files without a row")
    altered = [sha for sha in clients.acknowledged if sha in kept and not is_whole(settings.MEDIA_ROOT, kept[sha], sha)]
    say(not altered, f"{len(altered)} acknowledged files whose bytes are not on disk under their SHA-256")
    n_files, n_patterns = PatternFile.objects.count(), Pattern.objects.count()
    say(n_files == n_patterns == len(sent), f"{n_files} rows of files, {n_patterns} patterns, of {len(sent)} files")
    readings = Reading.objects.count()
    results = Counter(ScreeningResult.objects.values_list("reading", "model_version"))
    n_versions = ModelVersion.objects.filter(state="production").count()
    once = len(results) == readings * n_versions and set(results.values()) <= {1}
    say(once, f"{len(results)} results, one for each of {readings} readings and {n_versions} version in production")
    states = Counter(ScreeningResult.objects.values_list("state", flat=True))
    say(not states["queued"] + states["running"], f"nothing hangs: {dict(states)}")
    reasons = Counter(
        str((reason or {}).get("values"))
        for reason in ScreeningResult.objects.failed().values_list("reason", flat=True)
    )
    say(not reasons, f"{sum(reasons.values())} innocent patterns set aside {dict(reasons)}")
    attempts = Counter(ScreeningResult.objects.values_list("attempts", flat=True))
    print(f"      attempts: {dict(sorted(attempts.items()))}")
    kept_files.ARRIVING_FOR = 0.0
    report = kept_files.check_files()
    say(
        not report.missing + report.altered,
        f"check_files: {len(report.missing)} missing, {len(report.altered)} altered",
    )
    for line in report.orphaned:
        print(f"      {line}")
    strays = [line for line in report.orphaned if ".part (" not in line and not any(sha in line for sha in sent)]
    say(not strays, f"{len(report.orphaned)} orphans, all of them halves or copies of files that were sent again")
    trail = lab.manage("check_trail")
    say(trail.returncode == 0, f"check_trail: exit status {trail.returncode}")
    say_backups(lab, say)
    if wrong:
        raise WrongError("; ".join(wrong))


def is_whole(root: Path, name: str, sha256: str) -> bool:
    with contextlib.suppress(OSError):
        return hashlib.sha256((root / name).read_bytes()).hexdigest() == sha256
    return False


def say_backups(lab: OwnLab, say: Callable[[bool, str], None]) -> None:
    listed = lab.manage("restore", str(lab.backups), "--list")
    before = [line for line in listed.stdout.splitlines() if line[:2] == "20"]
    tried = [lab.manage("restore", str(lab.backups), "--trial", "--backup", line.split()[0]) for line in before]
    say(all(one.returncode == 0 for one in tried), f"{len(before)} backups counted before, each restored on trial")
    last = lab.manage("backup", str(lab.backups))
    say(last.returncode == 0, last.stdout.strip().splitlines()[-1] if last.stdout else "backup: no word")
    trial = lab.manage("restore", str(lab.backups), "--trial")
    say(trial.returncode == 0, trial.stdout.strip().splitlines()[-1] if trial.stdout else "trial: no word")


def say_processes(lab: OwnLab) -> None:
    left = {service.name: service.n_left_behind for service in lab.services}
    alive = [command_of(pid) for service in lab.services for pid in processes_of(service.mark, service.place)]
    print(
        f"{'WRONG' if alive else 'ok   '} processes after the stop: {alive}; that had to be killed on the way: {left}"
    )
    if alive:
        raise WrongError("processes were left behind")


def run(lab: OwnLab, plan: Plan, seed: int, *, disk_can_be_filled: bool) -> None:
    chance = random.Random(seed)
    files = [measured(seed) for seed in range(1, plan.n_files + 1)]
    lab.start()
    try:
        for script in (MAKE_PERSON, MAKE_KEY):
            made = lab.manage("shell", "-v0", "-c", script)
            assert made.returncode == 0, made.stdout
        onlookers = Onlookers(lab)
        disasters = Disasters(lab, chance, plan, disk_can_be_filled=disk_can_be_filled)
        wait_until_screening(lab)
        onlookers.start()
        clients = Clients(lab, made.stdout.split()[-1], files, plan)
        began = time.monotonic()
        threads = clients.start()
        names = mistreat(disasters, onlookers, began + plan.seconds)
        for thread in threads:
            thread.join(FINISH_WITHIN)
        onlookers.done = True
        say_what_was_told(names, time.monotonic() - began, clients, onlookers)
        if plan.n_migrations:
            print(kill_migrations(lab, chance, plan.n_migrations))
        point_django_at(lab)
        verify(lab, clients)
        check_what_was_said(names, onlookers)
    finally:
        lab.stop()
    say_processes(lab)


def say_what_was_told(names: list[str], seconds: float, clients: Clients, onlookers: Onlookers) -> None:
    print(f"\n{len(names)} disasters in {seconds:.0f} s; clients were put off:")
    for why, n in clients.put_off.most_common():
        print(f"      {n} times {why}")
    for during, sentences in onlookers.said.items():
        print(f"during “{during}” people and monitors were told:", *(f"\n      {said}" for said in sentences))


EXPECTED = {
    "cut the database off": ("home: 503 The database does not answer", "healthz: 503 database"),
    "freeze the database": ("home: 503 The database", "healthz: 503 database"),
    "switch the workers host off": ("home: No worker is running", "worker silent"),
    "fill the disk": ("home: The disk is", "disk nearly full"),
}
"""What must be said, at the least, while that is done; /healthz may name more that is wrong in the same line."""


def check_what_was_said(names: list[str], onlookers: Onlookers) -> None:
    for during, expected in EXPECTED.items():
        if during in names:
            said = onlookers.said.get(during, [])
            unsaid = [words for words in expected if not any(words in sentence for sentence in said)]
            print(
                f"{'WRONG' if unsaid else 'ok   '} said during “{during}”" + (f"; not said: {unsaid}" if unsaid else "")
            )
            if unsaid:
                raise WrongError(f"not said: {unsaid}")


def wait_until_screening(lab: OwnLab) -> None:
    until = time.monotonic() + 120
    while ask(lab.address + "/healthz", urllib.request.build_opener())[0] != 200:
        assert time.monotonic() < until, "the lab does not start"
        time.sleep(0.2)


def point_django_at(lab: OwnLab) -> None:
    """The database of this lab, for the count at the end."""
    for name in ("ICOSA_DATA", "DATABASE_URL", "DJANGO_SETTINGS_MODULE"):
        os.environ[name] = lab.environment[name]
    import django

    django.setup()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sqlite", action="store_true", help="on SQLite, which needs nothing else installed")
    parser.add_argument("--files", type=int, default=2_000)
    parser.add_argument("--minutes", type=float, default=6.0, help="over which the files are sent")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--port", type=int, default=8780, help="and the two above it; 0: whichever are free")
    parser.add_argument(
        "--short", action="store_true", help="what the tests do: 60 files, and a part of it, within a minute"
    )
    parser.add_argument(
        "--folder", type=Path, help="to be made, for the lab and its logs, and kept (default: a temporary one)"
    )
    options = parser.parse_args()
    if not options.sqlite and postgresql_tools() is None:
        sys.exit("PostgreSQL is not installed here (apt-get install postgresql). Or run it with --sqlite.")
    plan = SHORT if options.short else Plan(options.files, 50, 60 * options.minutes, (4.0, 12.0), 30.0, 10.0)
    kind = "SQLite" if options.sqlite else "PostgreSQL"
    print(f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, {platform.machine()}, {kind}, seed {options.seed}")
    with tempfile.TemporaryDirectory(prefix="icosa-chaos-") as temporary:
        folder = options.folder or Path(temporary)
        folder.mkdir(exist_ok=True)
        with small_disk(folder / "data", DISK) as disk_can_be_filled:
            if not disk_can_be_filled:
                print("The disk is not filled: this user may not mount a file system.")
            lab = OwnLab(folder, options.port or three_free_ports(), on_postgresql=not options.sqlite)
            run(lab, plan, options.seed, disk_can_be_filled=disk_can_be_filled)


if __name__ == "__main__":
    main()
