"""The web that noise is sent to: as in production, but for how often one machine may ask in a minute, and one address
for a check-code.

Beyond that every answer would be 429, and the noise would reach nothing.
"""

from __future__ import annotations

from flask import Flask

import wsgi
from auth import partners
from notifications import check_codes


def create_app() -> Flask:
    partners.REQUESTS_PER_MINUTE = check_codes.TRIES = 1_000_000
    return wsgi.create_app()
