"""Is every signed entry as it was signed?  What `manage.py check_trail` asks."""

from __future__ import annotations

from dataclasses import dataclass

from django.apps import apps
from django.db import connection

from samples.append_only import is_guarded
from samples.models.signed import ChainHead, SignedEntry


def signed_models() -> list[type[SignedEntry]]:
    return [model for model in apps.get_models() if issubclass(model, SignedEntry)]


@dataclass(frozen=True, slots=True)
class ChainReport:
    """What came of walking one chain.

    name: of the entries, for people
    n_entries: that were looked at
    sha256: of the last one; written down elsewhere, it proves later that nobody made the whole chain anew
    problem: the first thing that is wrong, or ""
    """

    name: str
    n_entries: int
    sha256: str
    problem: str = ""


def check_chain(model: type[SignedEntry]) -> ChainReport:
    """Walk the chain of ``model`` from its first entry; people may sign meanwhile."""
    name, table = str(model._meta.verbose_name_plural), model._meta.db_table
    head = ChainHead.objects.filter(table=table).first() or ChainHead(table=table)
    problem, previous, number = "", "", 0
    for entry in model._base_manager.order_by("number").iterator(chunk_size=1000):
        problem = _why_broken(entry, number + 1, previous)
        if problem:
            break
        number, previous = entry.number, entry.sha256
        if number == head.n_entries and entry.sha256 != head.sha256:
            problem = f"entry {number} (row {entry.pk}) is not the one that the chain ended with"
            break
    if not problem and number < head.n_entries:
        problem = f"it ends with entry {number}, and {head.n_entries} were signed"
    if not problem and not is_guarded(connection, model):
        problem = "its triggers are missing: run `manage.py migrate`, and ask who took them off"
    return ChainReport(name, number, previous, problem)


def _why_broken(entry: SignedEntry, expected_number: int, previous: str) -> str:
    if entry.number != expected_number:
        return f"entry {expected_number} is missing: after it comes entry {entry.number} (row {entry.pk})"
    if entry.previous_sha256 != previous:
        return f"entry {entry.number} (row {entry.pk}) does not follow the entry before it"
    if entry.sha256 != entry.computed_sha256():
        return f"entry {entry.number} (row {entry.pk}) is not as it was signed"
    return ""
