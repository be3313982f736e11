#!/usr/bin/env bash
# Builds all base images of the hive, in dependency order, and pushes them if asked to: a thin caller of
# `hivebase build` and `hivebase push`.
set -euo pipefail
cd "$(dirname "$0")/.."

usage() {
    cat <<'USAGE'
Usage: scripts/build-base-images.sh [--version X.Y.Z] [--no-cache] [--push-to-ecr] [-h|--help]

  --version X.Y.Z     version to build (default: the one in hivebase.toml)
  --no-cache          do every step again
  --push-to-ecr       push to Amazon ECR after the build: ${ECR_REGISTRY}/${ENV}/<image>:X.Y.Z
  --allow-stand-ins   with --push-to-ecr: push images with stand-ins for official content too
  --no-create         with --push-to-ecr: refuse where a repository is missing in ECR

--push-to-ecr needs AWS_REGION, ENV, and AWS_ACCOUNT_ID or ECR_REGISTRY, and AWS credentials from anywhere
where boto3 finds them; neither the aws command nor Docker. See docs/how-to/publish-to-ecr.md.

Anything after `--` goes to `hivebase build` as it is.
USAGE
}

refuse() {
    echo "error: $1" >&2
    [ -z "${2-}" ] || echo "  try: $2" >&2
    exit 2
}

push=false
version=() build=() check=() options=()
while [ $# -gt 0 ]; do
    case $1 in
    --version)
        [ -n "${2-}" ] || refuse "--version needs a value, such as 1.0.0"
        version=(--version "$2")
        shift
        ;;
    --version=*)
        set -- --version "${1#*=}" "${@:2}"
        continue
        ;;
    --no-cache) build+=(--no-cache) ;;
    --push-to-ecr) push=true ;;
    --allow-stand-ins) options+=("$1") ;;
    --no-create)
        check+=("$1")
        options+=("$1")
        ;;
    -h | --help)
        usage
        exit 0
        ;;
    --)
        shift
        build+=("$@")
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

if ! $push && [ ${#options[@]} -gt 0 ]; then
    refuse "${options[0]} belongs to --push-to-ecr"
fi

# Said before anything is installed or built: nobody should wait minutes for a refusal.
if $push; then
    absent=()
    [ -n "${AWS_REGION-}" ] || absent+=(AWS_REGION)
    [ -n "${AWS_ACCOUNT_ID-}${ECR_REGISTRY-}" ] || absent+=("AWS_ACCOUNT_ID (or ECR_REGISTRY)")
    [ -n "${ENV-}" ] || absent+=(ENV)
    if [ ${#absent[@]} -gt 0 ]; then
        names=$(printf ', %s' "${absent[@]}")
        refuse "--push-to-ecr needs ${names:2} in the environment" \
            "export AWS_REGION=us-east-1 AWS_ACCOUNT_ID=123456789012 ENV=production"
    fi
fi

# shellcheck source=scripts/setup.sh
. scripts/setup.sh
install_packages "${BUILD_PACKAGES[@]}"
if ! $push; then
    install_hivebase main
    exec .venv/bin/hivebase build --group base-images "${version[@]}" "${build[@]}"
fi
install_hivebase ecr
.venv/bin/hivebase doctor --to ecr --group base-images "${check[@]}" >&2
.venv/bin/hivebase build --group base-images "${version[@]}" "${build[@]}"
exec .venv/bin/hivebase push --to ecr --group base-images "${version[@]}" "${options[@]}"
