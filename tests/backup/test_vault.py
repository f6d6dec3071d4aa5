"""The folder of backups: whole pieces, checked whenever they are read, and a sentence for each way to be broken."""

from __future__ import annotations

import io
import subprocess
from collections.abc import Callable
from pathlib import Path

import pyrage
import pytest

from lims.backup.making import worth_keeping
from lims.backup.vault import PIECE, Backup, BackupError, DamagedPieceError, StoredFile, Vault

KEY = str(pyrage.x25519.Identity.generate())
OTHER_KEY = str(pyrage.x25519.Identity.generate())
LONG = bytes(range(256)) * (PIECE // 128)
"""Two pieces, which are the same."""


def add(vault: Vault, name: str, **files: bytes) -> Backup:
    stored = [vault.store(path, io.BytesIO(content)) for path, content in files.items()]
    backup = Backup(name, "0.1.0", "sqlite", [], {}, [], stored)
    vault.take_over(backup)
    return backup


def pieces(folder: Path) -> list[Path]:
    return sorted((folder / "pieces").glob("??/*"))


def content(vault: Vault, stored: StoredFile) -> bytes:
    return b"".join(vault.read(stored))


@pytest.fixture(params=["", KEY], ids=["plain", "encrypted"])
def key(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_what_is_stored_comes_back_and_equal_pieces_are_kept_once(tmp_path: Path, key: str) -> None:
    vault = Vault.begin(tmp_path, key)
    backup = add(vault, "20261127T023000Z", short=b"x", long=LONG + b"end", empty=b"")
    again = Vault.open(tmp_path, key)
    assert again.names() == ["20261127T023000Z"]
    assert again.backup("20261127T023000Z") == backup
    assert [content(again, stored) for stored in backup.files] == [b"x", LONG + b"end", b""]
    assert len(pieces(tmp_path)) == 3
    add(again, "20261128T023000Z", long=LONG + b"end", more=b"y")
    assert len(pieces(tmp_path)) == 4


def test_a_plain_piece_is_read_without_icosa(tmp_path: Path) -> None:
    backup = add(Vault.begin(tmp_path), "20261127T023000Z", short=b"2theta counts\n")
    (piece,) = pieces(tmp_path)
    assert piece.name == f"{backup.files[0].sha256}.gz"
    assert subprocess.check_output(["zcat", piece]) == b"2theta counts\n"


def test_an_encrypted_folder_tells_neither_content_nor_hash(tmp_path: Path) -> None:
    backup = add(Vault.begin(tmp_path, KEY), "20261127T023000Z", secret=b"Al43Si32Ru25 " * 100)
    for path in tmp_path.rglob("*"):
        assert backup.files[0].sha256 not in path.name
        if path.is_file():
            told = path.read_bytes()
            assert b"Al43Si32Ru25" not in told
            assert b"secret" not in told
            assert KEY.encode() not in told
    (piece,) = pieces(tmp_path)
    assert piece.read_bytes().startswith(b"age-encryption.org/v1")


@pytest.mark.parametrize(
    ("made_with", "opened_with", "said"),
    [
        (KEY, OTHER_KEY, "is not the key of the backups"),
        (KEY, "", "are encrypted. Set ICOSA_BACKUP_KEY"),
        ("", KEY, "are not encrypted, and ICOSA_BACKUP_KEY is set"),
    ],
    ids=["another key", "no key", "a key for plain ones"],  # keys are made anew in each process
)
def test_a_wrong_key_has_a_sentence(tmp_path: Path, made_with: str, opened_with: str, said: str) -> None:
    add(Vault.begin(tmp_path, made_with), "20261127T023000Z", a=b"a")
    with pytest.raises(BackupError, match=said):
        Vault.begin(tmp_path, opened_with)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-7])


def alter(path: Path) -> None:
    told = bytearray(path.read_bytes())
    told[-12] ^= 1
    path.write_bytes(told)


