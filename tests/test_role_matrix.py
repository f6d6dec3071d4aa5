"""Every address and verb × every role and key: who may is written in the tables below, and nobody else may.

A new page or address of the API fails here until it stands in a table: write who may open it, and it is tested.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.http import HttpResponseBase, StreamingHttpResponse
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone
from pytest_django import Settings

from lims.models import AccessLink, ApiKey, Fault
from lims.roles import ROLES
from mlmodels.models import Dataset, TrainingRun
from samples.models import Comment, Notice, NoticeKind, Project, SheetImport
from screening.models import (
    Candidate,
    DatasetExport,
    DatasetImport,
    EvidenceFile,
    FollowUp,
    FreezingJob,
    PromotionRequest,
    ReferencePhase,
    SavedView,
)
from tests.factories import SampleFactory, UserFactory
from tests.screening.frozen import freeze
from tests.screening.promoting import finished_proof, register
from tests.screening.reviewing import REASON, make_candidate

NOBODY = "signed in without a role"
STRANGER = "not signed in"
EVERYONE = {STRANGER, NOBODY, *ROLES}
SIGNED_IN = {NOBODY, *ROLES}
MEMBERS = set(ROLES)
REVIEWERS = {"reviewer", "admin"}
MICROSCOPISTS = {"microscopist", "admin"}
CURATORS = {"curator", "admin"}
ASKERS = REVIEWERS | MICROSCOPISTS
ADMINS = {"admin"}

PAGES: list[tuple[set[str], str]] = [
    (
        EVERYONE,
        "login sign-in-code second-factor admin-login sso-answer set_language welcome bell healthz healthz-live healthz-ready",
    ),
    (set(), "metrics"),  # with a token of its own
    (EVERYONE, "sso"),  # answers that there is none, where the settings name none
    (SIGNED_IN, "admin-password new-recovery-codes second-factor-off sso-unlink sign-out-everywhere"),
    (SIGNED_IN, "home logout keys uploader revoke-key"),
    (SIGNED_IN, "trash notices mark-all-read open-notice my-settings my-password"),
    (MEMBERS, "people"),
    (
        MEMBERS,
        "history-sample history-pattern history-system history-follow-up history-phase history-model history-project",
    ),
    (MEMBERS, "history-rules"),
    (MEMBERS, "samples:sheet-trash samples:sheet-restore"),
    (ADMINS, "history-person audit audit-csv"),
    (ADMINS, "well-being mend-fault invite person make-link deactivate let-back-in"),
    (ADMINS, "take-factor-off release"),
    (MEMBERS, "samples:new samples:edit samples:archive samples:restore samples:edit-system"),
    (MEMBERS, "samples:sheets samples:sheet samples:sheet-columns samples:sheet-commit samples:sheet-undo"),
    (MEMBERS, "samples:sheet-original samples:sheet-left-out"),
    (MEMBERS, "samples:comment-on-sample samples:comment-on-pattern samples:edit-comment samples:withdraw-comment"),
    (MEMBERS, "samples:follow-sample samples:follow-system"),
    (MEMBERS, "GET:samples:projects GET:samples:project samples:move-to-project"),
    (ADMINS, "POST:samples:projects"),
    # Leaders of the project may too, who have no role of their own: tests/samples/test_project_pages.py.
    (ADMINS, "POST:samples:project samples:project-members samples:project-change"),
    (MEMBERS, "screening:sample-list screening:sample-export screening:sample screening:sample-figure"),
    (MEMBERS, "screening:by-label screening:labels screening:labels-pdf screening:labels-svg"),
    (MEMBERS, "screening:dossier screening:dossier-pdf"),
    (MEMBERS, "screening:saved-views screening:save-view screening:edit-view screening:trash-view"),
    (MEMBERS, "screening:restore-view"),
    (MEMBERS, "screening:system-list screening:system screening:system-maps screening:system-map"),
    (MEMBERS, "screening:system-map-csv"),
    (MEMBERS, "screening:upload screening:run-list screening:run screening:cards screening:unpack"),
    (MEMBERS, "screening:correct-rows screening:move-rows screening:set-aside screening:log-samples"),
    (MEMBERS, "screening:undo screening:redo screening:codes screening:inbox"),
    (MEMBERS, "screening:rules"),  # everyone tries rules out; saving them is refused in the view to all but curators
    (MEMBERS, "screening:pattern screening:call screening:move screening:mark screening:correct screening:retry"),
    (MEMBERS, "screening:refine screening:archive screening:original screening:evidence-figure"),
    (MEMBERS, "screening:pattern-figure screening:pattern-csv screening:pattern-json"),
    (MEMBERS, "screening:review-list"),
    (REVIEWERS, "screening:review-next screening:review screening:review-batch screening:blind-reading"),
    (REVIEWERS, "screening:undo-review"),
    (MEMBERS, "screening:phases screening:archive-phase screening:phase-cif screening:phase-sticks"),
    (MEMBERS, "screening:follow-up-list screening:follow-up screening:lattice-conversion screening:proposal-list"),
    (ASKERS, "screening:follow-up-new screening:follow-up-plan screening:follow-up-call-off"),
    (ASKERS, "screening:follow-up-take-up screening:proposal-follow-up"),
    (MICROSCOPISTS, "screening:follow-up-evidence screening:follow-up-files screening:follow-up-sign"),
    (MEMBERS, "screening:evidence-file screening:evidence-thumbnail"),
    (MICROSCOPISTS, "screening:evidence-file-archive"),
    (MEMBERS, "screening:agreement screening:agreement-csv screening:agreement-reliability"),
    (MEMBERS, "screening:agreement-lattices screening:drift screening:drift-figure"),
    (MEMBERS, "screening:freezing"),
    (CURATORS, "screening:export-list screening:export screening:export-download screening:export-part"),
    (CURATORS, "screening:export-again screening:import-list screening:import"),
    (MEMBERS, "mlmodels:training-list mlmodels:training mlmodels:training-progress mlmodels:training-curve"),
    (CURATORS, "mlmodels:training-new mlmodels:training-cancel mlmodels:training-resume"),
    (MEMBERS, "screening:dataset-list screening:dataset screening:dataset-check"),
    (CURATORS, "screening:dataset-new screening:dataset-edit screening:dataset-choose screening:dataset-freeze"),
    (CURATORS, "screening:dataset-next screening:dataset-archive"),
    (MEMBERS, "screening:model-list screening:model screening:model-weights screening:model-description"),
    (MEMBERS, "screening:proof screening:proof-progress screening:proof-changes screening:proof-content"),
    (MEMBERS, "screening:promotion-request screening:archive-progress"),
    (CURATORS, "screening:model-import screening:prove screening:proof-stop screening:promote"),
    (CURATORS, "screening:promotion-answer screening:roll-back screening:rescreen screening:archive-pause"),
]

API: list[tuple[set[str], str]] = [
    (SIGNED_IN, "api:schema api:docs"),
    (MEMBERS, "api:sample-list api:sample-detail api:alloysystem-list api:alloysystem-detail"),
    (MEMBERS, "api:project-list api:project-detail"),
    (MEMBERS, "api:pattern-list api:pattern-detail api:pattern-csv api:pattern-json api:pattern-original"),
    (MEMBERS, "api:screeningresult-list api:screeningresult-detail api:screeningrun-list api:screeningrun-detail"),
    (MEMBERS, "api:review-list api:review-detail api:modelversion-list api:modelversion-detail"),
    (MEMBERS, "api:followup-list api:followup-detail api:proposal-list api:drift-list"),
    (MEMBERS, "api:dataset-list api:dataset-detail api:dataset-entry-list"),
    (MEMBERS, "GET:api:evidencefile-list api:evidencefile-detail api:evidencefile-original"),
    (MICROSCOPISTS, "POST:api:evidencefile-list"),
    (MEMBERS, "api:instrumentheartbeat-list"),
    (MEMBERS, "api:sample-history api:pattern-history api:followup-history"),
    (CURATORS, "api:datasetexport-list api:datasetexport-detail api:datasetexport-download"),
    (MEMBERS, "GET:api:proof-list api:proof-detail GET:api:archivescreening-list api:archivescreening-detail"),
    (CURATORS, "POST:api:proof-list POST:api:archivescreening-list"),
    (CURATORS, "api:archivescreening-pause api:archivescreening-resume"),
    (MEMBERS, "GET:api:trainingrun-list api:trainingrun-detail"),
    (CURATORS, "POST:api:trainingrun-list api:trainingrun-cancel api:trainingrun-resume"),
]

SENT_BY_KEY = {"POST:api:pattern-list", "POST:api:instrumentheartbeat-list", "POST:api:evidencefile-list"}
"""What a key needs the scope "upload" for; all else that a key writes needs "write"."""

ANY_KEY = {"api:schema"}
"""Tells of the API and nothing of the lab."""

PAGES_ALONE = {"api:docs"}
"""Pages among the API's addresses: no key opens them."""

