"""``push``, ``pull``, ``copy`` and ``status`` with docker-registry: what people see, and what is in the registry."""

from __future__ import annotations

import json
import subprocess

import msgspec
import pytest
from tests.hives import BASE, TestHive, busybox_tar
from tests.servers import docker_registry, need

from hivebase.oci.annotations import STAND_INS
from hivebase.oci.store import Store

pytestmark = pytest.mark.server

FILES = {
    "hivebase.toml": '[hive]\nname = "hive"\nversion = "1.0.0"\n',
    "low/Dockerfile": f"FROM {BASE}\nCOPY file /low\nARG VERSION\nLABEL version=$VERSION\n",
    "low/file": "low",
    "high/Dockerfile": "FROM hive/low:1.0.0\nCOPY file /high\n",
    "high/file": "high",
}


@pytest.fixture
def hive(tmp_path):
    """Two images, built; copies from a base and from each other only, so that nothing needs a sandbox."""
    (tmp_path / "base.tar").write_bytes(busybox_tar())
    made = TestHive(tmp_path / "hive", tmp_path / "store").write(FILES)
    made.run("import", str(tmp_path / "base.tar"), BASE)
    made.run("build", "--base", "registry")
    return made


@pytest.fixture
def host(tmp_path):
    with docker_registry(tmp_path) as found:
        yield found


