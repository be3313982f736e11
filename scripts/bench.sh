#!/usr/bin/env bash
# hivebase beside Docker, buildx bake and buildah, in one run on this machine; see benchmarks/README.md.
#   scripts/bench.sh [SCENARIO…] [--peers docker-seed,docker-tuned,bake,buildah] [--json FILE] [--svg FILE] …
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/setup.sh
. scripts/setup.sh

case " $* " in *" -h "* | *" --help "*)
    install_hivebase main
    exec .venv/bin/python -m benchmarks --help
    ;;
esac
[ "$(id -u)" -eq 0 ] || die "the builders mount file systems and start containers, so they need root"
install_packages "${BUILD_PACKAGES[@]}" "${BENCH_PACKAGES[@]}"
install_hivebase main
# What was edited since the installation, which compiled everything.
.venv/bin/python -m compileall -q src
# It brings the image on which everybody builds.
.venv/bin/hivebase build --quiet python-ml-base
exec .venv/bin/python -m benchmarks "$@"