TO_NOBODY = {"metrics"}
"""Opens by a token that the environment sets, whoever is signed in: tests/test_watching_the_lab.py."""

SLOW = {"api:schema", "screening:dossier-pdf"}
"""Of those who may, one asks for these; everyone who may not does."""

UNTESTED = {"api:": "any other address of the API, which is not found whoever asks"}


@dataclass(frozen=True, slots=True)
class Address:
    name: str
    path: str


def tabled(rows: list[tuple[set[str], str]]) -> dict[str, set[str]]:
    return {name: who for who, names in rows for name in names.split()}


def routes(resolver: URLResolver, path: str = "", namespace: str = "") -> Iterator[tuple[str, str]]:
    """Name and pattern of every address; those of the admin are Django's own, and tested in tests/test_admin.py."""
    for part in resolver.url_patterns:
        if isinstance(part, URLPattern):
            yield f"{namespace}{part.name or ''}", f"{path}{part.pattern}"
        elif part.namespace != "admin":
            yield from routes(
                part, f"{path}{part.pattern}", f"{namespace}{part.namespace}:" if part.namespace else namespace
            )


ROUTES = dict(routes(get_resolver()))


@pytest.fixture
def lab(settings: Settings, tmp_path: Path, db: None) -> dict[str, object]:
    """One of everything; what stands behind the beginning of each address."""
    settings.MEDIA_ROOT = tmp_path
    settings.REVIEW_FOUR_EYES = False
    reviewer = UserFactory.create(roles=["reviewer"])
    microscopist = UserFactory.create(roles=["microscopist"])
    left = UserFactory.create(is_active=False)
    sample = SampleFactory.create(code="ASR-001")
    result = make_candidate(sample=sample)
    reading = result.reading
    review = result.add_review(reviewer, "follow_up", REASON)
    follow_up = FollowUp.objects.open(sample, reviewer)
    halite = (Path(__file__).parent / "data" / "halite.cif").read_bytes()
    file = EvidenceFile.objects.add(follow_up, SimpleUploadedFile("spots.txt", b"1.0 2.0\n"), microscopist)
    Notice.objects.tell(NoticeKind.CALLS, {microscopist.pk}, about="Al-Si-Ru", address="/systems/Al-Ru-Si/")
    draft = Dataset.objects.begin("all", UserFactory.create(roles=["curator"]))
    key, _secret = ApiKey.objects.issue(reviewer, name="a", scopes=["read"], valid_for=timedelta(days=1))
    proof = finished_proof(register(2, "candidate"), reviewer)
    asked = PromotionRequest.objects.ask(proof, UserFactory.create(roles=["curator"]), REASON)
    training = TrainingRun.objects.start(reviewer, kind="anew", preset="tiny")
    newcomer = UserFactory.create()
    curator = UserFactory.create(roles=["curator"])
    frozen = freeze([(reading.pattern, {})], curator)
    exported = DatasetExport.objects.create(dataset=frozen, asked_by=curator, name="a.eln", state="failed")
    _link, welcome = AccessLink.objects.issue(newcomer, by=reviewer)
    return {
        "samples/import/": SheetImport.objects.receive(b"code,composition\nA-1,Al\n", name="a.csv", by=reviewer).pk,
        "samples/": sample.code,
        "alloy-systems/": sample.system.key,
        "systems/": sample.system.key,
        "s/": sample.pk,
        "comments/": Comment.objects.say(sample, reviewer, "odd").pk,
        "views/": SavedView.objects.create(owner=reviewer, name="mine", sort="-made", shared=True).pk,
        "runs/": result.run_id,
        "patterns/": reading.pattern_id,
        "readings/": reading.pk,
        "results/": result.pk,
        "next/": result.pk,
        "drift/": "level",
        "review/": Candidate.objects.get().pk,
        "reviews/": review.pk,
        "projects/": Project.objects.begin(by=reviewer, key="yb", name="Yb hunt", is_closed=False).pk,
        "phases/": ReferencePhase.objects.bring(halite, reviewer).pk,
        "follow-ups/": follow_up.pk,
        "data-sets/": draft.pk,
        "datasets/": draft.pk,
        "evidence-files/": file.pk,
        "models/": result.model_version_id,
        "exports/": exported.pk,
        "freezings/": FreezingJob.objects.create(dataset=draft, asked_by=curator, why="all", seen="0" * 64).pk,
        "imports/": DatasetImport.objects.create(asked_by=curator, name="a.eln", file="a.eln").pk,
        "proofs/": proof.pk,
        "promotions/": asked.pk,
        "rescreens/": proof.archive_id,
        "training/": training.pk,
        "training-runs/": training.pk,
        "keys/": key.pk,
        "well-being/faults/": Fault.objects.create(last_at=timezone.now()).pk,
        "people/": left.pk,
        "welcome/": welcome,
        "notices/": Notice.objects.get(person=microscopist).pk,
        "history/sample/": sample.pk,
        "history/pattern/": reading.pattern_id,
        "history/system/": sample.system_id,
        "history/follow-up/": follow_up.pk,
        "history/phase/": ReferencePhase.objects.get().pk,
        "history/project/": Project.objects.get().pk,
        "history/model/": result.model_version_id,
        "history/person/": left.pk,
    }


