"""Images with an interpreter, as parts of a tar: just enough of each for it to be found by looking."""

from __future__ import annotations

import struct

from tests import archives as make

ELF = b"\x7fELF\2\1" + bytes(10) + struct.pack("<HH", 2, 62)
BINARY = ELF + b"\x003.11.2\x00"
LIBC = ELF + b"GNU C Library (x) stable release version 2.36.\n"
TEMPLATE = b"SCRIPT_TEMPLATE = r'''from %(module)s import %(import_name)s\n%(func)s()\n'''\n"
PATH = "/usr/local/bin:/usr/bin"


def program(name: str, data: bytes = b"") -> bytes:
    """Return an executable file."""
    return make.file(name, data, mode=0o755)


def base(prefix: str, library: str) -> list[bytes]:
    """Return an interpreter below ``prefix`` with pip in ``library``."""
    return [
        program(f"{prefix}/bin/python3.11", BINARY),
        make.symlink(f"{prefix}/bin/python3", "python3.11"),
        program(f"{prefix}/bin/pip", f"#!/{prefix}/bin/python3\n".encode()),
        make.file(f"{prefix}/lib/python3.11/os.py"),
        make.file("lib/x86_64-linux-gnu/libc.so.6", LIBC),
        make.file(f"{library}/pip/_internal/operations/install/wheel.py", b"x = 1\n"),
        make.file(f"{library}/pip/_vendor/distlib/scripts.py", TEMPLATE),
        make.file(f"{library}/pip-23.0.1.dist-info/METADATA"),
    ]


DEBIAN = base("usr", "usr/lib/python3/dist-packages")
OFFICIAL = base("usr/local", "usr/local/lib/python3.11/site-packages")
VENV = [
    *DEBIAN,
    make.file("venv/pyvenv.cfg", b"home = /usr/bin\ninclude-system-site-packages = false\n"),
    make.symlink("venv/bin/python", "/usr/bin/python3.11"),
    program("venv/bin/pip", b"#!/venv/bin/python\n"),
    make.file("venv/lib/python3.11/site-packages/pip/_vendor/distlib/scripts.py", TEMPLATE),
    make.file("venv/lib/python3.11/site-packages/pip/_internal/operations/install/wheel.py"),
]
