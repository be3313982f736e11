"""``hivebase push``."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hivebase.cli.output import emit, emit_json, human_size, note, table
from hivebase.cli.publishing import open_place, place_options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hivebase.cli.publishing import Place
    from hivebase.progress import Listener
    from hivebase.registry.push import Sent
    from hivebase.release.proving import Prover
    from hivebase.release.publish import Outcome


@click.command("push", short_help="Publish images of the hive.")
@click.argument("images", nargs=-1, metavar="[IMAGE]...")
@place_options
@click.option(
    "--floating",
    multiple=True,
    type=click.Choice(["minor", "major"]),
    help="Also move X.Y (minor) or X (major) to this version; may be given twice.",
)
@click.option("--allow-stand-ins", is_flag=True, help="Publish images with stand-ins for official content.")
@click.option("--key", metavar="FILE", default="", help="Sign with this private key.")
@click.option(
    "--keyless", is_flag=True, help="Sign with the identity of this CI job (Sigstore; hivebase[keyless])."
)
@click.option("--no-proof", is_flag=True, help="Attach neither SBOM nor provenance nor signature.")
@click.option("--no-create", is_flag=True, help="With ECR: refuse where a repository is missing.")
@click.option(
    "--dry-run", is_flag=True, help="Hold the rules against all images, and say what would be sent."
)
@click.option("-v", "--verbose", is_flag=True, help="Tell of every blob.")
@click.option("-q", "--quiet", is_flag=True, help="Show errors only.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.pass_obj
def command(directory: str, /, **words: Any) -> None:
    """Publish images of the hive from the local store, parents before children, tags last.

    Without IMAGE all of them. What the registry has is not sent. A version that is published never changes: another
    image under the same X.Y.Z is refused (exit code 4), before anything is sent. Prints the references, with digests.
    """
    from hivebase.cli.display import Display  # noqa: PLC0415 -- verbs load what they use
    from hivebase.cli.interrupts import second_interrupt_kills  # noqa: PLC0415
    from hivebase.release.publish import Publication, Rules, releases  # noqa: PLC0415

    second_interrupt_kills()
    began = time.monotonic()
    with contextlib.ExitStack() as stack:
        display = stack.enter_context(Display(verbose=words["verbose"], quiet=words["quiet"]))
        place = stack.enter_context(open_place(Path(directory), words, display))
        wanted = [(name, ref, place.repository(ref)) for name, ref in place.images]
        publication = Publication(
            place.client,
            place.store,
            releases(place.store, wanted, place.target, place.hive.version),
            Rules(words["floating"] or place.profile.floating, words["allow_stand_ins"], place.keeps),
            display,
        )
        prover = _prover(place, words, display)
        publication.check()
        if words["dry_run"]:
            outcomes, (blobs, size) = publication.preview(), publication.missing()
        else:
            place.prepare()
            outcomes = publication.run(prover)
    if words["dry_run"]:
        _show(outcomes, as_json=words["as_json"], verb="would push", more={"blobs": blobs, "bytes": size})
        note(f"would send {blobs} blobs, {human_size(size)}")
        return
    sent = publication.sent
    _show(outcomes, as_json=words["as_json"], verb="pushed", more=_sent(sent))
    if not words["quiet"]:
        note(
            f"{len(outcomes)} images to {place.target}: {sent.blobs['sent']} blobs sent ({human_size(sent.bytes)}), "
            f"{sent.blobs['mounted']} mounted, {sent.manifests} manifests, {sent.tags} tags, "
            f"in {time.monotonic() - began:.1f} s"
        )


def _prover(place: Place, words: dict[str, Any], listener: Listener) -> Prover | None:
    """Return what proves; a key that cannot be used is told before anything is sent.

    Raises:
        UsageError: the key is none, or its password is wrong.
    """
    if words["no_proof"]:
        if words["key"] or words["keyless"]:
            raise click.UsageError("--no-proof leaves out what --key and --keyless sign")
        return None
    from hivebase.release.proving import Prover  # noqa: PLC0415 -- verbs load what they use
    from hivebase.release.signing.keyless import keyless  # noqa: PLC0415
    from hivebase.release.signing.keys import PrivateKey  # noqa: PLC0415

    path = Path(words["key"]) if words["key"] else None
    if path is None and place.profile.key:
        path = place.workspace.root / place.profile.key
    key = PrivateKey.load(path) if path is not None else None
    identity = keyless() if words["keyless"] else None
    return Prover(place.store, place.workspace, key, listener, identity)


def _show(outcomes: Sequence[Outcome], *, as_json: bool, verb: str, more: dict[str, object]) -> None:
    if as_json:
        images = [
            {
                "name": item.name,
                "ref": str(item.reference),
                "digest": item.digest,
                "status": item.status,
                "tags": list(item.tags),
                "kept": dict(item.kept),
            }
            for item in outcomes
        ]
        emit_json({"images": images, **more})
        return
    rows = [
        (verb if item.tags else "present", f"{item.reference}@{item.digest}", " ".join(item.tags))
        for item in outcomes
    ]
    emit(table(rows))
    for item in outcomes:
        for tag, why in item.kept.items():
            note(f"note: {item.name}:{tag} stays where it is: {why}")


def _sent(sent: Sent) -> dict[str, object]:
    return {
        "blobs": {name: sent.blobs[name] for name in ("sent", "mounted", "present")},
        "bytes": sent.bytes,
        "manifests": sent.manifests,
        "tags": sent.tags,
    }
