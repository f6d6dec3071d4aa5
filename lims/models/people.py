"""The people of the lab: let in, given roles, and let go; nothing that they signed goes with them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from django.conf import settings
from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.contrib.auth.models import Group, User, UserManager
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from lims.models.access_links import AccessLink
from lims.models.api_keys import ApiKey
from lims.models.second_factors import SecondFactor
from lims.models.sessions import Session
from lims.roles import ROLES
from samples.models.acts import changes_by, joined_act
from samples.models.traced import TracedModel, TracedQuerySet

ADMIN = "admin"


class PeopleError(Exception):
    """What was asked of a person's account cannot be; the text says why and what to do."""


class PersonManager(UserManager["Person"]):
    def get_queryset(self) -> TracedQuerySet[Person]:
        return TracedQuerySet(self.model, using=self._db)

    def in_order(self) -> models.QuerySet[Person]:
        """Those who work here first, then those who left, by name; each with `waits`: a link lies open."""
        links = AccessLink.objects.open().filter(person=OuterRef("pk"))
        return self.prefetch_related("groups").annotate(waits=Exists(links)).order_by("-is_active", "username")

    def invite(self, username: str, *, roles: Iterable[str], by: User, mail: str = "") -> tuple[Person, str]:
        """An account without a password, and the secret of the link by which its owner sets one."""
        with changes_by(by):
            person = self.create(username=username, email=mail, is_active=True)
            person.set_unusable_password()
            person.save(update_fields=["password"])
            person.put_into(roles)
            return person, AccessLink.objects.issue(person, by=by)[1]

    def still_admins(self) -> models.QuerySet[Person]:
        """Who can sign in and let people in."""
        can_let_in = Q(groups__name=ADMIN) | Q(is_superuser=True)
        return self.filter(can_let_in, is_active=True).exclude(password__startswith=UNUSABLE_PASSWORD_PREFIX).distinct()


class Person(TracedModel, User):
    """An account with the lab's verbs; the rows are Django's own."""

    untraced = frozenset({"password", "last_login", "first_name", "last_name", "email", "is_staff", "date_joined"})

    objects: ClassVar[PersonManager] = PersonManager()

    class Meta:
        proxy = True
        default_permissions = ()  # those of auth.User count
        verbose_name = gettext_lazy("person")
        verbose_name_plural = gettext_lazy("people")

    @property
    def roles(self) -> list[str]:
        """In the order of lims.roles."""
        here = {group.name for group in self.groups.all()}
        return [role for role in ROLES if role in here]

    @property
    def is_invited(self) -> bool:
        """Has not come yet."""
        return self.is_active and not self.has_usable_password() and self.last_login is None

    def put_into(self, roles: Iterable[str]) -> None:
        """Within an act of who does it."""
        with joined_act() as act:
            before = self.roles
            kept = self.groups.exclude(name__in=ROLES)  # groups of the lab's own making
            self.groups.set([*kept, *Group.objects.filter(name__in=set(roles))])
            self.is_staff = self.is_superuser or ADMIN in roles
            self.save(update_fields=["is_staff"])
            act.note_field(self, "roles", before, self.roles)

    def give_roles(self, roles: Iterable[str], *, by: User, why: str = "") -> None:
        """Exactly these roles from now on."""
        roles = list(roles)
        if set(roles) == set(self.roles):
            return
        with changes_by(by, why):
            self._check(by)
            self.put_into(roles)
            self.check_an_admin_is_left()

    def deactivate(self, *, by: User, why: str = "") -> None:
        """Out at once and for good: sessions, API keys, links and password end; all that they did and signed stays."""
        with changes_by(by, why):
            self._check(by)
            self.is_active = False
            self.set_unusable_password()  # by which the sessions of before end too, also after they come back
            self.save(update_fields=["is_active", "password"])
            ApiKey.objects.unrevoked().filter(owner=self).update(revoked_at=timezone.now())
            AccessLink.objects.withdraw(self)
            Session.objects.end(self)
            self.check_an_admin_is_left()

    def let_back_in(self, *, by: User, why: str = "") -> str:
        """Active again, with the roles of before; the secret of a link by which they set a new password, "" where there are none."""
        with changes_by(by, why):
            self._check(by)
            self.is_active = True
            self.save(update_fields=["is_active"])
            return AccessLink.objects.issue(self, by=by)[1] if settings.PASSWORDS else ""

    def make_link(self, *, by: User) -> str:
        """The secret of a new one-time link; the password of before holds until it is used."""
        with changes_by(by):
            self._check(by)
            if not self.is_active:
                raise PeopleError(_("%(name)s is deactivated. Let them back in first.") % {"name": self.username})
            return AccessLink.objects.issue(self, by=by)[1]

    def take_factor_off(self, *, by: User) -> None:
        """For who lost the phone and the codes: the password alone lets them in, or to set up a new one."""
        with changes_by(by):
            self._check(by)
            SecondFactor(self).take_off()
            Session.objects.end(self)

    def _check(self, by: User) -> None:
        if self.is_superuser and not by.is_superuser:
            raise PeopleError(
                _("%(name)s is a superuser, whose account only another superuser changes. Nothing was changed.")
                % {"name": self.username}
            )
        Group.objects.select_for_update().get(
            name=ADMIN
        )  # one at a time, so that two last admins cannot let each other go

    def check_an_admin_is_left(self) -> None:
        if not Person.objects.still_admins().exists():
            raise PeopleError(
                _(
                    "Then nobody would be left who lets people in. Make somebody else an admin first. Nothing was changed."
                )
            )
