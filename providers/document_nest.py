"""``python -m providers.document_nest``: has the parsers loaded and forks one limited child per document.

It never touches a document: its one socket (standard input) brings a request and two pipes, the child reads and writes
those and ends, the nest reports what it cost and waits for the next. So no document meets what another one left
behind, and none waits for an interpreter to start. The nest ends when the socket closes or nothing came for a while.
"""

from __future__ import annotations

import os
import select
import socket
import sys

from providers.document_child import Clean, leave, read_request, serve, silence, write_report
from providers.document_images import clean_image
from providers.document_ofd import check_ofd
from providers.document_pdf import clean_pdf

IDLE_S = 120.0
_MESSAGE_MAX = 4096
_CLEANERS: dict[str, Clean] = {
    "image/jpeg": clean_image,
    "image/png": clean_image,
    "image/tiff": clean_image,
    "application/pdf": clean_pdf,
    "application/ofd": check_ofd,
}


def keep(control: socket.socket) -> None:
    """Serve requests one after the other until the parent is gone or silent."""
    while select.select([control], [], [], IDLE_S)[0]:
        message, pipes, _, _ = socket.recv_fds(control, _MESSAGE_MAX, 2)
        if not message or len(pipes) != 2:
            return
        pid = os.fork()
        if pid == 0:
            control.close()
            _child(message, pipes[0], pipes[1])
        for pipe in pipes:
            os.close(pipe)
        _, status, usage = os.wait4(pid, 0)
        control.send(write_report(os.waitstatus_to_exitcode(status), usage))


def _child(message: bytes, source: int, sink: int) -> None:
    """Never returns."""
    try:
        media_type, limits = read_request(message)
        with open(source, "rb", buffering=0) as incoming, open(sink, "wb") as outgoing:
            serve(_CLEANERS[media_type], media_type, limits, incoming, outgoing)
    except BaseException:
        leave(1)
    leave(0)


if __name__ == "__main__":
    silence()
    keep(socket.socket(fileno=sys.stdin.fileno()))
