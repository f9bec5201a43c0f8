"""Handing files to a campus over SFTP: pinned host keys, temporary name and rename, hard time limits.

``probe`` looks at a host, ``put_file`` delivers one file, ``settle_put`` looks what became of a delivery whose
answer was lost.
"""

from webapp.adapters.sftp.probe import probe
from webapp.adapters.sftp.put import put_file
from webapp.adapters.sftp.settle import settle_put
from webapp.adapters.sftp.target import SftpProbe, SftpReceipt, SftpTarget

__all__ = ["SftpProbe", "SftpReceipt", "SftpTarget", "probe", "put_file", "settle_put"]
