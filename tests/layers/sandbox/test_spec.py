"""The runtime's configuration: what every step gets, and what no step gets."""

from __future__ import annotations

from typing import Any, Literal

from hivebase.layers.sandbox import spec
from hivebase.layers.sandbox.spec import Process


def _config(
    process: Process | None = None,
    *,
    network: Literal["default", "none", "host"] = "default",
    privileged: bool = False,
) -> dict[str, Any]:
    return spec.config(
        process or Process(["true"], []), name="n", hostname="h", network=network, privileged=privileged
    )


def test_the_capabilities_are_dockers_and_nothing_is_inheritable():
    """Fourteen, in three sets of five."""
    sets = _config()["process"]["capabilities"]

    assert len(set(sets["bounding"])) == 14
    assert sets["bounding"] == sets["effective"] == sets["permitted"]
    assert sets["inheritable"] == sets["ambient"] == []


def test_a_path_is_added_only_if_there_is_none():
    """As BuildKit does; a step's own, even an empty one, stays."""
    assert _config(Process(["true"], [("A", "b")]))["process"]["env"] == ["A=b", spec.DEFAULT_PATH]
    assert _config(Process(["true"], [("PATH", "")]))["process"]["env"] == ["PATH="]


def test_only_network_none_has_a_network_of_its_own():
    """The others are the host's."""
    networks: tuple[Literal["none", "default", "host"], ...] = ("none", "default", "host")
    kinds = {
        network: {entry["type"] for entry in _config(network=network)["linux"]["namespaces"]}
        for network in networks
    }

    own = {"pid", "mount", "ipc", "uts", "cgroup"}
    assert kinds == {"none": own | {"network"}, "default": own, "host": own}


def test_no_mount_allows_devices_or_set_user_id():
    """None of the file systems that the runtime mounts; terminals are devices, but only the kernel's."""
    for mount in _config()["mounts"]:
        assert "nosuid" in mount["options"]
        assert "nodev" in mount["options"] or mount["type"] == "devpts"


def test_privileged_lifts_all_confinement():
    """No filter, no masks, and all capabilities that this process has itself."""
    config = _config(privileged=True)

    assert not {"seccomp", "maskedPaths", "readonlyPaths"} & set(config["linux"])
    assert config["process"]["noNewPrivileges"] is False
    with open("/proc/self/status", encoding="ascii") as status:  # noqa: PTH123 -- a kernel file
        own = next(int(line.split()[1], 16) for line in status if line.startswith("CapBnd"))
    assert len(config["process"]["capabilities"]["bounding"]) == own.bit_count()


def test_limits_are_never_raised_above_our_own(monkeypatch):
    """Raising them takes a capability that root in a container lacks."""
    import resource  # noqa: PLC0415 -- for this test alone

    monkeypatch.setattr(resource, "getrlimit", lambda _kind: (512, 1024))

    limits = {entry["type"]: (entry["soft"], entry["hard"]) for entry in _config()["process"]["rlimits"]}
    assert limits == {"RLIMIT_NOFILE": (1024, 1024), "RLIMIT_CORE": (0, 0)}
