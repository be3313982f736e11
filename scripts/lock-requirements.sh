#!/usr/bin/env bash
# Locks hivebase's own dependencies: names, versions and hashes, and no address, so that any mirror serves them.
set -euo pipefail
cd "$(dirname "$0")/.."
compile() {
    local group=$1 output=$2
    shift 2
    .venv/bin/uv pip compile --quiet --generate-hashes --no-emit-index-url --no-header --no-annotate \
        --python-version 3.11 --universal "$@" pyproject.toml --group "$group" --output-file "requirements/$output.txt"
}
compile build main
compile build ecr --extra ecr --constraint requirements/main.txt
compile dev dev --extra ecr --constraint requirements/ecr.txt
wc -l requirements/*.txt
