"""The interpreter of the image, compiling: here the one of these tests, without a sandbox around it."""

from __future__ import annotations

import importlib.util
import marshal
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.layers.wheels.laying import SITE, kept, scheme
from tests.wheels import wheel

from hivebase.digest import Digest
from hivebase.errors import BuildError
from hivebase.layers.wheels import bytecode, compiler
from hivebase.layers.wheels.compiler import Compiler

EPOCH = 1_700_000_000
MINOR = f"3.{sys.version_info.minor}"


@pytest.fixture
def sandbox(monkeypatch, tmp_path):
    """Run the program of the sandbox as a plain process, its places moved into a directory."""
    out = tmp_path / "work/upper/hivebase-bytecode"
    script = tmp_path / "compile.py"

    def run(request, take, cancel, *, on_error, stdin):
        assert all(path.is_dir() for path in request.mounts[1].source.stack)
        (mount,) = [mount for mount in request.mounts if mount.target.endswith("compile.py")]
        text = mount.content.decode().replace('"/hivebase-bytecode"', repr(str(out)))
        script.write_text(text)
        process = subprocess.Popen(
            [sys.executable, *request.process.argv[1:-2], str(script), request.process.argv[-1]],
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=dict(request.process.env),
        )
        assert process.stdout is not None
        assert process.stderr is not None
        with process.stdout as out_pipe, process.stderr as error_pipe:
            while data := os.read(out_pipe.fileno(), 4096):
                take(data)
            on_error(error_pipe.read())
        return SimpleNamespace(exit_code=process.wait())

    monkeypatch.setattr(compiler, "run", run)
    monkeypatch.setattr(compiler, "_WHEELS", str(tmp_path / "wheels"))
    monkeypatch.setattr(compiler, "_OUT", str(out))
    return tmp_path


def _compile(where, *wheels, most=2):
    with Compiler(list, "/usr/bin/python3", where / "wheels", where / "work", most=most) as made:
        futures = []
        for one in wheels:
            locked = kept(one, where / "wheels")
            path = where / "wheels" / f"{locked.sha256}.whl"
            futures.append(made.compile(Digest.of(path.name.encode()), path, scheme(), locked.name, EPOCH))
        found = [future.result(30) for future in futures]
        return [bytecode.read(where / "work/upper/hivebase-bytecode" / path.name) for path in found]


def test_modules_are_compiled_for_their_place(sandbox):
    """Header, code and the file name in it are those of an installed module."""
    script = {"scripts/s.py": "#!python\ny = 1\n"}
    (found,) = _compile(sandbox, wheel("x", "1", {"x/a.py": "def f(): pass\n"}, data=script))
    assert sorted(found) == ["/usr/local/bin/s.py", f"{SITE}/x/a.py"]
    data = found[f"{SITE}/x/a.py"]
    assert data[:4] == importlib.util.MAGIC_NUMBER
    assert [int.from_bytes(data[at : at + 4], "little") for at in (4, 8, 12)] == [
        0,
        EPOCH,
        len("def f(): pass\n"),
    ]
    code = marshal.loads(data[16:])
    assert code.co_filename == f"{SITE}/x/a.py"
    changed = found["/usr/local/bin/s.py"]
    assert int.from_bytes(changed[12:16], "little") == len("#!/usr/bin/python3\ny = 1\n")


def test_what_cannot_be_compiled_is_left_out(sandbox):
    """As pip leaves it."""
    files: dict[str, bytes | str] = {
        "bad.py": "print 'x'\n",
        "null.py": b"\0",
        "good.py": "",
        "latin.py": b"x = '\xe9'\n",
        "no.txt": "",
    }
    (found,) = _compile(sandbox, wheel("x", "1", files))
    assert sorted(found) == [f"{SITE}/good.py"]


