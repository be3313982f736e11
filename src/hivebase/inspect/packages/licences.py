"""The licence of a Python distribution: an SPDX expression where its metadata leaves no doubt, else its words.

Sources: Core metadata ``License-Expression`` (PEP 639), ``License``, and the trove classifiers. A classifier that
stands for several licences (``BSD License``, ``Apache Software License``) is not translated.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from hivebase.inspect.packages.model import Licence
from hivebase.inspect.packages.texts import line

if TYPE_CHECKING:
    from hivebase.layers.wheels.headers import Fields

_CLASSIFIER = "License :: "

_CLASSIFIERS = {
    "Boost Software License 1.0 (BSL-1.0)": "BSL-1.0",
    "CC0 1.0 Universal (CC0 1.0) Public Domain Dedication": "CC0-1.0",
    "Eclipse Public License 1.0 (EPL-1.0)": "EPL-1.0",
    "Eclipse Public License 2.0 (EPL-2.0)": "EPL-2.0",
    "European Union Public Licence 1.1 (EUPL 1.1)": "EUPL-1.1",
    "European Union Public Licence 1.2 (EUPL 1.2)": "EUPL-1.2",
    "GNU Affero General Public License v3": "AGPL-3.0-only",
    "GNU Affero General Public License v3 or later (AGPLv3+)": "AGPL-3.0-or-later",
    "GNU General Public License v2 (GPLv2)": "GPL-2.0-only",
    "GNU General Public License v2 or later (GPLv2+)": "GPL-2.0-or-later",
    "GNU General Public License v3 (GPLv3)": "GPL-3.0-only",
    "GNU General Public License v3 or later (GPLv3+)": "GPL-3.0-or-later",
    "GNU Lesser General Public License v2 (LGPLv2)": "LGPL-2.0-only",
    "GNU Lesser General Public License v2 or later (LGPLv2+)": "LGPL-2.0-or-later",
    "GNU Lesser General Public License v3 (LGPLv3)": "LGPL-3.0-only",
    "GNU Lesser General Public License v3 or later (LGPLv3+)": "LGPL-3.0-or-later",
    "Historical Permission Notice and Disclaimer (HPND)": "HPND",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "MIT No Attribution License (MIT-0)": "MIT-0",
    "Mozilla Public License 1.1 (MPL 1.1)": "MPL-1.1",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "The Unlicense (Unlicense)": "Unlicense",
    "University of Illinois/NCSA Open Source License": "NCSA",
    "zlib/libpng License": "Zlib",
}

_NAMES = {
    "3-clause bsd": "BSD-3-Clause",
    "3-clause bsd license": "BSD-3-Clause",
    "apache 2": "Apache-2.0",
    "apache 2.0": "Apache-2.0",
    "apache license 2.0": "Apache-2.0",
    "apache license, version 2.0": "Apache-2.0",
    "apache software license 2.0": "Apache-2.0",
    "apache-2": "Apache-2.0",
    "bsd 2-clause": "BSD-2-Clause",
    "bsd 3-clause": "BSD-3-Clause",
    "bsd-3": "BSD-3-Clause",
    "mit license": "MIT",
    "mpl 2.0": "MPL-2.0",
    "new bsd": "BSD-3-Clause",
    "the mit license": "MIT",
}
"""What people write into ``License`` and mean one licence by."""

_LONGEST = 100
"""Characters of a ``License`` that is a name; others have pasted the text itself there."""

_MOST_NAMES = 10


def licence_of(fields: Fields) -> Licence:
    """Return what the metadata of a distribution says."""
    said = (fields.one("License-Expression") or "").strip()
    if said and (known := expression(said)):
        return Licence(known)
    free = (fields.one("License") or "").strip()
    if len(free) > _LONGEST or "\n" in free or free.upper() == "UNKNOWN":
        free = ""
    if free and (known := expression(_NAMES.get(free.lower(), free))):
        return Licence(known)
    classifiers = [
        item.rpartition(" :: ")[2] for item in fields.all("Classifier") if item.startswith(_CLASSIFIER)
    ]
    classifiers = [item for item in dict.fromkeys(classifiers) if item != "OSI Approved"]
    # Of several nobody says whether all of them hold, or one may be chosen.
    if len(classifiers) == 1 and classifiers[0] in _CLASSIFIERS:
        return Licence(_CLASSIFIERS[classifiers[0]])
    names = dict.fromkeys(line(item, _LONGEST) for item in (said, free, *classifiers))
    return Licence("", tuple(filter(None, names))[:_MOST_NAMES])


@lru_cache(maxsize=4096)
def expression(text: str) -> str:
    """Return ``text`` if it is an SPDX expression of licences on SPDX's list, in their spelling; else ''."""
    from cyclonedx.spdx import fixup_id, is_expression  # noqa: PLC0415 -- it reads the list, and few verbs need it

    if len(text) > 1000:
        return ""
    if (one := fixup_id(text)) is not None:
        return one
    words = text.replace("(", " ").replace(")", " ").split()
    joined = {"AND", "OR", "WITH"}
    # What is valid beyond ids and operators needs a definition that no metadata has.
    if not words or any(word.startswith(("LicenseRef-", "DocumentRef-")) for word in words):
        return ""
    return text if joined & set(words) and is_expression(text) else ""
