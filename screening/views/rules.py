"""The rules by which files find their samples: in order, tried on real names before they are kept."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from samples.models import Pattern
from samples.requests import said_why
from screening.matching import Finding, Named, SampleMatcher
from screening.models import MatchingRule, ReceivedPattern
from screening.rule_forms import NamesForm, RuleFormSet
from screening.views import PageRequest

RECENT = 40
"""Patterns whose names the rules are tried on."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What the rules find for one name, and the sample that it has by now."""

    named: Named
    finding: Finding
    code: str = ""

    @property
    def where(self) -> str:
        """Which rule found it, in words."""
        return str(MatchingRule.Where(self.finding.how).label) if self.finding.how else ""


@permission_required("samples.view_pattern", raise_exception=True)
def rules(request: PageRequest) -> HttpResponse:
    """Show the rules and what they find; those who may change them try others first."""
    in_force = MatchingRule.objects.in_force()
    may_change = request.user.has_perm("screening.change_matchingrule")
    typed = request.POST if request.method == "POST" and may_change else None
    formset = RuleFormSet(typed, rules=in_force)
    names = NamesForm(typed)
    tried = in_force
    if typed is not None and formset.is_valid() and names.is_valid():
        tried = formset.rules()
        if "keep" in typed:
            MatchingRule.objects.replace(tried, request.user, said_why(request))
            messages.success(request, _("The rules are kept. They hold for files that come from now on."))
            return redirect("screening:rules")
        tried = tried or MatchingRule.objects.starting()
    own = names.cleaned_data["names"] if typed is not None and names.is_valid() else []
    context = {
        "formset": formset,
        "names": names,
        "trials": _tried(request.user, tried, own),
        "in_force": in_force,
        "may_change": may_change,
        "is_trial": typed is not None,
    }
    return render(
        request, "screening/rules.html", context, status=422 if formset.is_bound and not formset.is_valid() else 200
    )


def _tried(person: User, rules: list[MatchingRule], own: list[str]) -> list[Trial]:
    """What ``rules`` find for ``own`` names, and for those of the files that came last."""
    recent = Pattern.objects.visible_to(person).select_related("sample").with_current_reading()[:RECENT]
    paths = dict(
        ReceivedPattern.objects.filter(pattern__in=[pattern.pk for pattern in recent], known=False)
        .exclude(path="")
        .values_list("pattern", "path")
    )
    named = [Named(name) for name in own]
    for pattern in recent:
        reading = pattern.current_reading
        in_file = str(reading.metadata.get("sample_name") or "") if reading else ""
        named.append(Named(paths.get(pattern.pk, pattern.name), in_file))
    codes = [""] * len(own) + [pattern.sample.code if pattern.sample else "" for pattern in recent]
    findings = SampleMatcher(person, rules).find_all(named)
    return [Trial(*trial) for trial in zip(named, findings, codes, strict=True)]
