"""Alma's refusals: the codes and words of its error bodies.

Codes from the 400 answers in Ex Libris' OpenAPI documents for users and configuration (2026-05). "Not found" is
HTTP 400 with a code, never 404.
"""

from __future__ import annotations


class AlmaRefusalError(Exception):
    """Alma says no: ``code`` as Alma writes it (mostly digits, always text), the message, and the HTTP status."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(f"{code} {message}")
        self.code = code
        self.message = message
        self.status = status


def unauthorized() -> AlmaRefusalError:
    """The key is unknown, or may not do this."""
    return AlmaRefusalError("UNAUTHORIZED", "API-key not defined or not configured to allow this API.")


def per_second() -> AlmaRefusalError:
    """More calls in one second than the institution may make."""
    return AlmaRefusalError("PER_SECOND_THRESHOLD", "HTTP requests are more than allowed per second.", 429)


def per_day() -> AlmaRefusalError:
    """The institution's calls for today are used up."""
    return AlmaRefusalError(
        "DAILY_THRESHOLD", "Too Many Requests: the daily threshold is reached until midnight.", 429
    )


def user_not_found(identifier: str, id_type: str = "all_unique") -> AlmaRefusalError:
    """No such user (GET user, POST fee)."""
    if id_type == "all_unique":
        return AlmaRefusalError("401861", f"User with identifier {identifier} was not found.")
    return AlmaRefusalError("401890", f"User with identifier {identifier} of type {id_type} was not found.")


def identifier_not_found(identifier: str) -> AlmaRefusalError:
    """No such user (the fees endpoints)."""
    return AlmaRefusalError("401651", f"Identifier {identifier} was not found.")


def fine_not_found(fee_id: str) -> AlmaRefusalError:
    """No such fee of this user."""
    return AlmaRefusalError("401665", f"Fine with identifier {fee_id} was not found.")


def bad_parameter(name: str, value: str) -> AlmaRefusalError:
    """A query parameter is missing or makes no sense."""
    return AlmaRefusalError("401666", f"Parameter {name} is not valid: {value or '(empty)'}.")
