"""What a cosign signature of an image is over: the "simple signing" payload, a small JSON document.

Source: the format that containers/image calls "simple signing" (``atomic-signature.md``), with cosign's type.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hivebase.errors import CorruptContentError
from hivebase.oci import strict_json
from hivebase.oci.model import canonical_json

if TYPE_CHECKING:
    from hivebase.digest import Digest

MEDIA_TYPE = "application/vnd.dev.cosign.simplesigning.v1+json"

_TYPE = "cosign container image signature"
_TYPES = (_TYPE, "atomic container signature")


def payload(name: str, digest: Digest) -> bytes:
    """Return the document: byte for byte what cosign signs for the same image.

    Args:
        name: ``registry/repository``.
        digest: of the image's manifest or index.
    """
    critical = {
        "identity": {"docker-reference": name},
        "image": {"docker-manifest-digest": str(digest)},
        "type": _TYPE,
    }
    return canonical_json({"critical": critical, "optional": None})


def signed_digest(data: bytes) -> str:
    """Return the digest of the image that a payload is about; as text, since it comes from outside.

    Raises:
        CorruptContentError: it is not such a payload.
    """
    document = strict_json.loads(data, what="the signed payload")
    critical = document.get("critical") if isinstance(document, dict) else None
    if not isinstance(critical, dict) or critical.get("type") not in _TYPES:
        raise CorruptContentError("the signed payload is not about an image")
    image = critical.get("image")
    digest = image.get("docker-manifest-digest") if isinstance(image, dict) else None
    if not isinstance(digest, str):
        raise CorruptContentError("the signed payload names no image")
    return digest
