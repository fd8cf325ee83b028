"""The page over HTTP, for one person on this machine: read-only, and closed to other web sites."""

import errno
import gzip
import json
import re
import socket
import threading
from collections.abc import Sequence
from functools import lru_cache
from http import HTTPStatus
from http.server import ThreadingHTTPServer
from ipaddress import ip_address
from typing import Any, NamedTuple

from critic_eval.errors import ArgumentError, DataError
from critic_eval.reports.viewer.assets import POLICY, read_assets
from critic_eval.reports.viewer.connections import BoundedHandler, BoundedServer
from critic_eval.reports.viewer.images import DataSets, Encoded, MissingImagesError
from critic_eval.reports.viewer.texts import item_texts
from critic_eval.reports.viewer.view import TaskView, View

LONGEST_IMAGE = 2048
"""Long edge of an image that is served, in pixels, at most."""


class Answer(NamedTuple):
    """What is sent: a body and its media type; `is_fixed` where it stays the same as long as the server runs."""

    body: bytes
    media_type: str
    is_fixed: bool = False
    status: HTTPStatus = HTTPStatus.OK


class Pages:
    """What there is under each path, whatever asks for it.

    Args:
        view: what is shown.
        with_images: whether data sets are loaded for their images.
    """

    def __init__(self, view: View, with_images: bool = True) -> None:
        self._view = view
        self._assets = read_assets()
        self._data_sets = DataSets([task.name for task in view.tasks]) if with_images else None
        self._manifest = _json(view.to_record(), is_fixed=True)
        self._tables: dict[int, Answer] = {}
        self._lock = threading.Lock()
        self._images = lru_cache(maxsize=64)(self._item_images)

    def answer(self, path: str) -> Answer | None:
        """What is under a path (without query), or None where there is nothing.

        Only names that are known here are looked up, and numbers: no part of a path reaches the file system.
        """
        asset = self._assets.get(path.removeprefix("/") or "index.html")
        if asset is not None:
            return Answer(asset.data, asset.media_type)
        if path == "/data/manifest.json":
            return self._manifest
        for pattern, find in _PATHS.items():
            match = re.fullmatch(pattern, path, re.ASCII)
            if match is None:
                continue
            task, *numbers = (int(number) for number in match.groups())
            if task >= len(self._view.tasks) or (numbers and numbers[0] >= self._view.tasks[task].table.n_items):
                return None
            try:
                answer: Answer | None = getattr(self, find)(task, *numbers)
            except DataError as error:
                return _json({"error": str(error)})
            return answer
        return None

    def table(self, task: int) -> Answer:
        """The columns of a task."""
        with self._lock:
            if task not in self._tables:
                self._tables[task] = _json(self._view.tasks[task].table.to_record(), is_fixed=True)
            return self._tables[task]

    def texts(self, task: int, item: int) -> Answer:
        """The texts of an item."""
        return _json(item_texts(self._view.tasks[task].table, item))

    def images(self, task: int, item: int) -> Answer:
        """Where the images of an item are, why there are none, or that they are being loaded."""
        if self._data_sets is None:
            return _json({"reason": "The viewer was started with --no-images."})
        try:
            if self._data_sets.get(self._view.tasks[task].name) is None:
                return _json({"loading": True})
            n = len(self._images(task, item))
        except MissingImagesError as error:
            return _json({"reason": str(error)})
        return _json({"images": [f"data/images/{task}/{item}/{index}" for index in range(n)]})

    def image(self, task: int, item: int, index: int) -> Answer | None:
        """One image."""
        try:
            if self._data_sets is None or self._data_sets.get(self._view.tasks[task].name) is None:
                return None
            image = self._images(task, item)[index]
        except (MissingImagesError, IndexError):
            return None
        return Answer(image.data, image.media_type)

    def _item_images(self, task: int, item: int) -> list[Encoded]:
        view: TaskView = self._view.tasks[task]
        data_set = self._data_sets.get(view.name) if self._data_sets is not None else None
        if data_set is None:
            raise MissingImagesError("The data set is not loaded yet.")
        return data_set.images(view.table.item_id(item), item_texts(view.table, item)["shown"], LONGEST_IMAGE)


_PATHS = {
    r"/data/tables/(\d{1,6})\.json": "table",
    r"/data/texts/(\d{1,6})/(\d{1,9})\.json": "texts",
    r"/data/images/(\d{1,6})/(\d{1,9})\.json": "images",
    r"/data/images/(\d{1,6})/(\d{1,9})/(\d{1,4})": "image",
}


