"""What an image was made from, as a small record: the next plan compares it and says what changed.

Keys of the record::

    format               version of this format
    dockerfile           digest of the Dockerfile's text, of the target and of the platform
    arg:NAME             value of a declared build arg (a digest where the name looks secret)
    parent:NAME          image key of an image of the hive
    base:REF             digest of an external image
    lock                 digest of the lock without its base pins
    file:PATH            short digest of a context file and its mode
    files                digest of all context files, the ones beyond the limit included; whole, since it is told
                         to others (hivebase.release.provenance)
    created              the instant of the image
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hivebase.plan.checks import looks_secret
from hivebase.plan.keys import FORMAT, fingerprint

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hivebase.digest import Digest
    from hivebase.dockerfile.ast import Dockerfile
    from hivebase.plan.evaluate import Evaluation

MAX_FILES = 2000
"""Most context files that are listed one by one; beyond, a change is still seen, but not named."""


def record(  # noqa: PLR0913 -- the kinds of things that an image is made from
    document: Dockerfile,
    evaluation: Evaluation,
    *,
    parents: Mapping[str, Digest],
    bases: Mapping[str, Digest],
    lock: Digest,
    created: int,
    target: str,
    platform: str,
) -> dict[str, str]:
    """Return the record of an image that is about to be built."""
    result = {
        "format": str(FORMAT),
        "dockerfile": fingerprint(document.text, target, platform).short,
        "lock": lock.short,
        "created": str(created),
        "files": fingerprint(evaluation.files).hex,
    }
    for name, value in evaluation.args.items():
        result[f"arg:{name}"] = fingerprint(value).short if looks_secret(name) else value
    result |= {f"parent:{name}": key for name, key in parents.items()}
    result |= {f"base:{ref}": digest for ref, digest in bases.items()}
    if len(evaluation.files) <= MAX_FILES:
        result |= {f"file:{_shown(path)}": fingerprint(fact).short for path, fact in evaluation.files.items()}
    return dict(sorted(result.items()))


def _shown(path: str) -> str:
    """Return ``path`` as valid Unicode, since records are JSON."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def part(inputs: Mapping[str, str], prefix: str) -> dict[str, str]:
    """Return the entries ``prefix:name`` by name."""
    start = f"{prefix}:"
    return {key[len(start) :]: value for key, value in inputs.items() if key.startswith(start)}
