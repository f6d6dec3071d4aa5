"""What a closed project holds, looked for by somebody who is no member: every address, every list, every count.

A new address that takes an object fails here until a hidden object stands behind it, or until it stands in OPEN.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.http import HttpResponseBase, StreamingHttpResponse
from django.test import Client
from pytest_django import Settings

from lims.models import ApiKey
from samples.models import (
    AlloySystem,
    Comment,
    Following,
    Notice,
    Pattern,
    Project,
    Sample,
    SheetImport,
    SynthesisStep,
    WeighedMass,
)
from samples.xrd.sentences import sentence
from screening.models import (
    Candidate,
    EvidenceFile,
    FollowUp,
    LatticeMeasurement,
    ObservedPhase,
    SavedView,
    ScreeningResult,
    ScreeningRun,
)
from screening.thumbnails import make_waiting
from tests.factories import SampleFactory, UserFactory, make_pattern, pattern_text
from tests.screening.calls import A_CALL, make_result
from tests.screening.reviewing import production
from tests.test_role_matrix import ROUTES, UNTESTED

MARK = "qzxmark"
"""In every text of what is hidden; no answer to an outsider has it."""

CODE = f"{MARK.upper()}-1"
OPEN = {
    *("alloy-systems/", "systems/", "phases/", "models/", "people/", "keys/", "welcome/"),
    *("drift/", "data-sets/", "datasets/", "freezings/", "exports/", "imports/", "well-being/faults/"),
    *("training/", "training-runs/", "proofs/", "promotions/", "rescreens/"),
    *("history/system/", "history/phase/", "history/model/", "history/person/"),
}
"""Beginnings of addresses whose objects belong to the lab or to one person; what they show of samples is tested below."""

ASKED_TOO = [
    *("/?", "/samples/?q=Al", "/samples/?q=class:A", "/samples/?q=ingot", "/samples/?q=is:archived"),
    *("/samples/?sort=-activity", "/samples/export/?as=csv", "/samples/export/?as=csv&table=synthesis"),
    *("/labels/?q=Al", "/labels/labels.svg?q=Al", f"/labels/?codes={CODE.lower()}", "/codes/?q=q", "/codes/?q=O"),
    *("/systems/Al-Ru-Si/", "/systems/Al-Ru-Si/map.json", "/systems/Al-Ru-Si/map.csv", "/systems/maps/"),
    *("/review/?order=age", "/review/?order=doubt&system=Al-Ru-Si", "/review/next/", "/review/next/?order=age"),
    *("/drift/?simulated=on", *(f"/drift/{what}.json" for what in ("level", "radiation", "coverage", "step", "noise"))),
    *("/next/?simulated=on", "/next/?system=Al-Ru-Si", "/api/v1/proposals/?simulated=true"),
    "/api/v1/drift/?simulated=true",
    *("/follow-ups/?show=mine", "/follow-ups/?show=overdue", "/follow-ups/?show=finished"),
    *("/agreement/?version=all&simulated=on", "/agreement/agreement.csv?version=all", "/uploads/?mine=1"),
    *("/api/v1/samples/?q=ingot", "/api/v1/samples/?system=Al-Ru-Si", "/api/v1/patterns/?inbox=true"),
    *("/api/v1/results/?level=A", "/api/v1/follow-ups/?state=asked", "/settings/", "/notices/bell/", "/upload/rules/"),
    *("/samples/new/?parent=" + CODE, "/follow-ups/new/?sample=" + CODE, "/upload/?sample=" + CODE),
]
"""Beside all addresses that take no object: what these are asked with."""


@dataclass
class Hidden:
    """A closed project with one of everything in it, and what stands behind the beginning of each address."""

    project: Project
    insider: User
    behind: dict[str, object] = field(default_factory=dict)


@pytest.fixture
def insider() -> User:
    return UserFactory.create(username="insider", roles=["member", "reviewer", "microscopist", "curator"])


@pytest.fixture
def outsiders() -> list[User]:
    """One of another closed project, and one of none; they may do all but let people in."""
    roles = ["member", "reviewer", "microscopist", "curator"]
    other, none = (UserFactory.create(username=name, roles=roles) for name in ("other", "none"))
    Project.objects.begin(by=other, key="ours", name="Ours", leaders=[other])
    return [other, none]


@pytest.fixture
def lab(settings: Settings, tmp_path: Path, db: None, insider: User, outsiders: list[User]) -> Project:
    """What everybody may see, and the closed project that is empty yet."""
    settings.MEDIA_ROOT = tmp_path
    settings.REVIEW_FOUR_EYES = False
    open_sample = SampleFactory.create(code="OPEN-1", made_by=insider, notes="ingot")
    result = make_result(make_pattern(sample=open_sample, by=insider, name="open.xy"), production(), **A_CALL)
    Candidate.objects.catch_up()
    result.add_review(insider, "follow_up", "lines of an i-QC")
    FollowUp.objects.open(open_sample, insider, question="is it?")
    for person in outsiders:
        Following.objects.begin(person, open_sample.system)
    return Project.objects.begin(by=insider, key=MARK, name=f"{MARK} hunt", leaders=[insider])


def hide(project: Project, insider: User, outsiders: list[User]) -> Hidden:
    """Fill ``project`` while it is open, with the outsiders following and told, and close it then."""
    project.open(by=insider)
    sample = SampleFactory.create(
        code=CODE,
        project=project,
        made_by=insider,
        notes=f"{MARK} ingot",
        place=MARK,
        steps=[
            SynthesisStep(kind="annealing", temperature=900, duration=48, notes=MARK, done_by=MARK, atmosphere=MARK)
        ],
        masses=[WeighedMass(substance="Al", mass=1, lot=MARK)],
    )
    SampleFactory.create(code=f"{CODE}-1", parent=sample, made_by=insider, notes=MARK)
    archived = SampleFactory.create(code=f"{MARK}-9", project=project, made_by=insider)
    archived.archive(by=insider)
    for person in outsiders:
        Following.objects.begin(person, sample)
    pattern = make_pattern(sample=sample, by=insider, name=f"{MARK}.xy")
    result = make_result(pattern, production(), **A_CALL)
    Candidate.objects.catch_up()
    run = ScreeningRun.objects.start(ScreeningRun.Why.UPLOAD, insider, project=project)
    run.receive(pattern_text(seed=77), name=f"{MARK}-inbox.xy")
    run.receive(b"nothing to read", name=f"{MARK}-unreadable.xy")
    run.refuse(f"{MARK}-refused.xy", sentence("It is too large."))
    ScreeningResult.objects.queued().update(**A_CALL)  # what waits for the machine is everybody's to see
    pattern.correct(insider, wavelength=1.5405929, reason=MARK)
    review = result.add_review(insider, "follow_up", f"{MARK} lines")
    follow_up = FollowUp.objects.open(
        sample, insider, review=review, question=f"{MARK}?", reference=MARK, assigned_to=insider
    )
    follow_up.revise(
        by=insider,
        edition=follow_up.edition,
        phases=[ObservedPhase(technique="sem", structure="crystalline", name=MARK, notes=MARK)],
        measurements=[LatticeMeasurement(technique="saed", value="0.8706", unit="nm", convention="a_F", notes=MARK)],
    )
    image = SimpleUploadedFile(f"{MARK}.png", a_png())
    file = EvidenceFile.objects.add(follow_up, image, insider, caption=MARK, technique="sem")
    make_waiting()
    follow_up.sign(insider, "confirmed", f"{MARK} spots")
    names = " ".join(f"@{person.username}" for person in outsiders)
    comment = Comment.objects.say(sample, insider, f"{MARK}, look, {names}")
    Comment.objects.say(pattern, insider, f"{MARK} too, {names}")
    view = SavedView.objects.create(
        owner=insider, name=f"{MARK} view", sort="-logged", query=f"project:{MARK}", shared=True
    )
    sheet = SheetImport.objects.receive(
        f"code,composition\n{MARK}-7,Al65Cu20Fe15\n".encode(), name=f"{MARK}.csv", by=insider
    )
    assert Notice.objects.filter(person__in=outsiders, sample=sample).count() >= len(outsiders)
    project.close(by=insider)
    notice = Notice.objects.filter(person=outsiders[0], sample=sample).latest("pk")
    return Hidden(
        project,
        insider,
        {
            "history/sample/": sample.pk,
            "history/pattern/": pattern.pk,
            "history/project/": project.pk,
            "history/follow-up/": follow_up.pk,
            "samples/import/": sheet.pk,
            "samples/": sample.code,
            "s/": sample.pk,
            "comments/": comment.pk,
            "views/": view.pk,
            "runs/": run.pk,
            "patterns/": pattern.pk,
            "readings/": result.reading_id,
            "results/": result.pk,
            "next/": result.pk,
            "review/": result.pk,
            "reviews/": review.pk,
            "follow-ups/": follow_up.pk,
            "evidence-files/": file.pk,
            "notices/": notice.pk,
            "projects/": project.pk,
        },
    )


def a_png() -> bytes:
    from PIL import Image

    content = io.BytesIO()
    Image.new("L", (64, 48), 128).save(content, "PNG")
    return content.getvalue()


class Asker:
    """A browser, or a script with a key, of one person; what it does is undone at once."""

    def __init__(self, person: User, *, by_key: bool = False) -> None:
        self.client = Client(raise_request_exception=False)
        self.name = f"{person.username}{' by key' if by_key else ''}"
        self.headers: dict[str, str] = {}
        if by_key:
            scopes = list(ApiKey.Scope.values)
            _key, secret = ApiKey.objects.issue(person, name=MARK[:3], scopes=scopes, valid_for=timedelta(days=1))
            self.headers = {"Authorization": f"Bearer {secret}"}
        else:
            self.client.force_login(person)

    def ask(self, verb: str, path: str, sent: dict[str, Any] | None = None) -> tuple[HttpResponseBase, str]:
        with transaction.atomic():
            query = f"{path}{'&' if '?' in path else '?'}" if verb == "GET" and sent else path
            response: HttpResponseBase = (
                self.client.post(path, sent or {}, headers=self.headers)
                if verb == "POST"
                else self.client.generic(verb, query, headers=self.headers)
            )
            transaction.set_rollback(True)
            content = text_of(response)
        return response, content


def text_of(response: HttpResponseBase) -> str:
    content = b"".join(response) if isinstance(response, StreamingHttpResponse) else response.content  # type: ignore[attr-defined]
    if content[:2] == b"PK":
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            content = b"\n".join(packed.read(name) for name in packed.namelist())
    headers = " ".join(response.headers.values())
    return f"{response.status_code} {headers}\n{content.decode('utf-8', errors='replace')}"


def paths_of_objects(hidden: Hidden) -> Iterator[tuple[str, str]]:
    """The name of every address that takes an object of a project, with a hidden object in it."""
    for name, pattern in ROUTES.items():
        path = pattern.removeprefix("api/v1/").replace("^", "").replace("$", "")
        parameters = re.compile(r"<\w+:\w+>|\(\?P<\w+>(?:[^()]|\[[^]]*\])+\)")
        if name in UNTESTED or not parameters.search(path) or any(path.startswith(start) for start in OPEN):
            continue
        behind = next((str(what) for start, what in hidden.behind.items() if path.startswith(start)), None)
        assert behind is not None, f"Say in tests/test_object_matrix.py what hidden object stands behind {pattern}."
        yield name, ("/api/v1/" if name.startswith("api:") else "/") + parameters.sub(behind, path)


def paths_without_objects() -> list[str]:
    paths = [
        ("/api/v1/" if name.startswith("api:") else "/")
        + pattern.removeprefix("api/v1/").replace("^", "").replace("$", "")
        for name, pattern in ROUTES.items()
        if name not in UNTESTED and "<" not in pattern and name not in {"logout", "api:schema", "api:docs", "login"}
    ]
    return [*paths, *ASKED_TOO]


def test_a_hidden_object_is_not_found_at_any_address(lab: Project, insider: User, outsiders: list[User]) -> None:
    hidden = hide(lab, insider, outsiders)
    strangers = [Asker(person, by_key=by_key) for person in outsiders for by_key in (False, True)]
    member = Asker(insider)
    wrong, found = [], set()
    for name, path in paths_of_objects(hidden):
        for verb in ("GET", "POST", "PUT", "PATCH", "DELETE") if name.startswith("api:") else ("GET", "POST"):
            response, _content = member.ask(verb, path)
            if response.status_code == 405:
                continue
            if response.status_code != 404:
                found.add(name)
            for stranger in strangers:
                if stranger.headers and not name.startswith("api:"):
                    continue
                answer, content = stranger.ask(verb, path)
                if answer.status_code != 404 or MARK in content.lower().replace(path.lower(), ""):
                    wrong.append(f"{verb} {path} ({name}), {stranger.name}: {answer.status_code}")
    assert not wrong, "\n".join(wrong)
    lost = {name for name, _path in paths_of_objects(hidden)} - found
    assert lost <= NOT_FOR_MEMBERS, f"Not found for a member either, so that nothing is tested: {lost}"


NOT_FOR_MEMBERS = {
    "open-notice",
    "samples:sheet-restore",
    "screening:restore-view",
    "screening:dossier-pdf",
    "screening:redo",
}
"""The notice is the outsider's; the others need what this lab does not have."""


