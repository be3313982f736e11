"""Provenance says from what an image was made: all that is certain, nothing else, and the same each time."""

from __future__ import annotations

import json
import subprocess

import msgspec
import pytest
from tests.hives import BASE, TestHive, busybox_tar

from hivebase.build.workspace import open_workspace
from hivebase.digest import Digest
from hivebase.errors import NotFoundError
from hivebase.inspect.packages import inventory
from hivebase.inspect.packages.model import DebianPackage, Origin, PythonPackage
from hivebase.oci.store import Store
from hivebase.plan.wheels import LockedWheel
from hivebase.reference import Reference
from hivebase.release.made import image_uri, made
from hivebase.release.proof import prove
from hivebase.release.provenance import BUILD_TYPE, BUILDER, Made, Material, provenance
from hivebase.release.statement import PROVENANCE, parse
from hivebase.release.verify import verify

DIGEST = Digest.of(b"the image")
TOKEN = "never-seen-5512"
HIVE = {
    "hivebase.toml": '[hive]\nname = "small"\nversion = "1.2.3"\n',
    "parent/Dockerfile": f"FROM {BASE}\nCOPY file /file\n",
    "parent/file": "content\n",
    "child/Dockerfile": "ARG BASE_IMAGE_VERSION=1\nFROM small/parent:${BASE_IMAGE_VERSION}\nARG VERSION\n"
    "ARG INDEX=https://user:never-seen-5512@index.example/simple\nARG API_TOKEN\nCOPY file /child\nLABEL v=$VERSION\n",
    "child/file": "of the child\n",
}


def test_what_a_statement_looks_like():
    """Everything at the place where SLSA has it; what is not known is not there."""
    materials = (Material("pkg:pypi/six@1.17.0", "six-1.17.0-py2.py3-none-any.whl", "sha256:" + "1" * 64),)
    one = Made(
        image="app",
        version="1.2.3",
        platform="linux/amd64",
        args={"A": "b"},
        materials=materials,
        key="sha256:" + "2" * 64,
        format="3",
        epoch=7,
        stand_ins=("python:3.11-slim",),
    )
    document = json.loads(provenance("registry.example/team/app", DIGEST, one))
    assert document["subject"] == [{"name": "registry.example/team/app", "digest": {"sha256": DIGEST.hex}}]
    assert document["predicateType"] == PROVENANCE
    definition = document["predicate"]["buildDefinition"]
    assert definition == {
        "buildType": BUILD_TYPE,
        "externalParameters": {
            "image": "app",
            "version": "1.2.3",
            "platform": "linux/amd64",
            "args": {"A": "b"},
        },
        "internalParameters": {
            "key": "sha256:" + "2" * 64,
            "format": "3",
            "sourceDateEpoch": 7,
            "standIns": ["python:3.11-slim"],
        },
        "resolvedDependencies": [
            {
                "uri": "pkg:pypi/six@1.17.0",
                "name": "six-1.17.0-py2.py3-none-any.whl",
                "digest": {"sha256": "1" * 64},
            }
        ],
    }
    details = document["predicate"]["runDetails"]
    assert details["builder"]["id"] == BUILDER
    assert details["metadata"].keys() == {"invocationId"}
    ours = json.loads(provenance("", DIGEST, one, builder="https://ci.example/builder"))
    assert ours["predicate"]["runDetails"]["builder"]["id"] == "https://ci.example/builder"


def test_the_order_in_which_things_are_found_does_not_matter():
    """Row P-1."""
    found = [Material("pkg:pypi/b", "b"), Material("pkg:pypi/a", "a"), Material(name="Dockerfile")]
    one = Made(image="app", version="1", platform="linux/amd64", key="k", format="3", epoch=0)
    said = {
        provenance("x", DIGEST, msgspec.structs.replace(one, materials=tuple(order)))
        for order in (found, found[::-1])
    }
    assert len(said) == 1


