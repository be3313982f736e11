"""The lifecycle rules of a new repository: what ECR may delete by itself.

One rule: an image that no tag names expires some days after it was pushed. Nothing selects tagged images, so a
released version, a fallback tag of the referrers API and cosign's tags never expire; what they name stays with them.
Artifacts that have a ``subject`` (SBOM, provenance) share the fate of the image that they describe: ECR removes them
after it (Amazon ECR User Guide, "Lifecycle policy evaluation rules").

Untagged are the manifests of pushes that were cut before their tag, and what a moved tag named before. The push that
is repeated after a cut finds them, so they are kept for a while.
"""

from __future__ import annotations

import json
from typing import Any

UNTAGGED_DAYS = 14
"""Days after its push until an image without a tag expires."""


def policy(untagged_days: int = UNTAGGED_DAYS) -> str:
    """Return the policy as the text that PutLifecyclePolicy takes.

    Args:
        untagged_days: at least 1.

    Raises:
        ValueError: fewer.
    """
    if untagged_days < 1:
        raise ValueError("an image lives for a day at least")
    rule: dict[str, Any] = {
        "rulePriority": 1,
        "description": f"without a tag: {untagged_days} days after the push",
        "selection": {
            "tagStatus": "untagged",
            "countType": "sinceImagePushed",
            "countUnit": "days",
            "countNumber": untagged_days,
        },
        "action": {"type": "expire"},
    }
    return json.dumps({"rules": [rule]}, separators=(",", ":"))