def addresses(lab: dict[str, object], *, api: bool) -> list[Address]:
    found = []
    for name, pattern in ROUTES.items():
        if name in UNTESTED or name.startswith("api:") is not api:
            continue
        prefix, path = ("/api/v1/", pattern.removeprefix("api/v1/")) if api else ("/", pattern)
        path = path.replace("^", "").replace("$", "")
        behind = next((str(what) for start, what in lab.items() if path.startswith(start)), "")
        found.append(Address(name, prefix + re.sub(r"<\w+:\w+>|\(\?P<\w+>(?:[^()]|\[[^]]*\])+\)", behind, path)))
    return found


class Asker:
    """A browser of one role, or a script with a key of an admin; what it does is undone at once."""

    def __init__(self, who: str, scopes: tuple[str, ...] = ()) -> None:
        self.client = Client(raise_request_exception=False)
        self.headers: dict[str, str] = {}
        if scopes:
            owner = UserFactory.create(roles=["admin"])
            _key, secret = ApiKey.objects.issue(owner, name="it", scopes=scopes, valid_for=timedelta(days=1))
            self.headers = {"Authorization": f"Bearer {secret}"}
        elif who != STRANGER:
            self.client.force_login(UserFactory.create(roles=[] if who == NOBODY else [who]))
        self.cookies = {name: morsel.value for name, morsel in self.client.cookies.items()}

    def ask(self, verb: str, path: str) -> str:
        self.client.cookies.clear()
        for name, value in self.cookies.items():
            self.client.cookies[name] = value
        with transaction.atomic():
            response: HttpResponseBase = self.client.generic(verb, path, headers=self.headers)
            transaction.set_rollback(True)
            if isinstance(response, StreamingHttpResponse):
                list(response)  # by which its file is closed
        return read(response)