@pytest.mark.parametrize(
    ("text", "platform", "uri"),
    [
        ("python:3.11-slim", "linux/amd64", "pkg:docker/python@3.11-slim?platform=linux%2Famd64"),
        ("me/app", "linux/arm64/v8", "pkg:docker/me/app@latest?platform=linux%2Farm64%2Fv8"),
        ("ghcr.io/me/app:1", "linux/amd64", "pkg:docker/ghcr.io/me/app@1?platform=linux%2Famd64"),
        ("localhost:5000/app:1", "linux/amd64", "pkg:docker/localhost%3A5000/app@1?platform=linux%2Famd64"),
    ],
)
def test_images_as_package_urls(text, platform, uri):
    assert image_uri(Reference.parse(text), platform) == uri


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A hive with two images, built for real."""
    root = tmp_path_factory.mktemp("built")
    (root / "base.tar").write_bytes(busybox_tar())
    hive = TestHive(root / "hive", root / "store").write(HIVE)
    hive.run("import", str(root / "base.tar"), BASE)
    hive.run("build", "--build-arg", f"API_TOKEN={TOKEN}")
    return hive


def of(hive: TestHive, name: str, **changes) -> Made:
    store, workspace = Store.open(hive.store), open_workspace(hive.root)
    image = store.image(f"small/{name}:1.2.3")
    held = msgspec.structs.replace(inventory(store, image), **changes)
    return made(store, image, held, workspace, name)


def materials(one: Made) -> dict[str, Material]:
    found = {item.name: item for item in one.materials}
    assert len(found) == len(one.materials)
    return found


@pytest.mark.root
def test_an_image_on_an_external_base(built):
    """Its base by digest, the Dockerfile by that of its bytes, and the context's files."""
    one = of(built, "parent")
    assert (one.image, one.version, one.dockerfile) == ("parent", "1.2.3", "parent/Dockerfile")
    found = materials(one)
    base = found["docker.io/library/busybox:1"]
    assert base.digest == Store.open(built.store).image(BASE).descriptor.digest
    assert base.uri == f"pkg:docker/busybox@1?platform={one.platform.replace('/', '%2F')}"
    done = subprocess.run(
        ["sha256sum", built.root / "parent/Dockerfile"], check=True, capture_output=True, text=True
    )
    assert found["parent/Dockerfile"].digest == f"sha256:{done.stdout.split()[0]}"
    assert len(found[f"context {one.context}"].fingerprint) == 64


@pytest.mark.root
def test_an_image_on_another_one_of_the_hive(built):
    """The parent by its digest; the parent's base is the parent's business."""
    one, store = of(built, "child"), Store.open(built.store)
    found = materials(one)
    assert found["small/parent:1.2.3"].digest == store.image("small/parent:1.2.3").descriptor.digest
    assert "docker.io/library/busybox:1" not in found
    files = [materials(of(built, name))[f"context {name}"].fingerprint for name in ("parent", "child")]
    assert files[0] != files[1]


@pytest.mark.root
def test_secrets_are_not_told(built):
    """Of a build arg that looks like one, the name; of an address, all but who."""
    one = of(built, "child")
    assert one.secret_args == ("API_TOKEN",)
    assert "API_TOKEN" not in one.args
    assert one.args["INDEX"] == "https://***@index.example/simple"
    assert one.args["VERSION"] == "1.2.3"
    assert TOKEN.encode() not in provenance("x", DIGEST, one)


