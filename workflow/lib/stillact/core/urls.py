"""Addresses of photos, as they may be shown."""

import re
from urllib.parse import parse_qsl, urlsplit

_SECRET = re.compile(
    "auth|credential|expires|key|pass|policy|secret|sig|token|^se$|^sp$|^sv$", re.IGNORECASE
)


def shown(url: str) -> str:
    """A url without what grants access: user and password, and the query if it is signed.

    The query of an address that is not signed is kept, since it may identify the photo.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return url
    if parts.scheme not in ("http", "https"):
        return url
    query = parts.query
    if any(_SECRET.search(name) for name, _ in parse_qsl(query, keep_blank_values=True)):
        query = "..."
    host = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=host, query=query).geturl()
