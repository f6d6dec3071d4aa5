"""Files a second of `manage.py screen --jsonl`, after its start.

python -m benchmarks.screen_files [--n 1000]
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.patterns import pattern_text

PROJECT = Path(__file__).resolve().parents[1]


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--n", type=int, default=1000)
    n = arguments.parse_args().n
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / f"{seed}.xy" for seed in range(n)]
        for seed, file in enumerate(files):
            file.write_bytes(pattern_text(seed))
        command = [sys.executable, "manage.py", "screen", "--jsonl", *map(str, files)]
        started = time.perf_counter()
        with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout
            next(process.stdout)
            first = time.perf_counter()
            n_more = sum(1 for _line in process.stdout)
            last = time.perf_counter()
        assert (process.returncode, n_more) == (0, n - 1)
    print(f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, {platform.processor() or platform.machine()}")
    print(f"first file after {first - started:.1f} s, then {n_more / (last - first):.0f} files/s ({n} files)")


if __name__ == "__main__":
    main()
