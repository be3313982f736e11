"""Part a script at its installations, where the parts are the same as the whole."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hivebase.plan.installs.model import Command, RefusedError
from hivebase.plan.installs.state import is_plain, leaves_behind, needs_its_shell

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hivebase.plan.installs.model import Install
    from hivebase.plan.installs.shell import Script

# The files of settings that the plan knows are those that were there before the RUN.
_SETTINGS = re.compile(r"(?<![\w.-])pip[0-9.]*\s+(?:-\S+\s+)*config\s|pip\.conf|uv\.toml|\.netrc")


@dataclass(frozen=True, slots=True)
class Split:
    """A script that is to be parted at its installations.

    Attributes:
        script: all of it.
        front: the number of operands at its start that are ``set`` with options for the rest.
        installs: by the number of the operand.
        errexit: the first failure of a command ends the script.
        bash: the shell is bash.
    """

    script: Script
    front: int
    installs: Mapping[int, Install]
    errexit: bool
    bash: bool

    def check(self) -> None:
        """Check that the parts, one after the other, are the same as the whole.

        Raises:
            RefusedError: they are not.
        """
        script = self.script
        operands = script.operands
        last = max(self.installs)
        if script.background or (not self.bash and b"&>" in script.source):
            # Shells other than bash read "a &> b" as "a &" and "> b".
            raise RefusedError("shell-state", "it, or a command beside it, runs in the background")
        if not script.is_gapless():
            raise RefusedError("shell-syntax", "the commands around it are not understood")
        self._check_ends(operands[last].statement)
        for number in range(self.front, len(operands)):
            if number in self.installs:
                continue
            operand = operands[number]
            text = script.text_of(operand)
            if needs_its_shell(text):
                raise RefusedError(
                    "shell-state", "another command uses $$, $! or $_, which belong to one shell"
                )
            if number < last:
                if _SETTINGS.search(text):
                    raise RefusedError("setting", "a command before it may change the settings of pip or uv")
                if found := leaves_behind(operand.node, text):
                    raise RefusedError("shell-state", f"a command before it {found}")
                if self.errexit and not is_plain(operand.node):
                    raise RefusedError("shell-state", "a compound command before it stands under set -e")

    def _check_ends(self, last: int) -> None:
        """Check that each statement up to ``last``, the one of the last installation, ends the script if it fails."""
        script = self.script
        rest = [operand.statement for operand in script.operands[self.front :]]
        if rest[-1] == rest[0]:
            return
        if not self.errexit:
            raise RefusedError("shell-state", "a line that fails does not end the script (it has no set -e)")
        for statement in range(rest[0], min(last + 1, script.statements - 1)):
            # In "a && b; c" a failure of a is forgotten, even under set -e.
            if rest.count(statement) > 1:
                raise RefusedError(
                    "shell-state", "a failure in a && chain that is not the last one is forgotten"
                )

    def parts(self) -> tuple[Install | Command, ...]:
        """Return the parts."""
        script = self.script
        settings = "".join(f"{script.text_of(operand)}; " for operand in script.operands[: self.front])
        parts: list[Install | Command] = []
        begin = self.front
        for number in sorted(self.installs):
            if begin < number:
                text = script.text(script.operands[begin].start, script.operands[number - 1].end)
                parts.append(Command(settings + text))
            parts.append(self.installs[number])
            begin = number + 1
        if begin < len(script.operands):
            text = script.text(script.operands[begin].start, script.operands[-1].end)
            parts.append(Command(settings + text))
        return tuple(parts)
