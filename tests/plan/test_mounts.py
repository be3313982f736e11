import pytest
from tests.plan.evaluating import stage

from hivebase.errors import DockerfileError
from hivebase.plan.steps import CONTEXT, ImageSource, MountSpec, RunStep


def mounts(flags: str, before: str = "WORKDIR /w") -> tuple[MountSpec, ...]:
    plan = stage(
        f"FROM debian:12 AS tools\nFROM debian:12\n{before}\nRUN {flags} true", files={"d/f": "", "x": ""}
    )
    return next(step.mounts for step in reversed(plan.steps) if isinstance(step, RunStep))


@pytest.mark.parametrize(
    ("flag", "expected"),
    [
        ("--mount=target=/t", MountSpec("bind", "/t", CONTEXT)),
        ("--mount=type=bind,source=d,dst=t,rw", MountSpec("bind", "/w/t", CONTEXT, "/d", read_only=False)),
        (
            "--mount=from=tools,src=/usr/bin,destination=/t,readonly=false",
            MountSpec("bind", "/t", ImageSource("stage", "0", "", "tools"), "/usr/bin", read_only=False),
        ),
        ("--mount=type=cache,target=/c", MountSpec("cache", "/c", id="/c", read_only=False)),
        (
            "--mount=type=cache,target=/c,id=my,sharing=locked,uid=1,gid=2,mode=0700,ro",
            MountSpec("cache", "/c", id="my", sharing="locked", uid=1, gid=2, mode=0o700),
        ),
        ("--mount=type=tmpfs,target=/t,size=64m", MountSpec("tmpfs", "/t", read_only=False, size=64 << 20)),
        ("--mount=type=secret,id=key", MountSpec("secret", "/run/secrets/key", id="key")),
        (
            "--mount=type=secret,id=key,target=/k,required,mode=0400",
            MountSpec("secret", "/k", id="key", required=True, mode=0o400),
        ),
        ("--mount=type=secret,target=/a/npmrc", MountSpec("secret", "/a/npmrc", id="npmrc")),
        ("--mount=type=secret,id=key,env=KEY", MountSpec("secret", "", id="key", env="KEY")),
        ("--mount=type=secret,id=key,required=false", MountSpec("secret", "/run/secrets/key", id="key")),
        ("--mount=type=ssh", MountSpec("ssh", "/run/buildkit/ssh_agent.0", id="default")),
        ("--mount=type=cache,target=/c,from=tools,source=/a",
         MountSpec("cache", "/c", ImageSource("stage", "0", "", "tools"), "/a", id="/c", read_only=False)),
    ],
)  # fmt: skip
def test_options_and_their_defaults(flag, expected):
    """What each kind of mount means when little is said."""
    assert mounts(flag) == (expected,)


def test_variables_in_options():
    """Values see ARG and ENV; the result is checked once more."""
    (spec,) = mounts("--mount=type=cache,target=$DIR,uid=${UID}", before="ENV DIR=/c\nARG UID=7")
    assert (spec.target, spec.uid) == ("/c", 7)
    with pytest.raises(DockerfileError):
        mounts("--mount=type=cache,target=/c,uid=${UID}", before="ARG UID=me")


def test_several_ssh_mounts_have_places_of_their_own():
    """The second agent does not cover the first."""
    assert [spec.target for spec in mounts("--mount=type=ssh --mount=type=ssh,id=b")] == [
        "/run/buildkit/ssh_agent.0",
        "/run/buildkit/ssh_agent.1",
    ]


@pytest.mark.parametrize(
    "flag",
    [
        "--mount=type=bind",
        "--mount=type=cache",
        "--mount=type=cache,target=/",
        "--mount=type=tmpfs,target=/proc",
        "--mount=type=bind,target=/sys/fs",
        "--mount=type=bind,target=/t/../proc/x",
        "--mount=type=cache,target=/c,id=",
        "--mount=type=cache,target=/c,bind-propagation=shared",
        "--mount=type=cache,target=$NONE",
        "--mount=type=bind,source=nope,target=/t",
        "--mount=type=bind,source=../../etc,target=/t",
        "--mount=type=secret",
        "--mount=type=tmpfs,target=/t,size=99999999p",
        "--mount=type=bind,target=/t,from=9",
        "--mount=type=wrong,target=/t",
    ],
)
def test_d8_mounts_that_could_do_harm_are_refused(flag):
    """No target, a target that the container needs, unknown options, sources that do not exist."""
    with pytest.raises(DockerfileError):
        mounts(flag)


@pytest.mark.parametrize("identity", ["../../x", "/etc", "a b"])
def test_d8_an_id_is_a_name_and_never_a_path(identity):
    """The plan keeps it as text; whoever stores the cache hashes it."""
    (spec,) = mounts(f'--mount=type=cache,"id={identity}",target=/c')
    assert identity == spec.id


def test_d8_a_source_stays_below_its_root():
    """``..`` in a source stops where the source begins."""
    (spec,) = mounts("--mount=type=bind,source=../../d,target=/t")
    assert spec.source_path == "/d"