@pytest.mark.root
def test_packages_of_its_own_layers_and_the_lock_that_names_them(built, tmp_path):
    """What came with the parent is left out, and so is a lock that does not know what is in the image."""
    hive = TestHive(tmp_path / "hive", built.store).write(HIVE)
    wheels = [
        LockedWheel(name, "1.0", f"{name}-1.0-py3-none-any.whl", digit * 64) for name, digit in ("a1", "b2")
    ]
    python = tuple(
        PythonPackage(
            id=f"python:{wheel.name}",
            name=wheel.name,
            version="1.0",
            path="x",
            origin=Origin("sha256:" + "0" * 64, number, "RUN pip"),
            wheel=wheel,
        )
        for wheel, number in zip(wheels, (1, 9), strict=True)
    )
    debian = tuple(
        DebianPackage(
            id=f"deb:{number}",
            name=f"gcc-{number}",
            version="12",
            architecture="amd64",
            source="gcc",
            source_version="12",
            origin=Origin("", number, ""),
        )
        for number in (1, 9)
    )
    found = materials(of(hive, "child", python=python, debian=debian))
    assert found["b-1.0-py3-none-any.whl"].digest == "sha256:" + "2" * 64
    assert found["b-1.0-py3-none-any.whl"].uri == "pkg:pypi/b@1.0"
    assert found["gcc-9 12"].uri.startswith("pkg:deb/")
    assert not {"a-1.0-py3-none-any.whl", "gcc-1 12", "hivebase.lock"} & found.keys()
    lock = 'version = 1\n\n[[wheel]]\nname = "b"\nversion = "1.0"\nfile = "b-1.0-py3-none-any.whl"\n'
    hive.write({"hivebase.lock": f'{lock}sha256 = "{"2" * 64}"\n'})
    lock_digest = Digest.of((hive.root / "hivebase.lock").read_bytes())
    assert materials(of(hive, "child", python=python))["hivebase.lock"].digest == lock_digest
    hive.write({"hivebase.lock": f'{lock}sha256 = "{"3" * 64}"\n'})
    assert "hivebase.lock" not in materials(of(hive, "child", python=python))


@pytest.mark.root
def test_a_dockerfile_that_was_edited_since_is_not_told(built, tmp_path):
    """The rest is what the build remembered."""
    hive = TestHive(tmp_path / "hive", built.store).write(HIVE)
    before = materials(of(hive, "parent"))
    hive.write({"parent/Dockerfile": f"{HIVE['parent/Dockerfile']}# more\n"})
    after = materials(of(hive, "parent"))
    assert before.keys() - after.keys() == {"parent/Dockerfile"}


@pytest.mark.root
def test_the_same_build_gives_the_same_statement(built, tmp_path):
    """Row P-1: in another directory and another store, byte for byte."""
    (tmp_path / "base.tar").write_bytes(busybox_tar())
    hive = TestHive(tmp_path / "another", tmp_path / "store").write(HIVE)
    hive.run("import", str(tmp_path / "base.tar"), BASE)
    hive.run("build", "--build-arg", f"API_TOKEN={TOKEN}")
    assert provenance("x", DIGEST, of(hive, "child")) == provenance("x", DIGEST, of(built, "child"))


@pytest.mark.root
def test_an_image_that_nobody_built_here(built):
    """Of what was tagged afterwards under a name of the hive, the record of the build says nothing."""
    store = Store.open(built.store)
    parent = store.image("small/parent:1.2.3").descriptor
    store.tag("small/parent:1.2.3", store.image(BASE).descriptor)
    try:
        with pytest.raises(NotFoundError, match="not known how") as caught:
            of(built, "parent")
    finally:
        store.tag("small/parent:1.2.3", parent)
    assert "hivebase build parent" in caught.value.hint


@pytest.mark.root
@pytest.mark.server
def test_cosign_accepts_it(built, published, cosign, ours):
    """The real cosign checks the form of SLSA predicates, and gives back what was attached."""
    data = provenance(published.address, published.digest, of(built, "child"))
    prove(published.repository, published.image, statements=[data], key=ours.private)
    cosign.verify_attestation(ours.public_file, published.reference, "slsaprovenance1")
    cosign.verify_bundle(ours.public_file, published.reference, "slsaprovenance1")
    assert verify(published.repository, published.digest, ours.public).provenance == parse(data)
