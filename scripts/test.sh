#!/usr/bin/env bash
# Everything that must hold: lint, types, and the unit, root, server and engine tests. Sets itself up.
# Extra arguments go to pytest (for example: scripts/test.sh -k store).
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/setup.sh
. scripts/setup.sh

[ "$(id -u)" -eq 0 ] || die "the tests mount file systems and start containers, so they need root" \
    "run as root, or only the others: .venv/bin/pytest -m 'not root and not engine and not server'"
install_packages "${BUILD_PACKAGES[@]}" "${TEST_PACKAGES[@]}"
install_hivebase dev

say "lint"
.venv/bin/ruff check .
.venv/bin/ruff format --check .
shellcheck -x scripts/*.sh .ci/run
say "types"
.venv/bin/mypy
say "tests"
# Here nothing may be skipped: whatever a skip would name is installed above. Two at a time, file by file: what the tests
# of one file share is made once.
HIVEBASE_TEST_NO_SKIP=1 exec .venv/bin/python -m pytest -n 2 --dist loadfile "$@"
