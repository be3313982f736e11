"""Local directories that the host's configuration names, under the names by which a step sees them."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

TARGET = "/run/hivebase-host"
"""The directory in which a step sees everything of its host."""

_PAGES = 20
_PAGE_BYTES = 1 << 20
_LINK = re.compile(r"""href\s*=\s*["']([^"'#?]+)""", re.IGNORECASE)


class LocalDirectories:
    """Collects local directories and rewrites the names that lead to them.

    Args:
        home: of the user; it, the directories above it, and the root are never shown as a whole.

    Attributes:
        directories: ``(name below TARGET, host path)``, in the order found.
    """

    def __init__(self, home: Path) -> None:
        self._home = home.resolve()
        self._known: dict[Path, str] = {}
        self.directories: list[tuple[str, str]] = []

    def index(self, url: str) -> str:
        """Return ``url`` as a step can use it: rewritten if it is a package index in a local directory.

        The pages of an index usually link to a directory beside it (``../../packages/...``), so what the
        first pages link to there is shown too, at the same relative place.
        """
        path = _local_path(url)
        if path is None or not self._may_be_shown(path):
            return url
        if path not in self._known:
            place = self._next_place()
            self._known[path] = f"{place}/{path.name}"
            for shown in (path, *self._linked(path)):
                self.directories.append((f"{place}/{shown.name}", str(shown)))
        return f"file://{TARGET}/{quote(self._known[path])}"

    def find_links(self, location: str) -> str:
        """Return ``location`` (a URL, a directory, or a page in one) as a step can use it."""
        path = _local_path(location)
        if path is None:
            return location
        directory, page = (path.parent, f"/{path.name}") if path.is_file() else (path, "")
        if not self._may_be_shown(directory):
            return location
        if directory not in self._known:
            self._known[directory] = self._next_place()
            self.directories.append((self._known[directory], str(directory)))
        return f"{TARGET}/{self._known[directory]}{page}"

    def _next_place(self) -> str:
        return f"directories/{len(self._known)}"

    def _may_be_shown(self, path: Path) -> bool:
        return path.is_dir() and path.resolve() not in {self._home, *self._home.parents}

    def _linked(self, index: Path) -> list[Path]:
        """Return the directories beside ``index`` that its first pages link to."""
        pages = [page for project in sorted(index.iterdir())[:_PAGES] for page in project.glob("index.html")]
        beside = set()
        for page in pages:
            with page.open(encoding="utf-8", errors="replace") as file:
                text = file.read(_PAGE_BYTES)
            for link in _LINK.findall(text):
                if urlsplit(link).scheme:
                    continue
                # Links are resolved as a URL is, by text: symbolic links do not take part.
                target = Path(posixpath.normpath(page.parent / unquote(link)))
                if index.parent in target.parents:
                    beside.add(index.parent / target.relative_to(index.parent).parts[0])
        beside.discard(index)
        return sorted(path for path in beside if self._may_be_shown(path))


def _local_path(location: str) -> Path | None:
    """Return the absolute path that ``location`` means, or None if it is not a local one."""
    if location.startswith("/"):
        return Path(location)
    url = urlsplit(location)
    if url.scheme == "file" and url.netloc in {"", "localhost"}:
        return Path(unquote(url.path))
    return None