def read(response: HttpResponseBase) -> str:
    """What an answer comes to; whether what was sent was right does not matter here."""
    if response.status_code == 401 or response.headers.get("Location", "").startswith("/sign-in/?next="):
        return "asks to sign in"
    if response.status_code >= 500 and response.status_code != 503:
        return f"breaks ({response.status_code})"
    return {403: "refused", 405: "no such verb"}.get(response.status_code, "opens")


def expected(who: str, may: set[str]) -> str:
    if who in may:
        return "opens"
    return "asks to sign in" if who == STRANGER else "refused"


def who_may(table: dict[str, set[str]], verb: str, name: str) -> set[str]:
    return table.get(f"{verb}:{name}") or table.get(name, set())


def test_every_address_stands_in_a_table() -> None:
    known = {name.removeprefix("GET:").removeprefix("POST:") for name in (tabled(PAGES) | tabled(API))}
    missing = set(ROUTES) - known - set(UNTESTED)
    assert not missing, f"Say in tests/test_role_matrix.py who may open {', '.join(sorted(missing))}."
    gone = known - set(ROUTES)
    assert not gone, f"These addresses are gone; take them out of tests/test_role_matrix.py: {', '.join(sorted(gone))}."


def test_each_page_opens_for_its_roles_and_for_no_other(lab: dict[str, object]) -> None:
    table = tabled(PAGES)
    people = {who: Asker(who) for who in ("admin", *sorted(EVERYONE - {"admin"}))}
    wrong, opened = [], set()
    for address in addresses(lab, api=False):
        for verb in ("GET", "POST"):
            of_admin = people["admin"].ask(verb, address.path)
            if of_admin == "no such verb":
                continue
            opened.add(address.name)
            may = who_may(table, verb, address.name)
            for who, asker in people.items():
                if address.name in SLOW and who in may - {"admin"}:
                    continue
                answer = of_admin if who == "admin" else asker.ask(verb, address.path)
                wanted = "refused" if address.name in TO_NOBODY else expected(who, may)
                if answer != wanted:
                    wrong.append(f"{verb} {address.path}, {who}: {answer}, not {wanted}")
    assert not wrong, "\n".join(wrong)
    assert opened == {name for name in ROUTES if not name.startswith("api:")}


