"""The things of the lab: samples and how they were made, measured patterns and what was read from them."""

from samples.models.changes import Change
from samples.models.comments import Comment, CommentEdition
from samples.models.elements import SampleElement
from samples.models.notices import Following, Notice, NoticeChoice, NoticeKind
from samples.models.patterns import Pattern, PatternFile, Receipt
from samples.models.projects import (
    EVERY_PROJECT,
    THE_LAB,
    Membership,
    Project,
    Viewer,
    VisibleQuerySet,
    hidden_from,
    people_who_see,
    seen_by,
)
from samples.models.readings import Reading, ReadingArrays
from samples.models.samples import EditionConflict, Sample
from samples.models.sheets import SheetChange, SheetColumns, SheetImport, SheetRow
from samples.models.signed import ChainHead, SignedEntry
from samples.models.synthesis import SynthesisStep, WeighedMass
from samples.models.systems import AlloySystem, SystemConflict
from samples.models.words import SampleWord

__all__ = [
    "EVERY_PROJECT",
    "THE_LAB",
    "AlloySystem",
    "ChainHead",
    "Change",
    "Comment",
    "CommentEdition",
    "EditionConflict",
    "Following",
    "Membership",
    "Notice",
    "NoticeChoice",
    "NoticeKind",
    "Pattern",
    "PatternFile",
    "Project",
    "Reading",
    "ReadingArrays",
    "Receipt",
    "Sample",
    "SampleElement",
    "SampleWord",
    "SheetChange",
    "SheetColumns",
    "SheetImport",
    "SheetRow",
    "SignedEntry",
    "SynthesisStep",
    "SystemConflict",
    "Viewer",
    "VisibleQuerySet",
    "WeighedMass",
    "hidden_from",
    "people_who_see",
    "seen_by",
]
