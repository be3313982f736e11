"""``hivebase push --to ecr`` as people run it, without the aws command and without Docker.

The control plane is moto's server, the data plane docker-registry with moto's token for a password. What that leaves
out: moto's token never changes and has no data plane that looks at it; its IAM knows actions and no resources; and
docker-registry does not know which tags are immutable in ECR, so that here our own rule refuses them.
"""

from __future__ import annotations

import re
import secrets

import pytest
from tests.hives import BASE, TestHive, busybox_tar
from tests.registry.ecr.conftest import ACCOUNT, FILES, NAMES, PASSWORD, catalog, with_iam
from tests.servers import docker_registry, free_port

from hivebase.registry.ecr.control import CREATE, DESCRIBE, GET_TOKEN, PUT_RULES

pytestmark = pytest.mark.server


def test_first_push_and_second(hive, account, registry):
    """Repositories are made, images are there under ENV/<image>; the second time nothing happens."""
    first = hive.run("push", "--to", "ecr", "--no-proof")
    assert account.repositories() == NAMES
    assert catalog(registry) == {name: ["1.0.0"] for name in NAMES}
    for name in NAMES:
        assert f"{registry}/{name}:1.0.0@sha256:" in first.stdout
        assert f"made the repository {name}" in first.stderr
    second = hive.json("push", "--to", "ecr", "--no-proof")
    assert {image["status"] for image in second["images"]} == {"present"}
    assert second["blobs"]["sent"] == second["manifests"] == second["tags"] == 0


def test_without_ecr_registry_the_host_follows_from_account_and_region(hive):
    """As the seed has it: the push goes as far as the host of ECR, which no test can reach."""
    del hive.env["ECR_REGISTRY"]
    hive.env |= {"HTTPS_PROXY": "http://127.0.0.1:9", "NO_PROXY": "127.0.0.1"}
    done = hive.run("push", "--to", "ecr", "--no-proof", code=3)
    assert f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com" in done.stderr


def test_wrong_credentials(hive, account, registry):
    """Refused by the control plane: nothing was made and nothing was sent."""
    hive.env |= account.user(GET_TOKEN, DESCRIBE, CREATE, PUT_RULES)
    hive.env["AWS_SECRET_ACCESS_KEY"] = "not-the-secret-of-this-key"
    done = with_iam(lambda: hive.run("push", "--to", "ecr", code=3))
    assert "AWS does not accept the credentials' signature" in done.stderr
    assert "not-the-secret-of-this-key" not in done.stderr + done.stdout
    assert (account.repositories(), catalog(registry)) == ([], {})


def test_a_token_that_the_data_plane_does_not_take(hive, account, tmp_path):
    """As of another region: said before a repository is made."""
    (tmp_path / "other").mkdir()
    with docker_registry(tmp_path / "other", user=("AWS", "another password")) as host:
        hive.env["ECR_REGISTRY"] = host
        done = hive.run("push", "--to", "ecr", "--no-proof", code=3)
    assert f"{host} does not let us write to production/low" in done.stderr
    assert "check that the AWS credentials may do this" in done.stderr
    assert PASSWORD not in done.stderr + done.stdout
    assert account.repositories() == []


def test_no_credentials(hive, account, registry):
    """The message says what can be set."""
    del hive.env["AWS_ACCESS_KEY_ID"], hive.env["AWS_SECRET_ACCESS_KEY"]
    done = hive.run("push", "--to", "ecr", code=3)
    assert "there are no AWS credentials" in done.stderr
    assert "AWS_PROFILE" in done.stderr
    assert (account.repositories(), catalog(registry)) == ([], {})


@pytest.mark.parametrize("missing", [GET_TOKEN, DESCRIBE, CREATE])
def test_a_missing_permission(hive, account, registry, missing):
    """Named with its repository; nothing was made and nothing was sent."""
    hive.env |= account.user(*{GET_TOKEN, DESCRIBE, CREATE, PUT_RULES} - {missing})
    done = with_iam(lambda: hive.run("push", "--to", "ecr", code=3))
    assert f"lack the permission {missing}" in done.stderr
    if missing == CREATE:
        assert "on the repository production/low" in done.stderr
    assert (account.repositories(), catalog(registry)) == ([], {})


def test_missing_repositories_with_no_create(hive, account, registry):
    """One exists, the other does not: neither gets anything."""
    account.ecr.create_repository(repositoryName="production/low", imageTagMutability="IMMUTABLE")
    done = hive.run("push", "--to", "ecr", "--no-create", code=4)
    assert "missing in Amazon ECR: production/high" in done.stderr
    assert account.repositories() == ["production/low"]
    assert catalog(registry) == {}
    account.ecr.create_repository(repositoryName="production/high", imageTagMutability="IMMUTABLE")
    hive.run("push", "--to", "ecr", "--no-create", "--no-proof")
    assert catalog(registry) == {name: ["1.0.0"] for name in NAMES}


