"""A program can say where it comes from, and does not invent what it does not know."""

import json
import shutil
from pathlib import Path

import neural_hive_specialists
from neural_hive_specialists import Provenance, __version__
from neural_hive_specialists.provenance import source_digest

PACKAGE = Path(neural_hive_specialists.__file__).parent


def test_outside_an_image_the_image_is_unknown(tmp_path):
    """Empty, and no guess."""
    found = Provenance.collect({}, tmp_path)
    assert (
        found.image,
        found.image_version,
        found.image_digest,
        found.base_image,
        found.base_images,
        found.stand_ins,
    ) == ("", "", "", "", (), {})
    assert found.library_version == __version__


def test_the_facts_of_an_image_are_read(tmp_path):
    """The environment, the locks and the markers of stand-ins."""
    facts = tmp_path / "usr/share/hivebase"
    (facts / "requirements").mkdir(parents=True)
    (facts / "stand-ins.d").mkdir()
    for name in ("python-ml-base", "python-grpc-base"):
        (facts / "requirements" / f"{name}.txt").touch()
    (facts / "stand-ins.d/pt_core_news_sm").write_text("trained here\n")
    environ = {
        "HIVE_IMAGE_NAME": "specialist-business",
        "HIVE_IMAGE_VERSION": "1.0.0",
        "HIVE_IMAGE_DIGEST": "sha256:aa",
        "HIVE_BASE_IMAGE": "neural-hive-mind/python-specialist-base:1.0.0",
    }
    found = Provenance.collect(environ, tmp_path).as_dict()
    assert found["base_images"] == ["python-grpc-base", "python-ml-base"]
    assert found["stand_ins"] == {"pt_core_news_sm": "trained here"}
    assert found["base_image"].endswith("specialist-base:1.0.0")
    assert json.loads(json.dumps(found)) == found


def test_an_edited_source_changes_the_digest_and_bytecode_does_not(tmp_path):
    """A stale or patched copy is seen."""
    copy = tmp_path / "package"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    before = source_digest(copy)
    assert before == source_digest(PACKAGE)
    (copy / "__pycache__").mkdir()
    (copy / "__pycache__/version.cpython-311.pyc").write_bytes(b"x")
    assert before == source_digest(copy)
    with (copy / "version.py").open("a") as file:
        file.write("\n")
    assert before != source_digest(copy)


def test_the_version_is_the_same_in_the_package_and_in_its_metadata():
    """Written twice, held equal here."""
    import tomllib  # noqa: PLC0415 -- used here alone

    project = tomllib.loads((PACKAGE.parents[1] / "pyproject.toml").read_text())["project"]
    assert project["version"] == __version__
