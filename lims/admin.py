"""Accounts in the admin: to look at, and to set a password; roles and leaving have their page, which notes who did it."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import User
from django.db.models import Model
from django.http import HttpRequest

admin.site.unregister(User)


@admin.register(User)
class AccountAdmin(UserAdmin):  # type: ignore[type-arg]
    readonly_fields = (
        *("username", "is_active", "is_staff", "is_superuser", "groups", "user_permissions"),
        *("last_login", "date_joined"),
    )

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # people are invited

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False
