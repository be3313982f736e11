"""Whether an image in a registry is what its publisher signed: signature, provenance, SBOM. Nothing is built again.

Each answer fails closed: what is missing, damaged, of another key or about another image is no proof, and the reason
is told. Without a key nothing can be proven; then it is only said what there is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from hivebase.errors import CorruptContentError
from hivebase.registry.resolve import fetch
from hivebase.release import cosign
from hivebase.release.found import Found, look
from hivebase.release.signing import simple
from hivebase.release.statement import CYCLONEDX, MEDIA_TYPE, PROVENANCE, SIGNATURE, SPDX, Statement, parse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hivebase.digest import Digest
    from hivebase.registry.repository import Repository
    from hivebase.release.signing.keys import PublicKey

State = Literal["proven", "unproven", "missing"]

_MOST_REASONS = 5


class Check(msgspec.Struct, frozen=True):
    """One question and its answer.

    Attributes:
        state: ``proven``: signed by the key and about this image. ``unproven``: it is there, and there was no key to
            ask. ``missing``: there is none that counts.
        text: the answer in a sentence.
        reasons: what is there and does not count, and why.
    """

    subject: Literal["signature", "provenance", "sbom"]
    state: State
    text: str
    reasons: tuple[str, ...] = ()


class Verified(msgspec.Struct, frozen=True):
    """All answers about one image.

    Attributes:
        digest: of the image.
        checks: signature, provenance and SBOM.
        provenance: the statement that counts, if there is one; proven if its check is.
        sbom: the same.
    """

    digest: str
    checks: tuple[Check, ...]
    provenance: Statement | None = None
    sbom: Statement | None = None

    @property
    def findings(self) -> tuple[Check, ...]:
        """What is missing: if there is anything, the image is not what it should be."""
        return tuple(check for check in self.checks if check.state == "missing")


def verify(repository: Repository, digest: Digest, key: PublicKey | None = None) -> Verified:
    """Look at what is attached to an image, and at whose it is.

    Args:
        repository: that has the image.
        digest: of its manifest or index.
        key: of the publisher.

    Raises:
        NotFoundError: the image is not there.
        CorruptContentError: it is not what its digest says, or the list of referrers is damaged.
        HivebaseError: as `look`.
    """
    fetch(repository, digest)
    found = look(repository, digest)
    statements = [*_signed(found, digest, key), *_unsigned(found, digest, key)]
    provenance, answer = _about("provenance", (PROVENANCE,), statements)
    bill, sbom = _about("sbom", (CYCLONEDX, SPDX), statements)
    if sbom.state == "missing" and found.sboms:
        sbom = _lying(found, key, sbom)
    checks: tuple[Check, ...] = (_signature(found, digest, key, statements), answer, sbom)
    if found.broken:
        checks = tuple(
            check
            if check.state != "missing"
            else msgspec.structs.replace(check, reasons=_few([*check.reasons, *found.broken]))
            for check in checks
        )
    return Verified(str(digest), checks, provenance, bill)


class _Said(msgspec.Struct, frozen=True):
    """A statement, and what it is worth: ``why`` it does not count, or nothing."""

    statement: Statement
    state: State
    why: str = ""


def _signed(found: Found, digest: Digest, key: PublicKey | None) -> Iterator[_Said]:
    for envelope in found.envelopes:
        try:
            statement = parse(envelope.content())
            ours = key is not None and envelope.payload_type == MEDIA_TYPE and envelope.signed_by(key)
        except CorruptContentError as error:
            found.broken.append(error.what)
            continue
        if not statement.is_about(digest):
            yield _Said(statement, "missing", f"one is about {_subjects(statement)}")
        elif ours:
            yield _Said(statement, "proven")
        elif key is None:
            yield _Said(statement, "unproven")
        else:
            yield _Said(statement, "missing", _FOREIGN)


def _unsigned(found: Found, digest: Digest, key: PublicKey | None) -> Iterator[_Said]:
    for data in found.statements:
        try:
            statement = parse(data)
        except CorruptContentError as error:
            found.broken.append(error.what)
            continue
        if not statement.is_about(digest):
            yield _Said(statement, "missing", f"one is about {_subjects(statement)}")
        elif key is None:
            yield _Said(statement, "unproven")
        else:
            yield _Said(statement, "missing", "one is not signed")


_FOREIGN = "one was not signed by this key, or was changed afterwards"


def _about(
    subject: Literal["provenance", "sbom"], kinds: tuple[str, ...], statements: list[_Said]
) -> tuple[Statement | None, Check]:
    word = "an SBOM" if subject == "sbom" else "provenance"
    here = [item for item in statements if item.statement.predicate_type in kinds]
    for state, text in (
        ("proven", f"{word}, signed by the key"),
        ("unproven", f"{word}, of whoever attached it: there was no key to ask"),
    ):
        for item in here:
            if item.state == state:
                return item.statement, Check(subject, item.state, text)
    return None, Check(subject, "missing", f"no {word.removeprefix('an ')}", _few([i.why for i in here]))


def _lying(found: Found, key: PublicKey | None, check: Check) -> Check:
    """Return the answer where an SBOM is there that no statement speaks of."""
    formats = " and ".join(sorted(found.sboms))
    if key is None:
        return Check(
            "sbom", "unproven", f"an SBOM ({formats}), of whoever attached it: there was no key to ask"
        )
    return msgspec.structs.replace(check, reasons=_few([*check.reasons, f"one ({formats}) is not signed"]))


def _signature(found: Found, digest: Digest, key: PublicKey | None, statements: list[_Said]) -> Check:
    reasons, any_here = [], False
    for item in found.signatures:
        try:
            about = simple.signed_digest(item.payload)
        except CorruptContentError as error:
            reasons.append(error.what)
            continue
        if about != digest:
            reasons.append(f"one is of {_shown(about)}")
        elif key is None:
            any_here = True
        elif cosign.signed_by(msgspec.to_builtins(item.layer, enc_hook=str), item.payload, key):
            return Check("signature", "proven", "the image is signed by the key")
        else:
            reasons.append(_FOREIGN)
    for said in statements:
        if said.statement.predicate_type == SIGNATURE:
            if said.state == "proven":
                return Check("signature", "proven", "the image is signed by the key")
            any_here |= said.state == "unproven"
            reasons += [said.why] if said.why else []
    if any_here:
        return Check("signature", "unproven", "the image is signed, and there was no key to ask")
    return Check("signature", "missing", "the image is not signed by the key" if key else "the image is not signed",
                 _few(reasons))  # fmt: skip


def _subjects(statement: Statement) -> str:
    digests = [f"{name}:{value}" for item in statement.subject for name, value in item.digest.items()]
    return ", ".join(_shown(digest) for digest in digests[:2]) or "nothing"


def _shown(text: str) -> str:
    """Return a word from outside as one that can be printed."""
    return text[:80] if text.isprintable() else repr(text[:80])


def _few(reasons: list[str]) -> tuple[str, ...]:
    """Return each reason once, and not too many of them."""
    return tuple(list(dict.fromkeys(reasons))[:_MOST_REASONS])
