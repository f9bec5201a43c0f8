"""Every table, importable from one place."""

from webapp.models.base import Base, db
from webapp.models.bursar import AlmaEvent, BursarRow, BursarTask, InboundFile, LedgerEntry, SharedLayout
from webapp.models.holds import Delivery, File, HoldChange, HoldRegister, QuarantinedRow, TemporaryRelease
from webapp.models.run import Approval, Effect, Occurrence, Run, RunEvent, RunStep, Schedule
from webapp.models.tenant import (
    AuditEvent,
    LayoutVersion,
    LoginThrottle,
    Membership,
    Person,
    Tenant,
    TenantSecret,
    TenantSetting,
    WebSession,
)

__all__ = [
    "AlmaEvent",
    "Approval",
    "AuditEvent",
    "Base",
    "BursarRow",
    "BursarTask",
    "Delivery",
    "Effect",
    "File",
    "HoldChange",
    "HoldRegister",
    "InboundFile",
    "LayoutVersion",
    "LedgerEntry",
    "LoginThrottle",
    "Membership",
    "Occurrence",
    "Person",
    "QuarantinedRow",
    "Run",
    "RunEvent",
    "RunStep",
    "Schedule",
    "SharedLayout",
    "TemporaryRelease",
    "Tenant",
    "TenantSecret",
    "TenantSetting",
    "WebSession",
    "db",
]
