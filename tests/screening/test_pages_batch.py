"""One upload as a table: folders and archives, what matched, corrections in place, new samples, undo and redo."""

from __future__ import annotations

import html
import re
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from samples.models import Pattern, PatternFile, Sample
from samples.store import store
from screening.matching import SampleMatcher
from screening.models import LoggedSample, PackedFolder, ReceivedPattern, ScreeningResult, ScreeningRun
from tests.factories import SampleFactory, UserFactory, make_pattern, pattern_text
from tests.screening.calls import a_version
from tests.screening.test_packed_files import zipped
from tests.screening.test_pages_upload import HTMX, a_file, run_of, send

pytestmark = pytest.mark.django_db

PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(500)
RAS = (Path(__file__).resolve().parents[1] / "data" / "simulated_icosahedral.ras").read_bytes()


@pytest.fixture
def member(client: Client) -> User:
    user = UserFactory.create(username="student", roles=["member"])
    client.force_login(user)
    return user


def text(seed: int) -> bytes:
    return pattern_text(seed=seed, step=0.05)


def a_zip(*files: tuple[str, bytes], name: str = "june.zip") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, zipped(*files).getvalue())


def unpack(client: Client, run: ScreeningRun) -> None:
    while PackedFolder.objects.unfinished().filter(run=run).exists():
        assert client.post(f"/runs/{run.pk}/unpack/", headers=HTMX).status_code == 200


def samples_of(run: ScreeningRun) -> dict[str, str | None]:
    return {row.pattern.name: row.pattern.sample.code if row.pattern.sample else None for row in run.received.all()}


@pytest.fixture
def run(client: Client, member: User) -> ScreeningRun:
    """One row of each kind: matched, new sample, without a sample, duplicate, not readable."""
    a_version()
    SampleFactory.create(code="ASR-001")
    make_pattern(name="before.xy", content=text(9))
    files = [
        a_file("ASR-001_cast.xy", text(1)),
        a_file("ASR-041_cast.xy", text(2)),
        a_file("scan.xy", text(3)),
        a_file("again.xy", text(9)),
        a_file("picture.xy", PICTURE),
    ]
    return run_of(send(client, *files))


def standings(run: ScreeningRun) -> dict[str, str]:
    rows = run.received.with_standing().values("pattern__name", "standing")  # type: ignore[misc] # an annotation
    return {row["pattern__name"]: row["standing"] for row in rows}


def row_of(run: ScreeningRun, name: str) -> Pattern:
    return run.received.get(pattern__name=name).pattern


