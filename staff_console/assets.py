"""The console's own style sheet, script and seal, and htmx from its installed package: versioned, cached for a year."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable

from flask import Blueprint, Response, abort

from auth.guards import public

ONE_YEAR = 31_536_000


@dataclass(frozen=True, slots=True)
class Asset:
    data: bytes
    media_type: str
    version: str


def _of(data: bytes, media_type: str) -> Asset:
    return Asset(data, media_type, hashlib.sha256(data).hexdigest()[:12])


def _asset(package: str, path: str, media_type: str) -> Asset:
    return _of(files(package).joinpath(path).read_bytes(), media_type)


def _joined(folder: str, suffix: str, media_type: str) -> Asset:
    """The files of a folder as one, in the order of their numbered names: small to keep, one request to read."""
    found = sorted((f for f in files("staff_console").joinpath(folder).iterdir() if f.name.endswith(suffix)), key=_name)
    return _of(b"\n".join(f.read_bytes() for f in found), media_type)


def _name(file: Traversable) -> str:
    return file.name


# django_htmx is here for the file it carries; nothing of it runs
ASSETS: Mapping[str, Asset] = {
    "console.css": _joined("static/css", ".css", "text/css; charset=utf-8"),
    "console.js": _joined("static/js", ".js", "text/javascript; charset=utf-8"),
    "passkeys.js": _asset("staff_console", "static/passkeys.js", "text/javascript; charset=utf-8"),
    "welcome.js": _asset("staff_console", "static/welcome.js", "text/javascript; charset=utf-8"),
    "seal.svg": _asset("staff_console", "static/seal.svg", "image/svg+xml"),
    "htmx.js": _asset("django_htmx", "static/django_htmx/htmx-2.min.js", "text/javascript; charset=utf-8"),
}


def asset_url(name: str) -> str:
    return f"/console/static/{name}?v={ASSETS[name].version}"


def add_assets(console: Blueprint) -> None:
    @console.get("/static/<name>")
    @public("style sheet, scripts and the seal, needed before signing in")
    def static_file(name: str) -> Response:
        if name not in ASSETS:
            abort(404)
        found = ASSETS[name]
        response = Response(found.data, content_type=found.media_type)
        response.headers["Cache-Control"] = f"public, max-age={ONE_YEAR}, immutable"
        response.headers["Vary"] = "Accept-Encoding"
        return response
