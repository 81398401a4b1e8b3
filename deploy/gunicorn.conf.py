"""Gunicorn for the three doors. The address is given on the command line; logs hold no query strings and no secrets."""

import gc
import os
import shutil
import tempfile
from typing import Any

worker_class = "deploy.door_worker.DoorWorker"
workers = int(os.environ.get("LANTAI_WEB_WORKERS", "2"))
threads = int(os.environ.get("LANTAI_WEB_THREADS", "4"))
timeout = 60
graceful_timeout = 10
keepalive = 5
limit_request_line = 4094  # longer ones are answered by the worker: 414, and 431 for the headers
limit_request_fields = 60
control_socket_disable = True  # one more door that nobody needs

accesslog = "-"
errorlog = "-"
# Method, path without query, status, bytes, milliseconds, request id. No address, no referrer, no user agent.
access_log_format = "%(t)s %(m)s %(U)s %(s)s %(B)s %(M)sms %({x-request-id}o)s"


def on_starting(_server: Any) -> None:
    """Where the workers write what they count, so that whichever is asked can add it up. The counts of a worker that
    ended stay: a counter never goes back."""
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix="lantai-counts-")


def on_exit(_server: Any) -> None:
    shutil.rmtree(os.environ["PROMETHEUS_MULTIPROC_DIR"], ignore_errors=True)


def post_worker_init(_worker: Any) -> None:
    """What the application is made of stays for good: the collector need not look through it again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
