from typing import TYPE_CHECKING, Any

import pytest
from tests.plan.memory import MemoryListing, base, make_hive

from hivebase.digest import Digest
from hivebase.errors import PolicyError, UsageError
from hivebase.plan.lockfile import HiveLock
from hivebase.plan.planner import PlanInputs, needed_bases, plan, selected_images
from hivebase.plan.steps import ImagePlan

if TYPE_CHECKING:
    from hivebase.plan.sources import BaseFact

DEBIAN = "docker.io/library/debian:12"
CONFIG = '[hive]\nname = "acme"\nversion = "1.0.0"\n'
FILES = {
    "ml/Dockerfile": "FROM debian:12\nRUN apt\nARG VERSION\nLABEL v=$VERSION",
    "grpc/Dockerfile": "FROM acme/ml:1.0.0\nCOPY req.txt /r/\nRUN pip",
    "nlp/Dockerfile": "FROM acme/grpc:1.0.0\nRUN spacy",
    "other/Dockerfile": "FROM debian:12\nRUN other",
    "grpc/req.txt": "grpcio",
}


class World:
    """A hive, and what a store would remember of it."""

    def __init__(self, files: dict[str, str] | None = None, **settings: Any) -> None:
        self.files = dict(files or FILES)
        self.lock: HiveLock | None = None
        self.config = CONFIG
        self.bases: dict[str, BaseFact] = {DEBIAN: base()}
        self.finished: set[Digest] = set()
        self.records: dict[str, dict[str, str]] = {}
        self.settings = settings

    def plan(self, **changes: Any) -> dict[str, ImagePlan]:
        hive = make_hive(self.files, config=self.config, lock=self.lock)
        listings = {
            image.name: MemoryListing(
                {
                    path.removeprefix(f"{image.context}/"): text
                    for path, text in self.files.items()
                    if path.startswith(f"{image.context}/")
                }
            )
            for image in hive.images
        }
        options: dict[str, Any] = {
            "bases": self.bases,
            "listings": listings,
            "previous": self.records,
            "complete": lambda _name, key: key in self.finished,
            **self.settings,
            **changes,
        }
        return {item.name: item for item in plan(hive, PlanInputs(**options))}

    def build(self, **changes: Any) -> None:
        """Pretend that everything planned was built."""
        for item in self.plan(**changes).values():
            assert item.key is not None
            self.finished.add(item.key)
            self.records[item.name] = item.inputs


def told(plans: dict[str, ImagePlan]) -> dict[str, list[tuple[str, str]]]:
    """Return the reasons of what is to be built."""
    return {
        name: [(reason.code, reason.detail) for reason in item.reasons]
        for name, item in plans.items()
        if item.action == "build"
    }


def test_everything_is_built_first_and_then_nothing():
    """FIRST_BUILD, then UP_TO_DATE, one reason for each image."""
    world = World()
    first = world.plan()
    assert list(first) == ["ml", "other", "grpc", "nlp"]
    assert {"FIRST_BUILD"} == {code for reasons in told(first).values() for code, _ in reasons}
    world.build()
    again = world.plan()
    assert told(again) == {}
    assert {("UP_TO_DATE",)} == {tuple(reason.code for reason in item.reasons) for item in again.values()}


def test_a_changed_dockerfile_is_told_to_the_last_descendant():
    """DOCKERFILE_CHANGED at its place, PARENT_CHANGED with the chain below it."""
    world = World()
    world.build()
    world.files["ml/Dockerfile"] += "\nRUN more"
    found = told(world.plan())
    assert found.pop("ml")[0][0] == "DOCKERFILE_CHANGED"
    assert found == {
        "grpc": [("PARENT_CHANGED", "ml")],
        "nlp": [("PARENT_CHANGED", "grpc <- ml")],
    }


def test_a_comment_changes_nothing_that_is_built():
    """The key comes from meaning, not from the text."""
    world = World()
    world.build()
    world.files["ml/Dockerfile"] = "# a remark\n" + world.files["ml/Dockerfile"]
    assert told(world.plan()) == {}


def test_changed_context_files_are_named():
    """CONTEXT_CHANGED says which file, and whether it came or went."""
    world = World({**FILES, "grpc/Dockerfile": "FROM acme/ml:1.0.0\nCOPY . /r/"})
    world.files |= {"grpc/old": "x"}
    world.build()
    world.files["grpc/req.txt"] = "grpcio==2"
    world.files["grpc/new"] = "x"
    del world.files["grpc/old"]
    assert told(world.plan())["grpc"] == [("CONTEXT_CHANGED", "+new, -old, req.txt")]


