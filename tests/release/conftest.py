"""A real registry with a small image, keys that the real cosign made, and cosign itself."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import msgspec
import pytest
from tests.clocks import FakeClock
from tests.cosign import Cosign
from tests.registry.test_real_registry import layout
from tests.servers import docker_registry

from hivebase.digest import Digest
from hivebase.oci import documents, model
from hivebase.oci.model import Descriptor
from hivebase.reference import Reference
from hivebase.registry.client import RegistryClient
from hivebase.registry.credentials import Keychain
from hivebase.registry.manifests import put_manifest
from hivebase.registry.upload import upload_blob
from hivebase.release.signing.keys import PrivateKey, PublicKey
from hivebase.transport import Secret, Transport

if TYPE_CHECKING:
    from pathlib import Path

    from hivebase.registry.repository import Repository

PASSWORD = "a password for tests"


class Published(msgspec.Struct, frozen=True):
    """An image in a registry: what cosign calls it, and what we do."""

    address: str
    repository: Repository
    image: Descriptor

    @property
    def digest(self) -> Digest:
        return Digest.parse(self.image.digest)

    @property
    def reference(self) -> str:
        return f"{self.address}@{self.digest}"


class Pair(msgspec.Struct, frozen=True):
    """A pair of keys in files, and loaded."""

    private_file: Path
    public_file: Path
    private: PrivateKey
    public: PublicKey


@pytest.fixture(scope="session")
def cosign(tmp_path_factory) -> Cosign:
    return Cosign(tmp_path_factory.mktemp("cosign"))


@pytest.fixture(scope="session")
def pairs(cosign) -> tuple[Pair, Pair]:
    """Two pairs: ours and somebody else's."""
    made = []
    for name in ("ours", "theirs"):
        private, public = cosign.generate(PASSWORD, name)
        key = PrivateKey.load(private, Secret(PASSWORD))
        made.append(Pair(private, public, key, PublicKey.load(public)))
    return made[0], made[1]


@pytest.fixture
def ours(pairs):
    return pairs[0]


@pytest.fixture
def theirs(pairs):
    return pairs[1]


@pytest.fixture(scope="session")
def registry(tmp_path_factory):
    """A real registry, and a client that takes nothing from this machine's environment."""
    directory = tmp_path_factory.mktemp("registry")
    keychain = Keychain({"REGISTRY_AUTH_FILE": str(directory / "none.json")})
    # Nobody else writes to it, so nothing has to settle.
    with (
        docker_registry(directory) as host,
        Transport(environ={}, clock=FakeClock()) as transport,
        RegistryClient(transport=transport, keychain=keychain) as client,
    ):
        yield host, client


@pytest.fixture(scope="session")
def publish(registry, tmp_path_factory):
    """Return what puts a small image into a repository of its own."""
    host, client = registry
    blobs = tmp_path_factory.mktemp("image")
    digest = layout(blobs)
    data = (blobs / "blobs/sha256" / digest[7:]).read_bytes()
    manifest = documents.parse_manifest(data, what="the image")
    count = itertools.count()

    def make() -> Published:
        address = f"{host}/team/app{next(count)}"
        repository = client.repository(Reference.parse(address), push=True)
        for blob in (manifest.config, *manifest.layers):
            path = blobs / "blobs/sha256" / blob.digest[7:]
            upload_blob(repository, blob, lambda path=path: path.open("rb"))  # type: ignore[misc]
        put_manifest(repository, digest, data, model.MANIFEST)
        return Published(address, repository, Descriptor(model.MANIFEST, digest, len(data)))

    return make


@pytest.fixture
def published(publish):
    """An image that nobody has proven yet."""
    return publish()
