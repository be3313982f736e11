#!/usr/bin/env bash
# The same Dockerfiles built by hivebase and by other engines, and compared; see docs/reference/equivalence.md.
#   scripts/equivalence.sh [--soak N] [--seed N] [--docker VERSION] [--hive | --no-hive] [-- PYTEST-ARGUMENT…]
# First the corpus and random Dockerfiles against Docker, old and current; then the base images of this repository
# against Docker, buildah and bake, composed and with everything run: about an hour. --hive does the second alone.
# --soak tries N random Dockerfiles that nobody tried before (or those of --seed) instead of the 200 that are always
# tried; --docker leaves out the other version.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/setup.sh
. scripts/setup.sh

versions=(20.10 26.1)
soak="" seed="" corpus=yes hive=yes
while [ $# -gt 0 ]; do
    case "$1" in
    --soak) soak=${2:?--soak takes a number} && shift 2 ;;
    --seed) seed=${2:?--seed takes a number} && shift 2 ;;
    --docker) versions=("${2:?--docker takes a version}") && shift 2 ;;
    --hive) corpus="" && shift ;;
    --no-hive) hive="" && shift ;;
    --) shift && break ;;
    *) die "unknown option $1" "its first lines tell what there is" ;;
    esac
done

[ "$(id -u)" -eq 0 ] || die "the builders mount file systems and start containers, so they need root"
install_packages "${BUILD_PACKAGES[@]}" "${TEST_PACKAGES[@]}"
install_hivebase dev

export HIVEBASE_TEST_NO_SKIP=1 HIVEBASE_SOAK="$soak"
if [ -n "$soak" ]; then
    # Printed, so that what was found can be found again.
    export HIVEBASE_SOAK_SEED="${seed:-$((RANDOM * 32768 + RANDOM))}"
    say "random cases: $soak, seed $HIVEBASE_SOAK_SEED"
fi

failed=()
for version in ${corpus:+"${versions[@]}"}; do
    say "Docker $version: the corpus and random Dockerfiles"
    # -s: the progress of a long soak is worth seeing.
    HIVEBASE_TEST_DOCKER="$version" .venv/bin/python -m pytest -s --quiet --durations=3 \
        tests/equivalence/test_dockerfiles.py tests/equivalence/test_generated.py "$@" || failed+=("Docker $version")
done
if [ -n "$hive" ]; then
    say "the base images of this repository"
    .venv/bin/python -m tests.equivalence.hive_images || failed+=("the base images")
    .venv/bin/python -m tests.equivalence.hive_images --no-compose docker-26.1 || failed+=("the base images, run")
fi

[ ${#failed[@]} -eq 0 ] || {
    printf 'error: not the same: %s\n' "${failed[*]}" >&2
    exit 1
}
say "the same everywhere"
