"""An event loop that connects only to public addresses, and the reasons for network failures."""

import asyncio
import contextlib
import ipaddress
import os
import socket
import ssl
import time
import urllib.request
from collections.abc import AsyncIterator, Iterator
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import httpx

from stillact.core.errors import InputError
from stillact.core.urls import shown
from stillact.data.fetch.failures import ADDRESS, PRIVATE, FetchError

_RETRIED = {408, 425, 429}  # and all of 5xx
_NAT64 = ipaddress.ip_network("64:ff9b::/96")

# Advice for each failure.
_AGAIN = "Try again: photos fetched so far are kept"
_OFFLINE = f"{_AGAIN}. Behind a proxy, set HTTPS_PROXY and HTTP_PROXY"
_PROXY = "HTTPS_PROXY or HTTP_PROXY names a proxy that refuses: correct it, with user:password@"
_CERTIFICATE = "If your network intercepts TLS, set SSL_CERT_FILE to its certificates"


class PublicLoop(asyncio.SelectorEventLoop):
    """An event loop that connects only to public addresses. It checks the address of the
    connection, not the host name: a name can resolve differently each time (DNS rebinding), and an
    address has many spellings."""

    proxies: frozenset = frozenset()

    async def sock_connect(self, sock: socket.socket, address: tuple) -> None:
        if address[:2] not in self.proxies and not public(address[0]):
            raise FetchError("private address", PRIVATE)
        await super().sock_connect(sock, address)


def public_loop() -> PublicLoop:
    """A `PublicLoop` that also allows the addresses of proxies, which are usually private."""
    loop = PublicLoop()
    urls = [urlsplit(url) for url in urllib.request.getproxies().values() if "://" in url]
    with contextlib.suppress(OSError, ValueError):  # an unusable proxy fails later
        loop.proxies = frozenset(
            found[4][:2]
            for url in urls
            for found in socket.getaddrinfo(url.hostname, url.port or 80, type=socket.SOCK_STREAM)
        )
    return loop


def public(address: str) -> bool:
    """Whether an address is public, also for an IPv4 address embedded in IPv6."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if ip.version == 6:
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo and ip.teredo[1])
        if ip in _NAT64:
            inner = ipaddress.ip_address(int(ip) & 0xFFFFFFFF)
        if inner:
            return public(str(inner))
    return ip.is_global and not ip.is_multicast


def in_numbers(host: str) -> str | None:
    """The address of a numeric host, also 127.1, 0x7f000001 or 2130706433; None for a name."""
    with contextlib.suppress(ValueError):
        return str(ipaddress.ip_address(host))
    with contextlib.suppress(OSError):
        return socket.inet_ntoa(socket.inet_aton(host))
    return None


@contextlib.contextmanager
def environment() -> Iterator[None]:
    """Raise an InputError, which names the variables, if the environment's proxies or certificates
    cannot be used."""
    try:
        yield
    except (OSError, ssl.SSLError):  # httpx reads the certificates when a client is made
        raise InputError(f"{_given('SSL_CERT_FILE', 'SSL_CERT_DIR')}: no certificates") from None
    except (ValueError, ImportError, httpx.InvalidURL):
        names = (f"{kind}_PROXY" for kind in ("ALL", "HTTPS", "HTTP", "NO"))
        raise InputError(
            f"{_given(*names)}: not a usable proxy; write http://host:port, in NO_PROXY host "
            "names, or unset it"
        ) from None


def _given(*names: str) -> str:
    spelt = (spelling for name in names for spelling in (name, name.lower()))
    return ", ".join(f"{name}={shown(os.environ[name])}" for name in spelt if os.environ.get(name))


@contextlib.asynccontextmanager
async def at_most(seconds: float) -> AsyncIterator[None]:
    """Raise a FetchError that is not retried if the block takes longer: a host that sends a byte
    now and then is never silent for a timeout, and would hold up the study at each attempt."""
    try:
        async with asyncio.timeout(seconds) as limit:
            yield
    except TimeoutError:
        if limit.expired():
            raise FetchError("sent too slowly", _AGAIN) from None
        raise


@contextlib.contextmanager
def as_missing() -> Iterator[None]:
    """Convert errors of httpx to a FetchError with the same reason on all platforms and runs."""
    try:
        yield
    except (httpx.TimeoutException, TimeoutError):
        raise FetchError("no answer in time", _AGAIN, wait_s=0.0) from None
    except httpx.ConnectError as error:
        if "CERTIFICATE" in str(error):
            raise FetchError("certificate is not trusted", _CERTIFICATE) from None
        raise FetchError("connection failed", _OFFLINE, wait_s=0.0) from None
    except httpx.ProxyError:
        raise FetchError("proxy refused", _PROXY) from None
    except ExceptionGroup as group:
        if isinstance(group.exceptions[0], FetchError):  # of PublicLoop
            raise group.exceptions[0] from None
        # httpx does not convert the error that an invalid port in a redirect raises
        raise FetchError("not a valid address", ADDRESS) from None
    except (httpx.InvalidURL, httpx.UnsupportedProtocol, UnicodeError):
        raise FetchError("not a valid address", ADDRESS) from None
    except httpx.RequestError:
        raise FetchError("connection broke off", _AGAIN, wait_s=0.0) from None


def http_failure(response: httpx.Response) -> FetchError:
    """The error for an unsuccessful response."""
    code = response.status_code
    kind = f"HTTP {code} {httpx.codes.get_reason_phrase(code)}".rstrip()
    if code in _RETRIED or code >= 500:
        return FetchError(
            kind, _AGAIN, wait_s=_retry_after(response.headers.get("Retry-After", ""))
        )
    return FetchError(kind, ADDRESS)


def _retry_after(value: str) -> float:
    """Seconds to wait, given as a number or a date (RFC 9110, 10.2.3); 0 if neither."""
    with contextlib.suppress(ValueError):
        return max(0, int(value))
    with contextlib.suppress(ValueError, OverflowError):
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    return 0.0
