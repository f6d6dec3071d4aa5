"""Who comes in, and how: people by links and passwords, scripts and instruments by keys; and how the lab itself is."""

from lims.models.access_links import AccessLink
from lims.models.api_keys import ApiKey
from lims.models.audit import AuditEntry, AuditKind
from lims.models.faults import Fault
from lims.models.people import PeopleError, Person
from lims.models.upkeep import Upkeep

__all__ = ["AccessLink", "ApiKey", "AuditEntry", "AuditKind", "Fault", "PeopleError", "Person", "Upkeep"]
