"""Alma's bursar files as they arrive: what a name says, and whose a file is."""

from __future__ import annotations

import re
from dataclasses import dataclass

# How much of a file is looked at before it is known whose it is.
HEAD_BYTES = 64 * 1024
_NAME = re.compile(r"(?P<code>.+)-(?P<job_id>[0-9]+)-(?P<stamp>[^-]+)\.xml", re.IGNORECASE)
_AFTER_CODE = re.compile(r"(?P<job_id>[0-9]+)-(?P<stamp>.+)\.xml", re.IGNORECASE)
_EXPORT_NUMBER = re.compile(rb"<(?:[A-Za-z0-9_.-]+:)?exportNumber\s*>\s*([0-9]{1,40})\s*<")
_INSTITUTION = re.compile(rb"<(?:[A-Za-z0-9_.-]+:)?InstitutionId\s*>\s*([0-9]{1,20})\s*<")


@dataclass(frozen=True, slots=True)
class ExportName:
    """What ``<profile code>-<job id>-<time>.xml`` says; ``job_id`` is the id of the job's instance, as text.

    Source of the form: MIT Libraries' alma-bursar tools (README and tests), which read the files of a live Alma.
    """

    profile_code: str
    job_id: str
    stamp: str


@dataclass(frozen=True, slots=True)
class FileHead:
    """What a bursar file's first rows say of where it comes from; empty where they say nothing."""

    export_number: str = ""
    institution_id: str = ""


def read_export_name(name: str, profile_code: str = "") -> ExportName | None:
    """The parts of a file's name, or None when it is not of that form.

    Alma does not say what its time looks like, and a code may hold dashes: with the campus's own ``profile_code``
    the name is read from that, else from its end.
    """
    if profile_code and name.lower().startswith(f"{profile_code.lower()}-"):
        match = _AFTER_CODE.fullmatch(name[len(profile_code) + 1 :])
        if match:
            return ExportName(name[: len(profile_code)], match["job_id"], match["stamp"])
    match = _NAME.fullmatch(name)
    return ExportName(match["code"], match["job_id"], match["stamp"]) if match else None


def is_wanted(name: str, profile_code: str = "") -> bool:
    """Whether a file lying at the campus's place is one to read: an .xml of its profile; hidden names never are."""
    if name.startswith(".") or not name.lower().endswith(".xml"):
        return False
    return not profile_code or name.lower().startswith(f"{profile_code.lower()}-")


def read_head(head: bytes) -> FileHead:
    """The export number and the first numbered institution in a file's first bytes; Alma may write "null" for it."""
    number, institution = _EXPORT_NUMBER.search(head), _INSTITUTION.search(head)
    return FileHead(number[1].decode() if number else "", institution[1].decode() if institution else "")


def foreign_words(name: str, head: FileHead, *, profile_code: str, institution_id: str, campus: str) -> str:
    """Why a file is not this campus's, in words; empty when nothing speaks against it."""
    said = read_export_name(name, profile_code)
    if profile_code and said and said.profile_code.lower() != profile_code.lower():
        return (
            f"{name} was written by the bursar profile {said.profile_code}; {campus}'s is {profile_code}. It was not "
            "taken in. If the profile was renamed in Alma, change its code in the settings and send the file again."
        )
    if institution_id and head.institution_id and head.institution_id != institution_id:
        return (
            f"{name} holds fees of the institution {head.institution_id}; {campus}'s files are of {institution_id}. "
            "It was not taken in. If the number is wrong, correct it in the settings and send the file again."
        )
    return ""
