"""A real object store with an S3 door (OpenStack Swift, Debian's python3-swift), of a test's own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from functools import cached_property
from pathlib import Path

import boto3
from botocore.config import Config

from providers.s3_files import Bucket

PYTHON = Path("/usr/bin/python3")
# the project's own disk, not a temporary folder that may lie in memory: Swift needs extended attributes
FOLDER = Path(__file__).parents[2] / "var"
MISSING = "no OpenStack Swift here (apt-get install python3-swift): the S3 store is not tested"
_PROGRAM = Path(__file__).with_name("swift_server.py")
_START_S = 30.0


def swift_is_there() -> bool:
    FOLDER.mkdir(exist_ok=True)
    try:
        with tempfile.NamedTemporaryFile(dir=FOLDER) as trial:
            os.setxattr(trial.name, "user.lantai", b"x")
    except OSError:
        return False
    probe = [str(PYTHON), "-c", "import swift.common.middleware.s3api"]
    return PYTHON.exists() and subprocess.run(probe, capture_output=True, check=False).returncode == 0


class SwiftProcess:
    """Listens on a free port of 127.0.0.1; what it holds goes with it."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="swift-", dir=FOLDER))
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port = free.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None
        self.endpoint = f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        self._process = subprocess.Popen(
            [str(PYTHON), "-B", str(_PROGRAM), str(self._folder), str(self._port)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + _START_S
        while time.monotonic() < deadline and self._process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self._port)) == 0:
                    return
            time.sleep(0.05)
        raise RuntimeError("Swift did not start")

    def bucket(self, name: str) -> Bucket:
        """A new, empty one."""
        made = Bucket(self.endpoint, name, "us-east-1", "test:tester", "testing")
        self._client.create_bucket(Bucket=name)
        return made

    @cached_property
    def _client(self) -> boto3.client:
        return boto3.session.Session().client(
            "s3",
            endpoint_url=self.endpoint,
            region_name="us-east-1",
            aws_access_key_id="test:tester",
            aws_secret_access_key="testing",
            config=Config(s3={"addressing_style": "path"}, request_checksum_calculation="when_required"),
        )

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def remove(self) -> None:
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)
