"""The documents we write."""

from __future__ import annotations

import json

import pytest

from hivebase.digest import Digest
from hivebase.oci.model import Descriptor, ImageConfig, RootFS, canonical_json, chain_ids


def test_canonical_json_takes_digests() -> None:
    """A Digest is written as the string it is."""
    data = canonical_json(Descriptor("a/b", Digest.of(b""), 0))
    assert json.loads(data) == {"mediaType": "a/b", "digest": str(Digest.of(b"")), "size": 0}


def test_canonical_json_is_sorted_and_takes_nothing_strange() -> None:
    """Equal values give equal bytes; what is not JSON is a mistake of the program."""
    assert canonical_json({"b": 1, "a": [True, None]}) == b'{"a":[true,null],"b":1}'
    with pytest.raises(TypeError):
        canonical_json(object())


def test_a_configuration_always_has_its_rootfs() -> None:
    """The image-spec requires ``rootfs``, also for an image without layers."""
    data = json.loads(canonical_json(ImageConfig(architecture="amd64", os="linux")))
    assert data["rootfs"] == {"type": "layers", "diff_ids": []}
    data = json.loads(canonical_json(ImageConfig(architecture="amd64", os="linux", rootfs=RootFS())))
    assert data["rootfs"] == {"type": "layers", "diff_ids": []}


def test_chain_ids() -> None:
    """The first ChainID is the DiffID; each next one is the digest of the last and the DiffID."""
    first, second = Digest.of(b"1"), Digest.of(b"2")
    assert chain_ids(()) == ()
    assert chain_ids((first, second)) == (first, Digest.of(f"{first} {second}".encode()))
