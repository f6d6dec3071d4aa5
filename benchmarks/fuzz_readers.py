"""Whatever is done to a file, its reader gives patterns or a PatternFileError, within 2 s and 500 MB.

Bytes are flipped, pieces cut out, doubled, moved and filled, of the real instrument files where the folder is there, and of the
small files of the tests. Every case runs in a process with a limit of memory; one that hangs or dies is told with its number, by
which it can be made again: --only KIND --first N --cases 1 --keep FOLDER.

python -m benchmarks.fuzz_readers [--cases 20000] [--files FOLDER]
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import os
import resource
import time
from collections import Counter
from datetime import UTC, datetime
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from typing import Any

import numpy as np

from samples.xrd.readers import read
from samples.xrd.sentences import PatternFileError
from tests.xrd.test_readers_fuzz import GOOD_FILES

SECONDS = 2.0
MEGABYTES = 500
HANGS = 20.0
"""Seconds after which a case is given up."""


def damaged(content: bytes, rng: np.random.Generator) -> bytes:
    """``content`` after one to five accidents."""
    spoilt = bytearray(content)
    for _ in range(int(rng.integers(1, 6))):
        if not spoilt:
            break
        at, length = int(rng.integers(len(spoilt))), int(2 ** rng.uniform(0, 12))
        match int(rng.integers(7)):
            case 0:
                spoilt[at] ^= 1 << int(rng.integers(8))
            case 1:
                spoilt[at] = int(rng.choice([0, 1, 0x7F, 0x80, 0xFF, 0x0A, 0x3C, 0x2D, 0x39]))
            case 2:
                del spoilt[at:]
            case 3:
                del spoilt[at : at + length]
            case 4:
                spoilt[at:at] = spoilt[at : at + length]
            case 5:
                spoilt[at : at + min(length, 16)] = rng.bytes(min(length, 16))
            case 6:
                head = int(rng.integers(min(len(spoilt), 2048)))  # where formats keep sizes
                spoilt[head : head + 4] = rng.bytes(4)
    return bytes(spoilt)


def case_of(content: bytes, number: int) -> bytes:
    return damaged(content, np.random.default_rng([number, len(content)]))


def work(content: bytes, numbers: range, current: Synchronized[int], answers: Any) -> None:
    """Read one case after the other; ``current`` says which, should this process not live to say it."""
    warm_up(content)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    limit = used + MEGABYTES * 1024**2
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    for number in numbers:
        current.value = number
        spoilt = case_of(content, number)
        started = time.perf_counter()
        try:
            read(spoilt)
            said = "read"
        except PatternFileError:
            said = "refused"
        except BaseException as error:
            said = f"{type(error).__name__}: {error}"[:200]
        answers.put((number, said, time.perf_counter() - started))
    answers.put(None)


def warm_up(content: bytes) -> None:
    """Modules that are imported late count for no case."""
    with contextlib.suppress(PatternFileError):
        read(content)


def fuzz(kind: str, content: bytes, numbers: range) -> list[tuple[int, str, float]]:
    """What became of each case; a process that dies or hangs is started again behind the case that it was at."""
    context = multiprocessing.get_context("fork")
    outcomes: list[tuple[int, str, float]] = []
    first = numbers.start
    while first < numbers.stop:
        current, answers = context.Value("q", first), context.Queue()
        process = context.Process(target=work, args=(content, range(first, numbers.stop), current, answers))
        process.start()
        while True:
            try:
                answer = answers.get(timeout=HANGS if process.is_alive() else 0.5)
            except Exception:  # queue.Empty
                said = f"hangs for more than {HANGS:g} s" if process.is_alive() else f"dies ({process.exitcode})"
                process.kill()
                outcomes.append((current.value, said, HANGS))
                first = current.value + 1
                break
            if answer is None:
                first = numbers.stop
                break
            outcomes.append(answer)
        process.join()
    return outcomes


def files_to_spoil(folder: Path | None) -> dict[str, bytes]:
    files = {f"tests/{name}": content for name, content in GOOD_FILES.items()}
    if folder and folder.is_dir():
        files |= {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.glob("*/*"))}
    return {name: content for name, content in files.items() if len(content) < 4_000_000}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=20_000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--only", default="", help="files whose name has this in it")
    parser.add_argument("--files", type=Path, default=Path("../shared/data/instrument_files"))
    parser.add_argument("--keep", type=Path, help="folder for the cases that failed")
    options = parser.parse_args()
    files = {name: content for name, content in files_to_spoil(options.files).items() if options.only in name}
    each = -(-options.cases // len(files))
    print(f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores; {each} cases of each of {len(files)} files")
    counts: Counter[str] = Counter()
    slowest = 0.0
    failures = 0
    for name, content in files.items():
        for number, said, seconds in fuzz(name, content, range(options.first, options.first + each)):
            is_good = said in {"read", "refused"} and seconds <= SECONDS
            counts[said if is_good else "failed"] += 1
            slowest = max(slowest, seconds)
            if not is_good:
                failures += 1
                print(f"{name} case {number}: {said} ({seconds:.2f} s)", flush=True)
                if options.keep:
                    options.keep.mkdir(exist_ok=True)
                    (options.keep / f"{name.replace('/', '_')}-{number}").write_bytes(case_of(content, number))
    print(", ".join(f"{n} {what}" for what, n in sorted(counts.items())), f"; the slowest took {slowest:.2f} s")
    raise SystemExit(bool(failures))


if __name__ == "__main__":
    main()