def test_an_immutable_tag_that_is_another_image(hive, account, registry, tmp_path):
    """Refused with both digests before anything is made or sent; the child, which is new, is not sent either."""
    first = hive.json("push", "low", "--to", "ecr", "--no-proof")["images"][0]["digest"]
    other = TestHive(tmp_path / "other", tmp_path / "store", hive.env).write({**FILES, "low/file": "changed"})
    (tmp_path / "base.tar").write_bytes(busybox_tar())
    other.run("import", str(tmp_path / "base.tar"), BASE)
    second = other.build("--base", "registry")["low"]["digest"]
    done = other.run("push", "--to", "ecr", "--no-proof", code=4)
    assert first in done.stderr
    assert second in done.stderr
    assert account.repositories() == ["production/low"]
    assert catalog(registry) == {"production/low": ["1.0.0"]}


def test_a_dry_run_makes_no_repository(hive, account, registry):
    """It looks at everything, credentials included."""
    done = hive.run("push", "--to", "ecr", "--dry-run")
    assert "would push" in done.stdout
    assert all(f"would make the repository {name}" in done.stderr for name in NAMES)
    assert (account.repositories(), catalog(registry)) == ([], {})


def test_floating_tags_stay_away_from_immutable_repositories(hive, registry):
    """1.0 would name 1.0.0 for ever."""
    done = hive.json("push", "low", "--to", "ecr", "--no-proof", "--floating", "minor")
    assert done["images"][0]["kept"] == {"1.0": "the registry would never let it move again"}
    assert catalog(registry) == {"production/low": ["1.0.0"]}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"AWS_REGION": ""}, "AWS_REGION is not set"),
        ({"ENV": ""}, "ENV is not set"),
        ({"AWS_ACCOUNT_ID": "12345"}, "not the id of an AWS account"),
        ({"ECR_REGISTRY": "https://x.example/"}, "not a registry"),
    ],
)
def test_wrong_settings(hive, change, words):
    """Told at once, exit code 2."""
    hive.env |= change
    assert words in hive.run("push", "--to", "ecr", code=2).stderr


def test_no_secret_is_shown(hive, account, registry, tmp_path):
    """Keys and token in every place, everything that can fail failing, at the highest verbosity (C-3)."""
    key, token = f"key-{secrets.token_hex(16)}", f"session-{secrets.token_hex(16)}"
    hive.env |= {"AWS_SECRET_ACCESS_KEY": key, "AWS_SESSION_TOKEN": token, "HIVEBASE_TRACEBACK": "1"}
    runs = [hive.run("push", "--to", "ecr", "--no-proof", "-v")]
    hive.env["ECR_REGISTRY"] = f"localhost:{free_port()}"
    runs.append(hive.run("push", "--to", "ecr", "--no-proof", "-v", code=3))
    (tmp_path / "other").mkdir()
    with docker_registry(tmp_path / "other", user=("AWS", "another")) as host:
        hive.env["ECR_REGISTRY"] = host
        runs.append(hive.run("push", "--to", "ecr", "--no-proof", "-v", code=3))
        runs.append(with_iam(lambda: hive.run("push", "--to", "ecr", "-v", code=3)))
    hive.env["AWS_ENDPOINT_URL"] = f"http://127.0.0.1:{free_port()}/?{key}"
    runs.append(hive.run("push", "--to", "ecr", "-v", code=3))
    for done in runs:
        for secret in (key, token, PASSWORD):
            assert secret not in done.stdout + done.stderr


def test_a_parent_is_there_whole_before_its_children(hive, registry, tmp_path):
    """ECR mounts only what an image names: manifest of the parent first, then the child's mounts, and tags last."""
    hive.run("push", "--to", "ecr", "--no-proof")
    (log,) = tmp_path.glob("registry-*/log")
    asked = re.findall(r'"((?:POST|PUT) /v2/\S+) HTTP', log.read_text())
    parent = next(
        i for i, line in enumerate(asked) if line.startswith("PUT /v2/production/low/manifests/sha256:")
    )
    mounts = [i for i, line in enumerate(asked) if "from=production%2Flow" in line]
    child = next(
        i for i, line in enumerate(asked) if line.startswith("PUT /v2/production/high/manifests/sha256:")
    )
    assert len(mounts) == 2
    assert parent < mounts[0] < mounts[1] < child
    assert [line.rpartition("/")[2] for line in asked[child + 1 :]] == ["1.0.0", "1.0.0"]
