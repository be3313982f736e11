"""WORKDIR: the directory exists afterwards, made as BuildKit makes it.

Missing directories have mode 0755 and belong to the user of the image at that point; existing ones stay as
they are, and then there is no layer. Links are followed inside the image only, so ``/proc/self/fd/8`` or a
link to ``/`` leads nowhere else (fault D-9, CVE-2024-21626).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hivebase.errors import BuildError
from hivebase.layers.accounts import owner_ids
from hivebase.layers.destination import ROOT, Destination

if TYPE_CHECKING:
    from hivebase.layers.layer import LayerWriter
    from hivebase.layers.tree import Tree
    from hivebase.plan.steps import WorkdirStep


def workdir_layer(step: WorkdirStep, base: Tree, writer: LayerWriter) -> None:
    """Write the directories that ``step`` has to make; nothing if they exist.

    Raises:
        BuildError: a file is in the way, or the image has no such user.
    """
    destination = Destination(base)
    path = destination.resolve(step.path)
    if destination.is_directory(path):
        return
    if destination.lstat(path) is not None:
        raise BuildError(f"cannot work in {step.path}", why=f"/{path} of the image is not a directory")
    # As with --chown, and other than for processes, a number is also the group's.
    destination.make_directories(path, owner_ids(base, step.user) if step.user else ROOT)
    destination.write(writer)
