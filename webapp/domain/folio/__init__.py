"""FOLIO's bursar exports: their configuration read as a layout and filters of Feebridge, with what had no equal."""

from webapp.domain.folio.imported import ImportedExport, import_export
from webapp.domain.folio.job import FolioError
from webapp.domain.folio.notes import Note

__all__ = ["FolioError", "ImportedExport", "Note", "import_export"]
