"""How many files of each format are read in a second, on one core.

The real instrument files where their folder is there, else the small ones of the tests.

python -m benchmarks.read_files [--seconds 2] [--files FOLDER]
"""

from __future__ import annotations

import argparse
import os
import time
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path

from samples.xrd.readers import read
from samples.xrd.sentences import PatternFileError
from tests.xrd.test_readers_fuzz import GOOD_FILES


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=2.0, help="for each format")
    parser.add_argument("--files", type=Path, default=Path("../shared/data/instrument_files"))
    options = parser.parse_args()
    contents = [path.read_bytes() for path in sorted(options.files.glob("*/*"))] + [GOOD_FILES["nexus"]]
    if len(contents) == 1:
        contents = list(GOOD_FILES.values())
    by_reader: dict[str, list[bytes]] = defaultdict(list)
    for content in contents:
        try:
            by_reader[str(read(content)[0].metadata["reader"])].append(content)
        except PatternFileError:
            continue
    print(f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; one core is used")
    for reader, files in sorted(by_reader.items()):
        n, started, used = 0, time.perf_counter(), time.process_time()
        while time.perf_counter() - started < options.seconds:
            read(files[n % len(files)])
            n += 1
        taken, used = time.perf_counter() - started, time.process_time() - used
        size = sum(map(len, files)) / len(files) / 1000
        print(f"{reader:12} {n / taken:7.0f} files/s ({n / used:.0f} a second of the core), {size:.0f} kB on average")


if __name__ == "__main__":
    main()
