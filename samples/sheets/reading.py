"""A file of a spreadsheet program becomes sheets of lines; what it is, its content says and not its name."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field

from django.utils.translation import gettext as _

from samples.xrd.sentences import Sentence

MAX_FILE_SIZE = 20_000_000
"""Bytes. A workbook of 50,000 samples with their steps has some 6 MB."""

MAX_LINES = 50_000
"""Of one sheet."""

MAX_COLUMNS = 200

MAX_UNPACKED = 150_000_000
"""Bytes of all parts of a workbook together; the XML of 50,000 samples has some 60 MB."""

MAX_PARTS = 2_000

OLE_MARK = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # old Office files, and new ones under a password
ENCRYPTED = "EncryptedPackage".encode("utf-16-le")


class SheetError(ValueError):
    """A file that cannot be read as a spreadsheet; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a sheet.

    number: as the spreadsheet program counts, from 1
    problems: column (from 0) → why its cell cannot be read
    """

    number: int
    texts: tuple[str, ...]
    problems: Mapping[int, Sentence] = field(default_factory=dict)

    def text(self, column: int) -> str:
        return self.texts[column] if column < len(self.texts) else ""


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sheet with the lines that hold anything."""

    name: str
    lines: tuple[Line, ...]
    hidden: bool = False

    @property
    def width(self) -> int:
        return max((len(line.texts) for line in self.lines), default=0)


def read_sheets(content: bytes) -> list[Sheet]:
    """The sheets of an .xlsx or .xlsm workbook (macros are not run), or the one table of a text file; else SheetError."""
    from samples.sheets.csv_text import read_text_table
    from samples.sheets.xlsx import read_workbook

    check_size(len(content))
    if content.startswith(b"PK\x03\x04"):
        _check_archive(content)
        sheets = read_workbook(content)
    elif refusal := _known_otherwise(content):
        raise SheetError(refusal)
    else:
        sheets = [read_text_table(content)]
    if not any(sheet.lines for sheet in sheets):
        raise SheetError(
            _("The file is empty. Fill in the export of a sample list, which is the template, and send it.")
        )
    return sheets


def check_size(size: int) -> None:
    if size > MAX_FILE_SIZE:
        raise SheetError(
            _(
                "The file is larger than %(limit)s MB. Take out pictures and other sheets, or split it, and send it again."
            )
            % {"limit": MAX_FILE_SIZE // 1_000_000}
        )


def too_many_lines() -> SheetError:
    return SheetError(
        _("A sheet has more than %(limit)s rows. Split it, and import one part after the other.") % {"limit": MAX_LINES}
    )


def too_many_columns() -> SheetError:
    return SheetError(
        _("A row has more than %(limit)s columns. Delete the ones that do not belong to it, and send the file again.")
        % {"limit": MAX_COLUMNS}
    )


def _check_archive(content: bytes) -> None:
    """Say by name which archives are no workbooks, and refuse what unpacks to more than any lab's table."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
            names = set(archive.namelist())
            is_opendocument = (
                "mimetype" in names
                and archive.getinfo("mimetype").file_size < 200
                and (b"opendocument" in archive.read("mimetype"))
            )
    except Exception:  # zipfile raises much where bytes are wrong
        raise damaged() from None
    if is_opendocument:
        raise SheetError(_("This is an OpenDocument file. Save it as .xlsx (Excel 2007 and later), and send that."))
    if "xl/workbook.bin" in names:
        raise SheetError(_("This is a binary workbook (.xlsb). Save it as .xlsx, and send that."))
    if "[Content_Types].xml" not in names or not any(name.startswith("xl/") for name in names):
        raise SheetError(_("This is a zip archive and no workbook. Unpack it, and send the .xlsx or .csv file in it."))
    if len(members) > MAX_PARTS or sum(member.file_size for member in members) > MAX_UNPACKED:
        raise SheetError(
            _(
                "Unpacked, the workbook is too large to be a table of samples. Copy the table into a new workbook, and send that."
            )
        )


def damaged() -> SheetError:
    return SheetError(
        _(
            "The workbook is damaged or cut off. Open it in the spreadsheet program, save it as .xlsx again, and send that."
        )
    )


def _known_otherwise(content: bytes) -> str:
    """Why a file that is neither a workbook nor text cannot be read; "" where it may be text."""
    if content.startswith(OLE_MARK):
        if ENCRYPTED in content:
            return _("The workbook is protected by a password. Save it without one, and send that.")
        return _("This is a workbook of the old format (.xls). Save it as .xlsx, and send that.")
    start = content[:1000].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith((b"<?xml", b"<html", b"<!doctype", b"<table")):
        return _(
            "This is a web page or XML, whatever its name says. Open it in the spreadsheet program, save it as .xlsx, and send that."
        )
    if start.startswith((b"%pdf", b"\x89png", b"\xff\xd8\xff", b"gif8", b"\x1f\x8b", b"rar!", b"7z\xbc\xaf")):
        return _("This is no spreadsheet. Send an .xlsx workbook, or text with commas, semicolons or tabs (.csv).")
    return ""
