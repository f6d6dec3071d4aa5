"""The pages of a follow-up: who may do what, what a bad form says, what is served of a stranger's file."""

from __future__ import annotations

import io
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image
from pytest_django import DjangoAssertNumQueries, Settings

from samples.models import Sample
from screening.models import EvidenceFile, FollowUp, Outcome
from screening.thumbnails import make_waiting
from tests.factories import SampleFactory, UserFactory
from tests.screening.reviewing import REASON, make_candidate, make_reviewer

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def kept_apart(settings: Settings, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path


@pytest.fixture
def microscopist(client: Client) -> User:
    person = UserFactory.create(username="microscopist", roles=["microscopist"])
    client.force_login(person)
    return person


@pytest.fixture
def follow_up(microscopist: User) -> FollowUp:
    return FollowUp.objects.open(SampleFactory.create(), microscopist, question="Is it icosahedral?")


def sheet(follow_up: FollowUp, phases: list[dict[str, Any]], lattice: list[dict[str, Any]]) -> dict[str, Any]:
    """What the browser sends of the sheet of evidence."""
    typed: dict[str, Any] = {"edition": follow_up.edition}
    for prefix, rows in (("phases", phases), ("lattice", lattice)):
        typed |= {f"{prefix}-TOTAL_FORMS": len(rows), f"{prefix}-INITIAL_FORMS": 0}
        typed |= {f"{prefix}-{n}-{name}": value for n, row in enumerate(rows) for name, value in row.items()}
    return typed


PHASE = {
    "technique": "edx",
    "composition_text": "Al43.2(5) Si31.6(4) Ru25.2(3)",
    "structure": "icosahedral",
    "share_of": "area",
}
LENGTH = {"technique": "tem", "value": "０．８７０６", "unit": "nm", "convention": "a_F", "uncertainty": "0,0004"}


def image_bytes(file_format: str = "PNG", size: tuple[int, int] = (1200, 900), mode: str = "RGB") -> bytes:
    written = io.BytesIO()
    Image.new(mode, size, 1).save(written, file_format)
    return written.getvalue()


def sent(name: str, content: bytes) -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content)


class TestOpening:
    def test_a_verdict_leads_to_one_follow_up(self, client: Client) -> None:
        client.force_login(make_reviewer(username="reviewer"))
        result = make_candidate("B", 0.995, sample=SampleFactory.create(code="ASR-002"))
        reviewer = User.objects.get(username="reviewer")
        review = result.add_review(reviewer, "follow_up", REASON)
        page = client.get(f"/follow-ups/new/?review={review.pk}")
        assert REASON in page.content.decode()
        client.post(f"/follow-ups/new/?review={review.pk}", {"question": "SAED, please", "due_on": "2026-12-01"})
        opened = FollowUp.objects.get()
        assert (opened.sample.code, opened.prompted_by, opened.review) == ("ASR-002", result, review)
        again = client.post(f"/follow-ups/new/?review={review.pk}", {"question": "Once more"})
        assert again["Location"] == f"/follow-ups/{opened.pk}/"
        assert FollowUp.objects.count() == 1

    def test_a_member_opens_none(self, client: Client, follow_up: FollowUp) -> None:
        client.force_login(UserFactory.create(roles=["member"]))
        assert client.get(f"/follow-ups/new/?sample={follow_up.sample.code}").status_code == 403
        assert client.get(f"/follow-ups/{follow_up.pk}/").status_code == 200

    def test_who_was_asked_and_left_the_lab_stays_in_the_form(self, client: Client, follow_up: FollowUp) -> None:
        gone = UserFactory.create(username="gone", roles=["microscopist"])
        FollowUp.objects.filter(pk=follow_up.pk).update(assigned_to=gone)
        User.objects.filter(pk=gone.pk).update(is_active=False)
        address = f"/follow-ups/{follow_up.pk}/plan/"
        assert f'<option value="{gone.pk}" selected>gone</option>' in client.get(address).content.decode()
        assert client.post(address, {"assigned_to": gone.pk, "edition": "1"}).status_code == 302
        other = FollowUp.objects.open(SampleFactory.create(), follow_up.opened_by)
        answer = client.post(f"/follow-ups/{other.pk}/plan/", {"assigned_to": gone.pk, "edition": "1"})
        assert answer.status_code == 422, "nothing new is asked of them"

    def test_two_who_plan_at_once_are_told(self, client: Client, follow_up: FollowUp) -> None:
        address = f"/follow-ups/{follow_up.pk}/plan/"
        assert client.post(address, {"question": "First", "edition": "1"}).status_code == 302
        answer = client.post(address, {"question": "Second", "edition": "1"})
        assert answer.status_code == 409
        assert "First" in answer.content.decode()
        assert "Second" in answer.content.decode()
        assert client.post(address, {"question": "Second", "edition": "2"}).status_code == 302


