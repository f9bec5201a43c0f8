"""How a campus has its payments posted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from webapp.domain.campus_settings import CampusSettings


@dataclass(frozen=True, slots=True)
class Way:
    """The settings that every line needs. ``institution_code`` as an owner of fees means no library."""

    method: str
    comment: str
    waive_reason: str
    pay_exported: bool
    import_confirm_hours: int
    institution_code: str
    is_by_file: bool


def way_of(campus: CampusSettings) -> Way:
    """The campus's way, as its settings say now."""
    chosen = campus["posting"]
    return Way(
        method=chosen["method"],
        comment=chosen["comment"],
        waive_reason=campus["payments"]["waive_reason"] or "OTHER",
        pay_exported=chosen["pay_exported"],
        import_confirm_hours=chosen["import_confirm_hours"],
        institution_code=campus["alma"]["institution_code"],
        is_by_file=chosen["way"] == "import_file",
    )
