"""Files that come in: kept, read, found again, corrected, never changed."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from pytest_django import Settings

from samples.models import Change, Pattern, PatternFile, Reading
from samples.models.unchanging import UnchangingError
from samples.originals import safe_name
from samples.sentences import translated
from samples.xrd.sentences import PatternFileError
from tests.factories import SampleFactory, UserFactory, make_pattern, pattern_text

DATA = Path(__file__).parents[1] / "data"
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def files(settings: Settings, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT = tmp_path / "files"
    return tmp_path / "files"


@pytest.fixture
def person() -> User:
    return User.objects.create_user("student")


class TestReceive:
    def test_bytes_are_kept_under_their_hash(self, person: User, files: Path) -> None:
        content = pattern_text(1)
        receipt = Pattern.objects.receive(content, name="scan.xy", by=person)
        (pattern,) = receipt.patterns
        sha256 = hashlib.sha256(content).hexdigest()
        assert (pattern.file.sha256, pattern.file.size) == (sha256, len(content))
        assert (files / pattern.file.original.name).read_bytes() == content
        assert [path.name for path in files.rglob("*") if path.is_file()] == [sha256]

    def test_what_was_read_comes_back_as_it_was(self, person: User) -> None:
        (pattern,) = Pattern.objects.receive(
            (DATA / "simulated_icosahedral.xrdml").read_bytes(), name="a.xrdml", by=person
        ).patterns
        reading = pattern.current_reading
        assert reading is not None
        assert (reading.number, reading.reader, reading.radiation) == (1, "xrdml", "Cu Kα1")
        assert reading.wavelength_assumed is False
        powder = reading.as_pattern()
        assert (powder.n_points, powder.wavelength) == (reading.n_points, reading.wavelength)
        assert [powder.two_theta[0], powder.two_theta[-1]] == [reading.two_theta_first, reading.two_theta_last]

    def test_an_upload_is_received_like_bytes(self, person: User) -> None:
        upload = SimpleUploadedFile("scan.xy", pattern_text(1))
        (pattern,) = Pattern.objects.receive(upload, name=str(upload.name), by=person).patterns
        assert pattern.current_reading is not None

    def test_the_labs_wavelength_is_assumed_where_the_file_names_none_and_said(self, person: User) -> None:
        reading = Pattern.objects.receive(pattern_text(1), name="a.xy", by=person).patterns[0].current_reading
        assert reading is not None
        assert reading.wavelength_assumed is True
        assert reading.wavelength == 1.540593
        assert "Cu Kα1" in translated(reading.warnings[-1])

    def test_the_same_bytes_again_are_found_and_not_stored_twice(self, person: User) -> None:
        sample = SampleFactory.create()
        first = Pattern.objects.receive(pattern_text(1), name="a.xy", by=person, sample=sample)
        again = Pattern.objects.receive(pattern_text(1), name="b.xy", by=person)
        assert (first.known, again.known) == (False, True)
        assert again.patterns == first.patterns
        assert f"with sample {sample.code}, as a.xy" in str(again.whereabouts)
        assert (PatternFile.objects.count(), Pattern.objects.count(), Reading.objects.count()) == (1, 1, 1)

    def test_where_the_same_bytes_are_is_said(self, person: User) -> None:
        (pattern,) = Pattern.objects.receive(pattern_text(1), name="a.xy", by=person).patterns

        def again() -> str:
            return str(Pattern.objects.receive(pattern_text(1), name="a.xy", by=person).whereabouts)

        assert "in the inbox" in again()
        pattern.archive(person)
        assert "in the archive" in again()

    @pytest.mark.parametrize("content", [b"", b"no numbers at all\n", b"\x89PNG\r\n\x1a\n" + bytes(50)])
    def test_what_cannot_be_read_is_kept_with_its_reason(self, person: User, content: bytes) -> None:
        receipt = Pattern.objects.receive(content, name="a.xy", by=person)
        (pattern,) = receipt.patterns
        assert receipt.failure is not None
        assert translated(pattern.failure) == str(receipt.failure)
        assert pattern.file.original.read() == content
        assert pattern.current_reading is None
        assert list(Pattern.objects.unreadable()) == [pattern]

    def test_a_file_that_could_not_be_read_is_tried_again_when_it_comes_again(self, person: User) -> None:
        (pattern,) = Pattern.objects.receive(pattern_text(1), name="a.xy", by=person).patterns
        unread = Pattern.objects.create(
            file=PatternFile.objects.create(sha256="0" * 64, content=pattern.file.content.name, size=1),
            name="b.xy",
            failure={"template": "An older reader could not read this.", "values": {}},
            uploaded_by=person,
        )
        receipt = unread.read_file(person)
        assert receipt.failure is None
        assert unread.failure is None
        assert unread.current_reading is not None

    def test_too_large_a_file_is_refused_and_leaves_nothing(
        self, person: User, files: Path, settings: Settings
    ) -> None:
        settings.MAX_PATTERN_FILE_SIZE = 1_000_000
        lying = ContentFile(bytes(1_500_000))
        lying.size = 10
        for content in (bytes(1_500_000), ContentFile(bytes(1_500_000)), lying):
            receipt = Pattern.objects.receive(content, name="a.raw", by=person)
            assert receipt.patterns == ()
            assert "larger than 1 MB" in str(receipt.failure)
        assert [path for path in files.rglob("*") if path.is_file()] == []
        assert not PatternFile.objects.exists()

    @pytest.mark.parametrize(
        ("name", "safe"),
        [
            ("scan.xy", "scan.xy"),
            ("C:\\Daten\\Probe 1.raw", "Probe 1.raw"),
            ("../../etc/passwd", "passwd"),
            ("a\x00b\n\u202ec.xy", "abc.xy"),
            ("試料１.ras", "試料１.ras"),
            ("", "unnamed"),
            ("..", "unnamed"),
            ("x" * 300 + ".xrdml", "x" * 194 + ".xrdml"),
        ],
    )
    def test_names_are_made_safe(self, name: str, safe: str) -> None:
        assert safe_name(name) == safe


class TestCorrection:
    def test_a_correction_is_a_new_reading_and_the_old_one_stays(self, person: User) -> None:
        pattern = make_pattern(by=person)
        old = pattern.readings.get()
        new = pattern.correct(person, wavelength=1.788996, reason="a Co tube")
        assert (new.number, new.wavelength, new.radiation, new.reason) == (2, 1.788996, "Co Kα1", "a Co tube")
        assert new.wavelength_assumed is False
        assert not [warning for warning in new.warnings if "assumed" in translated(warning)]
        old.refresh_from_db()
        assert old.wavelength == 1.540593
        assert pattern.current_reading == new
        assert Pattern.objects.with_current_reading().get().current_reading == new

    def test_a_blank_is_taken_off_what_the_file_has(self, person: User) -> None:
        pattern, holder = make_pattern(by=person), make_pattern(by=person)
        holder.mark_as(Pattern.Kind.BLANK, person)
        blank = holder.readings.get()
        measured = pattern.readings.get().as_pattern().intensity
        half = pattern.correct(person, wavelength=1.540593, blank=blank, blank_scale=0.5, reason="holder")
        expected = measured - 0.5 * blank.as_pattern().intensity
        np.testing.assert_allclose(half.as_pattern().intensity, expected, rtol=1e-5, atol=0.1)
        without = pattern.correct(person, wavelength=1.540593, reason="the wrong holder")
        np.testing.assert_allclose(without.as_pattern().intensity, measured, rtol=1e-6)
        assert (half.blank, without.blank) == (blank, None)
        assert list(Pattern.objects.blanks()) == [holder]

    @pytest.mark.parametrize("correction", [{"wavelength": 50.0, "reason": "?"}, {"wavelength": 1.54, "reason": " "}])
    def test_a_correction_that_makes_no_sense_gets_a_sentence(
        self, person: User, correction: dict[str, object]
    ) -> None:
        with pytest.raises(PatternFileError):
            make_pattern(by=person).correct(person, **correction)  # type: ignore[arg-type]

    def test_evidence_neither_changes_nor_goes(self, person: User) -> None:
        pattern = make_pattern(by=person)
        for row in (pattern.file, pattern.readings.get(), pattern.readings.get().arrays):
            with pytest.raises(UnchangingError):
                row.save()
            with pytest.raises(UnchangingError):
                row.delete()


def test_a_pattern_moves_to_its_sample_and_the_move_is_on_record(person: User) -> None:
    sample, pattern = SampleFactory.create(), make_pattern(by=person)
    assert list(Pattern.objects.in_inbox()) == [pattern]
    pattern.move_to(sample, person)
    assert not Pattern.objects.in_inbox().exists()
    change = Change.objects.of(Pattern, [pattern.pk]).latest("pk")
    assert (change.by, change.own_row["fields"]) == (person, {"sample": [None, sample.pk]})  # type: ignore[index]


class TestOriginal:
    def test_the_original_comes_as_a_download_and_nothing_else(self, person: User, client: Client) -> None:
        content = b"<script>alert(1)</script>"
        pattern = make_pattern(by=person, content=content, name='ev"il.html')
        client.force_login(UserFactory.create(roles=["member"]))
        response = client.get(f"/patterns/{pattern.pk}/original/")
        assert b"".join(response) == content
        assert response["Content-Type"] == "application/octet-stream"
        assert response["X-Content-Type-Options"] == "nosniff"
        assert response["Content-Disposition"].startswith("attachment;")

    def test_strangers_get_nothing(self, person: User, client: Client) -> None:
        pattern = make_pattern(by=person)
        assert client.get(f"/patterns/{pattern.pk}/original/").status_code == 302
        client.force_login(UserFactory.create())
        assert client.get(f"/patterns/{pattern.pk}/original/").status_code == 403
