"""What a command leaves behind in its shell, and what it takes from there.

A command that leaves something behind cannot be parted from the commands after it. The judgement errs on one
side: what is not known to leave nothing is taken to leave something.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hivebase.plan.installs.shell import descendants

if TYPE_CHECKING:
    from tree_sitter import Node

_NAMES_TEXT = """
. alias bg bind break builtin cd chdir complete continue coproc declare dirs disown enable eval exec exit
export fc fg function getopts hash jobs kill let local logout mapfile popd pushd read readarray readonly
return select set shift shopt source suspend time times trap typeset ulimit umask unalias unset wait
"""
_NAMES = frozenset(_NAMES_TEXT.split())
_STARTS_PROCESSES = frozenset(
    {"daemonize", "nohup", "pg_ctl", "pg_ctlcluster", "service", "setsid", "systemctl"}
)
_DAEMON = re.compile(r"/etc/init\.d/|start-stop-daemon|\s--?daemon(?:ize)?\b|\s--background\b")
_NODES = {
    "variable_assignments": "sets a variable",
    "declaration_command": "sets a variable",
    "unset_command": "removes a variable",
    "function_definition": "defines a function",
    "for_statement": "sets the variable of a loop",
    "c_style_for_statement": "sets the variable of a loop",
    "=~": "sets a variable",
    ":=": "sets a variable",
    "++": "sets a variable",
    "--": "sets a variable",
    "&": "leaves a process running",
}
# What happens in these happens in a process of its own.
_FORKS = frozenset({"subshell", "command_substitution", "process_substitution", "pipeline"})
# The number of the shell itself, of its last child, and the last word of the command before.
_OF_ONE_SHELL = re.compile(r"\$(?:\{?(?:[$!]|_(?![A-Za-z0-9_])|BASHPID))")
_ASSIGNING = frozenset({"=", "+=", "-=", "*=", "/=", "%=", "<<=", ">>=", "&=", "^=", "|=", "**="})
_WITH_VARIABLES = frozenset({"expansion", "arithmetic_expansion", "compound_statement"})
_QUOTES = str.maketrans("", "", "'\"\\")
_COMPOUND_TEXT = """
list subshell compound_statement if_statement while_statement for_statement c_style_for_statement
case_statement function_definition negated_command do_group
"""
_COMPOUND = frozenset(_COMPOUND_TEXT.split())


def leaves_behind(node: Node, text: str) -> str:
    """Return what ``node`` does to its shell that commands after it may see, or an empty string.

    Args:
        node: one operand of a chain.
        text: its text.
    """
    if _DAEMON.search(text):
        return "leaves a process running"
    for inner in descendants(node):
        if inner.type == "&":
            return _NODES["&"]
    for inner in descendants(node, closed=_FORKS):
        found = _NODES.get(inner.type, "") or _one(inner)
        if found:
            return found
    return ""


def _one(node: Node) -> str:
    if node.type == "variable_assignment" and node.parent is not None and node.parent.type != "command":
        return "sets a variable"
    if node.type in _ASSIGNING:  # ${A=1}, $((A+=1)), ((A=1)); in [ a = b ] it is a comparison
        container = node.parent
        while container is not None and container.type.endswith("_expression"):
            container = container.parent
        if container is not None and container.type in _WITH_VARIABLES:
            return "sets a variable"
    return _command(node) if node.type == "command" else ""


def _command(node: Node) -> str:
    name = node.child_by_field_name("name")
    if name is None:
        return ""
    word = _text(name).translate(_QUOTES)
    if word == "command":
        rest = {_text(child).translate(_QUOTES) for child in node.children}
        word = next(iter(rest & _NAMES), word)
    if word in _NAMES:
        return f"calls {word}"
    if word == "printf" and re.search(r"\s-v", _text(node)):
        return "sets a variable"
    if word == ":" and any(child.type == "variable_assignment" for child in node.children):
        return "sets a variable"
    if word.rpartition("/")[2] in _STARTS_PROCESSES:
        return _NODES["&"]
    return "calls a command whose name is in a variable" if "$" in word or "`" in word else ""


def needs_its_shell(text: str) -> bool:
    """Whether a command asks something that only the shell of the whole script can answer, as ``$$``."""
    return _OF_ONE_SHELL.search(text) is not None


def is_plain(node: Node) -> bool:
    """Whether the failure of ``node`` is all that ``set -e`` can see of it.

    Within compound commands, and for ``a && b`` and ``! a``, the shell decides by where they stand whether
    ``set -e`` ends the script, so that they are not the same alone.
    """
    for inner in descendants(node):
        if inner.type in _COMPOUND:
            return False
        if inner.type in {"command_substitution", "process_substitution"} and not _is_single(inner):
            return False
        if inner.type == "heredoc_redirect" and any(child.type in {"&&", "||"} for child in inner.children):
            return False
    return True


def _is_single(node: Node) -> bool:
    """Whether a substitution runs one command."""
    return sum(child.is_named and child.type != "comment" for child in node.children) == 1


def _text(node: Node) -> str:
    return (node.text or b"").decode("utf-8", "surrogateescape")