class TestEvidence:
    def test_phases_and_lattice_are_filled_and_a_r_is_derived(self, client: Client, follow_up: FollowUp) -> None:
        answer = client.post(
            f"/follow-ups/{follow_up.pk}/evidence/", sheet(follow_up, [PHASE, {"share_of": "area"}], [LENGTH])
        )
        assert answer.status_code == 302, answer.content.decode()
        assert follow_up.phases.get().composition == "Al43.2Si31.6Ru25.2"
        measured = follow_up.lattice_measurements.get()
        assert measured.quasilattice_constant == pytest.approx(4.353)
        assert measured.quasilattice_constant_sigma == pytest.approx(0.002)
        page = client.get(f"/follow-ups/{follow_up.pk}/").content.decode()
        assert "a_R = a_F / 2 = 8.706 Å / 2 = 4.353 Å" in page
        assert "6.156 Å" in page  # a_6D
        assert "Al 43.2 ± 0.5" in page

    @pytest.mark.parametrize("typed", ["0.8706(4)", "０，８７０６（４）"])
    def test_an_uncertainty_in_brackets_is_of_the_last_digits(
        self, client: Client, follow_up: FollowUp, typed: str
    ) -> None:
        address = f"/follow-ups/{follow_up.pk}/evidence/"
        length = LENGTH | {"value": typed, "uncertainty": ""}
        assert client.post(address, sheet(follow_up, [], [length])).status_code == 302
        measured = follow_up.lattice_measurements.get()
        assert (measured.value, measured.uncertainty) == (Decimal("0.8706"), Decimal("0.0004"))

    def test_two_uncertainties_of_one_length_are_asked_about(self, client: Client, follow_up: FollowUp) -> None:
        length = LENGTH | {"value": "0.8706(4)", "uncertainty": "0.0005"}
        answer = client.post(f"/follow-ups/{follow_up.pk}/evidence/", sheet(follow_up, [], [length]))
        assert answer.status_code == 422
        assert "The value says ± 0.0004 in its brackets." in answer.content.decode()
        assert not follow_up.lattice_measurements.exists()

    def test_checking_saves_nothing(self, client: Client, follow_up: FollowUp) -> None:
        typed = sheet(follow_up, [PHASE], [LENGTH]) | {"check": "1"}
        page = client.post(f"/follow-ups/{follow_up.pk}/evidence/", typed).content.decode()
        assert "Nothing is saved yet" in page
        assert "4.353 Å" in page
        assert not follow_up.phases.exists()

    def test_a_length_that_fits_only_otherwise_is_confirmed_or_corrected(
        self, client: Client, follow_up: FollowUp
    ) -> None:
        address = f"/follow-ups/{follow_up.pk}/evidence/"
        wrong = LENGTH | {"convention": "a_R"}
        answer = client.post(address, sheet(follow_up, [], [wrong]))
        page = answer.content.decode()
        assert answer.status_code == 422
        assert "0.8706 nm as a_R is outside 4–6 Å; as a_F it gives a_R = 4.353 Å." in page
        box = re.search(r'name="lattice-0-confirmed"[^>]*value="([^"]+)"', page)
        assert box
        other = wrong | {"value": "0.8806", "confirmed": box[1]}
        assert client.post(address, sheet(follow_up, [], [other])).status_code == 422, "a word on another length"
        confirmed = wrong | {"confirmed": box[1]}
        assert client.post(address, sheet(follow_up, [], [confirmed])).status_code == 302
        assert follow_up.lattice_measurements.get().confirmed == "0.8706 nm as a_R"

    @pytest.mark.parametrize(
        ("row", "said"),
        [
            ({"composition_text": "Al26Si34Ru20"}, "sums to 80 %, not 100"),
            ({"composition_text": "Al43Xx57"}, "is not an element"),
            ({"share": "101"}, "100"),
            ({"structure": "crystalline", "space_group": "Q9"}, "is no space group"),
            ({"structure": "crystalline", "space_group": "0"}, "is no space group"),
            ({"structure": "amorphous", "space_group": "200"}, "Only a crystalline phase"),
            ({"structure": ""}, "Say which structure it has"),
            ({"technique": ""}, "Say by which technique"),
        ],
    )
    def test_a_bad_row_says_why_and_keeps_what_was_typed(
        self, client: Client, follow_up: FollowUp, row: dict[str, str], said: str
    ) -> None:
        typed = sheet(follow_up, [PHASE | row], [LENGTH])
        answer = client.post(f"/follow-ups/{follow_up.pk}/evidence/", typed)
        page = answer.content.decode()
        assert answer.status_code == 422
        assert said in page
        assert "Everything you typed is still here" in page
        assert "０．８７０６" in page
        assert not follow_up.phases.exists()
        assert not follow_up.lattice_measurements.exists()

    def test_shares_over_a_hundred_are_refused(self, client: Client, follow_up: FollowUp) -> None:
        typed = sheet(follow_up, [PHASE | {"share": "60"}, PHASE | {"share": "52"}], [])
        answer = client.post(f"/follow-ups/{follow_up.pk}/evidence/", typed)
        assert "sum to 112 %" in answer.content.decode()

    def test_another_who_saved_meanwhile_is_shown_beside_mine(self, client: Client, follow_up: FollowUp) -> None:
        address, mine = f"/follow-ups/{follow_up.pk}/evidence/", sheet(follow_up, [PHASE], [])
        client.post(address, sheet(follow_up, [PHASE | {"composition_text": "Al42Si33Ru25"}], []))
        answer = client.post(address, mine)
        page = answer.content.decode()
        assert answer.status_code == 409
        assert "Al₄₂Si₃₃Ru₂₅" in page
        assert "Al43.2(5) Si31.6(4) Ru25.2(3)" in page
        assert client.post(address, mine | {"edition": "2"}).status_code == 302

    def test_a_length_is_converted_while_it_is_typed(self, client: Client, follow_up: FollowUp) -> None:
        asked = {
            "row": "lattice-3",
            "lattice-3-value": "15.66",
            "lattice-3-unit": "Å",
            "lattice-3-convention": "cubic_1_1",
        }
        page = client.get(f"/follow-ups/{follow_up.pk}/conversion/", asked).content.decode()
        assert "5.6888 Å" in page
        assert "25.338 Å" in page
        assert client.get(f"/follow-ups/{follow_up.pk}/conversion/", {"row": "lattice-3"}).content.strip() == b""


