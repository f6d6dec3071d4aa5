"""The data sheet: what the set holds, from where, how it was labelled, what it is not good for, and on what terms."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence

from mlmodels.export.columns import ARRAYS, COLUMNS
from mlmodels.export.contents import FORMAT, ExportedPattern, SetFacts
from mlmodels.net.grid import N_BINS, PHASE_CLASSES, Q_MAX, Q_MIN
from mlmodels.net.preprocess import INPUT_CONTRACT

NAME = "data-sheet.md"
SPLITS = ("train", "validation", "test")
MOST_SYSTEMS = 30
LEAVES_OUT = ("operator",)
"""Of what a file says: not written into an export, as it names people."""


class Tally:
    """What is counted while the patterns go by."""

    def __init__(self) -> None:
        self.labels: Counter[tuple[str, str]] = Counter()
        self.origins: Counter[tuple[str, str]] = Counter()
        self.simulated: Counter[str] = Counter()
        self.systems: Counter[str] = Counter()
        self.radiations: Counter[str] = Counter()
        self.n = self.n_simulated = self.n_assumed = self.n_corrected = self.n_points = 0

    def add(self, patterns: Iterable[ExportedPattern]) -> None:
        for pattern in patterns:
            self.labels[pattern.label, pattern.split] += 1
            self.origins[pattern.label, pattern.label_origin] += 1
            self.simulated[pattern.label] += pattern.simulated
            self.systems[pattern.system or "not known"] += 1
            self.radiations[pattern.radiation or "not known"] += 1
            self.n += 1
            self.n_points += pattern.n_points
            self.n_simulated += pattern.simulated
            self.n_assumed += pattern.wavelength_assumed
            self.n_corrected += bool(pattern.correction)


def data_sheet(facts: SetFacts, tally: Tally, files: Sequence[tuple[str, str]]) -> str:
    """Markdown; ``files``: name and what it is."""
    origins = sorted({origin for _label, origin in tally.origins})
    paragraphs = [
        f"# {facts.title}",
        f"Powder X-ray diffraction patterns with labels, for networks that look for icosahedral quasicrystals. "
        f"Frozen {facts.frozen_at} under the SHA-256 `{facts.sha256}`; format `{FORMAT}`.",
        facts.notes,
        "## What is in it",
        f"{tally.n:,} patterns: {tally.n - tally.n_simulated:,} measured, **{tally.n_simulated:,} simulated**. "
        "A simulated pattern says so in each part: the column `simulated`, and in originals.zip the folder.",
        _table(
            ["label", *SPLITS, "simulated"],
            [
                [label, *(tally.labels[label, split] for split in SPLITS), tally.simulated[label]]
                for label in PHASE_CLASSES
            ],
        ),
        _table(["file", "what it is"], [[f"`{name}`", says] for name, says in files]),
        "## From where",
        f"From the record of {facts.lab}. What was asked of it: `{json.dumps(facts.question, ensure_ascii=False)}`.",
        _based_on(facts),
        "Not taken, by reason: " + (_left_out(facts) or "nothing") + ".",
        _table(["alloy system", "patterns"], _most(tally.systems)),
        _table(["radiation", "patterns"], _most(tally.radiations)),
        f"Of {tally.n_assumed:,} patterns the wavelength was assumed; {tally.n_corrected:,} were corrected by a person, who "
        f"says why in the column `correction`. {tally.n_points:,} points in all.",
        "## How it was labelled",
        "`outcome`: a person signed what the microscope found in the sample. `review`: reviewers signed what they saw in the "
        "pattern. `simulated`: known, as the pattern was calculated. `by_hand`: a person took the pattern in, with a reason. "
        "`labels.jsonl` has the signed entries that each label rests on, with their hashes; `label_words` says it in a line.",
        _table(
            ["label", *origins],
            [[label, *(tally.origins[label, origin] for origin in origins)] for label in PHASE_CLASSES],
        ),
        f"Training, validation and test were drawn with the seed {facts.seed} ({facts.validation_percent} % and "
        f"{facts.test_percent} % of the lineages): pieces of one ingot and the same bytes are on one side. Never train on the test.",
        "## The columns",
        _table(["column", "what it is"], [[f"`{column.name}`", column.says] for column in COLUMNS]),
        _table(["array", "what it is"], [[f"`{name}`", says] for name, says in ARRAYS.items()]),
        f"The grid is `{INPUT_CONTRACT}`: {N_BINS:,} bins of equal width in ln Q from Q = {Q_MIN} to {Q_MAX} Å⁻¹ "
        "(2θ 20–80° at Cu Kα1), rebinned by area.",
        "## Limits",
        "- A label is about the sample as far as it was looked into. `none` says that no quasicrystal was found, not that there "
        "cannot be one.\n"
        "- Patterns were chosen by a network and by people who looked at its calls, so their mix is not that of samples as they come.\n"
        "- An outcome answers for all patterns of its sample; a weak phase need not show in each of them.\n"
        "- Simulated patterns have the faults of their simulation. Report results on measured ones apart.\n"
        "- Intensities are as the instruments gave them: some are counts, some counts per second.\n"
        f"- Names of people are left out: who signed, and of what a file says: {', '.join(LEAVES_OUT)}. No calls of networks are in it "
        "but where a label rests on one; then it is named with its version.",
        "## Licence",
        facts.licence_said,
    ]
    return "\n\n".join(paragraph for paragraph in paragraphs if paragraph) + "\n"


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value).replace("|", "\\|").replace("\n", " ")


def _most(counted: Counter[str]) -> list[list[object]]:
    """The most frequent ones; of the same number in the order of their names."""
    ordered = sorted(counted.items(), key=lambda item: (-item[1], item[0]))
    rows: list[list[object]] = [[name, n] for name, n in ordered[:MOST_SYSTEMS]]
    if rest := ordered[MOST_SYSTEMS:]:
        rows.append([f"{len(rest)} others", sum(n for _name, n in rest)])
    return rows


def _based_on(facts: SetFacts) -> str:
    before = facts.based_on
    if not before:
        return ""
    changes = ", ".join(f"{n:,} {what}" for what, n in facts.changes.items())
    return f"It follows {before['name']} v{before['version']} (SHA-256 `{before['sha256']}`): {changes or 'see there'}."


def _left_out(facts: SetFacts) -> str:
    return "; ".join(f"{one['reason']}: {one['n']:,}" for one in facts.left_out)
