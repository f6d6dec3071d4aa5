"""How long the map of a ternary with 5,000 samples takes to be drawn in Chromium, from its JSON to the picture; no database is asked.

python -m benchmarks.alloy_map [--samples 5000] [--phases 400]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import tempfile
import time
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import cast

from playwright.sync_api import CDPSession, sync_playwright

LOOKS = 5
DRAW = """async (json) => {
  const start = performance.now();
  const figure = JSON.parse(json);
  const element = document.getElementById("map");
  Plotly.purge(element);
  await Plotly.newPlot(element, figure.data, figure.layout, { responsive: true });
  await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  return performance.now() - start;
}"""


def figure_json(n_samples: int, n_phases: int) -> str:
    """Random compositions, classes as in the case, every tenth sample with an outcome."""
    import numpy as np

    from screening.map_figures import alloy_map_figure
    from screening.maps import AlloyMap, MappedPhase, MappedSample
    from screening.models import ObservedPhase

    rng = np.random.default_rng(0)
    positions = 100 * rng.dirichlet((4, 2, 2), n_samples)
    levels = rng.choice(["A", "B", "C", "D"], n_samples, p=[0.017, 0.068, 0.224, 0.691])
    verdicts = np.where(rng.random(n_samples) < 0.1, rng.choice(["confirmed", "refuted"], n_samples), "")
    samples = [
        MappedSample(f"ASR-{n:04d}", f"Al{a:.0f}Si{b:.0f}Ru{c:.0f}", (a, b, c), str(levels[n]), str(verdicts[n]), False)
        for n, (a, b, c) in enumerate(positions.tolist())
    ]
    phases = [
        MappedPhase(
            ObservedPhase(
                follow_up_id=1, composition="Al43Si32Ru25", structure="icosahedral" if n % 4 else "crystalline"
            ),
            tuple(100 * rng.dirichlet((4, 2, 2))),
            samples[10 * n % n_samples],
        )
        for n in range(n_phases)
    ]
    alloys = SimpleNamespace(
        corners=[("Al",), ("Si",), ("Ru",)], names=["Al", "Si", "Ru"], samples=samples, phases=phases
    )
    samples[0].address  # noqa: B018 - the first address imports every page
    start = time.perf_counter()
    text = json.dumps(alloy_map_figure(cast(AlloyMap, alloys)))
    print(f"JSON of {len(text) / 1000:.0f} kB made in {1000 * (time.perf_counter() - start):.0f} ms")
    return text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=5_000)
    parser.add_argument("--phases", type=int, default=400)
    asked = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "lims.settings")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["ICOSA_DATA"] = folder
        import django

        django.setup()
        from django.conf import settings

        print(f"{platform.node()}, {os.cpu_count()} cores, {datetime.now(UTC):%d %b %Y}, {asked.samples} samples")
        figure = figure_json(asked.samples, asked.phases)
        plotly = settings.BASE_DIR / "static/vendor/plotly.js-cartesian-dist-min/plotly-cartesian.min.js"
        page_file = Path(folder) / "map.html"
        page_file.write_text(
            f'<!doctype html><script src="file://{plotly}"></script><div id="map" style="height:600px"></div>'
        )
        with sync_playwright() as playwright:
            chromium = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
            page = chromium.new_page()
            page.goto(f"file://{page_file}")
            session = page.context.new_cdp_session(page)
            session.send("Performance.enable", {"timeDomain": "threadTicks"})
            times, busy = [], [_main_thread(session)]
            for _look in range(LOOKS):
                times.append(page.evaluate(DRAW, figure))
                busy.append(_main_thread(session))
            chromium.close()
    computed = statistics.median(1000 * (after - before) for before, after in pairwise(busy))
    print(
        f"drawn in {statistics.median(times):.0f} ms median, {times[0]:.0f} ms the first time, {max(times):.0f} ms at worst;"
    )
    print(f"of these {computed:.0f} ms of computing by the page, whatever else the machine does")


def _main_thread(session: CDPSession) -> float:
    """Seconds of computing by the page's thread so far."""
    told = session.send("Performance.getMetrics")["metrics"]
    return float(next(one["value"] for one in told if one["name"] == "TaskDuration"))


if __name__ == "__main__":
    main()
