# shellcheck shell=bash
# Sourced by the two commands: brings a bare Debian 12 machine to where hivebase runs. Idempotent; prints what it
# installs; installs nothing that is already there.

say() { printf '==> %s\n' "$*" >&2; }

die() {
    printf 'error: %s\n' "$1" >&2
    shift
    for line in "$@"; do printf '  %s\n' "$line" >&2; done
    exit 3
}

# shellcheck disable=SC2034  # used by the scripts that source this one
# The programs that each Debian package brings, so that a program from anywhere else is good enough too.
BUILD_PACKAGES=(ca-certificates debian-archive-keyring git mmdebstrap runc)
# shellcheck disable=SC2034
TEST_PACKAGES=(apache2-utils buildah busybox-static containerd crun docker-registry docker.io faketime gcc libc6-dev
    openssl podman procps shellcheck skopeo strace umoci xz-utils)
# shellcheck disable=SC2034
BENCH_PACKAGES=(buildah docker-registry e2fsprogs mmdebstrap mount skopeo util-linux)

missing_packages() {
    local package
    for package in "$@"; do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || printf '%s\n' "$package"
    done
}

# install_packages PACKAGE...: the missing ones, with apt; elsewhere says what to install by hand.
install_packages() {
    if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
        local absent=() program
        for program in git mmdebstrap runc; do
            command -v "$program" >/dev/null || absent+=("$program")
        done
        [ ${#absent[@]} -eq 0 ] || die "this is not a Debian system, and these programs are missing: ${absent[*]}" \
            "install them with this system's package manager and run the command again"
        return 0
    fi
    local wanted
    mapfile -t wanted < <(missing_packages "$@")
    [ ${#wanted[@]} -gt 0 ] || return 0
    [ "$(id -u)" -eq 0 ] || die "these Debian packages are missing: ${wanted[*]}" \
        "run as root, or: sudo apt-get install ${wanted[*]}"
    say "installing Debian packages: ${wanted[*]}"
    export DEBIAN_FRONTEND=noninteractive
    # A machine that was just made has no package lists; one that has been up for months has old ones.
    apt-get install --yes --quiet=2 --no-install-recommends "${wanted[@]}" >/dev/null 2>&1 || {
        apt-get update --quiet=2 >&2
        apt-get install --yes --quiet=2 --no-install-recommends "${wanted[@]}" >&2 ||
            die "apt could not install: ${wanted[*]}" "its own message is above"
    }
}

# The distribution's own first: it is built with profile-guided optimisation, where builds from
# source (pyenv's, say) usually are not optimised and run the same code a quarter slower.
find_python() {
    local candidate
    for candidate in /usr/bin/python3 python3.11 python3 python3.12 python3.13; do
        if command -v "$candidate" >/dev/null &&
            "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$candidate"
            return 0
        fi
    done
    return 1
}

# install_hivebase LOCK: the package, editable, and what requirements/LOCK.txt pins, into .venv at the root.
install_hivebase() {
    local lock="requirements/$1.txt" stamp python
    stamp=".venv/.installed-$(cat "$lock" pyproject.toml | sha256sum | cut -c1-16)-$1"
    [ -e "$stamp" ] && [ -x .venv/bin/hivebase ] && return 0
    if ! python=$(find_python); then
        install_packages python3 python3-venv
        python=$(find_python) || die "no Python 3.11 or newer with the venv module was found" \
            "on Debian 12: apt-get install python3-venv"
    fi
    if ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
        say "creating .venv with $("$python" --version)"
        rm -rf .venv
        "$python" -m venv .venv
    fi
    say "installing into .venv: $(grep -cE '^[A-Za-z0-9]' "$lock") Python packages from $lock"
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement "$lock"
    # Everything that the package's own build needs is in the lock already, hashes checked.
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
    # pip compiles what it copies, not what it links to; where Python may not write bytecode, each start would compile.
    .venv/bin/python -m compileall -q src
    rm -f .venv/.installed-*
    touch "$stamp"
}
