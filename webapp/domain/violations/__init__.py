"""The file of unpaid violations that a parking system hands over, read as outstanding fees."""

from webapp.domain.violations.headings import ViolationFileError, ViolationMapping
from webapp.domain.violations.reader import read_violations
from webapp.domain.violations.rows import SOURCE

__all__ = ["SOURCE", "ViolationFileError", "ViolationMapping", "read_violations"]
