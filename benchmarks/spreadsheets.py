"""How long a spreadsheet of samples with their steps takes: read, checked, imported, exported, read again, undone; memory.

On a database of its own that is thrown away.

python -m benchmarks.spreadsheets [--samples 5000]
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

Made = TypeVar("Made")


def workbook(n_samples: int) -> bytes:
    """Samples of one system, each with two steps and three masses; one row in a hundred is wrong."""
    from openpyxl import Workbook

    book = Workbook(write_only=True)
    samples, steps, masses = (book.create_sheet(name) for name in ("Samples", "Synthesis", "Weighed masses"))
    samples.append(["Sample code", "Nominal composition", "Mass after synthesis (g)", "Place", "Notes"])
    steps.append(["Sample code", "Step number", "Kind of step", "Temperature (°C)", "Duration (h)", "Atmosphere"])
    masses.append(["Sample code", "Substance", "Mass (g)", "Purity (%)"])
    for n in range(n_samples):
        code, al = f"B-{n:05d}", 30 + n % 400 / 10
        composition = "Al43Xx57" if n % 100 == 99 else f"Al{al:.1f}Si{75 - al:.1f}Ru25"
        samples.append([code, composition, 1.9 + n % 10 / 100, f"Box {n // 100}", f"from the list, row {n}"])
        steps.append([code, 1, "arc melting", None, None, "Ar"])
        steps.append([code, 2, "annealing", 900, 48, "Ar"])
        for substance, mass in (("Al", 0.5061), ("Si", 0.392), ("Ru", 1.102)):
            masses.append([code, substance, mass, 99.99])
    with tempfile.NamedTemporaryFile(suffix=".xlsx") as file:
        book.save(file.name)
        return Path(file.name).read_bytes()


def timed(what: str, work: Callable[[], Made]) -> Made:
    started = time.perf_counter()
    made = work()
    print(f"{what:<34}{time.perf_counter() - started:7.2f} s", flush=True)
    return made


def measure(n_samples: int) -> None:
    from django.contrib.auth.models import User
    from django.core.management import call_command

    from samples.models import Sample, SheetImport, SheetRow
    from samples.sheet_forms import known_layouts
    from samples.sheets.columns import TABLES
    from samples.sheets.export import workbook_of
    from samples.sheets.layout import rows_of
    from samples.sheets.reading import read_sheets

    call_command("migrate", verbosity=0)
    person = User.objects.create_user("student")
    content = workbook(n_samples)
    print(f"{n_samples} samples, {2 * n_samples} steps, {3 * n_samples} masses: {len(content) / 1e6:.1f} MB")
    before = peak_memory()

    def received(content: bytes) -> SheetImport:
        sheets = timed("  read", lambda: read_sheets(content))
        layouts = known_layouts(sheets)
        shown = SheetImport.objects.receive(content, name="benchmark.xlsx", by=person)
        shown.layout = {name: layout.as_json() for name, layout in layouts.items()}
        timed("  checked and kept", lambda: shown.check_rows(rows_of(sheets, layouts)))
        return shown

    shown = timed("preview", lambda: received(content))
    timed("import", lambda: shown.commit(by=person))
    n_left_out = shown.rows.filter(state__in=SheetRow.LEFT_OUT).count()
    print(f"  {shown.n_made} samples made, {n_left_out} rows left out")
    exported = timed("export of all", lambda: workbook_of(Sample.objects.all(), list(TABLES.values())))
    again = timed("preview of the export", lambda: received(exported))
    print(f"  {again.n_made + again.n_changed} samples would change")
    timed("undo", lambda: shown.undo(by=person))
    print(f"memory: {before:.0f} MB before, {peak_memory():.0f} MB at the peak")


def peak_memory() -> float:
    """MB"""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--samples", type=int, default=5000)
    options = arguments.parse_args()
    print(
        f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, {platform.machine()}, Python {sys.version.split()[0]}"
    )
    with tempfile.TemporaryDirectory() as folder:
        os.environ["ICOSA_DATA"] = folder
        os.environ["DJANGO_SETTINGS_MODULE"] = "lims.settings"
        import django

        django.setup()
        measure(options.samples)


if __name__ == "__main__":
    main()