def test_nothing_told_to_an_outsider_changes_by_what_is_hidden(
    lab: Project, insider: User, outsiders: list[User]
) -> None:
    """Lists, search, counts, exports: each answer is, letter for letter, what it was before."""
    askers = [Asker(person) for person in outsiders]
    before = {
        (asker.name, path): plain(asker.ask("GET", path)[1]) for path in paths_without_objects() for asker in askers
    }
    hide(lab, insider, outsiders)
    wrong = []
    for asker in askers:
        for path in paths_without_objects():
            now = plain(asker.ask("GET", path)[1])
            asked = path.lower().partition("?")[2]
            if MARK in now.lower().replace(asked, "") and MARK not in asked:
                wrong.append(f"{asker.name}: {path} tells of it: …{around(now)}…")
            elif now != before[asker.name, path]:
                wrong.append(f"{asker.name}: {path} changed: {difference(before[asker.name, path], now)}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("asked", "behind"),
    [
        ("evidence-files/?follow_up=", "follow-ups/"),
        *(("follow-ups/?result=", "results/"), ("reviews/?result=", "results/")),
        *(("results/?pattern=", "patterns/"), ("results/?run=", "runs/"), ("patterns/?run=", "runs/")),
        *(("samples/?parent=", "samples/"), ("patterns/?sample=", "samples/"), ("samples/?project=", "projects/")),
    ],
)
def test_a_filter_by_what_is_hidden_answers_as_one_by_what_is_not_there(
    lab: Project, insider: User, outsiders: list[User], asked: str, behind: str
) -> None:
    hidden = hide(lab, insider, outsiders)
    for person in outsiders:
        asker = Asker(person)
        answers = [asker.ask("GET", f"/api/v1/{asked}{what}") for what in (hidden.behind[behind], 10**9)]
        assert [answer.status_code for answer, _content in answers] == [200, 200]
        assert len({content.partition("\n")[2] for _answer, content in answers}) == 1, "beside what the headers say"


