"""The files of the page, and the policy that it is served and exported under."""

from dataclasses import dataclass
from importlib.resources import files

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'"
)
"""Nothing but the page's own files: what a critic or a data set says can't run, load or send anything."""

FOLDER = "app"
"""Where all files of the page but `index.html` are, from there."""

_MEDIA_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


@dataclass(frozen=True)
class Asset:
    """A file of the page."""

    data: bytes
    media_type: str


def read_assets() -> dict[str, Asset]:
    """The files of the page by their path in it, as they lie in the folder `page`; `index.html` is for any data source.

    The scripts of one data source each, `source_server.js` and `source_export.js`, are there both.
    """
    assets = {}
    for file in files("critic_eval.reports.viewer").joinpath("page").iterdir():
        ending = file.name[file.name.rfind(".") :]
        if ending in _MEDIA_TYPES:
            path = file.name if file.name == "index.html" else f"{FOLDER}/{file.name}"
            assets[path] = Asset(file.read_bytes(), f"{_MEDIA_TYPES[ending]}; charset=utf-8")
    return assets
