"""Files of a follow-up: images with their thumbnails, and anything else, all kept as they came."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.files.base import File
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from samples.models.acts import changes_by
from samples.models.projects import RecordQuerySet
from samples.models.traced import TracedModel
from samples.originals import MissingOriginalError, Original, keep, safe_name
from samples.store import StoreAwayError
from samples.xrd.sentences import Sentence, sentence
from screening.bell import ring_thumbnails_on_commit
from screening.images import DAMAGED, ImageError, ImageFacts, inspect_image, thumbnail_of
from screening.models.follow_ups import FollowUp
from screening.models.observations import Technique
from screening.models.outcomes import FollowUpError

LARGEST_FILE = 50_000_000
"""bytes"""

LEASE = timedelta(seconds=120)
MAX_ATTEMPTS = 3


class EvidenceFileQuerySet(RecordQuerySet["EvidenceFile"]):
    project_paths = ("follow_up__sample__project",)

    def current(self) -> EvidenceFileQuerySet:
        return self.filter(archived_at=None)

    def without_thumbnails(self) -> EvidenceFileQuerySet:
        """Without the bytes of the thumbnails, for lists."""
        return self.defer("thumbnail")

    def add(
        self, follow_up: FollowUp, content: File[bytes], by: User, *, must_be_image: bool = False, **said: Any
    ) -> EvidenceFile:
        """Keep a file as it came; ``said``: technique, caption, scale_bar.  FollowUpError says why it is not kept.

        The same bytes again are the same file, taken out of the archive.
        """
        if not by.has_perm("screening.add_evidencefile"):
            raise FollowUpError(
                sentence("Files of a follow-up are added by microscopists. Ask an administrator for that role.")
            )
        name = safe_name(content.name or "")
        check_size(content.size, name)
        image = _image(content, name, must_be_image)
        content.seek(0)
        original = keep(content, folder="follow-ups", largest=LARGEST_FILE)
        shown = {
            "image_format": image.format if image else "",
            "width": image.width if image else None,
            "height": image.height if image else None,
            "thumbnail_state": self.model.Thumbnail.QUEUED if image else self.model.Thumbnail.NONE,
        }
        with changes_by(by):
            file, made = self.get_or_create(
                follow_up=follow_up,
                sha256=original.sha256,
                defaults={"name": name, "file": original.name, "size": original.size, "added_by": by, **shown, **said},
            )
            if not made:
                file.take_back(**said)
            follow_up.start()
            if made and image:
                ring_thumbnails_on_commit()
        return file

    def claim(self) -> EvidenceFile | None:
        """Take one image that waits for its thumbnail, under a lease; None where nothing waits."""
        now, states = timezone.now(), EvidenceFile.Thumbnail
        waiting = Q(thumbnail_state=states.QUEUED) | Q(thumbnail_state=states.RUNNING, leased_until__lt=now)
        self.filter(waiting, attempts__gte=MAX_ATTEMPTS).update(
            thumbnail_state=states.FAILED, leased_until=None, trouble=DAMAGED.as_json()
        )
        for pk in self.filter(waiting).order_by("attempts", "pk").values_list("pk", flat=True)[:20]:
            mine = self.filter(waiting, pk=pk).update(
                thumbnail_state=states.RUNNING, leased_until=now + LEASE, attempts=F("attempts") + 1
            )
            if mine:
                return self.defer("thumbnail").get(pk=pk)
        return None


class EvidenceFile(TracedModel):
    """One file; what was sent is never shown as it is: an image has a thumbnail of our making, and all is downloaded."""

    part_of, named_by = "follow_up", "name"
    untraced = frozenset(
        {"name", "file", "size", "image_format", "width", "height", "added_by", "added_at", "trouble"}
        | {"thumbnail_state", "thumbnail", "attempts", "leased_until"}
    )

    class Thumbnail(models.TextChoices):
        NONE = "none", _("no image")
        QUEUED = "queued", _("waiting for its thumbnail")
        RUNNING = "running", _("thumbnail is being made")
        DONE = "done", _("image")
        FAILED = "failed", _("no thumbnail")

    follow_up = models.ForeignKey(FollowUp, on_delete=models.PROTECT, related_name="files", verbose_name=_("follow-up"))
    technique = models.CharField(_("technique"), max_length=10, choices=Technique, blank=True)
    caption = models.CharField(_("caption"), max_length=300, blank=True)
    scale_bar = models.CharField(_("scale bar"), max_length=60, blank=True)
    name = models.CharField(_("file name"), max_length=255, editable=False)
    sha256 = models.CharField("SHA-256", max_length=64, editable=False)
    file = models.FileField(_("file"), upload_to="follow-ups/", max_length=200, editable=False)
    size = models.PositiveBigIntegerField(_("size (bytes)"), editable=False)
    image_format = models.CharField(_("image format"), max_length=10, blank=True, editable=False)
    width = models.PositiveIntegerField(_("width (pixels)"), null=True, editable=False)
    height = models.PositiveIntegerField(_("height (pixels)"), null=True, editable=False)
    added_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("added by"), editable=False
    )
    added_at = models.DateTimeField(_("added at"), auto_now_add=True)
    archived_at = models.DateTimeField(_("archived at"), null=True, editable=False)
    thumbnail_state = models.CharField(
        _("thumbnail"), max_length=10, choices=Thumbnail, default=Thumbnail.NONE, editable=False
    )
    thumbnail = models.BinaryField(null=True, editable=False)
    attempts = models.PositiveSmallIntegerField(default=0, editable=False)
    leased_until = models.DateTimeField(null=True, editable=False)
    trouble = models.JSONField(_("why there is no thumbnail"), null=True, editable=False)

    objects = EvidenceFileQuerySet.as_manager()

    class Meta:
        verbose_name = _("file of a follow-up")
        verbose_name_plural = _("files of follow-ups")
        ordering = ["follow_up", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["follow_up", "sha256"], name="one_file_a_follow_up_and_content"),
        ]
        indexes = [
            models.Index(
                fields=["attempts", "id"],
                condition=Q(thumbnail_state__in=["queued", "running"]),
                name="evidence_thumbnail_waiting",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def original(self) -> Original:
        return Original(self.sha256, str(self.file.name), self.size)

    @property
    def is_image(self) -> bool:
        return bool(self.image_format)

    def as_evidence(self) -> dict[str, Any]:
        said = {
            "name": self.name,
            "sha256": self.sha256,
            "technique": self.technique,
            "caption": self.caption,
            "scale_bar": self.scale_bar,
        }
        return {name: value for name, value in said.items() if value}

    def archive(self, by: User, why: str = "") -> None:
        """Take it out of the evidence; the bytes stay, and what was signed on them names their hash."""
        self._set_archived(timezone.now(), by, why)

    def restore(self, by: User, why: str = "") -> None:
        self._set_archived(None, by, why)

    def take_back(self, **said: Any) -> None:
        """It was sent once more: out of the archive, with what was said of it this time."""
        now = {name: value for name, value in said.items() if value}
        for name, value in {**now, "archived_at": None}.items():
            setattr(self, name, value)
        self.save(update_fields=["archived_at", *now])

    def make_thumbnail(self) -> bool:
        """Write the thumbnail of an image that was claimed, or why there is none; False where its file is not to be had here."""
        try:
            thumbnail = thumbnail_of(self.original.read())
        except (MissingOriginalError, StoreAwayError) as error:  # another host may have it, or this one later
            self._finish(self.Thumbnail.QUEUED, attempts=F("attempts") - 1)
            if isinstance(error, StoreAwayError):
                raise
            return False
        except ImageError as error:
            self._finish(self.Thumbnail.FAILED, trouble=error.sentence.as_json())
        else:
            self._finish(self.Thumbnail.DONE, thumbnail=thumbnail)
        return True

    def _finish(self, state: str, **fields: Any) -> None:
        ours = EvidenceFile.objects.filter(pk=self.pk, leased_until=self.leased_until)
        ours.update(thumbnail_state=state, leased_until=None, **fields)

    def _set_archived(self, moment: Any, by: User, why: str) -> None:
        self.archived_at = moment
        with changes_by(by, why):
            self.save(update_fields=["archived_at"])


def _image(content: File[bytes], name: str, must_be_image: bool) -> ImageFacts | None:
    try:
        image = inspect_image(content)
    except ImageError as error:
        if must_be_image:
            raise FollowUpError(error.sentence) from error
        return None
    if must_be_image and image is None:
        raise FollowUpError(not_an_image(content, name))
    return image


def check_size(size: int, name: str) -> None:
    if size > LARGEST_FILE:
        raise FollowUpError(
            sentence(
                "“%(name)s” is larger than %(limit)s MB. Save it smaller, as an 8-bit TIFF or a JPEG, and send it again.",
                name=name,
                limit=LARGEST_FILE // 1_000_000,
            )
        )
    if not size:
        raise FollowUpError(
            sentence("“%(name)s” is empty. Nothing was kept; save the file again and send it.", name=name)
        )


def not_an_image(content: File[bytes], name: str) -> Sentence:
    content.seek(0)
    if b"<svg" in content.read(1000).lower():
        return sentence(
            "“%(name)s” is an SVG drawing, which is kept as a file and not shown. Send it under “Any other file”.",
            name=name,
        )
    return sentence(
        "“%(name)s” is not an image that can be read, whatever its name says. Send it as TIFF, PNG or JPEG, or under"
        " “Any other file”. Nothing was kept.",
        name=name,
    )
