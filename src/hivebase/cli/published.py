"""Verifies published images, and tells how it went."""

from __future__ import annotations

import contextlib
import tempfile
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from hivebase.cli.output import emit, emit_json, table

if TYPE_CHECKING:
    from hivebase.oci.store import Image, Store
    from hivebase.progress import Listener
    from hivebase.reference import Reference
    from hivebase.registry.client import RegistryClient
    from hivebase.release.signing.keys import PublicKey

_SHOWN = 20


class Answer(msgspec.Struct, frozen=True):
    """One question about an image, and its answer.

    Attributes:
        state: ``proven``, ``unproven`` and ``missing`` as in `hivebase.release.verify`; ``true`` or ``false`` of what
            an SBOM says; ``same`` or ``other`` of what was built again.
        text: the answer in a sentence.
        reasons: details, a sentence each.
    """

    subject: str
    state: Literal["proven", "unproven", "missing", "true", "false", "same", "other"]
    text: str
    reasons: tuple[str, ...] = ()


_BAD = frozenset({"missing", "false", "other"})


def verify(directory: str, words: dict[str, Any]) -> int:
    """Verify the images that the words of the command line name; return the exit code."""
    from hivebase.cli.display import Display  # noqa: PLC0415 -- verbs load what they use
    from hivebase.cli.publishing import open_client  # noqa: PLC0415
    from hivebase.oci.store import Store  # noqa: PLC0415
    from hivebase.reference import Reference  # noqa: PLC0415
    from hivebase.release.signing.keys import PublicKey  # noqa: PLC0415

    references = [Reference.parse(text) for text in words["images"]]
    key = PublicKey.load(Path(words["key"])) if words["key"] else None
    store = Store.open()
    found: list[tuple[Reference, str, list[Answer]]] = []
    with contextlib.ExitStack() as stack:
        display = stack.enter_context(Display(verbose=words["verbose"]))
        client = stack.enter_context(open_client(Path(directory), display))
        stack.enter_context(store.lease())
        for reference in references:
            digest, image, answers = _published(client, store, reference, key)
            if words["rebuild"]:
                answers.append(_rebuilt(Path(directory), store, reference, image, display))
            found.append((reference, digest, answers))
    bad = any(_counts(answer, key) for _, _, answers in found for answer in answers)
    _show(found, as_json=words["as_json"])
    return 1 if bad else 0


def _counts(answer: Answer, key: PublicKey | None) -> bool:
    """Tell whether an answer is a finding; that nobody signed is none where no signature was asked for."""
    return answer.state in _BAD and (answer.subject != "signature" or key is not None)


def _published(
    client: RegistryClient, store: Store, reference: Reference, key: PublicKey | None
) -> tuple[str, Image, list[Answer]]:
    from hivebase.digest import Digest  # noqa: PLC0415 -- verbs load what they use
    from hivebase.registry.endpoint import reaching  # noqa: PLC0415
    from hivebase.release.contents import untrue  # noqa: PLC0415
    from hivebase.release.verify import verify as verify_proof  # noqa: PLC0415

    resolved = client.pull(reference, store)
    digest = Digest.parse(resolved.top.digest)
    repository = client.repository(reference)
    image = store.image(resolved.manifest.digest)
    with reaching(str(reference)):
        verified = verify_proof(repository, digest, key)
        sentences = untrue(repository, digest, store, image, verified.sbom)
    answers = [Answer(check.subject, check.state, check.text, check.reasons) for check in verified.checks]
    if any(check.subject == "sbom" and check.state != "missing" for check in verified.checks):
        text = (
            f"{len(sentences)} differences between SBOM and image"
            if sentences
            else "the SBOM is what the image holds"
        )
        answers.append(Answer("content", "false" if sentences else "true", text, tuple(sentences)))
    return str(digest), image, answers


def _rebuilt(directory: Path, store: Store, reference: Reference, image: Image, listener: Listener) -> Answer:
    from hivebase.build.rebuild import rebuild  # noqa: PLC0415 -- verbs load what they use
    from hivebase.build.session import Options  # noqa: PLC0415
    from hivebase.build.workspace import find_root, open_workspace  # noqa: PLC0415
    from hivebase.cli.session import open_session  # noqa: PLC0415
    from hivebase.oci.store import Store as Opened  # noqa: PLC0415

    name = open_workspace(find_root(directory)).hive.image(reference.name).name
    version = image.config.config.labels.get("org.opencontainers.image.version") or reference.tag
    epoch = int(datetime.fromisoformat(image.config.created).timestamp())
    with tempfile.TemporaryDirectory(prefix="rebuild-", dir=store.state / "work") as place:
        fresh = Opened.open(Path(place) / "store")
        options = Options(images=(name,), version=version, epoch=epoch, shared_cache=False)
        with open_session(directory, options, listener, fresh) as session:
            made = rebuild(session, store, name)
            if made.digest == image.descriptor.digest:
                return Answer("rebuild", "same", f"built again, it has the same digest {made.digest}")
            reasons = _differences(image, fresh.image(made.digest))
    return Answer("rebuild", "other", f"built again, it is another image: {made.digest}", reasons)


def _differences(published: Image, made: Image) -> tuple[str, ...]:
    from hivebase.inspect.comparison.configuration import compare_configurations  # noqa: PLC0415 -- only on a difference

    found = []
    pairs = zip(published.config.rootfs.diff_ids, made.config.rootfs.diff_ids, strict=False)
    steps = [item.created_by for item in published.config.history if not item.empty_layer]
    for number, (one, two) in enumerate(pairs):
        if one != two:
            step = steps[number] if number < len(steps) else ""
            found.append(f"layer {number + 1} differs first: {step}"[:200])
            break
    count = len(published.config.rootfs.diff_ids), len(made.config.rootfs.diff_ids)
    if count[0] != count[1]:
        found.append(f"the published image has {count[0]} layers, this one {count[1]}")
    found += [str(item) for item in compare_configurations(published.config, made.config)]
    return tuple(found[:_SHOWN]) or (
        "layers and configuration are the same: the manifest's annotations differ",
    )


def _show(found: list[tuple[Reference, str, list[Answer]]], *, as_json: bool) -> None:
    if as_json:
        emit_json(
            {
                "images": [
                    {
                        "ref": str(reference),
                        "digest": digest,
                        "checks": [msgspec.to_builtins(answer) for answer in answers],
                    }
                    for reference, digest, answers in found
                ]
            }
        )
        return
    for reference, digest, answers in found:
        emit(f"{reference.familiar.partition('@')[0]}@{digest}")
        emit(table([(f"  {item.subject}", item.state, item.text) for item in answers]))
        for item in answers:
            for reason in item.reasons[:_SHOWN]:
                emit(f"    {item.subject}: {reason}")
