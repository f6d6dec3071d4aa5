"""Who calls the API, and whether their role and their key let them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.auth.models import User
from django.utils.translation import gettext as _
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed, MethodNotAllowed, PermissionDenied, Throttled
from rest_framework.permissions import SAFE_METHODS, DjangoModelPermissions
from rest_framework.request import Request

from lims.lockouts import seconds_to_wait_for_keys
from lims.models import ApiKey

if TYPE_CHECKING:  # it imports this module, by the settings
    from rest_framework.views import APIView


class ApiKeyAuthentication(BaseAuthentication):
    """`Authorization: Bearer icosa_…`"""

    def authenticate(self, request: Request) -> tuple[User, ApiKey] | None:
        scheme, _space, secret = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        key = ApiKey.objects.of_secret(secret.strip())
        if key is None:
            if seconds := seconds_to_wait_for_keys(request._request):
                raise Throttled(seconds, _("Too many unknown keys came from your address."))
            raise AuthenticationFailed(_("This key is not known here. Make one on the page “API keys”."))
        if refused := key.why_refused():
            raise AuthenticationFailed(refused)
        key.note_use()
        return key.owner, key

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class ApiKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the schema tells of it."""

    target_class = ApiKeyAuthentication
    name = "API key"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer"}


class RoleAndScope(DjangoModelPermissions):
    """What the role may do with the rows, as on the pages; by a key, what its scopes allow besides.

    A view names in `scopes` what an action needs where that is neither `read` nor `write`.
    """

    perms_map = {
        **DjangoModelPermissions.perms_map,
        "GET": ["%(app_label)s.view_%(model_name)s"],
        "HEAD": ["%(app_label)s.view_%(model_name)s"],
    }

    def has_permission(self, request: Request, view: APIView) -> bool:
        if not request.user.is_authenticated:
            return False
        action: str | None = getattr(view, "action", None)
        if action is None:
            raise MethodNotAllowed(str(request.method))
        scopes: dict[str, str] = getattr(view, "scopes", {})
        scope = scopes.get(action, ApiKey.Scope.READ if request.method in SAFE_METHODS else ApiKey.Scope.WRITE)
        if isinstance(request.auth, ApiKey) and not request.auth.allows(scope):
            raise PermissionDenied(
                _("The key “%(name)s” does not have the scope “%(scope)s”. Make one that has it.")
                % {"name": request.auth.name, "scope": str(scope)}
            )
        return super().has_permission(request, view)
