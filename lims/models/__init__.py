"""Who comes in, and how: people by links and passwords, scripts and instruments by keys."""

from lims.models.access_links import AccessLink
from lims.models.api_keys import ApiKey
from lims.models.people import PeopleError, Person

__all__ = ["AccessLink", "ApiKey", "PeopleError", "Person"]
