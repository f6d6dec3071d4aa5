"""From files to calls without a database: what `manage.py screen` does, and a notebook may."""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from mlmodels.net.checkpoint import load
from mlmodels.net.grid import PHASE_CLASSES
from mlmodels.net.preprocess import NetworkInput
from mlmodels.registry import BATCH_SIZE, ScreeningNetwork, network_of
from samples.originals import check_size
from samples.xrd.sentences import PatternFileError, Sentence, sentence
from screening import pipeline

FEW_FILES = 16
"""Up to so many files are read sooner than other processes are started."""


@dataclass(frozen=True, slots=True, eq=False)
class PreparedFile:
    """One file, read and checked.

    scans: what the network is to see of each scan that it can judge, with the warnings about that scan
    reason: why there is none
    """

    file: str
    scans: tuple[tuple[NetworkInput, tuple[Sentence, ...]], ...] = ()
    reason: Sentence | None = None


@dataclass(frozen=True, slots=True, eq=False)
class ScreenedFile:
    """What there is to say of one file: the call on it, or why there is none."""

    file: str
    model: str
    call: pipeline.Call | None = None
    reason: Sentence | None = None
    warnings: tuple[Sentence, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The keys that `manage.py screen --jsonl` promises; null where something is not known."""
        answer = self.call.prediction if self.call else None
        return {
            "file": self.file,
            "screenable": self.call is not None,
            "reason": str(self.reason) if self.reason else None,
            "probability": answer.probability if answer else None,
            "level": self.call.level if self.call else None,
            "quasilattice_constant": answer.quasilattice_constant if answer else None,
            "quasilattice_constant_sigma": answer.quasilattice_constant_sigma if answer else None,
            "lattice_type": answer.lattice_type if answer else None,
            "phases": {name: answer.probabilities.get(name) for name in PHASE_CLASSES} if answer else None,
            "model": self.model,
            "warnings": [str(warning) for warning in self.warnings],
        }


def screen_files(network_name: str, files: Sequence[str], *, wavelength: float | None = None) -> Iterator[ScreenedFile]:
    """Screen ``files`` in their order, reading in as many processes as there are cores.

    wavelength (Å): that all were measured with, whatever they say; None leaves it to them and the lab's default.
    CheckpointError where there is no such network.
    """
    checkpoint = load(network_name)
    with _prepared(files, wavelength) as prepared_files:
        network = network_of(checkpoint)  # after the processes that read were forked: torch must not be there before
        while batch := list(islice(prepared_files, BATCH_SIZE)):
            yield from screen_prepared(network, batch)


def screen_prepared(network: ScreeningNetwork, files: Sequence[PreparedFile]) -> Iterator[ScreenedFile]:
    """Calls on ``files``; of a file with several scans the one with the highest probability speaks for it."""
    calls = iter(pipeline.call(network, [scan for file in files for scan, _warnings in file.scans]))
    for file in files:
        if not file.scans:
            yield ScreenedFile(file.file, network.name, reason=file.reason)
            continue
        number, best = max(
            enumerate(islice(calls, len(file.scans))), key=lambda numbered: numbered[1].prediction.probability
        )
        _scan, warnings = file.scans[number]
        yield ScreenedFile(file.file, network.name, call=best, warnings=warnings)


def prepare_file(file: str, wavelength: float | None = None) -> PreparedFile:
    """Read and check one file; whatever is wrong with it becomes the reason, so that the others go on."""
    try:
        scans = pipeline.read(_content(Path(file)), Path(file).name, wavelength)
    except PatternFileError as error:
        return PreparedFile(file, reason=error.sentence)
    reasons = [pipeline.check(scan) for scan in scans]
    good = [scan for scan, reason in zip(scans, reasons, strict=True) if reason is None]
    if not good:
        return PreparedFile(file, reason=reasons[0])
    several = sentence("The file has %(n)s scans; the highest probability among them speaks for it.", n=len(scans))
    note = (several,) if len(scans) > 1 else ()
    return PreparedFile(file, tuple((pipeline.prepare(scan), (*scan.warnings, *note)) for scan in good))


@contextmanager
def _prepared(files: Sequence[str], wavelength: float | None) -> Iterator[Iterator[PreparedFile]]:
    prepare = partial(prepare_file, wavelength=wavelength)
    n_processes = min(os.cpu_count() or 1, len(files) // FEW_FILES)
    if n_processes < 1:
        yield map(prepare, files)
        return
    context = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
    with context.Pool(n_processes) as pool:
        yield pool.imap(prepare, files, chunksize=FEW_FILES // 2)


def _content(path: Path) -> bytes:
    if path.is_dir():
        raise PatternFileError("This is a folder. Name the files in it, for example with %(path)s/*.", path=str(path))
    try:
        check_size(path.stat().st_size)
        return path.read_bytes()
    except OSError as error:
        raise PatternFileError(
            "The file cannot be opened: %(why)s. Check its name and that you may read it.", why=str(error.strerror)
        ) from None