def test_a_context_file_that_nobody_copies_changes_nothing():
    """Only what is read counts."""
    world = World()
    world.build()
    world.files["grpc/notes.md"] = "x"
    assert told(world.plan()) == {}


def test_a_moved_base_is_told_with_both_digests():
    """BASE_DIGEST_MOVED, for every image that stands on it."""
    world = World()
    world.build()
    before, world.bases = world.bases, {DEBIAN: base("patched")}
    found = told(world.plan())
    expected = f"{DEBIAN}: {before[DEBIAN].digest.short} -> {world.bases[DEBIAN].digest.short}"
    assert [("BASE_DIGEST_MOVED", expected)] == found["ml"] == found["other"]
    assert found["grpc"] == [("PARENT_CHANGED", "ml")]


def test_a_changed_argument_is_told_with_both_values():
    """ARG_CHANGED for images that declare it, and for nobody else."""
    world = World()
    world.build()
    found = told(world.plan(args={"VERSION": "2.0.0", "UNUSED": "x"}))
    assert found["ml"] == [("ARG_CHANGED", "VERSION: 1.0.0 -> 2.0.0")]
    assert "other" not in found


def test_d7_a_secret_argument_is_not_told():
    """A record of inputs holds a digest of it, and no reason prints it."""
    world = World({"a/Dockerfile": "FROM debian:12\nARG API_TOKEN\nRUN x"})
    world.build(args={"API_TOKEN": "hunter2"})
    plans = world.plan(args={"API_TOKEN": "hunter3"})
    assert [code for code, _ in told(plans)["a"]] == ["ARG_CHANGED"]
    assert "hunter" not in repr((told(plans), world.records, plans["a"].inputs))


def test_the_build_date_does_not_defeat_the_cache():
    """An unchanged epoch is an unchanged date; another one reaches those who ask for it."""
    world = World({"a/Dockerfile": "FROM debian:12\nRUN x\nARG BUILD_DATE\nLABEL d=$BUILD_DATE"})
    world.build(epoch=10)
    assert told(world.plan(epoch=10)) == {}
    later = world.plan(epoch=20, layer_time=10)
    assert told(later)["a"] == [("ARG_CHANGED", "BUILD_DATE: 1970-01-01T00:00:10Z -> 1970-01-01T00:00:20Z")]
    assert world.plan(epoch=10)["a"].stages[-1].tree_key == later["a"].stages[-1].tree_key


def test_a_changed_lock_is_told():
    """LOCK_CHANGED when more than the bases moved in it and the image is built anyway."""
    world = World()
    world.build()
    world.lock = HiveLock({}, "wheels = 1\n")
    world.finished.clear()
    assert ("LOCK_CHANGED", "hivebase.lock resolves to something else") in told(world.plan())["ml"]


def test_force_builds_what_was_selected():
    """FORCED for the selection; ancestors stay, descendants in the selection follow."""
    world = World()
    world.build()
    assert told(world.plan(names=["nlp"], force=True)) == {"nlp": [("FORCED", "asked for")]}
    assert set(told(world.plan(force=True))) == {"ml", "grpc", "nlp", "other"}


def test_a_lost_image_is_built_again():
    """The record is there, the image is not: said as it is."""
    world = World()
    world.build()
    world.finished.discard(world.plan()["nlp"].key)
    assert told(world.plan()) == {
        "nlp": [("FIRST_BUILD", "the store no longer has it as a child of what it stands on")]
    }


def test_a_parent_built_alone_meanwhile_is_told():
    """The child notices that it stands on an older one."""
    world = World()
    world.build()
    world.files["ml/Dockerfile"] += "\nRUN more"
    world.build(names=["ml"])
    found = told(world.plan())
    assert found["grpc"] == [("PARENT_CHANGED", "ml")]
    assert [(code, detail) for code, detail in found["nlp"]] == [("PARENT_CHANGED", "grpc")]


def test_an_unknown_base_leaves_keys_open():
    """Nothing is known before its configuration is, and the plan says what has to be fetched."""
    world = World()
    world.bases = {}
    plans = world.plan(names=["grpc"])
    assert [(item.key, item.stages, item.action) for item in plans.values()] == [(None, (), "build")] * 2
    assert [("FIRST_BUILD", f"{DEBIAN} has to be fetched first")] == told(plans)["ml"]
    assert told(plans)["grpc"] == [("FIRST_BUILD", "ml has to be built first")]


