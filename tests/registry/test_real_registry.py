"""Against Debian's docker-registry: what the simulator claims is true of the real one."""

from __future__ import annotations

import base64
import gzip
import json
import subprocess
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest
from tests.servers import Authority, docker_registry, need

from hivebase.oci import model
from hivebase.oci.model import Platform
from hivebase.oci.store import Store
from hivebase.reference import Reference
from hivebase.registry.auth import AuthenticationError
from hivebase.registry.errors import RegistryUnreachableError
from hivebase.registry.settings import RegistrySettings
from hivebase.transport import HostPolicy

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.server

AMD64 = Platform(os="linux", architecture="amd64")
USER = ("me", "real-registry-password")


def layout(directory: Path) -> str:
    """Write a small OCI layout, by hand; return the digest of its manifest."""
    blobs = directory / "blobs" / "sha256"
    blobs.mkdir(parents=True)

    def blob(media_type: str, data: bytes) -> model.Descriptor:
        digest = sha256(data).hexdigest()
        (blobs / digest).write_bytes(data)
        return model.Descriptor(media_type, f"sha256:{digest}", len(data))

    tar = bytes(1024)
    config = model.ImageConfig(
        architecture="amd64", os="linux", rootfs=model.RootFS(diff_ids=(f"sha256:{sha256(tar).hexdigest()}",))
    )
    manifest = model.Manifest(
        schema_version=2,
        media_type=model.MANIFEST,
        config=blob(model.CONFIG, model.canonical_json(config)),
        layers=(blob(model.LAYER_GZIP, gzip.compress(tar, mtime=0)),),
    )
    top = blob(model.MANIFEST, model.canonical_json(manifest))
    index = model.Index(schema_version=2, manifests=(top,))
    (directory / "index.json").write_bytes(model.canonical_json(index))
    (directory / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    return top.digest


def push(directory: Path, host: str, *options: str) -> None:
    """Copy the layout into the registry with skopeo."""
    need("skopeo")
    command = [
        "skopeo",
        "--insecure-policy",
        "copy",
        "-q",
        *options,
        f"oci:{directory}",
        f"docker://{host}/team/app:1.0",
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_pull_from_a_plain_registry(tmp_path, connect, store):
    """On this machine plain HTTP will do; what is pulled is what was pushed, and skopeo reads the store."""
    digest = layout(tmp_path / "image")
    with docker_registry(tmp_path) as host:
        push(tmp_path / "image", host, "--dest-tls-verify=false")
        with connect() as client:
            reference = Reference.parse(f"{host}/team/app:1.0")
            resolved = client.pull(reference, store, platform=AMD64)
            assert digest == client.current_digest(reference)
    assert digest == resolved.top.digest == resolved.manifest.digest
    store.tag("team/app:1.0", resolved.manifest)
    command = ["skopeo", "inspect", "--config", f"oci:{store.root}:team/app:1.0"]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert json.loads(shown.stdout)["architecture"] == "amd64"


def test_pull_with_tls_and_password(tmp_path, connect):
    """The CA from the settings, the password from the file; without either, a clear refusal."""
    authority = Authority(tmp_path)
    layout(tmp_path / "image")
    with docker_registry(tmp_path, tls=authority.issue("localhost"), user=USER) as host:
        directory = tmp_path / "certificates"
        directory.mkdir()
        (directory / "ca.crt").write_bytes(authority.ca.read_bytes())
        push(tmp_path / "image", host, f"--dest-cert-dir={directory}", f"--dest-creds={':'.join(USER)}")
        reference = Reference.parse(f"{host}/team/app:1.0")
        auths = {host: {"auth": base64.b64encode(":".join(USER).encode()).decode()}}
        settings = RegistrySettings({host: HostPolicy(ca=authority.ca)})
        with connect(auths=auths, settings=settings) as client:
            resolved = client.pull(reference, Store.open(tmp_path / "other"), platform=AMD64)
        assert resolved.reference == reference
        with connect(settings=settings) as client, pytest.raises(AuthenticationError):
            client.resolve(reference, AMD64)
        with connect(auths=auths) as client, pytest.raises(RegistryUnreachableError) as caught:
            client.resolve(reference, AMD64)
        assert caught.value.cause == "certificate"