def make_server(pages: Pages, host: str, port: int, names: Sequence[str] = ()) -> BoundedServer:
    """A server that listens already; `serve_forever` answers.

    A request has to name this machine: by a loopback name where only this machine is listened to, else by an address
    in numbers or by the machine's own name. Else a web site that points its name here could read all there is in the
    reader's browser (DNS rebinding).

    Args:
        pages: what it serves.
        host: address to listen on.
        port: to listen on; 0 for any.
        names: host names that it is reached by besides these.

    Raises:
        ArgumentError: the port is in use, or there is no such host or port here.
    """
    handler = type("Handler", (_Handler,), {"pages": pages})
    server_class = _Server6 if ":" in host else BoundedServer
    try:
        server = server_class((host, port), handler)
    except (OSError, OverflowError, UnicodeError) as error:
        if getattr(error, "errno", None) == errno.EADDRINUSE:
            raise ArgumentError(f"Port {port} of {host} is in use; name another with --port, or 0 for any.") from error
        raise ArgumentError(f"Can't listen on {host}, port {port} ({error}); see --host and --port.") from error
    known = {"localhost", host, *names}
    # What it listens on decides, however that was written.
    if is_loopback(server):
        known |= {"127.0.0.1", "::1"}
    else:
        known |= {socket.gethostname(), f"{socket.gethostname()}.local"}
    handler.names = {name.casefold() for name in known}  # type: ignore[attr-defined]
    handler.any_address = not is_loopback(server)  # type: ignore[attr-defined]
    return server


def address(server: ThreadingHTTPServer) -> str:
    """The page's address."""
    host, port = server.server_address[:2]
    if ip_address(str(host)).is_unspecified:
        host = socket.gethostname()
    return f"http://[{host!s}]:{port}/" if ":" in str(host) else f"http://{host!s}:{port}/"


def is_loopback(server: ThreadingHTTPServer) -> bool:
    """Whether only this machine reaches a server."""
    parsed = ip_address(str(server.server_address[0]))
    return parsed.is_loopback or bool(getattr(parsed, "ipv4_mapped", None) and parsed.ipv4_mapped.is_loopback)  # type: ignore[union-attr]


class _Server6(BoundedServer):
    address_family = socket.AF_INET6


class _Handler(BoundedHandler):
    pages: Pages
    names: set[str]
    any_address = False

    def refuse(self, status: HTTPStatus) -> None:
        self.close_connection = True
        self._send(_plain(_REFUSALS.get(status, f"{status.phrase}."), status))

    def answer(self) -> None:
        refused = self._refused()
        if refused is not None:
            self.refuse(refused)
            return
        try:
            answer = self.pages.answer(self.path.partition("?")[0])
        except Exception as error:  # of one odd sample; the others are still to be seen
            answer = _json({"error": f"This can't be shown ({type(error).__name__}: {error})."})
        self._send(answer or _plain("There is nothing here.", HTTPStatus.NOT_FOUND))

    def _refused(self) -> HTTPStatus | None:
        """Why a request is not answered: it has a body, is not meant for this machine, or another site made it."""
        if self.headers.get("Content-Length", "0").strip() != "0" or "Transfer-Encoding" in self.headers:
            return HTTPStatus.BAD_REQUEST
        # A line that is not a header ends the headers for this parser, not for others; what hides behind is not known.
        if self.headers.defects or self.headers.get_payload():
            return HTTPStatus.BAD_REQUEST
        hosts = self.headers.get_all("Host", [])
        if len(hosts) > 1:
            return HTTPStatus.BAD_REQUEST
        if not self._is_own(_host_name(hosts[0] if hosts else "")):
            return HTTPStatus.MISDIRECTED_REQUEST
        # Links from elsewhere lead to the page; nothing else of another site's may even make the server work.
        is_link = self.headers.get("Sec-Fetch-Mode") == "navigate" and self.headers.get("Sec-Fetch-Dest") == "document"
        if self.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin") and not is_link:
            return HTTPStatus.FORBIDDEN
        return None

    def _is_own(self, name: str | None) -> bool:
        if name is None:
            return False
        return name in self.names or (self.any_address and _is_address(name))

    def _send(self, answer: Answer) -> None:
        body = answer.body
        accepted = self.headers.get("Accept-Encoding", "") if getattr(self, "headers", None) is not None else ""
        is_zipped = answer.media_type.startswith(("text/", "application/")) and "gzip" in accepted
        if is_zipped:
            body = _zipped(body) if answer.is_fixed else gzip.compress(body, 5)
        self.will_answer(len(body))
        self.send_response(answer.status)
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        self.send_header("Content-Type", answer.media_type)
        if is_zipped:
            self.send_header("Content-Encoding", "gzip")
        if self.close_connection:
            self.send_header("Connection", "close")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


_REFUSALS = {
    HTTPStatus.MISDIRECTED_REQUEST: "This page is for this machine alone, by its own name or address; see --name.",
    HTTPStatus.FORBIDDEN: "This page is not for other sites.",
    HTTPStatus.BAD_REQUEST: "This request is malformed, or has a body.",
}
_HEADERS = {
    "Content-Security-Policy": f"{POLICY}; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Vary": "Accept-Encoding",
}


@lru_cache(maxsize=16)
def _zipped(body: bytes) -> bytes:
    return gzip.compress(body, 5)


def _json(value: Any, is_fixed: bool = False) -> Answer:
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return Answer(text.encode(), "application/json", is_fixed)


def _plain(text: str, status: HTTPStatus) -> Answer:
    return Answer(text.encode(), "text/plain; charset=utf-8", status=status)


def _host_name(host: str) -> str | None:
    """The name in a Host header, without port or brackets; None where the header is malformed."""
    match = re.fullmatch(r"(?:\[([0-9a-f:.]+)\]|([^\[\]:/@\s]+))(?::\d{0,5})?", host.strip().casefold(), re.ASCII)
    return None if match is None else match[1] or match[2]


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
