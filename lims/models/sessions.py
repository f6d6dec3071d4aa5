"""Who is signed in where."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.auth.models import AbstractBaseUser
from django.contrib.sessions.base_session import AbstractBaseSession, BaseSessionManager
from django.db import models


class SessionManager(BaseSessionManager["Session"]):
    def end(self, person: AbstractBaseUser, *, but: str | None = None) -> None:
        """Every session of ``person``, except the one of the key ``but``."""
        self.filter(person_id=person.pk).exclude(session_key=but or "").delete()


class Session(AbstractBaseSession):
    """Django's session, and whose it is; no foreign key, since a session is no evidence and ends by itself."""

    person_id = models.BigIntegerField(null=True, db_index=True)

    objects: ClassVar[SessionManager] = SessionManager()

    class Meta(AbstractBaseSession.Meta):
        abstract = False
        default_permissions = ()

    @classmethod
    def get_session_store_class(cls):  # type: ignore[no-untyped-def]
        from lims.sessions import SessionStore

        return SessionStore
