"""The real cosign for tests: Debian 13's package, unpacked into the cache directory once.

::

    cosign = Cosign(tmp_path)
    key, public = cosign.generate("a password")
    cosign.run("verify", "--key", public, "--insecure-ignore-tlog=true", f"{host}/team/app@{digest}")

It speaks to nobody but the registry of the test: no transparency log, no root of trust fetched, nothing of the user's
configuration.
"""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests.docker_host import SUITE

VERSION = "2.5"


@functools.cache
def binary() -> Path:
    """Return cosign; mmdebstrap fetches it if it is not there."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hivebase"
    program = cache / f"cosign-{VERSION}"
    if program.exists():
        return program
    maker = shutil.which("mmdebstrap")
    if maker is None:
        pytest.skip("needs mmdebstrap: apt-get install mmdebstrap")
    cache.mkdir(parents=True, exist_ok=True)
    # Packages are only unpacked, so that nothing of them is run. The binary needs no newer libc than Debian 12's.
    options = ["--variant=extract", "--include=cosign", "--aptopt=Acquire::Languages none"]
    # Machines that were restored from a snapshot have yesterday's date.
    options += ['--aptopt=Acquire::Check-Valid-Until "false"', '--aptopt=Acquire::Check-Date "false"']
    with tempfile.TemporaryDirectory(dir=cache, prefix="cosign.", ignore_cleanup_errors=True) as work:
        command = [maker, *options, SUITE, f"{work}/tree"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
        if done.returncode:
            pytest.fail(f"mmdebstrap: {done.stderr[-2000:]}")
        found = Path(work) / "tree/usr/bin/cosign"
        subprocess.run([found, "version"], check=True, capture_output=True, timeout=30)
        found.rename(program)
    return program


class Cosign:
    """cosign with a home of its own below ``directory``."""

    def __init__(self, directory: Path) -> None:
        self._program = binary()
        self._home = directory / "cosign"
        self._home.mkdir(exist_ok=True)
        # Nobody is trusted but the keys that tests give: without this file cosign would fetch Sigstore's.
        self.trusted_root = self._home / "trusted_root.json"
        self.trusted_root.write_text(
            json.dumps({"mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1"})
        )

    def run(
        self, *words: object, password: str = "", code: int = 0, env: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run it; fail the test if it ends in another code (any other than 0 if ``code`` is negative)."""
        home = str(self._home)
        environment = {
            "HOME": home,
            "DOCKER_CONFIG": home,
            "COSIGN_PASSWORD": password,
            "PATH": "/usr/bin:/bin",
        }
        done = subprocess.run(
            [self._program, *map(str, words)],
            env=environment | (env or {}),
            cwd=self._home,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        wrong = done.returncode == 0 if code < 0 else done.returncode != code
        assert not wrong, f"cosign {words[0]} ended in {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def generate(self, password: str, name: str = "cosign") -> tuple[Path, Path]:
        """Make a pair of keys; return the files of the private and the public one."""
        prefix = self._home / name
        self.run("generate-key-pair", "--output-key-prefix", prefix, password=password)
        return prefix.with_suffix(".key"), prefix.with_suffix(".pub")

    def sign(self, key: Path, image: str, *options: str, password: str) -> None:
        """Sign an image as a user without a transparency log does."""
        self.run("sign", "--key", key, "--tlog-upload=false", "-y", *options, image, password=password)

    def attest(self, key: Path, image: str, predicate: object, *options: str, password: str) -> None:
        """Attest SLSA provenance, likewise."""
        file = self._home / "predicate.json"
        file.write_text(json.dumps(predicate))
        words = ["--type", "slsaprovenance1", "--predicate", file, "--tlog-upload=false", "-y", *options]
        self.run("attest", "--key", key, *words, image, password=password)

    def verify(
        self, public: Path, image: str, *options: object, code: int = 0
    ) -> subprocess.CompletedProcess[str]:
        """Verify the signature of an image."""
        return self.run("verify", "--key", public, "--insecure-ignore-tlog=true", *options, image, code=code)

    def verify_attestation(
        self, public: Path, image: str, kind: str, *options: object, code: int = 0
    ) -> subprocess.CompletedProcess[str]:
        """Verify an attestation; it is printed as an envelope, one a line."""
        words = ["--key", public, "--insecure-ignore-tlog=true", "--type", kind, *options]
        return self.run("verify-attestation", *words, image, code=code)

    def verify_bundle(
        self, public: Path, image: str, kind: str, code: int = 0
    ) -> subprocess.CompletedProcess[str]:
        """Verify an attestation in a Sigstore bundle among the image's referrers."""
        options = ["--new-bundle-format", "--trusted-root", self.trusted_root]
        return self.verify_attestation(public, image, kind, *options, code=code)
