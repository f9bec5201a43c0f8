"""The control file that tells a receiver that the file before it is whole, sent last."""

from __future__ import annotations

from typing import TYPE_CHECKING

from webapp.adapters.errors import UnknownOutcomeError
from webapp.adapters.sftp.client import LINE_ERRORS, StatusError
from webapp.adapters.sftp.renaming import rename_over
from webapp.adapters.sftp.target import temporary_name

if TYPE_CHECKING:
    from webapp.adapters.sftp.parcel import Parcel
    from webapp.adapters.sftp.session import Session


def control_text(parcel: Parcel, final_name: str) -> bytes:
    """Name, size, rows, total and sha256, a line each: "total=1204.50". Rows and total only where they are known."""
    lines = [f"file={final_name}", f"size={parcel.size}"]
    if parcel.row_count is not None:
        lines.append(f"rows={parcel.row_count}")
    if parcel.total_cents is not None:
        sign = "-" if parcel.total_cents < 0 else ""
        lines.append(f"total={sign}{abs(parcel.total_cents) // 100}.{abs(parcel.total_cents) % 100:02d}")
    lines.append(f"sha256={parcel.sha256}")
    return "".join(f"{line}\n" for line in lines).encode()


def send_trigger(session: Session, parcel: Parcel, final_name: str, suffix: str) -> None:
    """Put the control file beside the delivered one; a leftover of the same name is replaced.

    Raises:
        UnknownOutcomeError: the file is there, the control file may not be. Looking settles it.
    """
    name = f"{final_name}{suffix}"
    final = session.target.path(name)
    content = control_text(parcel, final_name)
    try:
        if session.target.use_temporary_name:
            temporary = session.target.path(temporary_name(name, parcel.token))
            session.requests.upload(temporary, [content], replace=True, progress=session.watchdog.touch)
            rename_over(session, temporary, final)
        else:
            session.requests.upload(final, [content], replace=True, progress=session.watchdog.touch)
    except (StatusError, *LINE_ERRORS) as err:
        raise UnknownOutcomeError(
            f"{final_name} was delivered to {session.target.place}, but its control file {name} may be missing "
            f"({err or type(err).__name__}). Feebridge looks on the server and then sends what is missing.",
            evidence={"file": final_name, "control_file": name},
        ) from err
