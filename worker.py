"""The job worker's entry: inbox, pushes and call-backs."""

from __future__ import annotations

import asyncio

from app import logs
from app.job_worker import work
from app.settings import load_settings
from wiring import build, build_queue_app, register_work, service_urls


def main() -> None:
    logs.configure()
    settings = load_settings()
    urls = service_urls(settings)
    queue = build_queue_app(urls)
    register_work(queue, build(settings, urls))
    asyncio.run(work(queue, ["default"], concurrency=4))


if __name__ == "__main__":
    main()
