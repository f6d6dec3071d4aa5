"""Fetch the styles and scripts that others wrote into static/vendor/: `python -m lims.vendor`.

Needed only to change a version: the files are part of the project.  Each package is fetched by `npm pack`, checked
against the SHA-256 below, and listed with its licence and the SHA-256 of each file in static/vendor/vendor.json.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import tarfile
import tempfile
from ast import literal_eval
from dataclasses import dataclass
from pathlib import Path

VENDOR_DIR = Path(__file__).resolve().parent.parent / "static" / "vendor"


@dataclass(frozen=True, slots=True)
class Package:
    """One npm package and what we take from it."""

    name: str
    version: str
    licence: str
    sha256: str
    files: tuple[str, ...]


PACKAGES = (
    Package(
        name="bootstrap",
        version="5.3.9",
        licence="MIT",
        sha256="06bdf78289c3c12ea99d40df84eedf6278c724c73eebf38f11f3a65b44ec8c94",
        files=("dist/css/bootstrap.min.css", "dist/js/bootstrap.bundle.min.js", "LICENSE"),
    ),
    # plotly.js 4.1.1 is the version that plotly 7.1.0 of requirements.txt writes figures for.
    Package(
        name="plotly.js-cartesian-dist-min",
        version="4.1.1",
        licence="MIT",
        sha256="c5f9a84666b97e571a04de689e09319869e60900e265c89eac2f71d0b5a0de88",
        files=("plotly-cartesian.min.js", "LICENSE"),
    ),
)


def fetch(package: Package, folder: Path) -> Path:
    """The package's archive in `folder`; an error where it is not the one that was checked."""
    command = ["npm", "pack", "--silent", f"{package.name}@{package.version}"]
    answer = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)  # noqa: S603
    archive = folder / answer.stdout.strip().splitlines()[-1]
    sha256 = hashlib.sha256(archive.read_bytes()).hexdigest()
    if sha256 != package.sha256:
        raise SystemExit(f"{package.name} {package.version} has SHA-256 {sha256}, not {package.sha256}.")
    return archive


def unpack(package: Package, archive: Path) -> list[dict[str, str]]:
    """Write the files that we take; return their names and SHA-256."""
    folder = VENDOR_DIR / package.name
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    with tarfile.open(archive) as members:
        for file in package.files:
            member = members.extractfile(f"package/{file}")
            if member is None:
                raise SystemExit(f"{package.name} {package.version} has no file {file}.")
            content = member.read()
            target = folder / Path(file).name
            target.write_bytes(content)
            written.append({"file": str(target.relative_to(VENDOR_DIR)), "sha256": hashlib.sha256(content).hexdigest()})
    return written


def stylesheet_of(plotly: str) -> str:
    """The styles that Plotly's script would put into each page by itself, which the content security policy forbids."""
    first = plotly.index('{"X,X div":')
    rules = re.findall(r"""("[^"]*"|[XY]):("[^"]*"|'[^']*')[,}]""", plotly[first : plotly.index("};", first) + 1])
    lines = []
    for selector, style in reversed(rules):  # as it puts each rule before the ones of before
        place = selector.strip('"').replace("X", ".js-plotly-plot .plotly").replace("Y", ".plotly-notifier")
        lines.append(f"{place} {{ {literal_eval(style)} }}\n")
    return "".join(lines)


def write_stylesheet() -> dict[str, str]:
    folder = VENDOR_DIR / "plotly.js-cartesian-dist-min"
    target = folder / "plotly.css"
    target.write_text(stylesheet_of((folder / "plotly-cartesian.min.js").read_text()))
    return {
        "file": str(target.relative_to(VENDOR_DIR)),
        "sha256": hashlib.sha256(target.read_bytes()).hexdigest(),
    }


def main() -> None:
    manifest = []
    with tempfile.TemporaryDirectory() as folder:
        for package in PACKAGES:
            files = unpack(package, fetch(package, Path(folder)))
            if package.name.startswith("plotly"):
                files.append(write_stylesheet())
            manifest.append(
                {"name": package.name, "version": package.version, "licence": package.licence, "files": files}
            )
    (VENDOR_DIR / "vendor.json").write_text(json.dumps(manifest, indent=2) + "\n")
    sys.stdout.write(f"Wrote {len(manifest)} packages to {VENDOR_DIR}.\n")


if __name__ == "__main__":
    main()
