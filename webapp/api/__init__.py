"""The API for campus IT: hand files in, fetch files, with the campus's own token."""

from webapp.api import files, inbound
from webapp.api.blueprint import blueprint

__all__ = ["blueprint", "files", "inbound"]
