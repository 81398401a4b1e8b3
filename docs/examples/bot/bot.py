"""A bot that verifies and prints Lantai's events. Needs `pip install standardwebhooks` and nothing else.

    WEBHOOK_SECRET=whsec_… python bot.py 9000

Put a web server with TLS before it; the archive sends to https addresses only.
"""

from __future__ import annotations

import json
import os
import sys
from collections import OrderedDict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standardwebhooks import Webhook, WebhookVerificationError

LARGEST = 64 * 1024
REMEMBERED = 10_000
# separated by a comma while one secret replaces another
SECRETS = [Webhook(secret) for secret in os.environ.get("WEBHOOK_SECRET", "").split(",") if secret]
seen: OrderedDict[str, None] = OrderedDict()


def verified(body: bytes, headers: dict[str, str]) -> dict[str, object] | None:
    """The message, or None where no secret of ours has signed it within the last five minutes."""
    for webhook in SECRETS:
        try:
            message: dict[str, object] = webhook.verify(body, headers)
        except (WebhookVerificationError, ValueError):
            continue
        return message
    return None


def handle(message: dict[str, object]) -> bytes:
    """What the archive is answered. A message may come more than once: its id says so."""
    data = message["data"]
    if message["type"] == "webhook.ping" and isinstance(data, dict):
        return str(data["challenge"]).encode()
    if message["id"] not in seen:
        seen[str(message["id"])] = None
        if len(seen) > REMEMBERED:
            seen.popitem(last=False)
        print(json.dumps(message, ensure_ascii=False), flush=True)
    return b""


class Bot(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length) if length <= LARGEST else b""
        message = verified(body, dict(self.headers.items()))
        self.answer(401, b"") if message is None else self.answer(200, handle(message))

    def answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing but the events is printed."""


if __name__ == "__main__":
    if not SECRETS:
        sys.exit("WEBHOOK_SECRET is not set")
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 9000), Bot).serve_forever()
