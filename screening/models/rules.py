"""The rules by which files find their samples, in the order in which they are asked; curators set them."""

from __future__ import annotations

from collections.abc import Sequence

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

from samples.models.acts import changes_by, remember
from samples.models.traced import TracedModel, TracedQuerySet
from samples.sentences import translated
from samples.xrd.sentences import PatternFileError
from screening.code_template import CodeTemplate
from screening.models.received import ReceivedPattern


class MatchingRuleQuerySet(TracedQuerySet["MatchingRule"]):
    def in_force(self) -> list[MatchingRule]:
        """The lab's rules in their order; those that every lab starts with where it has set none."""
        return list(self.order_by("position")) or self.starting()

    def starting(self) -> list[MatchingRule]:
        """Of a lab that has set none: a code that is logged, wherever it stands; else what looks like a new one."""
        return [
            MatchingRule(position=position, where=where, template=template)
            for position, (where, template) in enumerate(STARTING_RULES, start=1)
        ]

    def replace(self, rules: Sequence[MatchingRule], by: User, why: str = "") -> None:
        """Make ``rules`` those of the lab, in this order; none brings back those that every lab starts with."""
        for rule in rules:
            rule.full_clean(exclude=["position"])
        with changes_by(by, why):
            before = list(self.select_for_update().order_by("position"))
            remember(before)
            for surplus in before[len(rules) :]:
                surplus.delete()
            for position, rule in enumerate(rules, start=1):
                rule.pk = before[position - 1].pk if position <= len(before) else None
                rule.position = position
                rule.save()


class MatchingRule(TracedModel):
    """Where the code of a sample stands: a template such as ``{code}_*``, and what it is compared with."""

    named_by = "position"
    untraced = frozenset({"position"})

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

    def thing_of_history(self) -> tuple[str, int]:
        """The rules have one history together."""
        return self._meta.label_lower, 0

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
