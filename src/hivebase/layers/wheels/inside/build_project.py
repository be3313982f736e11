# Runs inside the sandbox, by the interpreter of the image: builds the wheel of one project (PEP 517, PEP 660).
#
# build_project.py SOURCE OUT (editable|wheel) (shared|isolated)
from __future__ import annotations

import json
import os
import subprocess
import sys

_HOOK = """
import importlib, json, os, sys
backend, path, hook, arguments, answer = json.loads(sys.argv[1])
sys.path[:0] = path
module, _, attribute = backend.partition(":")
target = importlib.import_module(module)
for part in attribute.split(".") if attribute else ():
    target = getattr(target, part)
function = getattr(target, hook, None)
result = function(*arguments) if function is not None else None
with open(answer, "w") as file:
    json.dump(result, file)
"""


def read(source: str) -> dict:
    try:
        import tomllib
    except ImportError:
        from pip._vendor import tomli as tomllib
    with open(os.path.join(source, "pyproject.toml"), "rb") as file:
        return tomllib.load(file).get("build-system", {})


def hook(system: dict, source: str, name: str, arguments: list, environment: dict) -> object:
    backend = system.get("build-backend", "setuptools.build_meta:__legacy__")
    path = [os.path.join(source, part) for part in system.get("backend-path", [])]
    answer = "/tmp/hivebase-answer.json"
    asked = json.dumps([backend, path, name, arguments, answer])
    subprocess.run([sys.executable, "-c", _HOOK, asked], check=True, cwd=source, env=environment)
    with open(answer) as file:
        return json.load(file)


def install(requirements: list, target: str) -> None:
    if requirements:
        command = [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-input",
            "--disable-pip-version-check",
        ]
        command += ["--root-user-action=ignore", "--target", target, *requirements]
        subprocess.run(command, check=True)


def main() -> None:
    source, out, kind, sharing = sys.argv[1:]
    system = read(source)
    environment = dict(os.environ)
    build, ask = ("build_editable", "get_requires_for_build_editable")
    if kind == "wheel":
        build, ask = ("build_wheel", "get_requires_for_build_wheel")
    os.makedirs(out, exist_ok=True)
    if sharing == "isolated":
        target = "/tmp/hivebase-build"
        install(system.get("requires", ["setuptools>=40.8.0"]), target)
        environment["PYTHONPATH"] = target
        environment["PATH"] = target + "/bin:" + environment.get("PATH", "")
        install(hook(system, source, ask, [None], environment) or [], target)
    print(hook(system, source, build, [out, None, None], environment))


if __name__ == "__main__":
    main()
