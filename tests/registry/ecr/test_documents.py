"""The documented policy, Terraform and commands say what the code does."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from hivebase.registry.ecr import lifecycle
from hivebase.registry.ecr.control import ACTIONS, CREATE, GET_TOKEN, PUT_RULES
from hivebase.registry.ecr.mutability import EXCLUDED, IMMUTABLE_EXCEPT
from hivebase.registry.ecr.names import check_account, check_region

ROOT = Path(__file__).parents[3]
HOW_TO = ROOT / "docs/how-to"
GUIDES = (HOW_TO / "publish-to-ecr.md", HOW_TO / "publish-to-ecr.pt.md")
POLICY = json.loads((HOW_TO / "ecr-push-policy.json").read_text())

REQUESTS = {
    r"HEAD /v2/\S+/blobs/": {"ecr:BatchCheckLayerAvailability"},
    r"GET /v2/\S+/blobs/sha256": {"ecr:GetDownloadUrlForLayer"},
    r"POST /v2/\S+/blobs/uploads/$": {"ecr:InitiateLayerUpload"},
    r"POST /v2/\S+/blobs/uploads/\?mount=": {"ecr:InitiateLayerUpload", "ecr:GetDownloadUrlForLayer"},
    r"PUT /v2/\S+/blobs/uploads/": {"ecr:UploadLayerPart", "ecr:CompleteLayerUpload"},
    r"(?:HEAD|GET) /v2/\S+/(?:manifests|referrers)/": {"ecr:BatchGetImage"},
    r"PUT /v2/\S+/manifests/": {"ecr:PutImage"},
    r"GET /v2/\S+/tags/list": {"ecr:ListImages"},
    r"GET /v2/$": {"ecr:GetAuthorizationToken"},
}
"""What each request of the data plane needs: Amazon ECR User Guide, "IAM permissions for pushing an image" and "Blob
mounting"; API reference, ListImageReferrers."""


def actions(statement: dict[str, object]) -> set[str]:
    named = statement["Action"]
    return set(named) if isinstance(named, list) else {str(named)}


def statement(sid: str) -> dict[str, object]:
    (found,) = (item for item in POLICY["Statement"] if item["Sid"] == sid)
    return dict(found)


def test_the_policy_is_no_wider_than_a_prefix():
    """Only the token cannot be narrowed; nothing has a wildcard for an action, nothing deletes."""
    assert actions(statement("Token")) == {GET_TOKEN}
    assert actions(statement("Create")) == {CREATE, PUT_RULES}
    for item in POLICY["Statement"]:
        assert item["Effect"] == "Allow"
        assert not [name for name in actions(item) if "*" in name or "Delete" in name]
        if item["Sid"] == "Token":
            continue
        _, partition, service, region, account, path = item["Resource"].split(":")
        assert (partition, service, path) == ("aws", "ecr", "repository/production/*")
        check_region(region, "")
        check_account(account, "")


@pytest.mark.server
def test_the_policy_allows_what_is_asked_for_and_nothing_else(hive, registry, tmp_path):
    """The control plane by its declared actions, the data plane by what a push, a look and a pull really ask."""
    hive.run("doctor", "--to", "ecr")
    hive.run("push", "--to", "ecr", "--floating", "minor")
    hive.run("status", "--to", "ecr")
    (log,) = tmp_path.glob("registry-*/log")
    asked = set(re.findall(r'"((?:HEAD|GET|POST|PUT|PATCH) /\S+) HTTP', log.read_text()))
    assert asked
    needed, unknown = set(ACTIONS), set()
    for line in asked:
        found = [wanted for pattern, wanted in REQUESTS.items() if re.match(pattern, line)]
        unknown |= set() if found else {line}
        needed.update(*found)
    assert unknown == set()
    allowed = {name for item in POLICY["Statement"] for name in actions(item)}
    assert needed == allowed


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.name)
def test_the_terraform_makes_what_we_would_make(guide):
    """The same immutability, the same exceptions, the same rule, the same policy file."""
    (block,) = re.findall(r"(?ms)^```hcl\n(.*?)^```$", guide.read_text())
    assert f'image_tag_mutability = "{IMMUTABLE_EXCEPT}"' in block
    assert f"for_each = {json.dumps(list(EXCLUDED))}" in block
    assert "scan_on_push = true" in block
    (rule,) = json.loads(lifecycle.policy())["rules"]
    for name, value in {**rule["selection"], "description": rule["description"]}.items():
        assert re.search(rf"\b{name}\s+= {json.dumps(value)}", block), name
    for file in re.findall(r"path\.module}/([\w.-]+)", block):
        assert (HOW_TO / file).is_file()
    images = {path.parent.name for path in (ROOT / "base-images").glob("*/Dockerfile")}
    assert images <= set(re.findall(r'"(python-[\w-]+)"', block))


def test_both_languages_say_the_same():
    """Sections, examples, tables and numbers."""
    english, portuguese = (guide.read_text() for guide in GUIDES)
    for pattern in (
        r"(?m)^(#+) ",
        r"(?ms)^```.*?^```$",
        r"(?m)^\|(?=[^\n]*\|$)",
        r"`[^`\n<]+`",
        r"\b\d{2,}\b",
    ):
        first, second = re.findall(pattern, english), re.findall(pattern, portuguese)
        if pattern.startswith("`"):
            first, second = sorted(first), sorted(second)
        assert first == second, pattern


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.name)
def test_options_and_links_exist(guide):
    """What the guide names is there."""
    text = guide.read_text()
    script = (ROOT / "scripts/build-base-images.sh").read_text()
    verbs = "".join(
        (ROOT / f"src/hivebase/cli/{name}.py").read_text() for name in ("push", "doctor", "status")
    )
    for option in set(re.findall(r"--[a-z][a-z-]+", re.sub(r"aws ecr [a-z-]+", "", text))):
        assert option in script or f'"{option}"' in verbs or option == "--version", option
    for target in re.findall(r"\]\(([^)#\s]+)\)", text):
        assert target.startswith("https://") or (guide.parent / target).is_file(), target
