"""What ECR may delete and what it lets move, in the repositories that we make."""

from __future__ import annotations

import json

import pytest

from hivebase.registry.ecr import lifecycle
from hivebase.registry.ecr.mutability import Mutability

RELEASED = ["1.2.3", "10.0.0", "1.2.3-rc.1", "1.2", "1", "latest"]
MOVABLE = [f"sha256-{'ab' * 32}", f"sha256-{'ab' * 32}.sig", f"sha256-{'ab' * 32}.att", "cache-0123abcd"]


def test_only_images_without_a_tag_expire():
    """No rule can select a released version, a fallback tag or a signature."""
    rules = json.loads(lifecycle.policy(30))["rules"]
    assert [rule["selection"]["tagStatus"] for rule in rules] == ["untagged"]
    assert rules[0]["selection"]["countNumber"] == 30
    assert rules[0]["selection"]["countUnit"] == "days"
    assert 100 <= len(lifecycle.policy()) <= 30720  # bounds of the service model
    with pytest.raises(ValueError, match="a day"):
        lifecycle.policy(0)


def test_releases_are_kept_and_what_grows_may_grow():
    """Our own setting: signatures are added to under their tag, a version never names something else."""
    ours = Mutability()
    assert [tag for tag in RELEASED if ours.may_move(tag)] == []
    assert [tag for tag in MOVABLE if not ours.may_move(tag)] == []


@pytest.mark.parametrize(
    ("kind", "patterns", "moving"),
    [
        ("IMMUTABLE", (), set()),
        ("MUTABLE", (), {"1.2.3", "dev-1", "a.b"}),
        ("IMMUTABLE_WITH_EXCLUSION", ("dev-*",), {"dev-1"}),
        ("IMMUTABLE_WITH_EXCLUSION", ("*",), {"1.2.3", "dev-1", "a.b"}),
        ("IMMUTABLE_WITH_EXCLUSION", ("a.b",), {"a.b"}),
        ("MUTABLE_WITH_EXCLUSION", ("*.*.*",), {"dev-1", "a.b"}),
        ("SOMETHING_NEW", (), set()),
    ],
)
def test_other_settings_are_understood(kind, patterns, moving):
    """Repositories that others made; a dot in a pattern is a dot."""
    found = Mutability(kind, patterns)
    assert moving == {tag for tag in ("1.2.3", "dev-1", "a.b") if found.may_move(tag)}
    assert not Mutability("IMMUTABLE_WITH_EXCLUSION", ("a.b",)).may_move("axb")
