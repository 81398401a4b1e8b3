"""Pushing packages to receivers' own addresses: chunked PUTs that resume, to nowhere but where a receiver may be.

The protocol: ``PUT <push_url>/<package>/envelope`` takes envelope and signature as JSON. ``PUT <push_url>/<package>``
with ``Content-Range: bytes a-b/size`` takes a chunk, with ``bytes */size`` and no body it asks how far the receiver
got; the receiver answers 308 with ``Range: bytes=0-n`` (or no Range for nothing yet) until it has all of it, then 200
or 201. What it has already, it may be told again.
"""

from __future__ import annotations

import json
import re
import ssl
from urllib.parse import SplitResult, urlsplit

import urllib3

from app.errors import Invalid, Unavailable
from app.package_ports import Delivery
from providers.targets import Resolve, addresses_of, refuse_target

CHUNK = 4 * 1024 * 1024
MOST_EXCHANGES = 100_000
_HELD = re.compile(r"bytes=0-([0-9]{1,15})")
Connection = urllib3.HTTPConnectionPool


class HttpPusher:
    """app.package_ports.PackagePusher. Connects to the very address that was judged, so that a name which changes its
    mind in between leads nowhere else; follows no redirect.
    """

    def __init__(
        self, *, loopback: bool, timeout_s: float = 20.0, resolve: Resolve = addresses_of, chunk: int = CHUNK
    ) -> None:
        self._loopback, self._timeout_s, self._resolve, self._chunk = loopback, timeout_s, resolve, chunk

    def push(self, delivery: Delivery) -> None:
        """app.package_ports.PackagePusher."""
        url = urlsplit(delivery.url)
        try:
            port = url.port or (443 if url.scheme == "https" else 80)
            addresses = self._resolve(url.hostname or "", port)
        except ValueError:
            raise Invalid("push_target_refused") from None
        except OSError:
            raise Unavailable("receiver_unreachable") from None
        if refuse_target(url, addresses, loopback=self._loopback):
            raise Invalid("push_target_refused")
        with self._pool(url, addresses[0], port) as pool:
            base = f"{url.path.rstrip('/')}/{delivery.package}"
            self._send_envelope(pool, url, base, delivery)
            self._send_content(pool, url, base, delivery)

    def _pool(self, url: SplitResult, address: str, port: int) -> Connection:
        timeout = urllib3.Timeout(connect=self._timeout_s, read=self._timeout_s)
        if url.scheme == "http":
            return urllib3.HTTPConnectionPool(address, port, timeout=timeout, retries=False, maxsize=1)
        return urllib3.HTTPSConnectionPool(
            address,
            port,
            timeout=timeout,
            retries=False,
            maxsize=1,
            ssl_context=ssl.create_default_context(),
            server_hostname=url.hostname,
            assert_hostname=url.hostname,
        )

    def _send_envelope(self, pool: Connection, url: SplitResult, base: str, delivery: Delivery) -> None:
        body = json.dumps({"envelope": delivery.envelope, "signature": delivery.signature}).encode()
        status, _ = self._put(pool, url, f"{base}/envelope", body, {"Content-Type": "application/json"})
        if status not in (200, 201, 204):
            raise Unavailable("receiver_unreachable")

    def _send_content(self, pool: Connection, url: SplitResult, base: str, delivery: Delivery) -> None:
        held, body = -1, b""
        span = f"bytes */{delivery.size}"
        for _ in range(MOST_EXCHANGES):
            headers = {"Content-Type": "application/octet-stream", "Content-Range": span}
            status, said = self._put(pool, url, base, body, headers)
            if status in (200, 201):
                return
            now = self._held(status, said, delivery.size)
            if body and now <= held:
                break  # it took nothing of what it was given: another day
            held = now
            body = delivery.read(held, min(self._chunk, delivery.size - held))
            span = f"bytes {held}-{held + len(body) - 1}/{delivery.size}"
        raise Unavailable("receiver_unreachable")

    @staticmethod
    def _held(status: int, said: str, size: int) -> int:
        """How many bytes the receiver says it has. Raises Unavailable for an answer that is none."""
        match = _HELD.fullmatch(said.strip())
        held = int(match.group(1)) + 1 if match is not None else 0
        if status != 308 or (said and match is None) or held >= size:
            raise Unavailable("receiver_unreachable")
        return held

    def _put(
        self, pool: Connection, url: SplitResult, path: str, body: bytes, headers: dict[str, str]
    ) -> tuple[int, str]:
        """(status, Range header)."""
        try:
            reply = pool.request(
                "PUT", path, body=body, headers={**headers, "Host": url.netloc}, redirect=False, preload_content=False
            )
            reply.drain_conn()
            reply.release_conn()
        except (urllib3.exceptions.HTTPError, OSError):
            raise Unavailable("receiver_unreachable") from None
        return reply.status, reply.headers.get("Range", "")
