"""The physical limit's arithmetic."""

from __future__ import annotations

import zipfile

from benchmarks.limit import limit, stack, touch


def make(directory, name, **members):
    with zipfile.ZipFile(directory / name, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, content in members.items():
            archive.writestr(member, content)
        archive.writestr(zipfile.ZipInfo("stored"), b"as it is")
    return directory / name


def test_all_bytes_of_a_wheel_are_touched(tmp_path) -> None:
    wheel = make(tmp_path, "a-1.0-py3-none-any.whl", one=b"x" * 1000, empty=b"")
    assert touch(wheel) == 1008


def test_the_limit_counts_all_wheels(tmp_path) -> None:
    wheels = [make(tmp_path, f"w{n}-1.0-py3-none-any.whl", one=b"y" * n) for n in range(1, 5)]
    least, size = limit(wheels)
    assert size == 1 + 2 + 3 + 4 + 4 * 8
    assert least > 0


def test_the_stack_is_what_the_specialist_base_pins(tmp_path) -> None:
    bases, wheels = tmp_path / "bases", tmp_path / "wheels"
    wheels.mkdir()
    for image in ("ml", "grpc", "nlp", "specialist", "mlops"):
        (bases / f"python-{image}-base").mkdir(parents=True)
        (bases / f"python-{image}-base" / "requirements.txt").write_text(
            f"In.{image}==1.0 \\\n    --hash=x\n"
        )
        make(wheels, f"in_{image}-1.0-py3-none-any.whl", content=image.encode() * 100)
        make(wheels, f"in_{image}-1.1-py3-none-any.whl", content=b"")
    names = {path.name for path in stack(bases, wheels)}
    assert names == {f"in_{image}-1.0-py3-none-any.whl" for image in ("ml", "grpc", "nlp", "specialist")}