CHANGING = re.compile(
    r'csrfmiddlewaretoken" value="\w+|X-CSRFToken": "\w+|nonce-?[^ "]+("[^"]*")?|since=[^"&]+|[\d-]+T[\d:.]+(\+00:00|%2B00%3A00|Z)?'
    r"|disk_free_gb\": [\d.]+|D:\d{14}Z|/ID \[.*?\]|[Cc]ontent-?[Ll]ength: \d+|\bW?/?\"[0-9a-f]{32}\"|[0-9a-f-]{36}|csrftoken=\w+|\d+ (second|minute)s?( ago)?|\d\d:\d\d(:\d\d)?"
    r"|data:image/svg\+xml[^\"]+|\b([A-Z2-7]{4} ?){8}"  # the secret of a second factor that nobody confirmed
)


def plain(content: str) -> str:
    """Without what is another each time."""
    status, _newline, body = content.partition("\n")
    return CHANGING.sub("", f"{status[:3]}\n{body}")


def around(content: str) -> str:
    place = content.lower().index(MARK)
    return content[max(0, place - 120) : place + 60].replace("\n", " ")


def difference(before: str, now: str) -> str:
    for first, second in zip(before.splitlines(), now.splitlines(), strict=False):
        if first != second:
            return f"“{first.strip()[:150]}” → “{second.strip()[:150]}”"
    return f"{len(before)} → {len(now)} characters"


