"""Watch a folder of measured files and send each new one to Icosa. Needs Python 3.8 or newer and nothing else.

    python icosa_upload.py http://lab.example:8000 D:\\XRD --key-file icosa_key.txt --instrument SmartLab

The key is made on the page "API keys" of the lab, with the scope "upload" alone. A file is sent once its size has not
changed for a while; it is only read, never moved, renamed or deleted. What was sent is remembered by its SHA-256 in a
journal in your home folder, so the program may be stopped, killed and started again at any time. While the lab cannot
be reached, files wait where they are.
"""

from __future__ import annotations

import argparse
import fnmatch
import hashlib
import json
import logging
import logging.handlers
import os
import socket
import sqlite3
import stat
import sys
import time
import urllib.error
import urllib.request
import uuid
from contextlib import closing
from typing import Any, Callable, Iterable, Iterator, NamedTuple

VERSION = 1
LARGEST = 100 * 10**6
"""Bytes; no powder pattern has as many, and the lab says so too."""
PATIENCE = (5, 10, 20, 60, 120, 300)
"""Seconds until the next try, after one, two, … that failed."""
NOT_LET_IN_PAUSE = 600
"""Seconds until the next try while the key is not valid: a person has to do something."""
BEAT = 60
"""Seconds between two signs of life."""
UNFINISHED = (".tmp", ".temp", ".part", ".partial", ".crdownload", ".lock", ".swp", "~")
"""Endings of files that a program is still writing, or keeps for itself."""

log = logging.getLogger("icosa_upload")


class Refused(Exception):
    """The lab does not take this file, and would not take it another time; ``about``: what of the request it blames."""

    def __init__(self, said: str, about: Iterable[str] = ()) -> None:
        super().__init__(said)
        self.about = set(about)


class PutOff(Exception):
    """This file could not be sent now; others may go."""


class Unreachable(Exception):
    """Nothing can be sent now."""


class NotLetIn(Unreachable):
    """The lab answers, and does not let this program in: a person has to see to it."""


class Found(NamedTuple):
    """A file in the folder: its path within it, with slashes, and by what a change of it shows."""

    path: str
    size: int
    changed_ns: int


class Standing(NamedTuple):
    """How it stands, for a sign of life."""

    n_waiting: int
    n_refused: int
    last_file: str
    trouble: str


Deliver = Callable[[str, bytes], str]
"""Hands over one file by its path in the folder; returns what is to be said of it. Raises one of the four above."""
Beat = Callable[[Standing], None]


class Journal:
    """What was sent and what was refused, in one SQLite file that is whole after a power failure."""

    def __init__(self, file: str) -> None:
        os.makedirs(os.path.dirname(os.path.abspath(file)), exist_ok=True)
        self.connection = sqlite3.connect(file, timeout=30, isolation_level=None)
        self.connection.execute("PRAGMA synchronous=FULL")
        self.connection.execute(
            "CREATE TABLE IF NOT EXISTS files (path TEXT PRIMARY KEY, size INTEGER, changed_ns INTEGER, sha256 TEXT)"
        )
        self.connection.execute(
            "CREATE TABLE IF NOT EXISTS contents (sha256 TEXT PRIMARY KEY, name TEXT, refused TEXT, noted_at TEXT)"
        )

    def close(self) -> None:
        self.connection.close()

    def looked_at(self) -> dict[str, tuple[int, int]]:
        """Size and time of every file that needs no further look, by path."""
        rows = self.connection.execute("SELECT path, size, changed_ns FROM files")
        return {path: (size, changed_ns) for path, size, changed_ns in rows}

    def knows(self, sha256: str) -> bool:
        return self.connection.execute("SELECT 1 FROM contents WHERE sha256 = ?", [sha256]).fetchone() is not None

    def note(self, found: Found, sha256: str, refused: str | None = None) -> None:
        """Both rows or none; bytes that are known already keep their row."""
        moment = time.strftime("%Y-%m-%dT%H:%M:%S")
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            self.connection.execute(
                "INSERT OR IGNORE INTO contents VALUES (?, ?, ?, ?)", [sha256, storable(found.path), refused, moment]
            )
            self.connection.execute(
                "REPLACE INTO files VALUES (?, ?, ?, ?)",
                [storable(found.path), found.size, found.changed_ns, sha256],
            )
            self.connection.execute("COMMIT")
        except BaseException:
            self.connection.execute("ROLLBACK")
            raise

    def n_refused(self) -> int:
        return int(self.connection.execute("SELECT count(*) FROM contents WHERE refused IS NOT NULL").fetchone()[0])

    def last_file(self) -> str:
        row = self.connection.execute(
            "SELECT name FROM contents WHERE refused IS NULL ORDER BY rowid DESC LIMIT 1"
        ).fetchone()
        return os.path.basename(row[0]) if row else ""


