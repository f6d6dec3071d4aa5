"""Accounts in the admin: to look at, and to set a password; roles and leaving have their page, which notes who did it."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django_otp.plugins.otp_totp.admin import TOTPDevice

from lims.models import AuditEntry, AuditKind

admin.site.unregister([User, Group])
admin.site.unregister(TOTPDevice)  # its page shows the secrets


@admin.register(User)
class AccountAdmin(UserAdmin):  # type: ignore[type-arg]
    readonly_fields = (
        *("username", "is_active", "is_staff", "is_superuser", "groups", "user_permissions"),
        *("last_login", "date_joined"),
    )

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:
        """For superusers, of whom there may be no second one to make a link; all others hand over one-time links."""
        if not request.user.is_superuser:
            raise PermissionDenied
        response = super().user_change_password(request, id, form_url)
        if isinstance(response, HttpResponseRedirect):
            AuditEntry.note(request, AuditKind.PASSWORD_SET, User.objects.get(pk=id), by="admin")
        return response

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # people are invited

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(Group)
class AuditedGroupAdmin(GroupAdmin):
    """Groups of the lab's own making; what a group may do is noted whenever it changes here."""

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        group: Group = form.instance
        before = _permissions_of(group)
        super().save_related(request, form, formsets, change)
        after = _permissions_of(group)
        if before != after:
            AuditEntry.note(
                request, AuditKind.PERMISSIONS_SET, group, given=sorted(after - before), taken=sorted(before - after)
            )


def _permissions_of(group: Group) -> set[str]:
    return {f"{label}.{name}" for label, name in group.permissions.values_list("content_type__app_label", "codename")}
