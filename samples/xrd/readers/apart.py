"""Reading in a process apart, for formats whose library is in C: a spoilt file can make it hang or die, and not us.

`python -m samples.xrd.readers.apart` reads a file from its input and writes the patterns, or the sentence that refuses it, as arrays
and JSON to its output.
"""

from __future__ import annotations

import io
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from samples.xrd.pattern import PowderPattern
from samples.xrd.sentences import PatternFileError, Sentence

PROJECT = Path(__file__).resolve().parents[3]
CPU_SECONDS = 2
"""For one file, after what has to be imported."""
WALL_SECONDS = 60.0
"""On a machine that does much else."""
MEGABYTES = 500
REFUSED = "refused"


def read_apart(content: bytes) -> list[PowderPattern] | None:
    """The patterns in a NeXus file; None where the process that reads it died, or was at its end of time or memory."""
    command = [sys.executable, "-m", __name__]
    environment = {**os.environ, "PYTHONPATH": str(PROJECT), "OMP_NUM_THREADS": "1"}
    try:
        done = subprocess.run(  # noqa: S603  (this module, by this Python)
            command, input=content, capture_output=True, env=environment, timeout=WALL_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return None
    return _unpacked(done.stdout) if done.returncode == 0 else None


def _packed(patterns: list[PowderPattern]) -> bytes:
    said = [
        {
            "wavelength": pattern.wavelength,
            "metadata": dict(pattern.metadata),
            "warnings": [[warning.template, dict(warning.values)] for warning in pattern.warnings],
        }
        for pattern in patterns
    ]
    arrays = {f"{number}": np.stack([pattern.two_theta, pattern.intensity]) for number, pattern in enumerate(patterns)}
    return _with_arrays({"patterns": said}, arrays)


def _with_arrays(said: dict[str, object], arrays: dict[str, np.ndarray]) -> bytes:
    packed = io.BytesIO()
    np.savez(packed, said=np.frombuffer(json.dumps(said).encode(), dtype=np.uint8), **arrays)  # type: ignore[arg-type]
    return packed.getvalue()


def _unpacked(packed: bytes) -> list[PowderPattern]:
    with np.load(io.BytesIO(packed), allow_pickle=False) as arrays:
        said = json.loads(arrays["said"].tobytes())
        if REFUSED in said:
            template, values = said[REFUSED]
            raise PatternFileError(template, **values)
        return [
            PowderPattern(
                two_theta=arrays[f"{number}"][0],
                intensity=arrays[f"{number}"][1],
                wavelength=pattern["wavelength"],
                metadata=pattern["metadata"],
                warnings=tuple(Sentence(template, values) for template, values in pattern["warnings"]),
            )
            for number, pattern in enumerate(said["patterns"])
        ]


def main() -> None:
    from samples.xrd.readers.nexus import read_here

    content = sys.stdin.buffer.read()
    used = (
        int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
        if os.path.exists("/proc/self/statm")
        else 0
    )
    limit = used + MEGABYTES * 1024**2
    if used:
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    seconds = int(time.process_time()) + 1 + CPU_SECONDS
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        answer = _packed(read_here(content))
    except PatternFileError as error:
        answer = _with_arrays({REFUSED: [error.sentence.template, dict(error.sentence.values)]}, {})
    sys.stdout.buffer.write(answer)
    sys.stdout.buffer.flush()
    os._exit(0)  # what the library made of a spoilt file is not tidied up


if __name__ == "__main__":
    main()