def test_what_is_hidden_cannot_be_named_in_what_is_sent(lab: Project, insider: User, outsiders: list[User]) -> None:
    """Ids and codes of hidden things in forms: moved across groups, judged, followed up, taken as parent, printed."""
    hidden = hide(lab, insider, outsiders)
    outsider = Asker(outsiders[0])
    key = Asker(outsiders[0], by_key=True)
    own = make_pattern(by=outsiders[0], name="own.xy")
    own_run = ScreeningRun.objects.start(ScreeningRun.Why.UPLOAD, outsiders[0])
    own_run.receive(pattern_text(seed=5), name="mine.xy")
    mine = own_run.received.get().pattern
    waiting = Pattern.objects.get(name=f"{MARK}-inbox.xy")
    candidate = hidden.behind["review/"]
    said = {"verdict": "artefact", "reason": "no"}
    steps = {"steps-TOTAL_FORMS": 0, "steps-INITIAL_FORMS": 0, "masses-TOTAL_FORMS": 0, "masses-INITIAL_FORMS": 0}
    sent: list[tuple[Asker, str, dict[str, Any]]] = [
        (outsider, f"/patterns/{own.pk}/move/", {"sample": CODE}),
        (outsider, "/inbox/", {"patterns": [waiting.pk], "sample": "OPEN-1"}),
        (outsider, "/inbox/", {"patterns": [own.pk], "sample": CODE}),
        (outsider, "/inbox/", {"each": "1", f"sample-{waiting.pk}": "OPEN-1", f"sample-{own.pk}": CODE}),
        (outsider, "/upload/", {"sample": CODE, "files": SimpleUploadedFile("a.xy", pattern_text(seed=6))}),
        (outsider, "/review/batch/", {**said, "candidates": [candidate]}),
        (outsider, "/samples/new/", {"composition_text": "Al6Mn", "composition_unit": "at", "parent": CODE, **steps}),
        (outsider, "/samples/new/", {"composition_text": "Al6Mn", "composition_unit": "at", "code": CODE, **steps}),
        (outsider, f"/follow-ups/new/?sample={CODE}", {"question": "?"}),
        (outsider, f"/follow-ups/new/?review={hidden.behind['reviews/']}", {"question": "?"}),
        (outsider, f"/runs/{own_run.pk}/correct/", {f"sample-{mine.pk}": CODE, f"sample-{waiting.pk}": "OPEN-1"}),
        (outsider, f"/runs/{own_run.pk}/move/", {"rows": [mine.pk], "sample": CODE}),
        (outsider, f"/runs/{own_run.pk}/set-aside/", {"rows": [waiting.pk]}),
        (key, "/api/v1/patterns/", {"file": SimpleUploadedFile("b.xy", pattern_text(seed=7)), "sample": CODE}),
        (key, "/api/v1/patterns/", {"file": SimpleUploadedFile("b.xy", b"1"), "run": hidden.behind["runs/"]}),
        (key, "/api/v1/samples/", {"composition_text": "Al6Mn", "parent": CODE}),
        (
            key,
            "/api/v1/evidence-files/",
            {"follow_up": hidden.behind["follow-ups/"], "file": SimpleUploadedFile("c.txt", b"1")},
        ),
    ]
    for asker, path, body in sent:
        before = standing()
        with transaction.atomic():
            response = asker.client.post(path, body, headers=asker.headers)
            now, content = standing(), text_of(response)
            transaction.set_rollback(True)
        assert response.status_code < 500, (path, body)
        assert now == before, (path, body)
        told = content.lower().replace(CODE.lower(), "")
        assert MARK not in told, (path, body, around(told))


