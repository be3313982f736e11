"""The bake file of a hive as data; no store, no files, no builder."""

from __future__ import annotations

import posixpath
from itertools import count
from typing import TYPE_CHECKING, Any

from hivebase.build.bake.names import context_name, target_names
from hivebase.build.bake.uses import graph_of, uses_of
from hivebase.errors import UsageError
from hivebase.plan.planner import selected_images

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hivebase.plan.hive import Hive, HiveImage
    from hivebase.plan.planner import PlanInputs

MARK = "Written by hivebase export bake."
"""Value of the member ``//``, which bake takes for a comment: tells our files from a person's own."""


def bake_document(
    hive: Hive,
    inputs: PlanInputs,
    contexts: Mapping[str, str] | None = None,
    extra: Mapping[str, Mapping[str, Any]] | None = None,
) -> dict[str, Any]:
    """Return the document for the selected images and their ancestors, parents first, ready for ``json.dumps``.

    Paths are relative to the hive's root: bake resolves a context against the directory that it is started in, and
    a Dockerfile against its context.

    Args:
        hive: the images.
        inputs: ``names``, ``args``, ``epoch``, ``platform`` and ``stand_ins`` are used.
        contexts: what stands for a reference (``docker-image://…``, ``oci-layout://…``), by the reference in any
            spelling. It also beats ``target:…`` for an image of the hive. An external reference without one is left
            to the builder.
        extra: more fields of targets (``output``, ``network``), by the image's name; they beat what is here.

    Raises:
        UsageError: a wrong Dockerfile or selection; two images that would be one target; a context that the builder
            would take for a stage; a path that is not UTF-8.
    """
    images = selected_images(hive, inputs)
    targets = target_names([image.name for image in images])
    graph = graph_of(hive, inputs)
    given = {context_name(written): value for written, value in (contexts or {}).items()}
    found: dict[str, Any] = {}
    for image in images:
        uses = uses_of(hive, graph, image, inputs)
        found[targets[image.name]] = {
            **_paths(image),
            "tags": [hive.reference(image.name)],
            "platforms": [inputs.platform],
            "args": uses.args(),
            "contexts": uses.contexts(targets, given),
            **(extra or {}).get(image.name, {}),
        }
    return {
        "//": MARK,
        "group": {"default": {"targets": list(found)}},
        "target": {name: _literal(target) for name, target in _doubled(found).items()},
    }


def _doubled(targets: Mapping[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return ``targets``, with a twin of a parent wherever one Dockerfile calls that parent by two names.

    Early buildx (0.13 among them) hands a target over under one name only (docker/buildx#2444). A twin is the same
    build, done once, and has no tags.
    """
    found = dict(targets)
    for name, target in targets.items():
        contexts: dict[str, str] = {}
        for written, value in target["contexts"].items():
            parent = value.removeprefix("target:")
            if parent in targets and value in contexts.values():
                taken = {*targets, *(used.removeprefix("target:") for used in contexts.values())}
                twin = next(chosen for number in count(2) if (chosen := f"{parent}-{number}") not in taken)
                untagged = {key: item for key, item in found[parent].items() if key != "tags"}
                found[twin] = {**untagged, "output": ["type=cacheonly"]}
                contexts[written] = f"target:{twin}"
            else:
                contexts[written] = value
        found[name] = {**target, "contexts": contexts}
    return found


def _paths(image: HiveImage) -> dict[str, str]:
    paths = {
        "context": image.context or ".",
        "dockerfile": posixpath.relpath(image.dockerfile, image.context or "."),
    }
    for path in paths.values():
        try:
            path.encode()
        except UnicodeEncodeError as error:
            raise UsageError(
                "its path is not UTF-8", where=repr(image.dockerfile), why="a bake file is JSON"
            ) from error
    return paths


def _literal(value: Any) -> Any:
    """Return ``value`` so that bake, which takes every string for a template, reads what is meant."""
    if isinstance(value, str):
        return value.replace("${", "$${").replace("%{", "%%{")
    if isinstance(value, dict):
        return {key: _literal(item) for key, item in value.items()}
    return [_literal(item) for item in value] if isinstance(value, list | tuple) else value
