"""Every table, importable from one place."""

from webapp.models.base import Base, db
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
    "Approval",
    "AuditEvent",
    "Base",
    "Delivery",
    "Effect",
    "File",
    "HoldChange",
    "HoldRegister",
    "LayoutVersion",
    "LoginThrottle",
    "Membership",
    "Occurrence",
    "Person",
    "QuarantinedRow",
    "Run",
    "RunEvent",
    "RunStep",
    "Schedule",
    "TemporaryRelease",
    "Tenant",
    "TenantSecret",
    "TenantSetting",
    "WebSession",
    "db",
]
