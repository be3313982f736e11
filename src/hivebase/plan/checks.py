"""Values of instructions that are refused because of what they would do, or remarked upon.

Each check returns what is wrong in plain words, or an empty string.
"""

from __future__ import annotations

import re
import signal

MAX_ID = 2**31 - 1
"""Largest user or group id. Beyond it some runtimes wrap around to 0 (CVE-2024-40635)."""

_NAME = re.compile(r"[A-Za-z0-9_.][A-Za-z0-9_.@+-]*\$?\Z", re.ASCII)
_LIKE_A_NUMBER = re.compile(r"[+-]|0[xXoObB]")
_SECRET = re.compile(
    r"(?:_|^)(?:apikey|auth|credentials?|key|password|pword|passwd|secret|token)(?:_|$)", re.IGNORECASE
)
_NOT_SECRET = re.compile(r"(?:_|^)public(?:_|$)", re.IGNORECASE)
_URL = re.compile(r"(?:https?|ssh|git)://", re.ASCII)
_SCP = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*@[A-Za-z0-9][A-Za-z0-9.-]*:[^/-].*", re.ASCII | re.DOTALL)
_CHMOD = re.compile(r"[ugoa]*(?:[-+=](?:[rwxXst]*|[ugo]))+(?:,[ugoa]*(?:[-+=](?:[rwxXst]*|[ugo]))+)*\Z")


def bad_user(text: str) -> str:
    """Check ``user[:group]``, names or decimal numbers."""
    parts = text.split(":")
    if len(parts) > 2:
        return "there is more than one ':'"
    for part in parts:
        if part.isascii() and part.isdecimal():
            if len(part) > 10 or int(part) > MAX_ID:
                return f"{part[:40]} is larger than {MAX_ID}, the largest id that means the same everywhere"
        elif _LIKE_A_NUMBER.match(part):
            return f"{part[:40]!r} looks like a number and is not decimal"
        elif not _NAME.match(part):
            return f"{part[:40]!r} is neither a name nor a number"
    return ""


def bad_workdir(path: str) -> str:
    """Check an absolute, normalised path."""
    if "\0" in path:
        return "a path cannot hold a zero byte"
    # A process that starts in /proc/self/fd/N stands outside its container (CVE-2024-21626).
    if path == "/proc" or path.startswith(("/proc/", "/dev/fd")):
        return "below /proc there are doors out of the container, and nothing there stays in an image"
    return ""


def bad_chmod(text: str) -> str:
    """Check an octal mode up to 07777 or a symbolic one (``u=rwX,go=rX``)."""
    if text.isascii() and text.isdecimal():
        if re.fullmatch(r"0*[0-7]{1,4}", text):
            return ""
        return "an octal mode has the digits 0 to 7 and is at most 07777"
    return "" if _CHMOD.match(text) else "expected an octal mode or letters such as u=rwX,go=rX"


def bad_signal(text: str) -> str:
    """Check a signal's number or name, ``SIG`` optional."""
    if text.isascii() and text.isdecimal():
        return "" if 0 < int(text[:10]) <= 64 else "signals are numbered 1 to 64"
    name = text.upper().removeprefix("SIG")
    known = f"SIG{name}" in signal.Signals.__members__ or re.fullmatch(r"RTM(?:IN\+|AX-)[0-9]{1,2}", name)
    return "" if known else "no such signal"


def is_remote(source: str) -> bool:
    """Tell whether a source of ADD is fetched: a URL or a git repository."""
    return bool(_URL.match(source) or _SCP.fullmatch(source))


def looks_secret(name: str) -> bool:
    """Tell whether a variable's name says that its value is a secret."""
    return bool(_SECRET.search(name)) and not _NOT_SECRET.search(name)
