"""The service process: ``python -m providers.embedded --data-dir var/data`` owns both servers until SIGTERM."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from pathlib import Path

from providers.embedded.records import EmbeddedError
from providers.embedded.services import EmbeddedServices, say


def main(arguments: list[str]) -> int:
    """0 after a clean stop, 1 with the reason on standard error when the servers cannot run."""
    parser = argparse.ArgumentParser(prog="python -m providers.embedded", description=__doc__)
    parser.add_argument("--data-dir", type=Path, default=Path("var/data"))
    parser.add_argument("--no-fsync", action="store_true", help="for tests: quicker, a power cut may lose data")
    options = parser.parse_args(arguments)
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: stopped.set())
    services = EmbeddedServices(options.data_dir, fsync=not options.no_fsync)
    try:
        services.start()
        say("PostgreSQL and Redis are up")
        services.supervise(stopped.wait)
    except EmbeddedError as error:
        sys.stderr.write(f"embedded services: {error}\n")
        return 1
    finally:
        services.stop()
    say("stopped")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
