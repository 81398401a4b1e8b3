"""``python -m providers.sandbox``: serve the sandbox on 127.0.0.1."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path

from providers.sandbox.config import ConfigFault, SandboxConfig
from providers.sandbox.mail_server import mail_server
from providers.sandbox.server import HOST, create_sandbox, sandbox_server
from providers.sandbox.setup import read_environment_file

BANNER = """
########################################################################
#  SANDBOX  沙箱  —  no real platform answers here                     #
#  WeChat, Alipay, WeCom, EMS, e-mail and SMS are imitated.            #
#  Nobody's identity is proved, no message leaves this machine.        #
########################################################################
"""


def main(arguments: list[str] | None = None) -> int:
    """Real environment variables win over the file. Returns 2 when a setting is missing."""
    parser = argparse.ArgumentParser(prog="python -m providers.sandbox", description="Sandbox of the platforms")
    parser.add_argument("--port", type=int, default=9300)
    parser.add_argument("--env-file", type=Path, help="NAME=value lines, as write_demo_environment makes them")
    chosen = parser.parse_args(arguments)
    values = read_environment_file(chosen.env_file) if chosen.env_file else {}
    try:
        config = SandboxConfig.from_environment({**values, **os.environ})
    except ConfigFault as fault:
        sys.stderr.write(f"The sandbox cannot start: {fault}\n")
        return 2
    app = create_sandbox(config)
    server = sandbox_server(app, chosen.port)
    sys.stderr.write(f"{BANNER}people: http://{HOST}:{server.server_port}/\n")
    sys.stderr.flush()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        with mail_server(app.extensions["sandbox"]):
            server.serve_forever()
    except KeyboardInterrupt:
        return 0
    finally:
        server.server_close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