def test_the_bytes_depend_on_the_wheel_alone(sandbox):
    """Not on what was compiled before, or beside it."""
    text = "a = {'one', 'two'}\nb = ('one', frozenset((1, 2)))\ndef c(one): return one.two\n"
    wanted = wheel("x", "1", {"x.py": text})
    others = [wheel(f"o{number}", "1", {f"o{number}.py": "one = two = 'one'\n" * 50}) for number in range(4)]
    alone = _compile(sandbox, wanted)[0]
    assert alone == _compile(sandbox, *others, wanted, most=1)[-1]
    assert alone == _compile(sandbox, wanted, *others, most=4)[0]


def test_a_large_wheel_is_compiled_in_halves(sandbox):
    """Each always by itself, and all of it in order; the larger half may be one module."""
    text = "a = ('one', 'two')\n" * 1000
    wanted = wheel("x", "1", {f"x/m{number:02}.py": text for number in range(40)})
    found = _compile(sandbox, wanted)[0]
    assert list(found) == sorted(found)
    assert len(found) == 40
    assert found == _compile(sandbox, wheel("o", "1", {"o.py": text}), wanted, most=1)[-1]
    one = _compile(sandbox, wheel("y", "1", {"y.py": "b = 1\n" * 100_000}))[0]
    assert list(one) == [f"{SITE}/y.py"]


def test_the_same_wheel_is_compiled_once(sandbox):
    """Whoever asks for it."""
    with Compiler(list, "/usr/bin/python3", sandbox / "wheels", sandbox / "work") as made:
        locked = kept(wheel("x"), sandbox / "wheels")
        path = sandbox / "wheels" / f"{locked.sha256}.whl"
        asked = [made.compile(Digest.of(b"key"), path, scheme(), "x", EPOCH) for _ in range(2)]
        assert asked[0] is asked[1]
        asked[0].result(30)


def test_it_ends_by_itself_when_all_is_asked_for(sandbox):
    """Also when it was started before anything was asked for; what was asked is done, what comes too late fails."""
    with Compiler(list, "/usr/bin/python3", sandbox / "wheels", sandbox / "work") as made:
        made.start()
        made.start()
        locked = kept(wheel("x"), sandbox / "wheels")
        path = sandbox / "wheels" / f"{locked.sha256}.whl"
        asked = made.compile(Digest.of(b"key"), path, scheme(), "x", EPOCH)
        made.finish()
        assert bytecode.read(sandbox / "work/upper/hivebase-bytecode" / asked.result(30).name)
        assert made._thread is not None
        made._thread.join(30)
        assert not made._thread.is_alive()
        with pytest.raises(BuildError, match="ended"):
            made.compile(Digest.of(b"late"), path, scheme(), "x", EPOCH).result(30)


def test_a_file_that_is_no_wheel(sandbox):
    """Fails alone; the others go on."""
    (sandbox / "wheels").mkdir()
    (sandbox / "wheels/bad.whl").write_bytes(b"bad")
    with Compiler(list, "/usr/bin/python3", sandbox / "wheels", sandbox / "work") as made:
        bad = made.compile(Digest.of(b"bad"), sandbox / "wheels/bad.whl", scheme(), "bad", EPOCH)
        locked = kept(wheel("x"), sandbox / "wheels")
        good = made.compile(
            Digest.of(b"x"), sandbox / "wheels" / f"{locked.sha256}.whl", scheme(), "x", EPOCH
        )
        with pytest.raises(BuildError, match="failed to compile a wheel"):
            bad.result(30)
        assert Path(good.result(30)).name == "2"


def test_a_sandbox_that_cannot_run(monkeypatch, tmp_path):
    """Is told to all who wait, and to those who come later."""

    def run(*_, on_error, **__):
        on_error(b"no such interpreter\n")
        return SimpleNamespace(exit_code=127)

    monkeypatch.setattr(compiler, "run", run)
    with Compiler(list, "/usr/bin/python3", tmp_path, tmp_path) as made:
        for key in (b"1", b"2"):
            with pytest.raises(BuildError, match="cannot compile modules") as caught:
                made.compile(Digest.of(key), tmp_path / "x.whl", scheme(), "x", EPOCH).result(30)
            assert "no such interpreter" in caught.value.why