def storable(text: str) -> str:
    """``text`` as every database and network takes it: a name that is no Unicode, as old disks have, is written out."""
    return text.encode("utf-8", "backslashreplace").decode()


class Folder:
    """A folder and all below it, each time as it is."""

    def __init__(self, root: str, only: list[str] | None = None) -> None:
        self.root = os.path.realpath(root)
        self.only = [pattern.lower() for pattern in only or ["*"]]

    def files(self) -> Iterator[Found]:
        """Every file that may be a measurement, in the order of names. OSError where the folder itself cannot be read."""
        os.listdir(self.root)
        yield from self._below(self.root, "", set())

    def _below(self, folder: str, path: str, visited: set[str]) -> Iterator[Found]:
        real = os.path.realpath(folder)
        if real in visited or not self._has(real):  # a link out of the folder, or in a circle
            return
        visited.add(real)
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as error:
            log.warning("The folder %s cannot be read: %s", storable(folder), error)
            return
        for entry in entries:
            inner = path + entry.name
            try:
                if entry.is_dir():
                    if not entry.name.startswith("."):
                        yield from self._below(entry.path, inner + "/", visited)
                elif self._wanted(entry.name) and self._has(os.path.realpath(entry.path)):
                    found = os.stat(entry.path)  # the one of scandir may be old on Windows
                    if stat.S_ISREG(found.st_mode) and found.st_size:
                        yield Found(inner, found.st_size, found.st_mtime_ns)
            except OSError:  # gone, or not ours to see
                continue

    def _has(self, real: str) -> bool:
        return real == self.root or real.startswith(os.path.join(self.root, ""))

    def _wanted(self, name: str) -> bool:
        name = name.lower()
        if name.startswith((".", "~")) or name.endswith(UNFINISHED):
            return False
        return any(fnmatch.fnmatchcase(name, pattern) for pattern in self.only)

    def read(self, found: Found) -> bytes:
        """All bytes of the file, PutOff where it changes, or some program does not let us read it."""
        path = os.path.join(self.root, *found.path.split("/"))
        try:
            with open(path, "rb") as file:
                content = file.read(LARGEST + 1)
                after = os.fstat(file.fileno())
        except OSError as error:
            raise PutOff(f"{storable(found.path)} cannot be read: {error.strerror or error}") from error
        if (after.st_size, after.st_mtime_ns) != (found.size, found.changed_ns):
            raise PutOff(f"{storable(found.path)} is still being written.")
        return content


