"""One guarded way out to the platforms: bounded in time and size, never following redirects, secrets never in texts."""

from __future__ import annotations

import http.client
import logging
import re
import ssl
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.cookiejar import DefaultCookiePolicy

import requests
import urllib3

from app.errors import Unavailable

SECRET_PARAMETER = re.compile(
    r"(?i)\b(secret|access_token|refresh_token|js_code|session_key|key|code|sign|signature|cert_no|openid)=([^&\s'\"\\)]+)"
)
CHATTY_LOGGERS = ("urllib3.connectionpool", "urllib3.util.retry")
CHUNK = 16 * 1024


class PlatformUnavailable(Unavailable):
    """No usable answer from a platform.

    ``sent`` is False only when the request surely never reached it; ``reason`` is one word for logs, without personal
    data. Never chained to the transport's own exception, whose text holds the whole URL.
    """

    def __init__(self, provider: str, reason: str, *, sent: bool) -> None:
        super().__init__(params={"provider": provider, "reason": reason})
        self.reason = reason
        self.sent = sent


@dataclass(frozen=True, slots=True)
class Reply:
    """A complete HTTP reply with status 200."""

    content_type: str
    content: bytes = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)  # by lower-case name


def scrub(text: str) -> str:
    """The text with the values of secret query parameters masked."""
    return SECRET_PARAMETER.sub(r"\1=***", text)


class _Scrubber(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = scrub(record.getMessage()), ()
        return True


_SCRUBBER = _Scrubber()


def never_sent(error: Exception) -> bool:
    """True when the connection was never made, so that the platform cannot have seen the request."""
    if isinstance(error, requests.ConnectTimeout | requests.exceptions.InvalidURL):
        return True
    cause = error.args[0] if error.args else None
    reason = getattr(cause, "reason", None)
    if isinstance(reason, urllib3.exceptions.SSLError):
        return bool(reason.args) and isinstance(reason.args[0], ssl.SSLCertVerificationError)
    return isinstance(reason, urllib3.exceptions.NewConnectionError | urllib3.exceptions.ConnectTimeoutError)


class Outbound:
    """HTTP to one platform. Thread-safe: every thread has a session (and so connections) of its own."""

    def __init__(self, provider: str, timeout_s: float, *, max_bytes: int = 2 * 1024 * 1024) -> None:
        """``timeout_s`` bounds connecting, each read, and (doubled) the whole body."""
        self.provider = provider
        self._timeout_s = timeout_s
        self._max_bytes = max_bytes
        self._local = threading.local()
        for name in CHATTY_LOGGERS:  # they print whole URLs at DEBUG level
            logging.getLogger(name).addFilter(_SCRUBBER)

    def send(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        body: bytes | None = None,
        files: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """One try. Raises PlatformUnavailable unless a whole HTTP 200 reply arrived in time."""
        fault, reply = "", None
        sent = True
        try:
            reply = self._exchange(method, url, params, body, files, headers)
        except PlatformUnavailable as error:
            fault = error.reason
        except (requests.RequestException, urllib3.exceptions.HTTPError, http.client.HTTPException, OSError) as error:
            sent = not never_sent(error)
            timed_out = isinstance(error, requests.Timeout | urllib3.exceptions.TimeoutError | TimeoutError)
            fault = "no_answer" if timed_out else "connection"
        except ValueError:  # UnicodeError and the like from a malformed URL or header
            sent = False
        if reply is None:  # raised out here so that no __context__ carries the URL
            raise PlatformUnavailable(self.provider, fault if sent else "unreachable", sent=sent)
        return reply

    def _exchange(
        self,
        method: str,
        url: str,
        params: Mapping[str, str] | None,
        body: bytes | None,
        files: object,
        headers: Mapping[str, str] | None,
    ) -> Reply:
        with self._session().request(
            method,
            url,
            params=params,
            data=body,
            files=files,  # type: ignore[arg-type]
            headers={"Accept-Encoding": "identity", **(headers or {})},
            timeout=(self._timeout_s, self._timeout_s),
            allow_redirects=False,
            stream=True,
        ) as response:
            if response.status_code != 200:
                raise PlatformUnavailable(self.provider, f"http_{response.status_code}", sent=True)
            headers = {name.lower(): value for name, value in response.headers.items()}
            return Reply(headers.get("content-type", "").lower(), self._read(response), headers)

    def _read(self, response: requests.Response) -> bytes:
        """The body, refusing one that is too long or drips in too slowly (each single read would be in time)."""
        limit = time.monotonic() + 2 * self._timeout_s
        body = bytearray()
        while piece := response.raw.read1(CHUNK, decode_content=True):
            body += piece
            if len(body) > self._max_bytes:
                raise PlatformUnavailable(self.provider, "too_long", sent=True)
            if time.monotonic() > limit:
                raise PlatformUnavailable(self.provider, "no_answer", sent=True)
        return bytes(body)

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = requests.Session()
            session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
            self._local.session = session
        return session