def standing() -> list[Any]:
    """What an outsider could have changed of what is hidden."""
    hidden = Sample.objects.filter(project__key=MARK)
    return [
        list(hidden.values_list("pk", "edition", "archived_at")),
        list(Pattern.objects.filter(name__startswith=MARK).values_list("pk", "sample", "archived_at").order_by("pk")),
        list(Pattern.objects.filter(sample__in=hidden).values_list("pk").order_by("pk")),
        list(Sample.objects.filter(parent__in=hidden).values_list("pk").order_by("pk")),
        FollowUp.objects.filter(sample__in=hidden).count(),
        EvidenceFile.objects.filter(follow_up__sample__in=hidden).count(),
        [
            candidate.reviews.count()
            for candidate in [Pattern.objects.get(name=f"{MARK}.xy").readings.all()[1].results.get()]
        ],
    ]


def test_the_same_bytes_tell_nothing_of_where_they_lie(lab: Project, insider: User, outsiders: list[User]) -> None:
    hide(lab, insider, outsiders)
    content = Pattern.objects.get(name=f"{MARK}.xy").file.original.read()
    outsider, key = Asker(outsiders[0]), Asker(outsiders[0], by_key=True)
    for asker, path, name in ((outsider, "/upload/", "files"), (key, "/api/v1/patterns/", "file")):
        response = asker.client.post(
            path, {name: SimpleUploadedFile("x.xy", content)}, headers=asker.headers, follow=True
        )
        said = text_of(response)
        assert "kept already, where you may not see it" in said
        assert MARK not in said.lower()


def test_a_system_is_open_and_its_counts_are_not(lab: Project, insider: User, outsiders: list[User]) -> None:
    hide(lab, insider, outsiders)
    assert AlloySystem.objects.count() == 1
    for person, n in ((outsiders[0], 1), (insider, 3)):
        found = Asker(person).client.get("/api/v1/samples/?archived=false").json()["results"]
        assert len(found) == n
