"""Write form_factors.tsv: the neutral atoms of the Waasmaier–Kirfel table, as xraydb (a development dependency) holds it.

Run from the root of the checkout: python -m samples.xrd.tables.make_form_factors
"""

from __future__ import annotations

import json
from pathlib import Path

import xraydb

TABLE = Path(__file__).with_name("form_factors.tsv")


def main() -> None:
    columns = ["element", "Z", *(f"a{i}" for i in range(1, 6)), "c", *(f"b{i}" for i in range(1, 6))]
    lines = [
        "# f0(s) = c + sum a_i exp(-b_i s^2), s = sin(theta)/lambda in 1/Angstrom, valid to s = 6.",
        "# D. Waasmaier & A. Kirfel, Acta Cryst. A51, 416-431 (1995), neutral atoms, as tabulated in xraydb 4.5.8.",
        "\t".join(columns),
    ]
    for row in xraydb.get_xraydb().get_cache("Waasmaier"):
        if row.ion == row.element:
            numbers = [*json.loads(row.scale), row.offset, *json.loads(row.exponents)]
            lines.append("\t".join([row.element, str(row.atomic_number), *(f"{x!r}" for x in numbers)]))
    TABLE.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
