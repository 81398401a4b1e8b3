"""OpenStack Swift, whole and real, in one process: proxy with its S3 door, account, container and object server.

Run by the system's own Python, which has Debian's ``python3-swift``:
``/usr/bin/python3 tests/providers/swift_server.py FOLDER PORT``. The keys are those of ``swift_process``. FOLDER must
be on a file system with extended attributes. Nothing listens beyond 127.0.0.1.
"""

from __future__ import annotations

import eventlet

eventlet.monkey_patch()

import logging  # noqa: E402 - eventlet must come before whatever it patches
import sys  # noqa: E402
from pathlib import Path  # noqa: E402

import eventlet.wsgi  # noqa: E402
from swift.common import utils  # noqa: E402

CONF = """
[swift-hash]
swift_hash_path_prefix = tests
swift_hash_path_suffix = tests
"""
PROXY = """
[DEFAULT]
swift_dir = {folder}
[pipeline:main]
pipeline = catch_errors cache s3api tempauth copy dlo slo proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
allow_account_management = true
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:9
[filter:s3api]
use = egg:swift#s3api
s3_acl = false
location = us-east-1
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = testing .admin
[filter:copy]
use = egg:swift#copy
[filter:slo]
use = egg:swift#slo
[filter:dlo]
use = egg:swift#dlo
"""


def serve(folder: Path, port: int) -> None:
    """Blocks until the process is killed."""
    (folder / "swift.conf").write_text(CONF)
    utils.SWIFT_CONF_FILE = str(folder / "swift.conf")
    from swift.account.server import AccountController  # noqa: PLC0415 - they read the file named above
    from swift.common.ring import RingBuilder  # noqa: PLC0415
    from swift.common.storage_policy import reload_storage_policies  # noqa: PLC0415
    from swift.common.wsgi import loadapp  # noqa: PLC0415
    from swift.container.server import ContainerController  # noqa: PLC0415
    from swift.obj.server import ObjectController  # noqa: PLC0415

    reload_storage_policies()
    devices = folder / "devices"
    (devices / "sda").mkdir(parents=True, exist_ok=True)
    conf = {"devices": str(devices), "mount_check": "false", "swift_dir": str(folder), "bind_ip": "127.0.0.1"}
    quiet = logging.getLogger("swift-tests")
    quiet.addHandler(logging.NullHandler())
    for name, controller in (
        ("account", AccountController),
        ("container", ContainerController),
        ("object", ObjectController),
    ):
        listener = eventlet.listen(("127.0.0.1", 0))
        ring = RingBuilder(part_power=4, replicas=1, min_part_hours=0)
        ring.add_dev(
            {
                "id": 0,
                "region": 1,
                "zone": 1,
                "weight": 1,
                "ip": "127.0.0.1",
                "port": listener.getsockname()[1],
                "device": "sda",
                "meta": "",
            }
        )
        ring.rebalance()
        ring.get_ring().save(str(folder / f"{name}.ring.gz"))
        eventlet.spawn(eventlet.wsgi.server, listener, controller(conf), quiet, log_output=False)
    (folder / "proxy-server.conf").write_text(PROXY.format(folder=folder))
    application = loadapp(str(folder / "proxy-server.conf"), global_conf={"log_name": "swift-tests"})
    eventlet.wsgi.server(eventlet.listen(("127.0.0.1", port)), application, quiet, log_output=False)


if __name__ == "__main__":
    serve(Path(sys.argv[1]), int(sys.argv[2]))