def inspect(host: str, name: str) -> dict[str, object]:
    """Return what skopeo says of an image in the registry."""
    need("skopeo")
    command = ["skopeo", "inspect", "--tls-verify=false", f"docker://{host}/{name}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    document: dict[str, object] = json.loads(done.stdout)
    return document


def exists(host: str, name: str) -> bool:
    command = ["skopeo", "inspect", "--raw", "--tls-verify=false", f"docker://{host}/{name}"]
    return subprocess.run(command, capture_output=True, timeout=60, check=False).returncode == 0


def with_stand_in(hive: TestHive, ref: str, name: str) -> None:
    """Give an image the label that a build gives to one with a stand-in."""
    store = Store.open(hive.store)
    image = store.image(ref)
    run = msgspec.structs.replace(image.config.config, labels={STAND_INS: name})
    config = msgspec.structs.replace(image.config, config=run)
    store.tag(ref, store.put_image(config, image.manifest.layers, annotations=image.manifest.annotations))


def test_push_twice(hive, host):
    """The first push sends each blob once, the second nothing; skopeo reads what is there."""
    first = hive.json("push", "--to", f"{host}/team", "--no-proof")
    assert [item["name"] for item in first["images"]] == ["low", "high"]
    # Busybox, two layers and two configs; the child's repository gets its parent's layers by mount.
    assert (first["blobs"]["sent"], first["blobs"]["mounted"], first["tags"]) == (5, 2, 2)
    for item in first["images"]:
        assert item["digest"] == inspect(host, f"team/{item['name']}:1.0.0")["Digest"]
    second = hive.json("push", "--to", f"{host}/team", "--no-proof")
    assert {item["status"] for item in second["images"]} == {"present"}
    assert (second["blobs"], second["bytes"], second["manifests"], second["tags"]) == (
        {"sent": 0, "mounted": 0, "present": 0},
        0,
        0,
        0,
    )


def test_a_released_version_does_not_change(hive, host):
    """Another image under the same version is refused with both digests, and nothing of it is sent (R-19)."""
    before = hive.json("push", "--to", f"{host}/team", "--no-proof")["images"][1]["digest"]
    hive.write({"high/file": "changed"})
    after = hive.build()["high"]["digest"]
    done = hive.run("push", "--to", f"{host}/team", "--no-proof", code=4)
    assert before in done.stderr
    assert after in done.stderr
    assert not exists(host, f"team/high@{after}")
    found = hive.json("status", "--to", f"{host}/team", code=1)["images"]
    assert [[one["code"] for one in item["findings"]] for item in found] == [[], ["DRIFTED"]]
    hive.run("build", "--version", "1.0.1")
    hive.run("push", "--to", f"{host}/team", "--no-proof", "--version", "1.0.1")
    assert before == inspect(host, "team/high:1.0.0")["Digest"]


def test_the_rules_come_before_the_first_byte(hive, host):
    """latest, an unbuilt version, a stand-in in the last image: refused while the registry is still empty."""
    hive.run("push", "--to", f"{host}/team", "--version", "latest", code=4)
    hive.run("push", "--to", f"{host}/team", "--version", "2.0.0", code=3)
    with_stand_in(hive, "hive/high:1.0.0", "some-model")
    done = hive.run("push", "--to", f"{host}/team", code=4)
    assert "some-model" in done.stderr
    assert "--allow-stand-ins" in done.stderr
    assert not exists(host, "team/low:1.0.0")


def test_allowed_stand_ins_go_along_with_their_label(hive, host):
    """Who pulls the image can see what it holds; to promote it must be allowed again."""
    with_stand_in(hive, "hive/high:1.0.0", "some-model")
    hive.run("push", "--to", f"{host}/team", "--no-proof", "--allow-stand-ins")
    assert inspect(host, "team/high:1.0.0")["Labels"] == {STAND_INS: "some-model"}
    assert "some-model" in hive.run("copy", f"{host}/team/high:1.0.0", f"{host}/prod/high", code=4).stderr
    hive.run("copy", f"{host}/team/high:1.0.0", f"{host}/prod/high", "--allow-stand-ins")


def test_a_dry_run_sends_nothing(hive, host):
    """It says how many blobs would be sent, and which tags would be written."""
    shown = hive.json("push", "--to", f"{host}/team", "--dry-run")
    assert shown["blobs"] == 5
    assert [item["tags"] for item in shown["images"]] == [["1.0.0"], ["1.0.0"]]
    assert not exists(host, "team/low:1.0.0")


def test_floating_tags_move_forward_and_on_request(hive, host):
    """1.0 follows 1.0.1, and a later push of 1.0.0 leaves it there."""
    hive.run("push", "low", "--to", f"{host}/team", "--no-proof")
    assert not exists(host, "team/low:1.0")
    hive.run("build", "low", "--version", "1.0.1")
    newer = hive.json(
        "push", "low", "--to", f"{host}/team", "--no-proof", "--version", "1.0.1", "--floating", "minor"
    )
    assert newer["images"][0]["tags"] == ["1.0.1", "1.0"]
    older = hive.json("push", "low", "--to", f"{host}/team", "--no-proof", "--floating", "minor")
    assert older["images"][0]["kept"] == {"1.0": "1.0.1 is newer"}
    assert newer["images"][0]["digest"] == inspect(host, "team/low:1.0")["Digest"]


def test_status_tells_what_was_never_published_and_what_stands_on_an_old_parent(hive, host):
    """Each finding has a code, and the exit code is 1."""
    never = hive.json("status", "--to", f"{host}/team", code=1)["images"]
    assert {item["findings"][0]["code"] for item in never} == {"NEVER_PUBLISHED"}
    hive.run("push", "--to", f"{host}/team", "--no-proof")
    hive.run("status", "--to", f"{host}/team")
    missing = hive.json("status", "--to", f"{host}/team", "--version", "1.1.0", code=1)["images"]
    assert [one["code"] for one in missing[0]["findings"]] == ["NOT_BUILT", "MISSING"]
    assert "1.0.0" in missing[0]["findings"][1]["detail"]
    # Somebody moves the parent's tag with another tool.
    hive.write({"low/file": "changed"})
    hive.run("build", "low")
    command = ["skopeo", "copy", "-q", "--insecure-policy", "--dest-tls-verify=false"]
    subprocess.run(
        [*command, f"oci:{hive.store}:hive/low:1.0.0", f"docker://{host}/team/low:1.0.0"],
        check=True,
        timeout=60,
    )
    stale = hive.json("status", "--to", f"{host}/team", code=1)["images"]
    assert [[one["code"] for one in item["findings"]] for item in stale] == [[], ["STALE_PARENT"]]


def test_a_child_of_another_parent_is_not_published(hive, host):
    """The parent was built anew and the child was not: they are no release together."""
    hive.write({"low/file": "changed"})
    hive.run("build", "low")
    done = hive.run("push", "--to", f"{host}/team", code=4)
    assert "high stands on another low" in done.stderr
    assert not exists(host, "team/low:1.0.0")


def test_copy_promotes_by_digest(hive, host, tmp_path):
    """Within a registry by mount, to another one by way of the store; the rules hold there too."""
    digest = hive.json("push", "--to", f"{host}/dev", "--no-proof")["images"][1]["digest"]
    within = hive.json("copy", f"{host}/dev/high:1.0.0", f"{host}/prod/high")
    assert (within["digest"], within["blobs"]["sent"], within["blobs"]["mounted"]) == (digest, 0, 4)
    other = TestHive(tmp_path, tmp_path / "empty")
    (tmp_path / "second").mkdir()
    with docker_registry(tmp_path / "second") as there:
        across = other.json("copy", f"{host}/dev/high@{digest}", f"{there}/prod/high:1.0.0")
        assert (across["blobs"]["sent"], digest) == (4, inspect(there, "prod/high:1.0.0")["Digest"])
        again = other.json("copy", f"{host}/dev/high:1.0.0", f"{there}/prod/high:1.0.0")
        assert again["blobs"]["sent"] == 0
        done = other.run("copy", f"{host}/dev/low:1.0.0", f"{there}/prod/high:1.0.0", code=4)
        assert digest in done.stderr
        other.run("copy", f"{host}/dev/low:1.0.0", f"{there}/prod/low:latest", code=4)
        other.run("copy", f"{host}/dev/nothing:1.0.0", f"{there}/prod/low:1.0.0", code=3)


def test_pull_gives_the_image_its_name(hive, host, tmp_path):
    """What was pushed comes back with the same digest, into an empty store."""
    digest = hive.json("push", "--to", f"{host}/team", "--no-proof")["images"][1]["digest"]
    other = TestHive(tmp_path, tmp_path / "empty")
    assert f"{host}/team/high:1.0.0@{digest}\n" == other.run("pull", f"{host}/team/high:1.0.0").stdout
    assert [item["ref"] for item in other.json("images", "--all")["images"]] == [f"{host}/team/high:1.0.0"]
    other.run("pull", f"{host}/team/high:9.9.9", code=3)


def test_profiles_say_where(hive, host):
    """Without --to the default profile counts; a name that is none is refused with the known ones."""
    hive.run("push", code=2)
    hive.write({"hivebase.toml": FILES["hivebase.toml"] + f'[profile.default]\nto = "{host}/team"\n'})
    hive.run("push", "low", "--no-proof")
    assert exists(host, "team/low:1.0.0")
    assert "default" in hive.run("push", "--to", "defualt", code=2).stderr


def keys(tmp_path):
    """Return files with a private key and its public one."""
    private, public = tmp_path / "key.pem", tmp_path / "key.pub"
    generate = ["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", str(private)]
    subprocess.run(generate, check=True, capture_output=True, timeout=30)
    derive = ["openssl", "ec", "-in", str(private), "-pubout", "-out", str(public)]
    subprocess.run(derive, check=True, capture_output=True, timeout=30)
    return private, public


def states(document):
    return {check["subject"]: check["state"] for check in document["images"][0]["checks"]}


def test_what_is_pushed_is_proven(hive, host, tmp_path):
    """Signature, provenance and SBOM of the key; true to the content; and built again, the same digest."""
    private, public = keys(tmp_path)
    hive.run("push", "--to", f"{host}/team", "--key", str(private))
    ref = f"{host}/team/high:1.0.0"
    shown = states(hive.json("verify", ref, "--key", str(public), "--rebuild"))
    proven = dict.fromkeys(("signature", "provenance", "sbom"), "proven")
    assert shown == {**proven, "content": "true", "rebuild": "same"}
    (tmp_path / "other").mkdir()
    _, stranger = keys(tmp_path / "other")
    shown = states(hive.json("verify", ref, "--key", str(stranger), code=1))
    assert set(shown.values()) == {"missing"}
    hive.write({"low/file": "changed"})
    again = hive.json("verify", ref, "--key", str(public), "--rebuild", code=1)
    assert states(again)["rebuild"] == "other"
    assert again["images"][0]["checks"][-1]["reasons"] == ["layer 2 differs first: COPY file /low # buildkit"]


def test_a_signature_can_follow(hive, host, tmp_path):
    """Published without a key, everything is there and unproven; pushed again with one, it is signed."""
    private, public = keys(tmp_path)
    ref = f"{host}/team/low:1.0.0"
    hive.run("push", "low", "--to", f"{host}/team")
    shown = states(hive.json("verify", ref))
    assert shown == {"signature": "missing", "provenance": "unproven", "sbom": "unproven", "content": "true"}
    hive.run("verify", ref, "--key", str(public), code=1)
    done = hive.json("push", "low", "--to", f"{host}/team", "--key", str(private))
    assert (done["images"][0]["status"], done["blobs"]["sent"]) == ("present", 0)
    hive.run("verify", ref, "--key", str(public))
    copied = hive.json("copy", ref, f"{host}/prod/low")
    assert copied["proofs"] > 3
    hive.run("verify", f"{host}/prod/low:1.0.0", "--key", str(public))


def test_a_key_that_cannot_be_used_is_told_first(hive, host, tmp_path):
    """Before anything is sent, and without a word of what is in the file."""
    (tmp_path / "no.pem").write_text(
        "-----BEGIN PRIVATE KEY-----\nbm90aGluZyBhdCBhbGw=\n-----END PRIVATE KEY-----\n"
    )
    done = hive.run("push", "--to", f"{host}/team", "--key", str(tmp_path / "no.pem"), code=2)
    assert "bm90aGluZ" not in done.stderr
    assert not exists(host, "team/low:1.0.0")


def test_what_contradicts_itself_or_is_not_installed_is_refused(hive, host):
    """--no-proof signs nothing; an identity needs an extra package; nothing is sent in either case."""
    hive.run("push", "--to", f"{host}/team", "--no-proof", "--keyless", code=2)
    assert "hivebase[keyless]" in hive.run("push", "--to", f"{host}/team", "--keyless", code=2).stderr
    assert not exists(host, "team/low:1.0.0")
