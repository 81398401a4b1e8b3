"""The sandbox as one Flask application, and the loopback server that carries it."""

from __future__ import annotations

import ipaddress
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from flask import Flask, Response, request
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from providers.sandbox import wechat_account, wechat_face, wechat_messages
from providers.sandbox.alipay_gate import alipay_blueprint
from providers.sandbox.alipay_methods import METHODS
from providers.sandbox.carrier_gate import carrier_blueprint
from providers.sandbox.carrier_pages import carrier_pages
from providers.sandbox.clock import SandboxClock
from providers.sandbox.config import SandboxConfig
from providers.sandbox.control import control_blueprint
from providers.sandbox.deliveries import Post, http_post
from providers.sandbox.mail_server import mail_server
from providers.sandbox.pages import pages_blueprint
from providers.sandbox.sms_gate import sms_blueprint
from providers.sandbox.wechat_gate import wechat_blueprint
from providers.sandbox.wecom import wecom_blueprint
from providers.sandbox.world import World

HOST = "127.0.0.1"
LOCAL_NAMES = ("127.0.0.1", "localhost", "::1")
BODY_LIMIT = 4 * 1024 * 1024


def create_sandbox(
    config: SandboxConfig,
    *,
    clock: SandboxClock | None = None,
    post: Post = http_post,
    sleep: Callable[[float], None] = time.sleep,
) -> Flask:
    """WeChat under /wechat, Alipay at /alipay/gateway.do, WeCom under /wecom, EMS under /ems, the SMS vendor
    under /sms, people at / and /control.


    ``post`` sends the call-backs and ``sleep`` waits between their tries and in slow faults; tests pass fakes. The
    World stands in ``app.extensions["sandbox"]``.
    """
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = BODY_LIMIT
    app.json.sort_keys = False  # type: ignore[attr-defined]  # Flask types the provider too generally
    world = World(config, clock=clock, post=post, sleep=sleep)
    app.extensions["sandbox"] = world
    app.before_request(loopback_only)
    routes = wechat_account.ROUTES + wechat_messages.ROUTES + wechat_face.ROUTES
    app.register_blueprint(wechat_blueprint(world, routes))
    app.register_blueprint(alipay_blueprint(world, METHODS))
    app.register_blueprint(wecom_blueprint(world))
    app.register_blueprint(carrier_blueprint(world))
    app.register_blueprint(sms_blueprint(world))
    app.register_blueprint(control_blueprint(world))
    app.register_blueprint(pages_blueprint(world))
    app.register_blueprint(carrier_pages(world))
    return app


def loopback_only() -> Response | None:
    """Refuses callers from elsewhere, other host names (rebinding) and other web pages (Origin)."""
    origin = request.headers.get("Origin")
    names = [urlsplit(f"//{request.host}").hostname, urlsplit(origin).hostname if origin else LOCAL_NAMES[0]]
    near = request.remote_addr is not None and ipaddress.ip_address(request.remote_addr).is_loopback
    if near and all(name in LOCAL_NAMES for name in names):
        return None
    return Response("the sandbox answers on loopback only\n", 403, content_type="text/plain")


class _QuietHandler(WSGIRequestHandler):
    """Without an access log: queries carry secrets. The journal keeps the masked call."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        del code, size


def sandbox_server(app: Flask, port: int) -> BaseWSGIServer:
    """A threaded server on 127.0.0.1; port 0 takes a free one (see ``server_port``)."""
    return make_server(HOST, port, app, threaded=True, request_handler=_QuietHandler)


@contextmanager
def running_sandbox(config: SandboxConfig, port: int = 0, *, clock: SandboxClock | None = None) -> Iterator[str]:
    """The sandbox on a thread of this process; gives ``http://127.0.0.1:PORT``."""
    app = create_sandbox(config, clock=clock)
    server = sandbox_server(app, port)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        with mail_server(app.extensions["sandbox"]):
            yield f"http://{HOST}:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
