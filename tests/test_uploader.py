"""What the program of an instrument's computer sends, and when: on real files, with the clock alone faked."""

from __future__ import annotations

import ast
import os
from pathlib import Path

import pytest

from lims.uploader import icosa_upload
from lims.uploader.icosa_upload import (
    PATIENCE,
    Folder,
    Journal,
    NotLetIn,
    PutOff,
    Refused,
    Standing,
    Unreachable,
    Watcher,
)


class Instrument:
    """A folder, a journal, and a lab that takes what it is given or raises ``answer``."""

    def __init__(self, root: Path) -> None:
        self.root = root / "measured"
        self.root.mkdir()
        self.journal_file = root / "journal.sqlite3"
        self.now = 0.0
        self.sent: list[tuple[str, bytes]] = []
        self.beats: list[Standing] = []
        self.tries = 0
        self.answer: Exception | None = None
        self.only: list[str] | None = None
        self.start()

    def start(self) -> None:
        """As after a crash: of the program before, the journal alone is left."""
        folder = Folder(str(self.root), self.only)
        journal = Journal(str(self.journal_file))
        self.watcher = Watcher(folder, journal, self.deliver, self.beats.append, still_for=10, clock=lambda: self.now)

    def deliver(self, path: str, content: bytes) -> str:
        self.tries += 1
        if self.answer:
            raise self.answer
        self.sent.append((path, content))
        return ""

    def after(self, seconds: float) -> list[str]:
        """Names of what was sent by then, with a look every 5 s."""
        n_before, until = len(self.sent), self.now + seconds
        while self.now < until:
            self.now = min(self.now + 5, until)
            self.watcher.step()
        return [path for path, _content in self.sent[n_before:]]

    def write(self, name: str, content: bytes = b"counts") -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path


@pytest.fixture
def instrument(tmp_path: Path) -> Instrument:
    return Instrument(tmp_path)


def test_a_file_is_sent_once_it_is_still_and_stays_where_it_is(instrument: Instrument) -> None:
    path = instrument.write("scan.ras")
    before = path.stat()
    assert instrument.after(10) == []
    assert instrument.after(10) == ["scan.ras"]
    assert instrument.after(1000) == []
    after = path.stat()
    assert (after.st_mtime_ns, after.st_size, path.read_bytes()) == (before.st_mtime_ns, before.st_size, b"counts")
    assert [child.name for child in instrument.root.iterdir()] == ["scan.ras"]


def test_a_growing_file_waits(instrument: Instrument) -> None:
    for n in range(1, 20):
        instrument.write("scan.ras", b"1 " * n)
        assert instrument.after(5) == []
    assert instrument.beats[-1].n_waiting == 1
    instrument.after(20)
    assert instrument.sent == [("scan.ras", b"1 " * 19)]


def test_a_file_that_grows_while_it_is_read_waits(instrument: Instrument) -> None:
    path = instrument.write("scan.ras")
    folder = Folder(str(instrument.root))
    (found,) = folder.files()
    path.write_bytes(b"counts and more")
    with pytest.raises(PutOff, match="still being written"):
        folder.read(found)


def test_new_bytes_under_an_old_name_are_sent_and_old_bytes_under_a_new_name_are_not(instrument: Instrument) -> None:
    instrument.write("scan.ras", b"first")
    instrument.after(20)
    instrument.write("scan.ras", b"again")
    assert instrument.after(20) == ["scan.ras"]
    instrument.write("copy.ras", b"first")
    assert instrument.after(60) == []
    assert [content for _path, content in instrument.sent] == [b"first", b"again"]
    assert instrument.beats[-1].n_waiting == 0


def test_a_touched_file_is_not_sent_again(instrument: Instrument) -> None:
    path = instrument.write("scan.ras")
    instrument.after(20)
    os.utime(path, (1, 1))  # a clock that was set back, or a copy that lost its time
    assert instrument.after(60) == []


def test_what_was_sent_is_remembered_after_a_crash(instrument: Instrument) -> None:
    instrument.write("scan.ras")
    instrument.after(20)
    instrument.start()
    instrument.write("new.ras", b"new")
    assert instrument.after(60) == ["new.ras"]


def test_folders_in_folders_and_names_of_all_kinds(instrument: Instrument) -> None:
    names = ["2026/11/ASR 001 #1.ras", "測定/試料１.ras", "mußt.ras", 'quoted"name.ras']
    for number, name in enumerate(names):
        instrument.write(name, b"%d" % number)
    assert sorted(instrument.after(30)) == sorted(names)


def test_a_name_that_is_no_unicode(instrument: Instrument) -> None:
    (instrument.root / os.fsdecode(b"scan-\xff.ras")).write_bytes(b"counts")
    assert instrument.after(20) == ["scan-\\udcff.ras"]
    assert instrument.after(60) == []


def test_what_programs_keep_for_themselves_is_left(instrument: Instrument) -> None:
    for name in ("scan.ras.tmp", "~$list.xlsx", ".hidden", "scan.part", ".git/config", "empty.ras"):
        instrument.write(name, b"" if name == "empty.ras" else b"x")
    assert instrument.after(60) == []


