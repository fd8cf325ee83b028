"""Images from the web, where that was allowed: public addresses alone, of bounded size, within bounded time."""

import ipaddress
import socket
import time
from collections.abc import Callable

import httpx

from critic_eval.errors import ImageError
from critic_eval.visible import visible

MAX_BYTES = 20_000_000
MAX_SECONDS = 30.0
MAX_REDIRECTS = 5


def is_web_address(text: str) -> bool:
    """Whether a text is an http or https address.

    >>> is_web_address("HTTPS://host/cat.png"), is_web_address("file:///cat.png"), is_web_address("cat.png")
    (True, False, False)
    """
    return text.lstrip().casefold().startswith(("http://", "https://"))


def is_public(address: str) -> bool:
    """Whether an IP address is one of the public internet: not of this machine, of a local network, or reserved.

    >>> is_public("127.0.0.1"), is_public("10.0.0.1"), is_public("::ffff:127.0.0.1"), is_public("9.9.9.9")
    (False, False, False, True)
    """
    try:
        numeric = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    inner = _carried(numeric) if isinstance(numeric, ipaddress.IPv6Address) else None
    effective = numeric if inner is None else inner
    return effective.is_global and not effective.is_multicast


def _carried(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that an IPv6 one stands for: mapped, by 6to4, Teredo or NAT64 (RFC 6052)."""
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)


_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


def fetch(
    url: str,
    *,
    is_allowed: Callable[[str], bool] = is_public,
    max_bytes: int = MAX_BYTES,
    max_seconds: float = MAX_SECONDS,
) -> bytes:
    """The bytes behind an address, which are not decoded here.

    The environment's proxies and credentials are not used. A name is looked up, and each of its addresses has to be
    allowed; and so has the address that was connected to, before anything of its answer is read.

    Args:
        url: an http or https address.
        is_allowed: tells of an IP address whether it may be asked.
        max_bytes: of the answer at most.
        max_seconds: for all of it, redirects included.

    Raises:
        ImageError: the address may not be asked, does not answer, or its answer is too large; names the address.
    """
    deadline = time.monotonic() + max_seconds
    try:
        with httpx.Client(trust_env=False, follow_redirects=False, timeout=max_seconds, headers=_HEADERS) as client:
            target = httpx.URL(url.strip())
            for _ in range(MAX_REDIRECTS + 1):
                step = _step(client, target, is_allowed, max_bytes, deadline)
                if isinstance(step, bytes):
                    return step
                target = step
        raise _RefusedError(f"it redirects more than {MAX_REDIRECTS} times")
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
        why = str(error) if isinstance(error, _RefusedError) else f"it can't be fetched ({type(error).__name__})"
        raise ImageError(f"The image at the address {visible(url, 200)} is not opened: {visible(why, 300)}.") from error


_HEADERS = {"Accept": "image/*", "Accept-Encoding": "identity", "User-Agent": "critic-eval"}


class _RefusedError(ValueError):
    """What is not fetched, and why."""


def _step(
    client: httpx.Client, url: httpx.URL, is_allowed: Callable[[str], bool], max_bytes: int, deadline: float
) -> bytes | httpx.URL:
    """The answer of one address, or where it redirects to."""
    if url.scheme not in ("http", "https") or not url.host:
        raise _RefusedError(f"{url.scheme or 'it'} is not http or https")
    if url.userinfo:
        raise _RefusedError("it holds a password")
    port = url.port or (443 if url.scheme == "https" else 80)
    for *_, sockaddr in socket.getaddrinfo(url.host, port, type=socket.SOCK_STREAM):
        _check(str(sockaddr[0]), is_allowed)
    with client.stream("GET", url, timeout=max(0.1, deadline - time.monotonic())) as response:
        peer = response.extensions["network_stream"].get_extra_info("server_addr")
        _check(str(peer[0]) if peer else "", is_allowed)
        if response.next_request is not None:
            return response.next_request.url
        if response.status_code != httpx.codes.OK:
            raise _RefusedError(f"it answers with status {response.status_code}")
        if response.headers.get("Content-Encoding", "identity") != "identity":
            raise _RefusedError("its answer is packed, which was not asked for")
        content = bytearray()
        for part in response.iter_raw():
            content += part
            if len(content) > max_bytes:
                raise _RefusedError(f"it has more than {max_bytes:,} bytes")
            if time.monotonic() > deadline:
                raise _RefusedError("it takes too long")
        return bytes(content)


def _check(address: str, is_allowed: Callable[[str], bool]) -> None:
    if not is_allowed(address):
        raise _RefusedError("it leads to this machine or a local network")