class Watcher:
    """Looks into a folder again and again, and hands over what is new and still."""

    def __init__(
        self,
        folder: Folder,
        journal: Journal,
        deliver: Deliver,
        beat: Beat,
        still_for: float = 10,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.folder, self.journal, self.deliver, self.beat = folder, journal, deliver, beat
        self.still_for = still_for
        self.clock = clock  # it never goes back, whatever is done to the time of day
        self.seen: dict[str, tuple[Found, float]] = {}
        self.put_off: dict[str, tuple[Found, int, float]] = {}
        self.n_failures, self.pause_until = 0, float("-inf")
        self.trouble = ""
        self.n_waiting = 0
        self.next_beat = float("-inf")

    def step(self) -> None:
        """One look, and everything that can be handed over now; never raises what a folder or a network does."""
        try:
            waiting = self.look()
        except OSError as error:
            self.say(f"The folder {storable(self.folder.root)} cannot be read: {error.strerror or error}")
            self.beat_if_due()
            return
        self.n_waiting = len(waiting)
        if not waiting and self.trouble and not self.n_failures:
            self.say("")
        for found in waiting:
            self.beat_if_due()
            if self.clock() < self.pause_until:
                break
            if self.is_ready(found):
                self.hand_over(found)
        self.beat_if_due()

    def look(self) -> list[Found]:
        """Files that are not handed over yet; notes since when each is as it is."""
        looked_at, now = self.journal.looked_at(), self.clock()
        waiting = [
            found
            for found in self.folder.files()
            if looked_at.get(storable(found.path)) != (found.size, found.changed_ns)
        ]
        before = self.seen
        self.seen = {
            found.path: before[found.path] if found.path in before and before[found.path][0] == found else (found, now)
            for found in waiting
        }
        self.put_off = {path: entry for path, entry in self.put_off.items() if self.seen.get(path, (0,))[0] == entry[0]}
        return waiting

    def is_ready(self, found: Found) -> bool:
        now = self.clock()
        put_off = self.put_off.get(found.path)
        return now - self.seen[found.path][1] >= self.still_for and (put_off is None or now >= put_off[2])

    def hand_over(self, found: Found) -> None:
        name = storable(found.path)
        try:
            if found.size > LARGEST:
                said = f"has more than {LARGEST // 10**6} MB, which no powder pattern has."
                self.note(found, f"{found.path}:{found.size}:{found.changed_ns}".encode("utf-8", "replace"), said)
                log.warning("%s %s It was not sent.", name, said)
                return
            content = self.folder.read(found)
            if self.journal.knows(hashlib.sha256(content).hexdigest()):
                self.note(found, content)
                return
            try:
                said = self.deliver(name, content)
            except Refused as error:
                self.note(found, content, str(error))
                log.warning("%s was refused: %s", name, error)
            else:
                self.note(found, content)
                log.info("%s sent. %s", name, said)
            self.n_failures, self.pause_until = 0, float("-inf")
            self.say("")
        except PutOff as error:
            n_before = self.put_off[found.path][1] if found.path in self.put_off else 0
            wait = PATIENCE[min(n_before, len(PATIENCE) - 1)]
            self.put_off[found.path] = (found, n_before + 1, self.clock() + wait)
            self.say(str(error))
        except NotLetIn as error:
            self.n_failures += 1
            self.pause_until = self.clock() + NOT_LET_IN_PAUSE
            self.say(str(error))
        except Unreachable as error:
            self.pause_until = self.clock() + PATIENCE[min(self.n_failures, len(PATIENCE) - 1)]
            self.n_failures += 1
            self.say(str(error))

    def note(self, found: Found, content: bytes, refused: str | None = None) -> None:
        self.journal.note(found, hashlib.sha256(content).hexdigest(), refused)
        self.n_waiting -= 1
        self.put_off.pop(found.path, None)

    def say(self, trouble: str) -> None:
        """Keep what is wrong for the next sign of life; the same thing is logged once."""
        if trouble and trouble != self.trouble:
            log.warning("%s", trouble)
        self.trouble = trouble

    def beat_if_due(self) -> None:
        now = self.clock()
        if now < self.next_beat:
            return
        self.next_beat = now + (BEAT if now >= self.pause_until else max(BEAT, self.pause_until - now))
        try:
            self.beat(Standing(self.n_waiting, self.journal.n_refused(), self.journal.last_file(), self.trouble))
            if self.n_failures and not self.n_waiting:  # it is heard, and there is nothing else to try
                self.n_failures, self.pause_until = 0, float("-inf")
                self.say("")
                self.next_beat = now
        except NotLetIn as error:
            self.pause_until = now + NOT_LET_IN_PAUSE
            self.next_beat = self.pause_until
            self.n_failures += 1
            self.say(str(error))
        except (Unreachable, Refused, PutOff) as error:
            log.debug("No sign of life could be given: %s", error)

    def watch(self, every: float) -> None:
        while True:
            self.step()
            time.sleep(every)


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """A key is for the address that somebody typed, and for no other."""

    def redirect_request(self, *_args: Any) -> None:
        return None


class Lab:
    """The API of one lab, by one key."""

    def __init__(self, address: str, key: str, instrument: str, timeout: float = 60) -> None:
        self.address = address.rstrip("/") + "/api/v1/"
        self.key, self.instrument, self.timeout = key, instrument, timeout
        self.opener = urllib.request.build_opener(NoRedirect)
        self.run: int | None = None
        self.run_day = ""

    def deliver(self, path: str, content: bytes) -> str:
        """Send one file; all files of a day are one upload there."""
        today = time.strftime("%Y-%m-%d")
        if today != self.run_day:
            self.run, self.run_day = None, today
        try:
            receipt = self._send_file(path, content)
        except Refused as error:
            if "run" not in error.about:
                raise
            self.run = None  # somebody has undone the upload that the day began with
            receipt = self._send_file(path, content)
        self.run = receipt.get("run")
        return " ".join(str(said) for said in (receipt.get("whereabouts"), receipt.get("failure")) if said)

    def _send_file(self, path: str, content: bytes) -> dict[str, Any]:
        boundary = uuid.uuid4().hex
        fields = {"path": path, **({"run": str(self.run)} if self.run else {})}
        parts = [
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
            for name, value in fields.items()
        ]
        name = path.rpartition("/")[2].replace("\\", "\\\\").replace('"', "%22").replace("\r", " ").replace("\n", " ")
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'.encode()
        body = b"".join([*parts, head, content, f"\r\n--{boundary}--\r\n".encode()])
        return self._post("patterns/", body, f"multipart/form-data; boundary={boundary}")

    def beat(self, standing: Standing) -> None:
        told = {"instrument": self.instrument, **standing._asdict()}
        told["trouble"] = standing.trouble[:300]
        self._post("heartbeats/", json.dumps(told).encode(), "application/json")

    def _post(self, path: str, body: bytes, content_type: str) -> dict[str, Any]:
        request = urllib.request.Request(self.address + path, body)
        request.add_header("Authorization", f"Bearer {self.key}")
        request.add_header("Content-Type", content_type)
        request.add_header("User-Agent", f"icosa_upload/{VERSION}")
        try:
            with closing(self.opener.open(request, timeout=self.timeout)) as answer:
                said = json.loads(answer.read().decode("utf-8"))
        except urllib.error.HTTPError as error:
            raise self._why_not(error) from error
        except ValueError as error:
            raise Unreachable(f"What answers at {self.address} is not Icosa. Check the address.") from error
        except (OSError, urllib.error.URLError, EOFError) as error:  # URLError, time-outs, broken connections
            reason = getattr(error, "reason", error)
            raise Unreachable(f"The lab cannot be reached ({reason}). Files wait here.") from error
        except Exception as error:  # http.client has some of its own
            raise Unreachable(f"The lab broke off its answer ({error}). Files wait here.") from error
        if not isinstance(said, dict):
            raise Unreachable(f"What answers at {self.address} is not Icosa. Check the address.")
        return said

    def _why_not(self, error: urllib.error.HTTPError) -> Exception:
        try:
            answer = json.loads(error.read().decode("utf-8"))["error"]
            said, about, is_ours = str(answer["message"]), list(answer["fields"]), True
        except Exception:  # a proxy's own page
            said, about, is_ours = f"It answered {error.code} {error.reason}.", [], False
        if error.code in (400, 409, 413, 415, 422):
            return Refused(said, about)
        if error.code in (401, 403):
            return NotLetIn(f"The lab does not let this program in: {said}")
        if 300 <= error.code < 400:
            moved = error.headers.get("Location", "")
            return NotLetIn(f"The lab has moved to {moved}: start this program with that address.")
        if error.code in (408, 425, 429, 502, 503, 504, 507):
            why = said if is_ours else f"The lab is busy or being restarted ({error.code})."
            return Unreachable(f"{why} Files wait here.")
        if error.code >= 500:
            return PutOff(f"The lab failed over this file ({error.code}); it is tried again later.")
        return NotLetIn(f"What answers at {self.address} is not Icosa, or an older one ({error.code}).")


def journal_beside(folder: str, address: str) -> str:
    """Where the journal of this folder and lab is kept: not in the folder, which stays as it is."""
    name = hashlib.sha256(f"{address.rstrip('/')}\n{os.path.realpath(folder)}".encode("utf-8", "replace")).hexdigest()
    return os.path.join(os.path.expanduser("~"), ".icosa_upload", name[:16] + ".sqlite3")


def log_to(file: str | None) -> None:
    """Log to the console, or to ``file``, of which two old ones are kept; a task of Windows has no console."""
    if file:
        handler: logging.Handler = logging.handlers.RotatingFileHandler(file, "a", 10**6, 2, encoding="utf-8")
    elif sys.stderr is not None:
        handler = logging.StreamHandler()
    else:
        handler = logging.NullHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    log.addHandler(handler)
    log.setLevel(logging.INFO)


def read_key(file: str | None) -> str:
    """From a file or the environment: a command line is seen by everybody on a computer."""
    if file:
        with open(file, encoding="utf-8-sig") as opened:
            return opened.read().strip()
    return os.environ.get("ICOSA_KEY", "").strip()


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("address", help="of the lab, as in the browser: http://lab.example:8000")
    parser.add_argument("folder", help="to watch, with all folders in it")
    parser.add_argument("--key-file", help="a text file with the key; else the environment variable ICOSA_KEY")
    parser.add_argument("--instrument", default=socket.gethostname()[:60], help="its name on the lab's home page")
    parser.add_argument("--only", nargs="+", metavar="*.ras", help="names to send; others stay unsent")
    parser.add_argument("--every", type=float, default=10, help="seconds between two looks (default: 10)")
    parser.add_argument("--still", type=float, default=10, help="seconds without a change before a file is sent")
    parser.add_argument("--journal", help="file that remembers what was sent (default: in your home folder)")
    parser.add_argument("--log", help="file to log to (default: the console)")
    return parser


def main() -> int:
    options = arguments().parse_args()
    log_to(options.log)
    try:
        key = read_key(options.key_file)
    except (OSError, ValueError) as error:
        log.error("The key file cannot be read: %s", error)
        return 2
    if not key.isascii() or not key.startswith("icosa_"):
        log.error("There is no key. Make one on the page “API keys” and name its file with --key-file.")
        return 2
    if not os.path.isdir(options.folder):
        log.error("There is no folder %s.", options.folder)
        return 2
    lab = Lab(options.address, key, options.instrument[:60])
    journal = Journal(options.journal or journal_beside(options.folder, options.address))
    log.info("Watching %s for %s", options.folder, options.address)
    try:
        Watcher(Folder(options.folder, options.only), journal, lab.deliver, lab.beat, options.still).watch(
            options.every
        )
    except KeyboardInterrupt:
        log.info("Stopped. What was not sent is sent after the next start.")
    finally:
        journal.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
