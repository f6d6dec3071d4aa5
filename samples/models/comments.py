"""What people say to each other about a sample or a pattern."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from samples.models.mentions import Link, as_html, links_in
from samples.models.notices import Following, Notice, NoticeKind
from samples.models.patterns import Pattern
from samples.models.projects import VisibleQuerySet, people_who_see
from samples.models.samples import Sample

EDITABLE_FOR = timedelta(minutes=15)
"""After that others have read it; what was wrong is said in a new comment."""

LONGEST = 5000


class CommentQuerySet(VisibleQuerySet["Comment"]):
    project_paths = ("sample__project", "pattern__sample__project", "pattern__project")

    def about(self, thing: Sample | Pattern) -> CommentQuerySet:
        """Oldest first, with those who wrote them."""
        here = Q(sample=thing) if isinstance(thing, Sample) else Q(pattern=thing)
        return self.filter(here).select_related("written_by", "sample", "pattern").order_by("pk")

    def around(self, sample: Sample) -> CommentQuerySet:
        """On the sample and on its patterns, without what was withdrawn; oldest first."""
        here = self.filter(Q(sample=sample) | Q(pattern__sample=sample), withdrawn_at=None)
        return here.select_related("written_by", "pattern").order_by("pk")

    @transaction.atomic
    def say(self, thing: Sample | Pattern, by: User, text: str) -> Comment:
        """Write a comment, and tell those whom it names and those who follow the sample."""
        about = {"sample": thing} if isinstance(thing, Sample) else {"pattern": thing}
        comment = self.model(written_by=by, **about)
        comment.write(text)
        comment.save()
        comment.tell_the_named()
        if comment.of_sample:
            named = comment.named_people()
            others = Following.objects.followers_of(comment.of_sample) - set(named.values_list("pk", flat=True))
            Notice.objects.tell(
                NoticeKind.COMMENT, others, about=str(thing), address=comment.address, by=by, sample=comment.of_sample
            )
        return comment


class Comment(models.Model):
    """Plain text on one sample or one pattern; its author can mend it for a short time, and withdraw it at any."""

    sample = models.ForeignKey(
        Sample, on_delete=models.PROTECT, null=True, related_name="comments", verbose_name=_("sample")
    )
    pattern = models.ForeignKey(
        Pattern, on_delete=models.PROTECT, null=True, related_name="comments", verbose_name=_("pattern")
    )
    text = models.TextField(_("comment"))
    links = models.JSONField(default=list, editable=False)
    written_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("written by")
    )
    written_at = models.DateTimeField(_("written at"), auto_now_add=True)
    changed_at = models.DateTimeField(_("changed at"), null=True, editable=False)
    withdrawn_at = models.DateTimeField(_("withdrawn at"), null=True, editable=False)

    objects = CommentQuerySet.as_manager()

    class Meta:
        verbose_name = _("comment")
        verbose_name_plural = _("comments")
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(sample=None, pattern__isnull=False) | Q(sample__isnull=False, pattern=None),
                name="a_comment_is_about_one_thing",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.thing}: {self.written_by}"

    @property
    def thing(self) -> Sample | Pattern:
        about = self.sample or self.pattern
        assert about
        return about

    @property
    def of_sample(self) -> Sample | None:
        return self.sample or (self.pattern.sample if self.pattern else None)

    @property
    def address(self) -> str:
        page = self.sample.get_absolute_url() if self.sample else reverse("screening:pattern", args=[self.pattern_id])
        return f"{page}#comments"

    @property
    def html(self) -> SafeString:
        return as_html(self.text, self.links)

    @property
    def is_fresh(self) -> bool:
        return timezone.now() - self.written_at < EDITABLE_FOR

    def may_be_changed_by(self, person: User) -> bool:
        return self.may_be_withdrawn_by(person) and self.is_fresh

    def may_be_withdrawn_by(self, person: User) -> bool:
        return self.written_by_id == person.pk and self.withdrawn_at is None

    def write(self, text: str) -> None:
        """Take ``text`` as what is said, and find whom and what it names; not saved yet."""
        text = text.replace("\r\n", "\n").strip()
        if not text:
            raise ValidationError({"text": _("Write something first.")})
        if len(text) > LONGEST:
            raise ValidationError(
                {
                    "text": ValidationError(
                        _(
                            "A comment has %(most)s characters at most; this one has %(n)s. Nothing is lost: shorten it."
                        ),
                        params={"most": LONGEST, "n": len(text)},
                    )
                }
            )
        self.text, self.links = text, links_in(text, self.written_by)

    def named_people(self) -> models.QuerySet[User]:
        links: list[Link] = self.links
        return User.objects.filter(username__in=[name for *_span, kind, name in links if kind == "person"])

    def tell_the_named(self, *, but: frozenset[int] = frozenset()) -> None:
        named = set(self.named_people().values_list("pk", flat=True)) - but
        if self.pattern:
            seeing = people_who_see(self.pattern.project).filter(pk__in=named)
            named = set(seeing.values_list("pk", flat=True)) if self.pattern.project else named
        Notice.objects.tell(
            NoticeKind.MENTIONED,
            named,
            about=str(self.thing),
            address=self.address,
            by=self.written_by,
            sample=self.of_sample,
        )

    @transaction.atomic
    def change(self, by: User, text: str) -> None:
        """Mend it; what it said before is kept, and only those who are named now and were not before are told."""
        locked = Comment.objects.select_for_update().get(pk=self.pk)
        if not locked.may_be_changed_by(by):
            raise ValidationError(
                _("A comment can be changed by who wrote it, within 15 minutes. Write another one; this one stands.")
            )
        before, named = locked.text, frozenset(locked.named_people().values_list("pk", flat=True))
        self.write(text)
        if self.text == before:
            return
        CommentEdition.objects.create(comment=self, text=before)
        self.changed_at = timezone.now()
        self.save(update_fields=["text", "links", "changed_at"])
        self.tell_the_named(but=named)

    def withdraw(self, by: User) -> None:
        """Hide the text; it is kept."""
        if not self.may_be_withdrawn_by(by):
            raise ValidationError(_("A comment is withdrawn by who wrote it."))
        self.withdrawn_at = timezone.now()
        self.save(update_fields=["withdrawn_at"])


class CommentEdition(models.Model):
    """What a comment said before it was changed."""

    comment = models.ForeignKey(Comment, on_delete=models.PROTECT, related_name="editions", verbose_name=_("comment"))
    text = models.TextField(_("comment"))
    until = models.DateTimeField(_("until"), auto_now_add=True)

    class Meta:
        verbose_name = _("earlier text of a comment")
        verbose_name_plural = _("earlier texts of comments")
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"{self.comment_id}: {self.until:%Y-%m-%d %H:%M}"
