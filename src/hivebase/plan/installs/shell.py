"""The structure of a shell script, as far as it is a list of ``&&`` chains: which command stands where.

The parser knows bash and more; what it does not understand is refused. What a single command means is left
to ``words``, what it leaves behind to ``state``.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hivebase.plan.installs.model import RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node, Parser

# The parser takes time that grows with the square of the operators and keywords that do not fit together.
# Scripts have dozens of them, those that somebody writes against us have thousands.
_OPERATORS = re.compile(
    rb"[()<>|&;{}\[\]$`'\"=!]|\b(?:case|do|done|elif|else|esac|fi|for|function|if|in|select|then|until|while)\b"
)
_MOST_OPERATORS = 1000
# Linux gives a program no argument that is longer (MAX_ARG_STRLEN), so that no shell ever sees such a script.
_LONGEST = (1 << 17) - 1

# Between two commands of a chain, or of a list, stands this and nothing else.
_BLANK = rb"(?:[ \t]|\\\n)*"
_COMMENTS = rb"(?:[ \t\n]|\\\n|(?<![^\s;&])(?<!\\\n)#[^\n]*(?:\n|\Z))*"
_AND = re.compile(_BLANK + rb"&&" + _COMMENTS)
_NEXT = re.compile(_BLANK + rb"(?:;|\n|(?<=[ \t])#[^\n]*\n)" + _COMMENTS)
_START = re.compile(_COMMENTS)
_END = re.compile(_BLANK + rb";?" + _COMMENTS)
# What the parser takes for a blank and the shell for a letter: the carriage return, blanks of other scripts.
_STRANGE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]|[^\S \t\n]")


@dataclass(frozen=True, slots=True)
class Operand:
    """One operand of an ``&&`` chain.

    Attributes:
        node: in the tree of the parser; the redirection behind it may not be part of it.
        start, end: in the bytes of the script.
        statement: the number of the chain it belongs to.
    """

    node: Node
    start: int
    end: int
    statement: int


@dataclass(frozen=True, slots=True)
class Script:
    """A script taken apart.

    Attributes:
        source: the bytes of the script.
        operands: of all chains, in order.
        statements: how many chains there are.
        background: those that do not end before the next one starts (``&``).
    """

    source: bytes
    operands: tuple[Operand, ...]
    statements: int
    background: frozenset[int]

    def text(self, start: int, end: int) -> str:
        """Return a part of the script."""
        return self.source[start:end].decode("utf-8", "surrogateescape")

    def text_of(self, operand: Operand) -> str:
        """Return the text of one operand."""
        return self.text(operand.start, operand.end)

    def is_gapless(self) -> bool:
        """Whether there is nothing but separators and comments around the operands."""
        pairs = zip(self.operands, self.operands[1:], strict=False)
        return (
            _START.fullmatch(self.source, 0, self.operands[0].start) is not None
            and _END.fullmatch(self.source, self.operands[-1].end) is not None
            and all(self._is_gap(before, after) for before, after in pairs)
        )

    def _is_gap(self, before: Operand, after: Operand) -> bool:
        gap = _AND if before.statement == after.statement else _NEXT
        if self.source.startswith(b"&", after.start):
            return False  # ";&> file" is ";&" to the shell, which belongs into a case
        return gap.fullmatch(self.source, before.end, after.start) is not None


_LETTERS = bytes(range(128)) + b"x" * 128
"""What a byte is parsed as; each stays where it is."""


@functools.cache
def _parser() -> Parser:
    # Only a hive with installations pays for loading these.
    import tree_sitter  # noqa: PLC0415
    import tree_sitter_bash  # noqa: PLC0415

    return tree_sitter.Parser(tree_sitter.Language(tree_sitter_bash.language()))


def read_script(text: str) -> Script:
    """Take ``text`` apart.

    Raises:
        RefusedError: the parser does not understand it, or it is too long for it.
    """
    try:
        source = text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise RefusedError("shell-syntax", "the script has a character that is none") from error
    if _STRANGE.search(text):
        raise RefusedError("shell-syntax", "the script has control characters, CR LF or blanks beyond ASCII")
    if len(source) > _LONGEST or len(_OPERATORS.findall(source)) > _MOST_OPERATORS:
        raise RefusedError("shell-syntax", "the script is too long to be taken apart")
    # The grammar's scanner asks <ctype.h> about any character, which crashes for those beyond its table. To shells all
    # of them are letters.
    root = _parser().parse(source.translate(_LETTERS)).root_node
    if root.has_error:
        raise RefusedError("shell-syntax", "the script is not understood as shell text")
    operands: list[Operand] = []
    background: set[int] = set()
    statements = 0
    for node in root.children:
        if node.is_named and node.type != "comment":
            operands.extend(_operands(node, statements))
            statements += 1
        elif node.type == "&":
            background.add(statements - 1)
    return Script(source, tuple(operands), statements, frozenset(background))


def _operands(statement: Node, number: int) -> list[Operand]:
    """Return the operands of a chain; without ``&&`` at its top it is one operand."""
    found: list[Operand] = []
    waiting = [(statement, statement.end_byte)]
    while waiting:
        node, end = waiting.pop()
        body = node.child_by_field_name("body") if node.type == "redirected_statement" else None
        children = _children(node)
        if body is not None and _is_chain(_bare(body)) and not _is_tangled(node):
            # The parser says "(a && b) > file"; the shell says "a && (b > file)".
            waiting.append((body, end))
        elif _is_chain(node):
            waiting.extend([(children[0], children[0].end_byte), (children[2], end)])
        else:
            found.append(Operand(node, node.start_byte, end, number))
    return found[::-1]


def _children(node: Node) -> list[Node]:
    return [child for child in node.children if child.type != "comment"]


def _bare(node: Node) -> Node:
    """Return ``node`` without the redirections around it."""
    while node.type == "redirected_statement" and (body := node.child_by_field_name("body")) is not None:
        node = body
    return node


def _is_chain(node: Node) -> bool:
    """Whether ``node`` is ``a && b``."""
    return node.type == "list" and [child.type for child in _children(node)[1:]][:1] == ["&&"]


def _is_tangled(node: Node) -> bool:
    """Whether the rest of a line stands within its heredoc (``cat <<E && next``)."""
    simple = {"heredoc_start", "heredoc_body", "heredoc_end", "file_redirect", "herestring_redirect"}
    return any(
        part.type not in simple
        for child in node.children
        if child.type == "heredoc_redirect"
        for part in child.named_children
    )


def descendants(node: Node, *, closed: frozenset[str] = frozenset()) -> Iterator[Node]:
    """Yield ``node`` and all below it, without recursion.

    Args:
        node: the uppermost.
        closed: kinds of nodes that are yielded and not entered.
    """
    waiting = [node]
    while waiting:
        current = waiting.pop()
        yield current
        if current.type not in closed:
            waiting.extend(reversed(current.children))
