"""Who comes in, and how: people by links and passwords, scripts and instruments by keys; and how the lab itself is."""

from lims.models.access_links import AccessLink
from lims.models.api_keys import ApiKey
from lims.models.audit import AuditEntry, AuditKind
from lims.models.faults import Fault
from lims.models.key_marks import KeyMark
from lims.models.people import PeopleError, Person
from lims.models.second_factors import RecoveryCode, SecondFactor
from lims.models.sessions import Session
from lims.models.sso import SsoAccount, SsoError
from lims.models.upkeep import Upkeep

__all__ = [
    "AccessLink",
    "ApiKey",
    "AuditEntry",
    "AuditKind",
    "Fault",
    "KeyMark",
    "PeopleError",
    "Person",
    "RecoveryCode",
    "SecondFactor",
    "Session",
    "SsoAccount",
    "SsoError",
    "Upkeep",
]
