"""The smallest Flask application: what the web server itself costs."""

from __future__ import annotations

from flask import Flask

app = Flask("hello", static_folder=None)


@app.get("/hello")
def hello() -> dict[str, str]:
    return {"hello": "world"}
