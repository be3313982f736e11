"""What is done otherwise because a registry is ECR: against docker-registry, which takes either way.

That ECR loses all pieces of an upload but the first, and bounds PutImage to ten a second, is what others found and what
Amazon documents; no simulator of ECR has a data plane to show it with.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from io import BytesIO

import pytest
from tests.clocks import FakeClock
from tests.registry_simulator import Simulator, status
from tests.servers import docker_registry

from hivebase.digest import Digest
from hivebase.errors import PolicyError
from hivebase.oci.model import MANIFEST, Descriptor, canonical_json
from hivebase.reference import Reference
from hivebase.registry.client import RegistryClient
from hivebase.registry.manifests import put_manifest
from hivebase.registry.traits import ECR, PLAIN
from hivebase.registry.upload import has_blob, upload_blob
from hivebase.transport import LIMITS, Transport
from hivebase.values import replace

pytestmark = pytest.mark.server


@pytest.fixture
def host(tmp_path):
    with docker_registry(tmp_path) as found:
        yield found


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def transport(clock):
    with Transport(environ={}, clock=clock, limits=replace(LIMITS, chunk=1000)) as made:
        yield made


def repository(transport: Transport, host: str, traits):
    client = RegistryClient(transport=transport, traits={host: traits})
    return client.repository(Reference.parse(f"{host}/production/app"), push=True)


@pytest.mark.parametrize(("traits", "pieces"), [(ECR, 0), (PLAIN, 5)], ids=["ecr", "others"])
def test_a_blob_goes_to_ecr_in_one_piece(transport, host, traits, pieces, monkeypatch):
    """However long it is."""
    methods: Counter[str] = Counter()
    send = Transport._send

    def counting(self, request):
        methods[request.method] += 1
        return send(self, request)

    monkeypatch.setattr(Transport, "_send", counting)
    data = os.urandom(5500)
    blob = Descriptor("application/octet-stream", Digest.of(data), len(data))
    there = repository(transport, host, traits)
    assert upload_blob(there, blob, lambda: BytesIO(data)) == "sent"
    assert methods["PATCH"] == pieces
    assert methods["PUT"] == 1
    assert has_blob(there, blob)


@pytest.mark.parametrize("thing", ["repository", "tag"])
def test_what_ecr_says_of_an_immutable_tag(transport, thing):
    """Its own refusal, should somebody else have been faster than our look: a rule of the registry, exit code 4."""
    text = f"The image tag '1.0.0' already exists in the 'production/app' repository and cannot be overwritten because the {thing} is immutable."  # noqa: E501
    body = json.dumps({"errors": [{"code": "TAG_INVALID", "message": text}]}).encode()
    with Simulator() as registry:
        registry.fault("PUT .*/manifests/", status(400, {"Content-Type": "application/json"}, body))
        there = repository(transport, registry.host, ECR)
        with pytest.raises(PolicyError) as caught:
            put_manifest(there, "1.0.0", b"{}", MANIFEST)
    assert f"{registry.host}/production/app:1.0.0" in str(caught.value)
    assert f"because the {thing} is immutable" in str(caught.value)


@pytest.mark.parametrize(("traits", "seconds"), [(ECR, 2.4), (PLAIN, 0.0)], ids=["ecr", "others"])
def test_manifests_go_to_ecr_ten_a_second(transport, host, clock, traits, seconds):
    """By digest and by tag alike, in all repositories together: the limit is the account's."""
    there = repository(transport, host, traits)
    config = b"{}"
    blob = Descriptor("application/vnd.oci.empty.v1+json", Digest.of(config), len(config))
    upload_blob(there, blob, lambda: BytesIO(config))
    document = {"schemaVersion": 2, "mediaType": MANIFEST, "config": blob, "layers": []}
    began = clock.now
    for number in range(25):
        put_manifest(there, f"1.0.{number}", canonical_json(document), MANIFEST)
    assert clock.now - began == pytest.approx(seconds)
