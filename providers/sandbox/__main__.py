"""``python -m providers.sandbox``: serve the sandbox on 127.0.0.1."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path

from providers.sandbox.config import ConfigFault, SandboxConfig
from providers.sandbox.server import HOST, create_sandbox, sandbox_server
from providers.sandbox.setup import read_environment_file

BANNER = """
########################################################################
#  SANDBOX  沙箱  —  no real platform answers here                     #
#  WeChat, Alipay, WeCom and EMS are imitated for demonstration only. #
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
    server = sandbox_server(create_sandbox(config), chosen.port)
    sys.stderr.write(f"{BANNER}people: http://{HOST}:{server.server_port}/\n")
    sys.stderr.flush()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        return 0
    finally:
        server.server_close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
