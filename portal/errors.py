"""Typed errors. Each carries an HTTP status and a sentence for the user; one handler renders them."""

from __future__ import annotations

from typing import Any


class DomainError(Exception):
    """Something the user can understand and act on. `str(error)` is the sentence shown to him: in his language when
    the message is lazy, else in the language in which it was raised."""

    status = 400
    code = "error"

    def __init__(self, message: object, *, code: str | None = None, **details: Any) -> None:
        super().__init__(message)
        self.code = code or type(self).code
        self.details = details


class NotFoundError(DomainError):
    """The thing does not exist, or lies outside the reader's area: the two are not told apart."""

    status = 404
    code = "not_found"


class ForbiddenError(DomainError):
    """The role does not permit this."""

    status = 403
    code = "forbidden"


class ConflictError(DomainError):
    """Somebody else changed the thing meanwhile."""

    status = 409
    code = "conflict"


class InvalidInputError(DomainError):
    """The input cannot be accepted as it is."""

    status = 422
    code = "invalid_input"


class RefusedFileError(DomainError):
    """A file that is not what it claims to be: refused whole, nothing written."""

    status = 422
    code = "refused_file"


class StorageAway(DomainError):
    """The storage of photos and documents does not answer, or refuses: nothing was stored, the rest is untouched."""

    status = 503
    code = "storage_away"


class ConfigurationError(DomainError):
    """A setting is missing or wrong; named in the message."""

    status = 500
    code = "configuration"