class TestTable:
    def test_each_row_says_how_it_stands(self, client: Client, run: ScreeningRun) -> None:
        assert standings(run) == {
            "ASR-001_cast.xy": "matched",
            "ASR-041_cast.xy": "new_sample",
            "scan.xy": "unmatched",
            "before.xy": "duplicate",
            "picture.xy": "unreadable",
        }
        page = client.get(f"/runs/{run.pk}/").content.decode()
        for words in ("with a sample 1", "new sample 1", "without a sample 1", "duplicate 1", "not readable 1"):
            assert words in page
        assert "*{code}*" in page

    def test_unmatched_ones_are_screened_all_the_same(self, run: ScreeningRun) -> None:
        assert ScreeningResult.objects.queued().filter(reading__pattern__name="scan.xy").exists()

    @pytest.mark.parametrize("standing", ["matched", "new_sample", "unmatched", "duplicate", "unreadable"])
    def test_can_be_filtered(self, client: Client, run: ScreeningRun, standing: str) -> None:
        page = client.get(f"/runs/{run.pk}/?show={standing}").content.decode()
        assert page.count('class="card-row"') == 1

    def test_the_header_names_the_sample_too(self, client: Client, member: User) -> None:
        run = run_of(send(client, SimpleUploadedFile("x.ras", with_sample(RAS, "ACI-007"))))
        assert run.received.get().proposed_code == "ACI-007"
        assert run.received.get().how == "header"

    def test_so_does_its_folder(self, client: Client, member: User) -> None:
        sample = SampleFactory.create(code="ASR-001")
        run = run_of(send(client, a_file("scan.xy"), paths=["june/asr_001/scan.xy"]))
        assert run.received.get().pattern.sample == sample
        assert run.received.get().path == "june/asr_001/scan.xy"

    def test_queries_do_not_grow_with_the_rows(
        self, client: Client, run: ScreeningRun, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        with django_assert_num_queries(12):
            client.get(f"/runs/{run.pk}/")
        send(client, *(a_file(f"more {n}.xy", text(100 + n)) for n in range(10)), run=run.pk)
        with django_assert_num_queries(12):
            client.get(f"/runs/{run.pk}/")

    def test_a_file_costs_the_same_queries_whatever_came_before(
        self, client: Client, run: ScreeningRun, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        from django.db import connection
        from django.test.utils import CaptureQueriesContext

        counts = []
        for n in range(2):
            with CaptureQueriesContext(connection) as asked:
                send(client, a_file(f"more {n}.xy", text(200 + n)), run=run.pk)
            counts.append(len(asked))
            for m in range(10):
                SampleFactory.create(code=f"XYZ-{n}{m}")
                run.receive(text(300 + 10 * n + m), name=f"{n}{m}.xy")
        assert counts[0] == counts[1] < 60


class TestCorrecting:
    def correct(self, client: Client, run: ScreeningRun, name: str, code: str) -> str:
        pk = row_of(run, name).pk
        return client.post(f"/runs/{run.pk}/correct/", {f"sample-{pk}": code}, headers=HTMX).content.decode()

    def test_a_row_gets_another_sample_in_place(self, client: Client, run: ScreeningRun) -> None:
        SampleFactory.create(code="ASR-002")
        part = self.correct(client, run, "ASR-001_cast.xy", "asr-002")
        assert "set by hand" in part
        assert samples_of(run)["ASR-001_cast.xy"] == "ASR-002"

    def test_a_code_that_no_sample_has_is_a_new_sample(self, client: Client, run: ScreeningRun) -> None:
        assert "not logged yet" in self.correct(client, run, "scan.xy", "ASR-099")
        assert standings(run)["scan.xy"] == "new_sample"

    def test_an_empty_one_is_the_inbox(self, client: Client, run: ScreeningRun) -> None:
        assert "in the inbox" in self.correct(client, run, "ASR-001_cast.xy", "")
        assert samples_of(run)["ASR-001_cast.xy"] is None

    def test_what_is_no_code_is_said_and_stays_typed(self, client: Client, run: ScreeningRun) -> None:
        part = self.correct(client, run, "scan.xy", "no code & <b>")
        assert "A code is letters and digits" in part
        assert 'value="no code &amp; &lt;b&gt;"' in part
        assert standings(run)["scan.xy"] == "unmatched"

    def test_a_duplicate_stays_where_it_is(self, client: Client, run: ScreeningRun) -> None:
        self.correct(client, run, "before.xy", "ASR-001")
        assert samples_of(run)["before.xy"] is None

    def test_works_without_script_for_all_rows(self, client: Client, run: ScreeningRun) -> None:
        SampleFactory.create(code="ASR-002")
        typed = {f"sample-{row_of(run, name).pk}": "ASR-002" for name in ("ASR-001_cast.xy", "scan.xy")}
        assert client.post(f"/runs/{run.pk}/correct/", typed).status_code == 302
        assert Sample.objects.get(code="ASR-002").patterns.count() == 2

    def test_marked_rows_go_to_one_sample(self, client: Client, run: ScreeningRun) -> None:
        rows = [row_of(run, name).pk for name in ("scan.xy", "ASR-041_cast.xy")]
        page = client.post(f"/runs/{run.pk}/move/", {"rows": rows, "sample": "ASR-001"}, follow=True)
        assert "2 patterns moved to ASR-001." in page.content.decode()
        assert samples_of(run)["scan.xy"] == samples_of(run)["ASR-041_cast.xy"] == "ASR-001"

    def test_nothing_marked_is_said(self, client: Client, run: ScreeningRun) -> None:
        response = client.post(f"/runs/{run.pk}/move/", {"sample": "ASR-001"})
        assert response.status_code == 422
        assert "Mark the rows" in response.content.decode()

    def test_marked_rows_are_set_aside_and_taken_back(self, client: Client, run: ScreeningRun) -> None:
        rows = [row_of(run, "scan.xy").pk]
        client.post(f"/runs/{run.pk}/set-aside/", {"rows": rows})
        assert standings(run)["scan.xy"] == "set_aside"
        client.post(f"/runs/{run.pk}/set-aside/", {"rows": rows, "back": "1"})
        assert standings(run)["scan.xy"] == "unmatched"

    def test_patterns_of_other_uploads_are_left_alone(self, client: Client, run: ScreeningRun) -> None:
        other = make_pattern()
        client.post(f"/runs/{run.pk}/correct/", {f"sample-{other.pk}": "ASR-001"})
        client.post(f"/runs/{run.pk}/set-aside/", {"rows": [other.pk]})
        other.refresh_from_db()
        assert (other.sample, other.archived_at) == (None, None)

    def test_codes_are_offered_while_one_is_typed(self, client: Client, run: ScreeningRun) -> None:
        assert 'value="ASR-001"' in client.get("/codes/?q=asr").content.decode()
        assert client.get("/codes/?q=").content.decode().strip() == ""


class TestNewSamples:
    def log(self, client: Client, run: ScreeningRun, **typed: str) -> str:
        sent = {f"new-{name}": value for name, value in typed.items()}
        return client.post(f"/runs/{run.pk}/samples/", sent, follow=True).content.decode()

    def test_are_logged_together_and_get_their_patterns(self, client: Client, run: ScreeningRun) -> None:
        page = self.log(client, run, **{"take": "asr-041", "everywhere": "Al43Si32Ru25"})
        assert "1 sample is logged" in page
        sample = Sample.objects.get(code="ASR-041")
        assert sample.system.name == "Al-Si-Ru"
        assert samples_of(run)["ASR-041_cast.xy"] == "ASR-041"
        assert LoggedSample.objects.get().run == run

    @pytest.mark.parametrize(
        ("typed", "sentence"),
        [
            ({"take": "asr-041"}, "The composition is empty"),
            ({"take": "asr-041", "composition-asr-041": "Xx"}, "Xx"),
            ({"take": "asr-041", "composition-asr-041": "Al50Ru20"}, "sums to 70"),
            ({}, "Mark the samples"),
        ],
    )
    def test_what_cannot_be_logged_is_said_and_nothing_is(
        self, client: Client, run: ScreeningRun, typed: dict[str, str], sentence: str
    ) -> None:
        assert sentence in self.log(client, run, **typed)
        assert not Sample.objects.filter(code="ASR-041").exists()

    def test_a_sum_that_is_off_can_be_normalised(self, client: Client, run: ScreeningRun) -> None:
        self.log(client, run, **{"take": "asr-041", "composition-asr-041": "Al50Ru20", "normalise": "on"})
        assert Sample.objects.get(code="ASR-041").composition_sum == "normalised"

    def test_one_that_somebody_logged_meanwhile_is_taken(self, client: Client, run: ScreeningRun) -> None:
        sample = SampleFactory.create(code="asr-041")
        self.log(client, run, **{"take": "asr-041", "everywhere": "Al43Si32Ru25"})
        assert samples_of(run)["ASR-041_cast.xy"] == sample.code
        assert not LoggedSample.objects.exists()

    def test_a_composition_in_the_name_is_proposed(self, client: Client, member: User) -> None:
        run = run_of(send(client, a_file("ACI-003_Al70Cu20Ir10_900C.xy")))
        page = client.get(f"/runs/{run.pk}/").content.decode()
        assert 'value="Al70Cu20Ir10"' in page


class TestUndo:
    def test_archives_what_came_and_brings_it_back(self, client: Client, run: ScreeningRun) -> None:
        TestNewSamples().log(client, run, **{"take": "asr-041", "everywhere": "Al43Si32Ru25"})
        by_hand = row_of(run, "scan.xy")
        by_hand.archive(by=run.started_by)
        undone = client.post(f"/runs/{run.pk}/undo/", {"why": "the wrong folder"}, follow=True).content.decode()
        assert "is undone" in undone
        put_away = row_of(run, "ASR-041_cast.xy")
        assert "the wrong folder" in client.get(f"/history/pattern/{put_away.pk}/").content.decode()
        assert set(Pattern.objects.current().values_list("name", flat=True)) == {"before.xy"}
        assert Sample.objects.archived().get().code == "ASR-041"
        assert ScreeningResult.objects.count() == 4, "what was screened stays on record"

        brought_back = client.post(f"/runs/{run.pk}/redo/", {"why": "it was the right one"}, follow=True)
        assert "is back" in brought_back.content.decode()
        assert "it was the right one" in client.get(f"/history/pattern/{put_away.pk}/").content.decode()
        assert set(Pattern.objects.exclude(archived_at=None).values_list("name", flat=True)) == {"scan.xy"}
        assert not Sample.objects.archived().exists()
        assert samples_of(run)["ASR-041_cast.xy"] == "ASR-041"

    def test_leaves_a_sample_that_holds_something_else(self, client: Client, run: ScreeningRun) -> None:
        TestNewSamples().log(client, run, **{"take": "asr-041", "everywhere": "Al43Si32Ru25"})
        make_pattern(name="of another upload.xy", sample=Sample.objects.get(code="ASR-041"))
        undone = client.post(f"/runs/{run.pk}/undo/", follow=True).content.decode()
        assert "These samples hold something else by now, and stay: ASR-041." in undone
        assert not Sample.objects.archived().exists()

    def test_twice_is_once(self, client: Client, run: ScreeningRun) -> None:
        client.post(f"/runs/{run.pk}/undo/")
        run.refresh_from_db()
        moment = run.undone_at
        client.post(f"/runs/{run.pk}/undo/")
        run.refresh_from_db()
        assert run.undone_at == moment
        client.post(f"/runs/{run.pk}/redo/")
        assert client.post(f"/runs/{run.pk}/redo/").status_code == 404

    def test_no_more_files_join_an_undone_upload(self, client: Client, run: ScreeningRun) -> None:
        client.post(f"/runs/{run.pk}/undo/")
        assert run_of(send(client, a_file("later.xy"), run=run.pk)) != run

    def test_the_queries_do_not_grow_with_the_patterns(self, client: Client, run: ScreeningRun) -> None:
        from django.db import connection
        from django.test.utils import CaptureQueriesContext

        counts = []
        for n in range(2):
            with CaptureQueriesContext(connection) as asked:
                client.post(f"/runs/{run.pk}/undo/")
            counts.append(len(asked))
            client.post(f"/runs/{run.pk}/redo/")
            send(client, *(a_file(f"{n}{m}.xy", text(400 + m)) for m in range(8)), run=run.pk)
        assert counts[0] == counts[1]


class TestFolders:
    def test_an_archive_is_taken_out_and_then_gone(self, client: Client, member: User) -> None:
        SampleFactory.create(code="ASR-001")
        packed = a_zip(
            ("ASR-001/a.xy", text(1)), ("b.xy", text(2)), ("picture.xy", PICTURE), ("bomb.xy", bytes(9_000_000))
        )
        run = run_of(send(client, packed))
        unpack(client, run)
        assert samples_of(run) == {"a.xy": "ASR-001", "b.xy": None, "picture.xy": None}
        assert [refused.path for refused in run.refused.all()] == ["june.zip/bomb.xy"]
        page = client.get(f"/runs/{run.pk}/").content.decode()
        assert "june.zip/ASR-001/</span>" in page
        assert "packed far more tightly" in page
        assert not list((Path(settings.MEDIA_ROOT) / "archives").iterdir())

    def test_goes_to_the_sample_that_was_chosen(self, client: Client, member: User) -> None:
        SampleFactory.create(code="ASR-002")
        run = run_of(send(client, a_zip(("a.xy", text(1))), sample="ASR-002"))
        unpack(client, run)
        assert samples_of(run) == {"a.xy": "ASR-002"}

    def test_is_gone_on_with_where_it_stopped(
        self, client: Client, member: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("screening.views.uploads.SECONDS_A_STEP", 0.0)
        run = run_of(send(client, a_zip(*((f"{n}.xy", text(n)) for n in range(4)))))
        part = client.post(f"/runs/{run.pk}/unpack/", headers=HTMX).content.decode()
        assert "1 of 4 files are taken out" in part
        assert f'data-unpack="/runs/{run.pk}/unpack/"' in part
        unpack(client, run)
        assert run.received.count() == 4

    def test_works_without_script(self, client: Client, member: User) -> None:
        address = client.post("/upload/", {"files": [a_zip(("a.xy", text(1)))], "sample": ""})["Location"]
        assert "Go on" in client.get(address).content.decode()
        client.post(f"{address}unpack/")
        assert Pattern.objects.get().name == "a.xy"

    @pytest.mark.parametrize(
        ("content", "sentence"),
        [(b"no archive", "no zip archive"), (b"PK\x03\x04" + bytes(90), "no zip archive"), (None, "holds no files")],
    )
    def test_one_that_is_none_is_refused(
        self, client: Client, member: User, content: bytes | None, sentence: str
    ) -> None:
        file = a_zip((".hidden", b"x")) if content is None else SimpleUploadedFile("june.zip", content)
        part = send(client, file, a_file())
        assert sentence in part
        assert Pattern.objects.count() == 1
        assert run_of(part).refused.get().path == "june.zip"

    def test_the_same_again_doubles_nothing(self, client: Client, member: User) -> None:
        files = [("a.xy", text(1)), ("b.xy", text(2))]
        first, second = (run_of(send(client, a_zip(*files))) for _ in range(2))
        unpack(client, first)
        unpack(client, second)
        assert Pattern.objects.count() == 2
        assert set(standings(second).values()) == {"duplicate"}
        assert "student" in client.get(f"/runs/{second.pk}/").content.decode()

    def test_nobody_unpacks_into_the_upload_of_another(self, client: Client, member: User) -> None:
        run = run_of(send(client, a_zip(("a.xy", text(1)))))
        client.force_login(UserFactory.create(roles=["member"]))
        assert client.post(f"/runs/{run.pk}/unpack/").status_code == 404

    def test_two_who_go_on_at_once_end_well(self, client: Client, member: User) -> None:
        run = run_of(send(client, a_zip(("a.xy", text(1)), ("b.xy", text(2)))))
        slower = PackedFolder.objects.get()
        unpack(client, run)
        assert slower.take_out(SampleMatcher(member), 1.0) == []
        assert not PackedFolder.objects.on_disk().exists()
        assert run.received.count() == 2

    def test_an_archive_that_this_host_lacks_is_not_given_up(self, client: Client, member: User) -> None:
        run = run_of(send(client, a_zip(("a.xy", text(1)))))
        store.delete(str(PackedFolder.objects.get().content.name))
        answer = client.post(f"/runs/{run.pk}/unpack/")
        assert answer.status_code == 404
        assert "june.zip is missing from the lab" in html.unescape(answer.content.decode())
        assert PackedFolder.objects.on_disk().exists()

    def test_the_api_says_where_archives_go(self, client: Client, member: User) -> None:
        response = client.post("/api/v1/patterns/", {"file": a_zip(("a.xy", text(1)))})
        assert response.status_code == 400
        assert "drop the archive on the upload page" in response.json()["error"]["fields"]["file"][0]
        assert not ScreeningRun.objects.exists()


class TestList:
    def test_counts_what_each_upload_brought(
        self, client: Client, run: ScreeningRun, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        page = client.get("/uploads/").content.decode()
        assert "with a sample 1" in page
        assert f'href="/runs/{run.pk}/?show=new_sample"' in page
        with django_assert_num_queries(8):
            client.get("/uploads/")
        for n in range(3):
            send(client, a_file(f"{n}.xy", text(500 + n)))
        with django_assert_num_queries(8):
            client.get("/uploads/")

    def test_shows_mine(self, client: Client, run: ScreeningRun) -> None:
        client.force_login(UserFactory.create(roles=["member"]))
        assert "Nothing was uploaded yet" in client.get("/uploads/?mine=1").content.decode()


class TestRights:
    @pytest.mark.parametrize("what", ["correct", "move", "set-aside", "samples", "undo", "redo", "unpack"])
    def test_need_more_than_a_look(self, client: Client, run: ScreeningRun, what: str) -> None:
        client.force_login(UserFactory.create())
        assert client.post(f"/runs/{run.pk}/{what}/").status_code == 403

    @pytest.mark.parametrize("what", ["correct", "move", "set-aside", "samples", "undo", "redo", "unpack"])
    def test_are_asked_for_by_post(self, client: Client, run: ScreeningRun, what: str) -> None:
        assert client.get(f"/runs/{run.pk}/{what}/").status_code == 405


class TestInboxCells:
    def test_each_pattern_goes_to_the_sample_typed_beside_it(self, client: Client, member: User) -> None:
        for code in ("ASR-001", "ASR-002"):
            SampleFactory.create(code=code)
        one, two, three = make_pattern(), make_pattern(), make_pattern()
        typed = {f"sample-{one.pk}": "asr-001", f"sample-{two.pk}": "ASR-002", f"sample-{three.pk}": "XYZ-9"}
        response = client.post("/inbox/", {**typed, "each": "1"})
        page = response.content.decode()
        assert response.status_code == 422
        assert "2 patterns have their samples now." in page
        assert "There is no sample with this code." in page
        assert 'value="XYZ-9"' in page
        assert list(Pattern.objects.in_inbox()) == [three]

    def test_a_new_sample_is_one_click_away(self, client: Client, run: ScreeningRun) -> None:
        page = client.get("/inbox/").content.decode()
        assert re.search(rf'href="/runs/{run.pk}/\?show=new_sample">log ASR-041', page)


def with_sample(ras: bytes, name: str) -> bytes:
    """The same measurement, with another sample named in the header."""
    lines = [line for line in ras.split(b"\r\n" if b"\r\n" in ras else b"\n") if not line.startswith(b"*FILE_SAMPLE ")]
    where = next(n for n, line in enumerate(lines) if b"RAS_HEADER_START" in line) + 1
    lines.insert(where, f'*FILE_SAMPLE "{name}"'.encode())
    return (b"\r\n" if b"\r\n" in ras else b"\n").join(lines)


class TestScans:
    def test_each_scan_is_a_row_and_one_can_be_set_aside(self, client: Client, member: User) -> None:
        start = RAS.index(b"*RAS_HEADER_START")
        end = RAS.index(b"*RAS_DATA_END")
        run = run_of(send(client, SimpleUploadedFile("two.ras", RAS[:end] + RAS[start:end] + RAS[end:])))
        page = client.get(f"/runs/{run.pk}/").content.decode()
        assert "scan 1 of 2 in this file" in page
        second = run.received.get(pattern__scan_number=2).pattern
        client.post(f"/patterns/{second.pk}/archive/", {"run": run.pk})
        assert "set_aside" in standings(run).values()
        assert "Take back" in client.get(f"/runs/{run.pk}/").content.decode()


def test_an_upload_of_1100_files_opens_in_the_browser_and_by_the_api(client: Client, member: User) -> None:
    """SQLite takes no more than a thousand conditions in a row."""
    run = ScreeningRun.objects.start(ScreeningRun.Why.UPLOAD, by=member)
    files = PatternFile.objects.bulk_create(
        PatternFile(sha256=f"{n:064x}", content=f"{n}", size=1) for n in range(1100)
    )
    patterns = Pattern.objects.bulk_create(Pattern(file=file, name="a.xy", uploaded_by=member) for file in files)
    ReceivedPattern.objects.bulk_create(ReceivedPattern(run=run, pattern=pattern) for pattern in patterns)
    assert "of 1100 patterns" in client.get(f"/runs/{run.pk}/").content.decode()
    assert client.get(f"/runs/{run.pk}/cards/", headers=HTMX).status_code == 200
    assert client.get(f"/api/v1/runs/{run.pk}/").json()["progress"]["n_patterns"] == 1100