def test_a_known_image_over_a_lost_base_says_so():
    """It was built before, and now the base is gone."""
    world = World()
    world.build()
    world.bases = {}
    found = told(world.plan(names=["grpc"]))
    assert found["ml"][0][0] == "BASE_DIGEST_MOVED"
    assert found["grpc"][0] == ("PARENT_CHANGED", "ml")


def test_a_selection_brings_its_ancestors():
    """Parents first, and nobody else."""
    hive = make_hive(FILES, config=CONFIG)
    assert [image.name for image in selected_images(hive, PlanInputs(names=["grpc"]))] == ["ml", "grpc"]
    with pytest.raises(UsageError, match="no image is called 'gprc'"):
        selected_images(hive, PlanInputs(names=["gprc"]))


def test_needed_bases_are_listed_once():
    """Each with how it is written and who uses it; unused stages need nothing."""
    hive = make_hive(
        {**FILES, "x/Dockerfile": "FROM nowhere AS unused\nFROM debian:12\nCOPY --from=alpine / /"}
    )
    found = [(item.key, item.written, item.users) for item in needed_bases(hive, PlanInputs())]
    expected = [
        ("docker.io/library/alpine:latest", "alpine", ("x",)),
        (DEBIAN, "debian:12", ("ml", "other", "x")),
    ]
    assert expected == found


def test_the_target_is_for_the_selection_only():
    """An ancestor is always built to its end."""
    world = World(
        {
            "a/Dockerfile": "FROM debian:12 AS dev\nRUN a\nFROM dev\nRUN b",
            "b/Dockerfile": "FROM acme/a AS dev\nRUN c\nFROM dev\nRUN d",
        }
    )
    plans = world.plan(names=["b"], target="dev")
    assert [len(plans[name].stages) for name in ("a", "b")] == [2, 1]


def test_d17_an_unpinned_base_is_warned_of_and_refused_in_a_release():
    """The lock or a digest settles it; latest never does."""
    world = World({"a/Dockerfile": "FROM debian:12"})
    assert any("not pinned" in warning for warning in world.plan()["a"].warnings)
    with pytest.raises(PolicyError):
        world.plan(release=True)
    world.lock = HiveLock.empty().with_pin(DEBIAN, "linux/amd64", Digest.of(b"x"))
    assert world.plan(release=True)["a"].warnings == ()
    latest = "docker.io/library/debian:latest"
    world.files = {"a/Dockerfile": "FROM debian"}
    world.bases = {latest: base()}
    world.lock = HiveLock.empty().with_pin(latest, "linux/amd64", Digest.of(b"x"))
    with pytest.raises(PolicyError):
        world.plan(release=True)


def test_a_digest_in_the_dockerfile_is_a_pin():
    """name@sha256 needs no lock."""
    digest = Digest.of(b"x")
    world = World({"a/Dockerfile": f"FROM debian@{digest}"})
    world.bases = {f"docker.io/library/debian@{digest}": base()}
    assert world.plan(release=True)["a"].action == "build"


def test_many_files_are_counted_and_not_listed():
    """The record stays small, and a change is still seen."""
    world = World({"a/Dockerfile": "FROM debian:12\nCOPY . /x", **{f"a/f{n}": "x" for n in range(2100)}})
    world.build()
    assert len(world.records["a"]) < 20
    world.files["a/f7"] = "y"
    assert told(world.plan())["a"] == [("CONTEXT_CHANGED", "files of the build context")]


def test_the_plan_is_the_same_every_time():
    """Equal inputs, equal plan, whatever the order in which things were found."""
    world = World()
    one = world.plan()
    world.files = dict(reversed(world.files.items()))
    assert one == world.plan()


def test_settings_of_the_policy_reach_the_triggers():
    """``policy.onbuild = false`` refuses a base with triggers."""
    world = World({"a/Dockerfile": "FROM debian:12"})
    world.config = "[policy]\nonbuild = false\n"
    world.bases = {DEBIAN: base(on_build=("RUN x",))}
    with pytest.raises(PolicyError):
        world.plan()


def test_a_broken_dockerfile_stops_only_those_who_want_it():
    """The others can be planned."""
    world = World({"good/Dockerfile": "FROM debian:12", "bad/Dockerfile": "FRM x"})
    assert "good" in world.plan(names=["good"])
    with pytest.raises(UsageError):
        world.plan()
