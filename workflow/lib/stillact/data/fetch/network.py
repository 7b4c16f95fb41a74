"""The guard that connects to public addresses alone, and the reasons of network failures."""

import asyncio
import contextlib
import ipaddress
import socket
import time
import urllib.request
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import httpx

from stillact.data.fetch.failures import ADDRESS, PRIVATE, FetchError

_RETRIED = {408, 425, 429}  # and all of 5xx
_NAT64 = ipaddress.ip_network("64:ff9b::/96")

# What a user can do about a failure.
_AGAIN = "Try again: what has been fetched is kept"
_OFFLINE = f"{_AGAIN}. Where a proxy leads out, set HTTPS_PROXY and HTTP_PROXY"
_PROXY = "HTTPS_PROXY or HTTP_PROXY names a proxy that refuses: correct it, with user:password@"
_CERTIFICATE = "Where your network signs for others, name its certificates in SSL_CERT_FILE"


class PublicLoop(asyncio.SelectorEventLoop):
    """Connects to public addresses alone. It looks at the address that is connected to, not at the
    name: what a name stands for can change from one look to the next (DNS rebinding), and an
    address has many spellings."""

    proxies: frozenset = frozenset()

    async def sock_connect(self, sock: socket.socket, address: tuple) -> None:
        if address[:2] not in self.proxies and not public(address[0]):
            raise FetchError("private address", PRIVATE)
        await super().sock_connect(sock, address)


def public_loop() -> PublicLoop:
    """With the addresses of proxies, which are private as a rule, as exceptions."""
    loop = PublicLoop()
    urls = [urlsplit(url) for url in urllib.request.getproxies().values() if "://" in url]
    with contextlib.suppress(OSError):  # a proxy that has no address fails later, by its name
        loop.proxies = frozenset(
            found[4][:2]
            for url in urls
            for found in socket.getaddrinfo(url.hostname, url.port or 80, type=socket.SOCK_STREAM)
        )
    return loop


def public(address: str) -> bool:
    """Whether it is an address of the internet, also one of IPv4 that is wrapped in IPv6."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if ip.version == 6:
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo and ip.teredo[1])
        if ip in _NAT64:
            inner = ipaddress.ip_address(int(ip) & 0xFFFFFFFF)
        if inner:
            return public(str(inner))
    return ip.is_global and not ip.is_multicast


def in_numbers(host: str) -> str | None:
    """The address that a host is, if it is no name; also as 127.1, 0x7f000001 or 2130706433."""
    with contextlib.suppress(ValueError):
        return str(ipaddress.ip_address(host))
    with contextlib.suppress(OSError):
        return socket.inet_ntoa(socket.inet_aton(host))
    return None


@contextlib.contextmanager
def as_missing() -> Iterator[None]:
    """What httpx raises, as a reason that is the same on each platform and at each run."""
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
        # httpx lets pass what an impossible port in a redirect raises further down
        raise FetchError("not a valid address", ADDRESS) from None
    except (httpx.InvalidURL, httpx.UnsupportedProtocol, UnicodeError):
        raise FetchError("not a valid address", ADDRESS) from None
    except httpx.RequestError:
        raise FetchError("connection broke off", _AGAIN, wait_s=0.0) from None


def http_failure(response: httpx.Response) -> FetchError:
    """The failure that an answer other than success is."""
    code = response.status_code
    kind = f"HTTP {code} {httpx.codes.get_reason_phrase(code)}".rstrip()
    if code in _RETRIED or code >= 500:
        return FetchError(
            kind, _AGAIN, wait_s=_retry_after(response.headers.get("Retry-After", ""))
        )
    return FetchError(kind, ADDRESS)


def _retry_after(value: str) -> float:
    """Seconds asked for, as a number or a date (RFC 9110, 10.2.3); 0 if neither."""
    with contextlib.suppress(ValueError):
        return max(0, int(value))
    with contextlib.suppress(ValueError, OverflowError):
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    return 0.0