class TestFiles:
    def test_an_image_is_kept_and_gets_its_thumbnail(
        self, client: Client, follow_up: FollowUp, django_capture_on_commit_callbacks: Any
    ) -> None:
        said = {"technique": "saed", "scale_bar": "5 nm⁻¹", "caption": "Five-fold axis"}
        with django_capture_on_commit_callbacks(execute=True):
            client.post(
                f"/follow-ups/{follow_up.pk}/files/",
                {"images": [sent("saed.tif", image_bytes("TIFF", mode="I;16"))], **said},
            )
        kept = EvidenceFile.objects.get()
        assert (kept.image_format, kept.width, kept.thumbnail_state) == ("TIFF", 1200, "done")
        shown = client.get(f"/evidence-files/{kept.pk}/thumbnail.jpg")
        assert shown["Content-Type"] == "image/jpeg"
        with Image.open(io.BytesIO(shown.content)) as small:
            assert small.size == (480, 360)
        assert "Five-fold axis" in client.get(f"/follow-ups/{follow_up.pk}/").content.decode()

    def test_a_file_is_only_ever_a_download(self, client: Client, follow_up: FollowUp) -> None:
        drawing = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
        client.post(f"/follow-ups/{follow_up.pk}/files/", {"others": [sent("map.svg", drawing)]})
        kept = EvidenceFile.objects.get()
        assert (kept.is_image, kept.thumbnail_state) == (False, "none")
        answer = client.get(f"/evidence-files/{kept.pk}/")
        assert b"".join(answer.streaming_content) == drawing  # type: ignore[attr-defined]
        assert answer["Content-Disposition"].startswith("attachment")
        assert answer["Content-Type"] == "application/octet-stream"
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert client.get(f"/evidence-files/{kept.pk}/thumbnail.jpg").status_code == 404
        client.force_login(UserFactory.create())
        assert client.get(f"/evidence-files/{kept.pk}/").status_code == 403

    @pytest.mark.parametrize(
        ("name", "content", "said"),
        [
            ("not.png", b"just words", "is not an image that can be read"),
            ("map.svg", b"<svg onload='x'></svg>", "is an SVG drawing"),
            ("empty.tif", b"", "is empty"),
        ],
    )
    def test_what_is_no_image_gets_a_sentence(
        self, client: Client, follow_up: FollowUp, name: str, content: bytes, said: str
    ) -> None:
        answer = client.post(
            f"/follow-ups/{follow_up.pk}/files/", {"images": [sent(name, content)], "caption": "Grey phase"}
        )
        page = answer.content.decode()
        assert answer.status_code == 422
        assert said in page
        assert "Grey phase" in page
        assert not EvidenceFile.objects.exists()

    def test_the_good_ones_of_several_are_kept(self, client: Client, follow_up: FollowUp) -> None:
        files = {"images": [sent("good.jpg", image_bytes("JPEG")), sent("bad.jpg", b"no")]}
        page = client.post(f"/follow-ups/{follow_up.pk}/files/", files, follow=True).content.decode()
        assert "1 file is kept." in page
        assert "“bad.jpg” is not an image" in page

    def test_a_damaged_image_is_kept_and_says_so(self, client: Client, follow_up: FollowUp) -> None:
        whole = image_bytes("PNG")
        client.post(f"/follow-ups/{follow_up.pk}/files/", {"images": [sent("cut.png", whole[: len(whole) // 2])]})
        make_waiting()
        assert EvidenceFile.objects.get().thumbnail_state == "failed"
        assert "damaged" in client.get(f"/follow-ups/{follow_up.pk}/").content.decode()

    def test_an_image_of_too_many_pixels_is_not_unpacked(self, client: Client, follow_up: FollowUp) -> None:
        bomb = image_bytes("PNG", size=(20_000, 20_000), mode="1")
        answer = client.post(f"/follow-ups/{follow_up.pk}/files/", {"images": [sent("bomb.png", bomb)]})
        assert "more than 100 million pixels" in answer.content.decode()
        client.post(f"/follow-ups/{follow_up.pk}/files/", {"others": [sent("bomb.png", bomb)]})
        assert not EvidenceFile.objects.get().is_image

    def test_a_file_larger_than_50_mb_is_refused(self, client: Client, follow_up: FollowUp) -> None:
        answer = client.post(f"/follow-ups/{follow_up.pk}/files/", {"others": [sent("big.dm4", bytes(50_000_001))]})
        assert "is larger than 50 MB" in answer.content.decode()

    def test_a_file_is_put_away_and_back_and_never_deleted(self, client: Client, follow_up: FollowUp) -> None:
        client.post(f"/follow-ups/{follow_up.pk}/files/", {"others": [sent("notes.txt", b"seen")]})
        kept = EvidenceFile.objects.get()
        client.post(f"/evidence-files/{kept.pk}/archive/")
        assert FollowUp.objects.get().evidence() == {}
        again = {"others": [sent("notes.txt", b"seen")], "technique": "saed"}
        client.post(f"/follow-ups/{follow_up.pk}/files/", again)
        assert [(file.pk, file.technique) for file in FollowUp.objects.get().kept_files] == [(kept.pk, "saed")]


class TestOutcome:
    def about(self, client: Client, follow_up: FollowUp, n: int = 0) -> str:
        """The value of the n-th choice of what an outcome is about."""
        page = client.get(f"/follow-ups/{follow_up.pk}/").content.decode()
        return str(re.findall(r'<option value="([a-z]*:\d*:\w{64})"', page)[n])

    def signed(self, **typed: str) -> dict[str, str]:
        return {"verdict": "confirmed", "reason": "SAED shows five-fold axes.", "agreed": "on", **typed}

    @pytest.fixture
    def filled(self, client: Client, follow_up: FollowUp) -> FollowUp:
        client.post(f"/follow-ups/{follow_up.pk}/evidence/", sheet(follow_up, [PHASE], [LENGTH]))
        return follow_up

    def test_it_is_signed_by_technique_and_overall(self, client: Client, filled: FollowUp) -> None:
        address = f"/follow-ups/{filled.pk}/sign/"
        assert client.post(address, self.signed(about=self.about(client, filled, 1))).status_code == 302
        assert client.post(address, self.signed(about=self.about(client, filled))).status_code == 302
        assert [outcome.technique for outcome in filled.outcomes.order_by("number")] == ["edx", ""]
        page = client.get(f"/follow-ups/{filled.pk}/").content.decode()
        assert "I stand for this outcome: All evidence weighed, an icosahedral quasicrystal is in the sample." in page

    def test_changed_evidence_marks_it_and_an_amendment_takes_its_place(self, client: Client, filled: FollowUp) -> None:
        address = f"/follow-ups/{filled.pk}/sign/"
        client.post(address, self.signed(about=self.about(client, filled)))
        filled.refresh_from_db()
        client.post(f"/follow-ups/{filled.pk}/evidence/", sheet(filled, [PHASE | {"share": "60"}], [LENGTH]))
        assert "Signed on earlier evidence" in client.get(f"/follow-ups/{filled.pk}/").content.decode()
        client.post(address, self.signed(about=self.about(client, filled), verdict="refuted"))
        page = client.get(f"/follow-ups/{filled.pk}/").content.decode()
        assert "Signed on earlier evidence" not in page
        assert "amended by entry 2" in page

    def test_what_another_signed_meanwhile_is_told(self, client: Client, filled: FollowUp) -> None:
        about = self.about(client, filled)
        filled.sign(UserFactory.create(username="kaoru", roles=["microscopist"]), "refuted", "Tenfold.")
        answer = client.post(f"/follow-ups/{filled.pk}/sign/", self.signed(about=about))
        page = answer.content.decode()
        assert answer.status_code == 422
        assert "kaoru has signed this outcome" in page
        assert "SAED shows five-fold axes." in page

    @pytest.mark.parametrize(
        ("typed", "said"),
        [
            ({"reason": " "}, "needs its reason"),
            ({"agreed": ""}, "sign under your name"),
            ({"verdict": ""}, "Choose confirmed, refuted or inconclusive"),
            ({"about": "ebsd::"}, "needs evidence"),
            ({"about": "nonsense"}, "needs evidence"),
            ({"about": "tem::x"}, "evidence was changed"),
        ],
    )
    def test_what_is_missing_is_said(self, client: Client, filled: FollowUp, typed: dict[str, str], said: str) -> None:
        answer = client.post(f"/follow-ups/{filled.pk}/sign/", self.signed(about=self.about(client, filled)) | typed)
        assert answer.status_code == 422
        assert said in answer.content.decode()
        assert not Outcome.objects.exists()

    def test_without_evidence_nothing_is_signed(self, client: Client, follow_up: FollowUp) -> None:
        answer = client.post(f"/follow-ups/{follow_up.pk}/sign/", self.signed(about="::"))
        assert answer.status_code == 422
        assert "An outcome needs evidence" in answer.content.decode()
        assert not Outcome.objects.exists()

    def test_a_reviewer_cannot_sign(self, client: Client, filled: FollowUp) -> None:
        about = self.about(client, filled)
        client.force_login(UserFactory.create(roles=["reviewer"]))
        assert client.post(f"/follow-ups/{filled.pk}/sign/", self.signed(about=about)).status_code == 403
        assert "Sign the outcome" not in client.get(f"/follow-ups/{filled.pk}/").content.decode()

    def test_what_was_called_off_is_not_signed_until_it_is_taken_up(self, client: Client, filled: FollowUp) -> None:
        client.post(f"/follow-ups/{filled.pk}/call-off/", {"why": ""})
        assert not FollowUp.objects.get().is_finished
        about = self.about(client, filled)
        client.post(f"/follow-ups/{filled.pk}/call-off/", {"why": "The piece was used up"})
        answer = client.post(f"/follow-ups/{filled.pk}/sign/", self.signed(about=about))
        assert "was called off" in answer.content.decode()
        client.post(f"/follow-ups/{filled.pk}/take-up/")
        assert client.post(f"/follow-ups/{filled.pk}/sign/", self.signed(about=about)).status_code == 302


@pytest.mark.parametrize("shown", ["open", "mine", "overdue", "finished"])
def test_the_list_takes_few_queries_however_long_it_is(
    client: Client, microscopist: User, django_assert_num_queries: DjangoAssertNumQueries, shown: str
) -> None:
    for _n in range(5):
        FollowUp.objects.open(
            SampleFactory.create(), microscopist, assigned_to=microscopist, due_on="2026-01-01", question="Is it?"
        )
    if shown == "finished":
        FollowUp.objects.update(state="done", closed_at="2026-02-01T00:00Z")
    client.get("/follow-ups/")
    with django_assert_num_queries(7):
        page = client.get("/follow-ups/", {"show": shown})
    assert page.content.decode().count("2026-01-01") == 5
    assert Sample.objects.count() == 5
