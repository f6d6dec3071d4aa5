"""The dossier of a candidate: all that is known on one page, what is not known in words, and the same for paper."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import translation
from PIL import Image
from pytest_django import DjangoAssertNumQueries

from mlmodels.models import ModelVersion
from samples.models import Comment, Pattern, Sample, SynthesisStep, WeighedMass
from screening.models import EvidenceFile, FollowUp, LatticeMeasurement, ObservedPhase, ScreeningResult, ScreeningRun
from screening.print_pdf import can_make_pdf
from screening.thumbnails import make_waiting
from screening.views import dossier as views
from tests.factories import SampleFactory, UserFactory, make_pattern, pattern_text
from tests.screening.calls import a_version, make_result
from tests.screening.reviewing import REASON, make_candidate, make_reviewer
from tests.screening.test_why import argued

pytestmark = pytest.mark.django_db

ADDRESS = "/samples/ASR-001/dossier/"


@pytest.fixture(autouse=True)
def member(client: Client) -> User:
    user = UserFactory.create(username="student", roles=["member"])
    client.force_login(user)
    return user


def said(client: Client, asked: str = "", address: str = ADDRESS) -> str:
    """The page without its line breaks."""
    return " ".join(client.get(address + asked).content.decode().split())


def followed_up(sample: Sample, result: ScreeningResult, review: Any = None) -> FollowUp:
    """Looked at by TEM: a phase, a length, an image and the signed outcome."""
    microscopist = UserFactory.create(username="microscopist", roles=["microscopist"])
    opened = FollowUp.objects.open(sample, microscopist, question="Is the grey phase icosahedral?", prompted_by=result)
    opened.revise(
        by=microscopist,
        edition=opened.edition,
        phases=[
            ObservedPhase(
                technique="edx", composition_text="Al43.2(5) Si31.6(4) Ru25.2(3)", structure="icosahedral", share=60
            )
        ],
        measurements=[
            LatticeMeasurement(technique="tem", value="0.8706", unit="nm", convention="a_F", uncertainty="0.0004")
        ],
    )
    written = io.BytesIO()
    Image.new("RGB", (600, 400), 1).save(written, "PNG")
    image = SimpleUploadedFile("saed.png", written.getvalue())
    EvidenceFile.objects.add(
        opened, image, microscopist, technique="saed", caption="Five-fold axis", scale_bar="5 nm⁻¹"
    )
    make_waiting()
    whole = FollowUp.objects.get(pk=opened.pk)
    first = whole.sign(microscopist, "inconclusive", "no pattern of diffraction yet")
    whole.sign(microscopist, "confirmed", "SAED along the five-fold axis", amends=first)
    return whole


@pytest.fixture
def candidate() -> ScreeningResult:
    """A sample with all that a dossier can hold."""
    ingot = SampleFactory.create(code="INGOT", parent=SampleFactory.create(code="MELT"), origin="cut")
    sample = SampleFactory.create(
        code="ASR-001",
        parent=ingot,
        origin="annealed",
        place="Box 3",
        measured_text="Al43.4 Si31.5 Ru24.1",
        steps=[SynthesisStep(kind="annealing", temperature=900, duration=48, quench="water")],
        masses=[WeighedMass(substance=s, mass=m) for s, m in (("Al", "0.5061"), ("Si", "0.3920"), ("Ru", "1.1020"))],
    )
    SampleFactory.create(code="PIECE", parent=sample)
    result = make_candidate(sample=sample, name="asr.xy")
    argued(result)
    review = result.add_review(make_reviewer(username="mori"), "follow_up", REASON)
    followed_up(sample, result, review)
    return result


class TestPage:
    def test_it_tells_all_that_is_known(self, client: Client, candidate: ScreeningResult) -> None:
        text = said(client)
        review = candidate.reviews.get()
        for told in (
            "ASR-001 · <span",
            "Al<sub>43</sub>Si<sub>32</sub>Ru<sub>25</sub>",
            "MELT</a> →",
            "annealed from INGOT",
            "PIECE</a>",
            "Box 3",
            "900 °C · 48 h · quench: water",
            "0.5061 g",
            "<svg",
            "0.02°",
            Pattern.objects.get(name="asr.xy").file.sha256,
            "p = 0.9994",
            "SHA-256 " + "0" * 64,
            "strong reflections expected in this range are seen",
            "Expected and missing: 52/84",
            "● seen, ○ expected and missing.",
            REASON,
            "Signed by mori",
            review.sha256,
            "my verdict is: follow up",
            "Is the grey phase icosahedral?",
            "Al 43.2 ± 0.5",
            "a_R = a_F / 2 = 8.706 Å / 2 = 4.353 Å",
            "4.353(2)",
            "data:image/jpeg;base64,",
            "Five-fold axis",
            "5 nm⁻¹",
            "SAED along the five-fold axis",
            "amended by a later entry",
            "an icosahedral quasicrystal is in the sample",
            "Measured against predicted",
        ):
            assert told in text, told

    def test_the_outcome_that_stands_is_said_first(self, client: Client, candidate: ScreeningResult) -> None:
        top = said(client).partition('<h2 id="sample"')[0]
        assert "confirmed" in top
        assert "inconclusive" not in top

    def test_what_is_left_out_is_left_out(self, client: Client, candidate: ScreeningResult) -> None:
        only_files = said(client, "?chosen=1&show=follow-ups")
        assert "Observed phases" in only_files
        for gone in ("<svg", "Five-fold axis", REASON, "What happened to it"):
            assert gone not in only_files.partition("</nav>")[2], gone
        without = said(client, "?chosen=1&show=patterns&show=unheard-of")
        assert "<svg" in without
        assert "strong reflections" not in without
        assert "Signed by" not in without
        assert 'value="patterns" checked' in without
        assert 'value="reviews" >' in without

    def test_reviews_alone_still_name_their_pattern(self, client: Client, candidate: ScreeningResult) -> None:
        text = said(client, "?chosen=1&show=reviews")
        assert "<h3>asr.xy</h3>" in text
        assert REASON in text

    def test_what_is_not_known_is_said(self, client: Client) -> None:
        sample = SampleFactory.create(code="ASR-001")
        assert "No powder pattern is attached." in said(client)
        version = a_version()
        make_result(
            make_pattern(sample=sample, name="sim.xy", simulated=True), version, finished_at=None, state="queued"
        )
        make_result(make_pattern(sample=sample, name="called.xy"), version)
        make_pattern(sample=sample, name="old.xy").archive(UserFactory.create())
        text = said(client)
        for told in (
            "No synthesis step is noted.",
            "The composition was not measured",
            "1 archived pattern is not in this dossier.",
            "sim.xy is simulated: it was computed, not measured.",
            "sim.xy has no class.",
            "called.xy: no person has judged the call.",
            "called.xy: the wavelength is assumed",
            "No follow-up was opened",
        ):
            assert told in text, told
        assert "old.xy" not in text

    def test_simulated_and_assumed_stand_in_the_figures_themselves(self, client: Client) -> None:
        sample = SampleFactory.create(code="ASR-001")
        make_result(make_pattern(sample=sample, name="sim.xy", simulated=True), a_version())
        drawings = re.findall(r"<svg.*?</svg>", said(client))
        assert len(drawings) == 2
        assert all("SIMULATED" in drawing and "wavelength assumed" in drawing for drawing in drawings)

    def test_calls_of_every_version_and_of_corrected_readings_are_kept_apart(
        self, client: Client, member: User
    ) -> None:
        pattern = make_pattern(sample=SampleFactory.create(code="ASR-001"), content=pattern_text())
        version = a_version("another network")
        make_result(pattern, version)
        pattern.correct(member, wavelength=1.7889, reason="it was the Co tube")
        text = said(client)
        assert "on reading 1, corrected since" in text
        assert "it was the Co tube" in text
        assert "has no class" in text, "the call on the first reading is no longer the pattern's"

    def test_a_reported_call_has_a_class_alone(self, client: Client) -> None:
        pattern = make_pattern(sample=SampleFactory.create(code="ASR-001"), simulated=True)
        reported = ModelVersion.objects.record("Uryu et al. 2023, as reported", thresholds_version="1")
        run = ScreeningRun.objects.start(ScreeningRun.Why.RECORD, pattern.uploaded_by)
        ScreeningResult.objects.record_call(run, pattern.readings.get(), reported, "C")
        text = said(client)
        for told in ("as reported", "not reported", "weights not here", "simulated in its place"):
            assert told in text, told

    def test_a_file_that_could_not_be_read_says_why(self, client: Client) -> None:
        make_pattern(sample=SampleFactory.create(code="ASR-001"), name="empty.xy", content=b"\n")
        assert "Not read:" in said(client)

    def test_a_wicked_name_stays_text(self, client: Client) -> None:
        sample = SampleFactory.create(code="ASR-001", notes="</style><script>alert(1)</script>")
        make_result(make_pattern(sample=sample, name="<b onload=x>.xy"), a_version())
        text = said(client)
        assert "<script>alert" not in text
        assert "<b onload" not in text

    def test_the_contents_stand_before_a_long_one(self, client: Client) -> None:
        sample = SampleFactory.create(code="ASR-001")
        make_pattern(sample=sample)
        assert "Contents" not in said(client)
        for _ in range(2):
            make_pattern(sample=sample)
        text = said(client)
        anchors = set(re.findall(r'href="#([^"]+)"', text))
        assert len(anchors) == 6
        assert anchors <= set(re.findall(r'id="([^"]+)"', text))

    def test_further_patterns_are_listed_without_a_figure(
        self, client: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("screening.dossier.MOST_FIGURES", 1)
        sample = SampleFactory.create(code="ASR-001")
        for _ in range(2):
            make_pattern(sample=sample)
        text = said(client)
        assert text.count("<svg") == 1
        assert "Not drawn" in text

    def test_the_number_of_queries_does_not_grow_with_the_rows(
        self, client: Client, candidate: ScreeningResult, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        for n in range(3):
            with django_assert_num_queries(24):
                client.get(ADDRESS)
            sample = Sample.objects.get(code="ASR-001")
            more = make_candidate(sample=sample)
            argued(more)
            more.add_review(make_reviewer(), "unsure", REASON)
            FollowUp.objects.open(sample, make_reviewer(), question=f"Again? ({n})", prompted_by=more)

    def test_it_tells_the_last_changes_and_what_was_said(self, client: Client) -> None:
        person = User.objects.get(username="student")
        sample = SampleFactory.create(code="ASR-001")
        pattern = make_pattern(sample=sample, name="cast.xy")
        sample.composition_text = "Al44Si31Ru25"
        sample.revise(by=person, edition=1, steps=[], masses=[], why="a slip")
        Comment.objects.say(sample, person, "Grey, brittle.")
        Comment.objects.say(pattern, person, "A hump at 25°.").withdraw(person)
        text = said(client)
        assert "Nominal composition: Al₄₃Si₃₂Ru₂₅ → Al₄₄Si₃₁Ru₂₅" in text
        assert "“a slip”" in text
        assert "Grey, brittle." in text
        assert "A hump" not in text
        without = client.get(ADDRESS + "?chosen=1&show=patterns").content.decode()
        assert "Grey, brittle." not in without
        assert "a slip" not in without

    def test_it_speaks_japanese(self, client: Client, candidate: ScreeningResult) -> None:
        with translation.override("ja"):
            page = client.get(ADDRESS, headers={"accept-language": "ja"})
        assert '<html lang="ja">' in page.content.decode()
        assert "組成" in page.content.decode()

    def test_without_the_right_it_is_refused(self, client: Client) -> None:
        SampleFactory.create(code="ASR-001")
        assert client.get("/samples/NO-1/dossier/").status_code == 404
        client.force_login(UserFactory.create())
        assert client.get(ADDRESS).status_code == 403
        assert client.get(f"{ADDRESS}dossier.pdf").status_code == 403

    def test_sample_and_review_lead_to_it(self, client: Client) -> None:
        result = make_candidate(sample=SampleFactory.create(code="ASR-001"))
        assert f'href="{ADDRESS}"' in client.get("/samples/ASR-001/").content.decode()
        client.force_login(make_reviewer())
        assert f'href="{ADDRESS}"' in client.get(f"/review/{result.pk}/").content.decode()


class TestPdf:
    def test_where_it_cannot_be_made_the_page_says_how_else(
        self, client: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(views, "can_make_pdf", lambda: False)
        SampleFactory.create(code="ASR-001")
        text = said(client)
        assert "Save as PDF" in text
        assert "dossier.pdf" not in text
        assert client.get(f"{ADDRESS}dossier.pdf").status_code == 404

    @pytest.mark.skipif(not can_make_pdf(), reason="WeasyPrint is an extra: requirements-pdf.txt")
    def test_where_it_can_be_made_it_is_whole(self, client: Client, candidate: ScreeningResult) -> None:
        assert "dossier.pdf?chosen=1&amp;show=patterns" in said(client, "?chosen=1&show=patterns")
        answer = client.get(f"{ADDRESS}dossier.pdf")
        assert answer["Content-Type"] == "application/pdf"
        assert 'filename="ASR-001-dossier.pdf"' in answer["Content-Disposition"]
        from pypdf import PdfReader

        pages = PdfReader(io.BytesIO(answer.content)).pages
        text = "\n".join(page.extract_text() for page in pages)
        assert len(pages) >= 3
        assert f"1 / {len(pages)}" in text
        assert "4.353" in text
        assert "SAED along the five-fold axis" in text

    @pytest.mark.parametrize(
        ("name", "header"),
        [
            ("ASR(I)-1.pdf", "attachment; filename=\"ASR(I)-1.pdf\"; filename*=UTF-8''ASR%28I%29-1.pdf"),
            ("試料-1.pdf", "attachment; filename=\"1.pdf\"; filename*=UTF-8''%E8%A9%A6%E6%96%99-1.pdf"),
            ('a"b\n.pdf', "attachment; filename=\"a_b_.pdf\"; filename*=UTF-8''a%22b%0A.pdf"),
        ],
    )
    def test_the_name_is_there_in_ascii_and_as_it_is(self, name: str, header: str) -> None:
        assert views.saved_as(name) == header
