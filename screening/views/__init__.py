"""The pages of screening, one file a page or two."""

from django_htmx.middleware import HtmxDetails

from samples.requests import SignedInRequest


class PageRequest(SignedInRequest):
    """A request of a known person, for a page or, by htmx, for a part of it."""

    htmx: HtmxDetails