def test_each_address_of_the_api_answers_its_roles_and_keys_and_no_other(lab: dict[str, object]) -> None:
    table = tabled(API)
    people = {who: Asker(who) for who in ("admin", *sorted(EVERYONE - {"admin"}))}
    keys = {scope: Asker("admin", (scope,)) for scope in ApiKey.Scope.values}
    wrong: list[str] = []
    for address in addresses(lab, api=True):
        for verb in ("GET", "POST", "PUT", "PATCH", "DELETE"):
            of_admin = people["admin"].ask(verb, address.path)
            if of_admin == "no such verb":
                continue
            may = who_may(table, verb, address.name)
            wanted: dict[Any, str] = {who: expected(who, may) for who in people}
            wanted |= {scope: "opens" if scope == scope_of(verb, address.name) else "refused" for scope in keys}
            if address.name in ANY_KEY:
                wanted |= dict.fromkeys(keys, "opens")
            if address.name in PAGES_ALONE:
                wanted |= dict.fromkeys(keys, "asks to sign in")
            for who, asker in (people | keys).items():
                if address.name in SLOW and wanted[who] == "opens" and who != "admin":
                    continue
                answer = of_admin if who == "admin" else asker.ask(verb, address.path)
                if answer != wanted[who]:
                    wrong.append(f"{verb} {address.path}, {who}: {answer}, not {wanted[who]}")
    assert not wrong, "\n".join(wrong)


def scope_of(verb: str, name: str) -> str:
    """Of a key that may."""
    if f"{verb}:{name}" in SENT_BY_KEY:
        return "upload"
    return "read" if verb == "GET" else "write"
