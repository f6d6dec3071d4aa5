"""Whether a lab that runs for days needs more and more memory: a small lab's days of traffic in minutes.

A real gunicorn, which never starts a process anew, and a real `manage.py worker`; people look at 800 pages and instruments send
40 files for each day of the lab. After a warm-up a straight line is laid through the memory of each part (what processes share
counted once). Fails where a part grows by more than GROWTH a day, beyond three errors of the slope.

python -m benchmarks.memory [--seconds 240] [--samples 1000] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.load import Look, invite, lab, prepare, visit, wait_for_results

VIEWS_A_DAY, FILES_A_DAY = 800, 40
PEOPLE, INSTRUMENTS = 10, 2
PERSON_EVERY = 1.0
INSTRUMENT_EVERY = PERSON_EVERY * VIEWS_A_DAY / FILES_A_DAY * INSTRUMENTS / PEOPLE
WARM_UP = 60
GROWTH = 5.0
"""MB a day."""
BLOCK = 10
"""Seconds over which memory is averaged: what a request takes and gives back is not growth, and makes neighbours alike."""


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--seconds", type=int, default=240, help="that are measured, after the warm-up")
    arguments.add_argument("--samples", type=int, default=1000)
    arguments.add_argument("--port", type=int, default=8771)
    arguments.add_argument("--json", help="file for the figures")
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"ICOSA_DATA": folder, "DJANGO_SETTINGS_MODULE": "lims.settings", "OMP_NUM_THREADS": "1"}
        import django

        django.setup()
        from django.db import connection

        prepare(options.samples)
        began = datetime.now(UTC)
        pace = {"person_every": PERSON_EVERY, "instrument_every": INSTRUMENT_EVERY, "warm_up": WARM_UP}
        plan = {**invite(PEOPLE, INSTRUMENTS), **pace}
        with lab(options.port, processes=2, threads=4) as parts:
            met = visit(plan, Path(folder) / "visitors.json", options.port, WARM_UP + options.seconds)
            n_screened = wait_for_results(began)
        n_files = met["asked"]["upload"]["n"]
        n_views = sum(asked["n"] for asked in met["asked"].values()) - n_files
        seconds_a_day = options.seconds * VIEWS_A_DAY / n_views
        told: dict[str, Any] = {
            **{"date": f"{began:%Y-%m-%d}", "cores": os.cpu_count(), "database": connection.vendor},
            **{"views": n_views, "files": n_files, "days": round(options.seconds / seconds_a_day, 1)},
            **{"screened": n_screened, "said": met["said"]},
            "growth": {part.name: growth(part.looks, seconds_a_day) for part in parts},
        }
    print(json.dumps(told, indent=1))
    if options.json:
        Path(options.json).write_text(json.dumps(told, indent=1) + "\n")
    grown = [
        f"{name} grows by {one['mb_a_day']} ± {one['error']} MB a day"
        for name, one in told["growth"].items()
        if one["mb_a_day"] - 3 * one["error"] > GROWTH
    ]
    if grown or told["said"]:
        raise SystemExit("\n".join([*grown, *told["said"]]))


def growth(looks: Sequence[Look], seconds_a_day: float) -> dict[str, float]:
    """The slope of memory (MB a day of the lab) after the warm-up and its standard error; and where it stood (MB)."""
    first = looks[0].at + WARM_UP
    rows = np.array([(look.at - first, look.memory) for look in looks if look.at >= first])
    blocks = [rows[rows[:, 0] // BLOCK == n].mean(axis=0) for n in np.unique(rows[:, 0] // BLOCK)]
    days, sizes = np.array(blocks)[:, 0] / seconds_a_day, np.array(blocks)[:, 1]
    (slope, _at_first), covariance = np.polyfit(days, sizes, 1, cov=True)
    return {
        "mb_a_day": round(float(slope), 2),
        "error": round(float(np.sqrt(covariance[0, 0])), 2),
        "first_mb": round(float(sizes[0]), 1),
        "last_mb": round(float(sizes[-1]), 1),
    }


if __name__ == "__main__":
    main()
