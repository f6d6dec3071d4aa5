"""The rules by which files find their samples, in the order in which they are asked; curators set them."""

from __future__ import annotations

from collections.abc import Sequence

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.utils.translation import gettext_lazy as _

from samples.sentences import translated
from samples.xrd.sentences import PatternFileError
from screening.code_template import CodeTemplate
from screening.models.received import ReceivedPattern


class MatchingRuleQuerySet(models.QuerySet["MatchingRule"]):
    def in_force(self) -> list[MatchingRule]:
        """The lab's rules in their order; those that every lab starts with where it has set none."""
        return list(self.order_by("position")) or self.starting()

    def starting(self) -> list[MatchingRule]:
        """Of a lab that has set none: a code that is logged, wherever it stands; else what looks like a new one."""
        return [
            MatchingRule(position=position, where=where, template=template)
            for position, (where, template) in enumerate(STARTING_RULES, start=1)
        ]

    @transaction.atomic
    def replace(self, rules: Sequence[MatchingRule], by: User) -> None:
        """Make ``rules`` those of the lab, in this order; none brings back those that every lab starts with."""
        for rule in rules:
            rule.full_clean(exclude=["position"])
        self.select_for_update().delete()
        for position, rule in enumerate(rules, start=1):
            rule.pk, rule.position = None, position
        self.bulk_create(rules)
        LogEntry.objects.create(
            user=by,
            content_type=ContentType.objects.get_for_model(MatchingRule),
            object_repr="matching rules",
            action_flag=CHANGE,
            change_message="; ".join(map(str, rules)) or "those that every lab starts with",
        )


class MatchingRule(models.Model):
    """Where the code of a sample stands: a template such as ``{code}_*``, and what it is compared with."""

    class Where(models.TextChoices):
        NAME = ReceivedPattern.How.NAME.value, _("file name")
        FOLDER = ReceivedPattern.How.FOLDER.value, _("folder")
        HEADER = ReceivedPattern.How.HEADER.value, _("sample named in the file")

    position = models.PositiveSmallIntegerField(_("position"))
    where = models.CharField(_("where"), max_length=12, choices=Where, default=Where.NAME)
    template = models.CharField(_("template"), max_length=100)

    objects = MatchingRuleQuerySet.as_manager()

    class Meta:
        verbose_name = _("matching rule")
        verbose_name_plural = _("matching rules")
        ordering = ["position"]
        constraints = [models.UniqueConstraint(fields=["position"], name="one_rule_a_position")]

    def __str__(self) -> str:
        return f"{self.where}: {self.template}"

    def clean(self) -> None:
        try:
            CodeTemplate.of(self.template)
        except PatternFileError as error:
            raise ValidationError({"template": translated(error.sentence)}) from error


STARTING_RULES = (
    (MatchingRule.Where.NAME, "*{code}*"),
    (MatchingRule.Where.HEADER, "*{code}*"),
    (MatchingRule.Where.FOLDER, "*{code}*"),
    (MatchingRule.Where.HEADER, "{code}"),
    (MatchingRule.Where.NAME, "{code}_*"),
    (MatchingRule.Where.NAME, "{code}"),
)
