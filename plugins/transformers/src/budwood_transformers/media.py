"""Read media of requests: only content that is on this machine."""

from __future__ import annotations

import base64

from budwood.errors import InvalidRequestError
from budwood.providing import inline_media
from budwood.types import AnyMedia


def read_media(part: AnyMedia) -> bytes:
    """
    Return the content of media: their bytes, their file, or that of their ``data:`` URL.

    Raises:
        InvalidRequestError: It is not on this machine, or cannot be read.
    """
    try:
        if part.data is not None or part.path is not None:
            return part.read()
        if (inline := inline_media(part)) is not None:
            return base64.b64decode(inline.base64, validate=True)
    except OSError as error:
        raise InvalidRequestError(
            f"Cannot read the {part.type}: {error.strerror or error}.", param=part.type, hint="Check the path."
        ) from error
    except ValueError as error:
        raise InvalidRequestError(
            f"The URL of the {part.type} is not valid base64.", param=part.type, hint="Encode it again."
        ) from error
    raise InvalidRequestError(
        f"A model in this process does not download media; this {part.type} is at a URL, or at a vendor.",
        param=part.type,
        hint="Pass a path or bytes.",
    )
