# Runs inside the sandbox, by the interpreter of the image: compiles the modules of wheels, one process for each wheel.
#
# What marshal writes depends on what else the interpreter holds (references to interned names), so each wheel is
# compiled by a fork of one and the same process, in a fixed order; the second half of a large one by a fork of that.
# Lines come in, a number and a job as JSON; the number and how it ended goes out.
from __future__ import annotations

import gc
import importlib._bootstrap_external as bootstrap
import json
import os
import select
import signal
import sys
import warnings
import zipfile


LARGE = 1 << 19  # bytes of modules; below it a fork costs more than a second processor gains


def modules(job: dict, wheel: zipfile.ZipFile) -> list[tuple[str, str, bool]]:
    library = job["roots"]["purelib"]
    if job["roots"]["platlib"] != library:
        text = next(wheel.read(name) for name in wheel.namelist() if name.endswith(".dist-info/WHEEL"))
        if b"root-is-purelib: true" not in text.lower():
            library = job["roots"]["platlib"]
    found = []
    for name in wheel.namelist():
        if name.endswith(".py"):
            top, _, rest = name.partition("/")
            part, _, below = rest.partition("/")
            script = top.endswith(".data") and part == "scripts"
            path = job["roots"][part] + "/" + below if top.endswith(".data") else library + "/" + name
            found.append((path, name, script))
    return sorted(found)


def compile_wheel(job: dict) -> None:
    with zipfile.ZipFile(job["wheel"]) as wheel:
        first, second = halves(modules(job, wheel), wheel)
    helper = 0
    if second:
        helper = os.fork()
        if helper == 0:
            compile_part(job, second, ".second")
            return
    compile_part(job, first, ".tmp")
    if helper:
        if os.waitpid(helper, 0)[1] != 0:
            raise ChildProcessError
        with open(job["out"] + ".tmp", "ab") as out, open(job["out"] + ".second", "rb") as rest:
            out.write(rest.read())
        os.unlink(job["out"] + ".second")
    os.rename(job["out"] + ".tmp", job["out"])


def halves(found: list, wheel: zipfile.ZipFile) -> tuple[list, list]:
    total = sum(wheel.getinfo(name).file_size for _, name, _ in found)
    size, at = 0, 0
    if total < LARGE:
        return found, []
    while size < total // 2:
        size += wheel.getinfo(found[at][1]).file_size
        at += 1
    return found[:at], found[at:]


def compile_part(job: dict, part: list, suffix: str) -> None:
    # The file is opened anew: a fork would share its place in it.
    with zipfile.ZipFile(job["wheel"]) as wheel, open(job["out"] + suffix, "wb") as out:
        for path, name, script in part:
            source = wheel.read(name)
            if script and source.startswith(b"#!python"):
                source = job["shebang"].encode("utf-8", "surrogateescape") + source.partition(b"\n")[2]
            try:
                code = compile(source, path, "exec", dont_inherit=True)
            except (SyntaxError, UnicodeError, ValueError, RecursionError, MemoryError, OverflowError):
                continue
            bytecode = bootstrap._code_to_timestamp_pyc(code, job["mtime"], len(source))
            for field in (path.encode("utf-8", "surrogateescape"), bytecode):
                out.write(len(field).to_bytes(4, "little"))
                out.write(field)


def serve(most: int) -> None:
    wake, waker = os.pipe()
    os.set_blocking(waker, False)
    os.set_blocking(wake, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
    held, waiting, running, more = b"", [], {}, True
    while more or waiting or running:
        while waiting and len(running) < most:
            line = waiting.pop(0)
            child = os.fork()
            if child == 0:
                status = 1
                try:
                    compile_wheel(json.loads(line.partition(b" ")[2]))
                    status = 0
                finally:
                    os._exit(status)
            running[child] = line.partition(b" ")[0]
        ready = select.select([wake] + ([0] if more else []), [], [])[0]
        if wake in ready:
            try:
                os.read(wake, 4096)
            except BlockingIOError:
                pass
        while running:
            child, status = os.waitpid(-1, os.WNOHANG)
            if child == 0:
                break
            os.write(1, running.pop(child) + (b" 0\n" if status == 0 else b" 1\n"))
        if 0 in ready:
            data = os.read(0, 1 << 16)
            more = bool(data)
            *lines, held = (held + data).split(b"\n")
            waiting += lines


if __name__ == "__main__":
    os.nice(5)  # commands of the build that wait for nothing go first
    gc.disable()
    warnings.simplefilter("ignore")
    os.makedirs("/hivebase-bytecode", exist_ok=True)
    serve(int(sys.argv[1]))
