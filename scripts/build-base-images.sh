#!/usr/bin/env bash
# Builds all base images of the hive, in dependency order: a thin caller of `hivebase build`.
set -euo pipefail
cd "$(dirname "$0")/.."

usage() {
    cat <<'USAGE'
Usage: scripts/build-base-images.sh [--version X.Y.Z] [--no-cache] [--push-to-ecr] [-h|--help]

  --version X.Y.Z   version to build (default: the one in hivebase.toml)
  --no-cache        do every step again
  --push-to-ecr     push to Amazon ECR after the build (not available yet)

Anything after `--` goes to `hivebase build` as it is.
USAGE
}

push=false
arguments=()
while [ $# -gt 0 ]; do
    case $1 in
    --version)
        [ -n "${2-}" ] || { echo "error: --version needs a value, such as 1.0.0" >&2; exit 2; }
        arguments+=(--version "$2")
        shift
        ;;
    --version=*)
        set -- --version "${1#*=}" "${@:2}"
        continue
        ;;
    --no-cache) arguments+=(--no-cache) ;;
    --push-to-ecr) push=true ;;
    -h | --help)
        usage
        exit 0
        ;;
    --)
        shift
        arguments+=("$@")
        break
        ;;
    *)
        echo "error: unknown argument: $1" >&2
        usage >&2
        exit 2
        ;;
    esac
    shift
done

if $push; then
    # Said before the build, not after it: nobody should wait minutes for a refusal.
    echo "error: --push-to-ecr is not available yet; build without it and push with 'skopeo copy oci:STORE:REF docker://…'" >&2
    exit 2
fi

# shellcheck source=scripts/setup.sh
. scripts/setup.sh
install_packages "${BUILD_PACKAGES[@]}"
install_hivebase main
exec .venv/bin/hivebase build --group base-images "${arguments[@]}"