def swap(path: Path) -> None:
    """Another sound piece under this name."""
    path.write_bytes(next(other for other in pieces(path.parents[2]) if other != path).read_bytes())


@pytest.mark.parametrize("harm", [truncate, alter, swap, Path.unlink], ids=lambda harm: harm.__name__)
def test_a_broken_piece_has_a_sentence(tmp_path: Path, key: str, harm: Callable[[Path], None]) -> None:
    vault = Vault.begin(tmp_path, key)
    backup = add(vault, "20261127T023000Z", a=b"a" * 1000, b=b"b" * 1000)
    for piece in pieces(tmp_path)[:1]:
        harm(piece)
    with pytest.raises(
        DamagedPieceError, match=r"The backup is damaged: its piece .* (is missing|was cut off or altered)"
    ):
        [content(vault, stored) for stored in backup.files]


@pytest.mark.parametrize("harm", [truncate, alter], ids=lambda harm: harm.__name__)
def test_a_broken_list_has_a_sentence_and_nothing_is_swept_away_by_it(
    tmp_path: Path, key: str, harm: Callable[[Path], None]
) -> None:
    vault = Vault.begin(tmp_path, key)
    add(vault, "20261127T023000Z", a=b"a")
    add(vault, "20261128T023000Z", b=b"b")
    harm(next((tmp_path / "backups").glob("20261128*")))
    with pytest.raises(BackupError, match="The list of the backup 20261128T023000Z is damaged"):
        vault.forget(["20261127T023000Z"])
    assert len(pieces(tmp_path)) == 2
    assert len(vault.names()) == 2


def test_a_run_that_was_killed_leaves_the_backups_from_before_and_is_swept_away(tmp_path: Path, key: str) -> None:
    vault = Vault.begin(tmp_path, key)
    before = add(vault, "20261127T023000Z", a=b"a")
    vault.store("b", io.BytesIO(b"b"))  # and no list of it
    again = Vault.open(tmp_path, key)
    assert again.names() == [before.name]
    with again.locked():
        assert not (tmp_path / "arriving").exists()
    assert content(again, before.files[0]) == b"a"


def test_forgetting_takes_out_what_no_other_backup_holds(tmp_path: Path, key: str) -> None:
    vault = Vault.begin(tmp_path, key)
    add(vault, "20261127T023000Z", both=b"both", old=b"old")
    newer = add(vault, "20261128T023000Z", both=b"both", new=b"new")
    assert vault.forget(["20261127T023000Z"]) > 0
    assert vault.names() == ["20261128T023000Z"]
    assert len(pieces(tmp_path)) == 2
    assert [content(vault, stored) for stored in newer.files] == [b"both", b"new"]


def test_two_at_once_are_one_too_many(tmp_path: Path) -> None:
    vault = Vault.begin(tmp_path)
    with (
        vault.locked(),
        pytest.raises(BackupError, match=r"Another backup to .* is running"),
        Vault.open(tmp_path).locked(),
    ):
        pass


def test_a_folder_with_other_things_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(BackupError, match="holds other things"):
        Vault.begin(tmp_path)
    with pytest.raises(BackupError, match="is no folder of backups"):
        Vault.open(tmp_path)
    with pytest.raises(BackupError, match="No backup can be written to"):
        Vault.begin(tmp_path / "thesis.tex" / "backups")


def test_days_weeks_and_months_are_kept() -> None:
    days = [f"2026{month:02}{day:02}T023000Z" for month in (10, 11) for day in range(1, 31)]
    kept = worth_keeping(days, (3, 2, 2))
    october, sunday = "20261030T023000Z", "20261129T023000Z"  # the newest of their month and of their week
    assert kept == [october, "20261128T023000Z", sunday, "20261130T023000Z"]
    assert worth_keeping(days, (0, 0, 1)) == ["20261130T023000Z"]
    assert worth_keeping(["20261130T023000Z", "20261130T023000Z-2"], (1, 0, 0)) == ["20261130T023000Z-2"]
    assert worth_keeping([], (7, 4, 12)) == []
