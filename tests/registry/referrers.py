"""A simulated registry that takes manifests and, unless told otherwise, lists referrers itself."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.registry_simulator import Reply, Seen, Simulator

from hivebase.oci import model


class Listing(Simulator):
    """As `Simulator`, and more.

    Attributes:
        api: whether it knows of referrers.
        page: entries of one page of a list.
        subject_header: whether it says that it looked at a subject.
    """

    api = True
    page = 100
    subject_header = True

    def reply(self, seen: Seen) -> Reply:
        parts = urlsplit(seen.path)
        if seen.method == "PUT" and (match := re.fullmatch(r"/v2/(.+)/manifests/([^/]+)", parts.path)):
            return self._put(seen, match[1], match[2])
        if self.api and (match := re.fullmatch(r"/v2/(.+)/referrers/([^/]+)", parts.path)):
            return self._referrers(match[2], parts.path, parse_qs(parts.query))
        return super().reply(seen)

    def _put(self, seen: Seen, repository: str, name: str) -> Reply:
        media_type = seen.headers["content-type"]
        made = self.add_manifest(seen.body, repository, "" if ":" in name else name, media_type)
        headers = {**self._headers(), "Docker-Content-Digest": made.digest}
        subject = json.loads(seen.body).get("subject")
        if self.api and subject and self.subject_header:
            headers["OCI-Subject"] = subject["digest"]
        return Reply(201, headers)

    def _referrers(self, digest: str, path: str, query: dict[str, list[str]]) -> Reply:
        found: list[dict[str, Any]] = []
        for name, (media_type, data) in self.manifests.items():
            document = json.loads(data)
            if (document.get("subject") or {}).get("digest") == digest:
                entry = {"mediaType": media_type, "digest": name, "size": len(data)}
                kind = document.get("artifactType") or document["config"]["mediaType"]
                found.append(entry | {"artifactType": kind, "annotations": document.get("annotations", {})})
        start = int(query.get("last", ["0"])[0])
        body = json.dumps(
            {"schemaVersion": 2, "mediaType": model.INDEX, "manifests": found[start : start + self.page]}
        )
        headers = {**self._headers(), "Content-Type": model.INDEX}
        if start + self.page < len(found):
            headers["Link"] = f'<{path}?last={start + self.page}>; rel="next"'
        return Reply(200, headers, body.encode())