def test_only_the_names_that_are_wanted(tmp_path: Path) -> None:
    instrument = Instrument(tmp_path)
    instrument.only = ["*.RAS", "*.xrdml"]
    instrument.start()
    for name in ("scan.ras", "scan.log", "Scan.XRDML"):
        instrument.write(name, name.encode())
    assert instrument.after(30) == ["Scan.XRDML", "scan.ras"]


def test_links_out_of_the_folder_and_in_circles_are_not_followed(instrument: Instrument, tmp_path: Path) -> None:
    (tmp_path / "private").mkdir()
    (tmp_path / "private" / "letter.txt").write_bytes(b"private")
    (instrument.root / "out").symlink_to(tmp_path / "private")
    (instrument.root / "letter.txt").symlink_to(tmp_path / "private" / "letter.txt")
    (instrument.root / "circle").symlink_to(instrument.root)
    (instrument.root / "nowhere").symlink_to(tmp_path / "nothing")
    os.mkfifo(instrument.root / "pipe")
    instrument.write("scan.ras")
    assert instrument.after(60) == ["scan.ras"]


def test_a_lab_that_is_down_is_tried_less_and_less_often(instrument: Instrument) -> None:
    for number in range(5):
        instrument.write(f"scan{number}.ras", b"%d" % number)
    instrument.answer = Unreachable("The lab cannot be reached.")
    assert instrument.after(3600) == []
    assert 5 < instrument.tries < 5 + 3600 / PATIENCE[-1] + len(PATIENCE)
    assert instrument.watcher.trouble == "The lab cannot be reached."
    instrument.answer = None
    assert len(instrument.after(PATIENCE[-1] + 10)) == 5
    assert instrument.beats[-1].n_waiting == 0
    assert instrument.beats[-1].trouble == ""


def test_a_revoked_key_is_not_tried_hard_and_keeps_the_queue(instrument: Instrument) -> None:
    instrument.write("scan.ras")
    instrument.answer = NotLetIn("The key was revoked.")
    instrument.after(3600)
    assert instrument.tries <= 3600 / 60
    instrument.answer = None
    assert instrument.after(600) == ["scan.ras"]


def test_a_refused_file_is_noted_and_not_sent_again_until_its_bytes_change(instrument: Instrument) -> None:
    instrument.write("huge.ras", b"huge")
    instrument.answer = Refused("The file has 30 MB.")
    instrument.after(600)
    assert instrument.tries == 1
    assert instrument.beats[-1] == Standing(n_waiting=0, n_refused=1, last_file="", trouble="")
    instrument.answer = None
    instrument.start()
    assert instrument.after(60) == []
    instrument.write("huge.ras", b"smaller")
    assert instrument.after(60) == ["huge.ras"]


def test_one_file_that_cannot_be_sent_does_not_hold_up_the_others(instrument: Instrument) -> None:
    def fail_over_one(path: str, content: bytes) -> str:
        if path == "a.ras":
            instrument.tries += 1
            raise PutOff("The lab failed over this file.")
        instrument.sent.append((path, content))
        return ""

    instrument.watcher.deliver = fail_over_one
    instrument.write("a.ras", b"a")
    instrument.write("b.ras", b"b")
    assert instrument.after(20) == ["b.ras"]
    instrument.after(3600)
    assert instrument.tries < 3600 / PATIENCE[-1] + len(PATIENCE) + 2
    assert instrument.beats[-1].n_waiting == 1


def test_a_folder_that_is_gone_for_a_while(instrument: Instrument) -> None:
    away = instrument.root.rename(instrument.root.with_name("away"))
    instrument.after(600)
    assert "cannot be read" in instrument.beats[-1].trouble
    away.rename(instrument.root)
    instrument.write("scan.ras")
    assert instrument.after(60) == ["scan.ras"]
    instrument.after(120)
    assert instrument.beats[-1].trouble == ""


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may read everything")
def test_a_locked_file_waits_until_it_can_be_read(instrument: Instrument) -> None:
    path = instrument.write("scan.ras")
    path.chmod(0)
    assert instrument.after(60) == []
    assert "cannot be read" in instrument.watcher.trouble
    path.chmod(0o600)
    assert instrument.after(600) == ["scan.ras"]


def test_a_file_of_more_than_any_pattern_has_is_never_read(instrument: Instrument) -> None:
    with instrument.write("video.avi").open("wb") as file:
        file.truncate(icosa_upload.LARGEST + 1)
    instrument.after(120)
    assert (instrument.tries, instrument.beats[-1].n_refused) == (0, 1)


def test_signs_of_life_come_once_a_minute(instrument: Instrument) -> None:
    instrument.after(3600)
    assert 55 <= len(instrument.beats) <= 61


def test_it_is_written_in_the_python_of_old_computers() -> None:
    source = Path(icosa_upload.__file__).read_text(encoding="utf-8")
    ast.parse(source, feature_version=(3, 8))
    imported = {
        name.name.partition(".")[0]
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Import)
        for name in node.names
    }
    assert imported <= {
        "argparse",
        "fnmatch",
        "hashlib",
        "json",
        "logging",
        "os",
        "socket",
        "sqlite3",
        "stat",
        "sys",
    } | {
        "time",
        "urllib",
        "uuid",
    }
