"""Where a request comes from, as far as our own web server says so."""

from __future__ import annotations

from ipaddress import ip_address

from django.conf import settings
from django.http import HttpRequest


def address_of(request: HttpRequest) -> str | None:
    """The address of who asks: of X-Forwarded-For only what our own proxies wrote, since the rest may be made up."""
    chain = [part.strip() for part in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")]
    own = settings.PROXIES
    said = chain[-own] if 0 < own <= len(chain) and chain[-1] else request.META.get("REMOTE_ADDR", "")
    try:
        return str(ip_address(said))
    except ValueError:  # a socket in the file system has none
        return None
