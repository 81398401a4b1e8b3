#!/usr/bin/env bash
# Regenerates requirements.txt and requirements-dev.txt from the .in files. Needs uv on the PATH, or makes it available
# in a throw-away virtual environment. Commit both results together.
set -euo pipefail
cd "$(dirname "$0")/.."

if command -v uv >/dev/null; then
    uv=uv
else
    scratch=$(mktemp -d)
    trap 'rm -rf "$scratch"' EXIT
    python3 -m venv "$scratch"
    "$scratch/bin/pip" install --quiet --disable-pip-version-check uv
    uv="$scratch/bin/uv"
fi

for name in requirements requirements-dev; do
    "$uv" pip compile --quiet --generate-hashes --no-emit-index-url --no-header --python-version 3.11 \
        --override requirements-overrides.txt "$@" "$name.in" -o "$name.txt"
    echo "wrote $name.txt"
done
