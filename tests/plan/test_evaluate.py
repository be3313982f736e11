from typing import Any

import pytest
from tests.plan.evaluating import DEBIAN, history, run, stage
from tests.plan.memory import base

from hivebase.errors import DockerfileError, PolicyError
from hivebase.plan.sources import UnknownBaseError
from hivebase.plan.steps import CONTEXT, CopyStep, ImageSource, RunStep, WorkdirStep


def last_run(text: str, **options: Any) -> RunStep:
    """Return the last RUN of the last stage."""
    return next(step for step in reversed(stage(text, **options).steps) if isinstance(step, RunStep))


def last_copy(text: str, **options: Any) -> CopyStep:
    return next(step for step in reversed(stage(text, **options).steps) if isinstance(step, CopyStep))


def environment(text: str, **options: Any) -> dict[str, str]:
    return dict(last_run(text, **options).env)


def test_history_reads_as_buildkit_writes_it():
    """One line for each instruction, in BuildKit's words."""
    text = """\
FROM debian:12
ARG VERSION=1.0.0
ENV A=1 B="two words"
RUN apt-get update
WORKDIR /app
COPY --chown=1:2 --chmod=644 a.txt b.txt ./
ADD a.txt /x
LABEL k=v
EXPOSE 80 53/udp 7000-7001
VOLUME ["/data", "/more"]
USER nobody
CMD ["python3", "-c", "print(\\"x\\")"]
ENTRYPOINT run me
SHELL ["/bin/bash", "-c"]
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=1m30s --timeout=500ms --retries=3 CMD curl -f http://localhost/
MAINTAINER me
COPY <<one <<two /inline/
1
one
2
two
"""
    expected = [
        "ARG VERSION=1.0.0",
        "ENV A=1 B=two words",
        "RUN |1 VERSION=1.0.0 /bin/sh -c apt-get update # buildkit",
        "WORKDIR /app",
        "COPY --chown=1:2 --chmod=644 a.txt b.txt ./ # buildkit",
        "ADD a.txt /x # buildkit",
        "LABEL k=v",
        "EXPOSE [80/tcp 53/udp 7000/tcp 7001/tcp]",
        "VOLUME [/data /more]",
        "USER nobody",
        'CMD ["python3" "-c" "print(\\"x\\")"]',
        'ENTRYPOINT ["/bin/sh" "-c" "run me"]',
        "SHELL [/bin/bash -c]",
        "STOPSIGNAL SIGTERM",
        (
            "HEALTHCHECK {Test:[CMD-SHELL curl -f http://localhost/] Interval:1m30s Timeout:500ms "
            "StartPeriod:0s StartInterval:0s Retries:3}"
        ),
        "MAINTAINER me",
        "COPY <<one <<two /inline/ # buildkit",
    ]
    assert expected == history(text, files={"a.txt": "a", "b.txt": "b"})


def test_env_sees_what_was_before_its_line():
    """``ENV a=1 b=$a`` uses the old a."""
    config = stage("FROM debian:12\nENV a=0\nENV a=1 b=$a c=${d:-e}").config.config
    assert config.env == ("PATH=/usr/bin:/bin", "a=1", "b=0", "c=e")


@pytest.mark.parametrize(
    ("lines", "given", "seen", "kept"),
    [
        ("ARG A=arg\nENV A=env", "given", "env", "env"),
        ("ENV A=env\nARG A=arg", "given", "given", "env"),
        ("ENV A=env\nARG A=arg", None, "arg", "env"),
        ("ENV A=env\nARG A", None, "env", "env"),
        ("ENV A=env\nARG A", "given", "given", "env"),
        ("ARG A=arg\nENV A=env\nFROM s AS t\nRUN true", "given", "env", "env"),
        ("ENV A=env\nARG A=arg\nFROM s AS t\nRUN true", "given", "env", "env"),
    ],
)
def test_the_later_of_an_env_and_an_arg_counts_for_steps(lines, given, seen, kept):
    """The environment of the image is what ENV says, and a stage on a stage starts with that."""
    text = f"FROM debian:12 AS s\n{lines}\nRUN true"
    args = {"A": given} if given else {}
    assert environment(text, args=args)["A"] == seen
    assert f"A={kept}" in stage(text, args=args).config.config.env


def test_an_arg_said_twice_keeps_its_place_in_history():
    """And without a value it changes nothing."""
    found = last_run("FROM debian:12\nARG A=1\nARG B=2\nARG A=3\nARG B\nRUN true")
    assert found.created_by == "RUN |2 A=3 B=2 /bin/sh -c true # buildkit"


def test_an_image_from_scratch_works_in_the_root():
    """As BuildKit says in its configuration."""
    assert stage("FROM scratch\nLABEL a=b").config.config.working_dir == "/"


def test_arg_scopes():
    """Before FROM is for FROM; a stage declares again; a stage built on a stage inherits."""
    text = """\
ARG TAG=12
ARG SHARED=meta
FROM debian:${TAG} AS one
RUN echo $TAG
ARG SHARED
ARG OWN=own
FROM one
RUN true
"""
    found = run(text)
    first = next(step for step in found.stages[0].steps if isinstance(step, RunStep))
    assert "TAG" not in dict(first.env)
    assert environment(text) == {"PATH": "/usr/bin:/bin", "SHARED": "meta", "OWN": "own"}
    assert found.args == {"TAG": "12", "SHARED": "meta", "OWN": "own"}


def test_a_build_arg_needs_a_declaration():
    """What no ARG declares is seen by nobody; what one declares replaces the default."""
    text = "FROM debian:12\nARG A=default\nRUN true"
    assert environment(text, args={"A": "given", "B": "lost"}) == {"PATH": "/usr/bin:/bin", "A": "given"}


def test_platform_arguments_need_a_declaration_in_a_stage():
    """TARGETARCH is empty until declared."""
    text = "FROM debian:12\nENV X=${TARGETARCH:-none}\nARG TARGETARCH\nENV Y=$TARGETARCH"
    config = stage(text, platform="linux/arm64").config.config
    assert config.env[1:] == ("X=none", "Y=arm64")


def test_an_arg_default_sees_the_variables_before_it():
    """Defaults may use earlier ARGs and ENVs."""
    text = "FROM debian:12\nENV E=e\nARG A=a\nARG B=$A-$E\nRUN true"
    assert environment(text)["B"] == "a-e"


def test_proxies_are_seen_and_leave_no_trace():
    """A proxy build arg is in force for a RUN, but in neither key nor history unless declared."""
    plain = last_run("FROM debian:12\nRUN true")
    proxied = last_run("FROM debian:12\nRUN true", args={"HTTP_PROXY": "http://p"})
    assert proxied.proxies == (("HTTP_PROXY", "http://p"),)
    assert (plain.key, plain.created_by, plain.env) == (proxied.key, proxied.created_by, proxied.env)
    declared = last_run("FROM debian:12\nARG HTTP_PROXY\nRUN true", args={"HTTP_PROXY": "http://p"})
    assert declared.key != plain.key
    assert dict(declared.env)["HTTP_PROXY"] == "http://p"


def test_an_image_without_path_gets_one():
    """scratch has no environment, and a RUN in it still finds its programs."""
    assert dict(last_run('FROM scratch\nRUN ["/x"]').env)["PATH"].startswith("/usr/local/sbin:")


def test_commands_in_both_forms():
    """The shell form is handed to the shell as it stands, the exec form is expanded by nobody."""
    assert last_run("FROM debian:12\nRUN echo $HOME \\\n  more").argv[:2] == ("/bin/sh", "-c")
    assert last_run('FROM debian:12\nRUN ["echo", "$HOME"]').argv == ("echo", "$HOME")
    shell = 'FROM debian:12\nSHELL ["/bin/bash", "-o", "pipefail", "-c"]\nRUN a | b'
    assert last_run(shell).argv == ("/bin/bash", "-o", "pipefail", "-c", "a | b")


@pytest.mark.parametrize(
    ("text", "argv", "inline"),
    [
        ("RUN <<EOF\necho $X\nEOF", ("/bin/sh", "-c", "echo $X\n"), None),
        ("RUN <<-EOF\n\techo\nEOF", ("/bin/sh", "-c", "echo\n"), None),
        ("RUN python3 <<EOF\nprint()\nEOF", ("/bin/sh", "-c", "python3 <<EOF\nprint()\nEOF"), None),
        (
            "RUN <<SCRIPT\n#!/usr/bin/env python3\nprint()\nSCRIPT",
            ("/bin/sh", "-c", "/dev/pipes/SCRIPT"),
            ("SCRIPT", b"#!/usr/bin/env python3\nprint()\n"),
        ),
    ],
)
def test_heredocs_of_run(text, argv, inline):
    """Alone it is the script, with #! a file, behind a command the shell's own heredoc."""
    step = last_run(f"FROM debian:12\n{text}")
    assert argv == step.argv
    assert ([inline] if inline else []) == [(file.name, file.content) for file in step.inline]


def test_heredocs_of_copy():
    """Variables are expanded unless the delimiter was quoted; quotes in the body stay."""
    text = 'FROM debian:12\nARG X=x\nCOPY <<one <<\'two\' /d/\n"$X"\none\n"$X"\ntwo\n'
    step = last_copy(text)
    assert [(file.name, file.content) for file in step.inline] == [("one", b'"x"\n'), ("two", b'"$X"\n')]
    assert step.sources == ()


def test_configuration_is_inherited_and_changed():
    """Labels add up, CMD falls with ENTRYPOINT, ports and volumes collect."""
    parent = base(
        cmd=("old",),
        entrypoint=("entry",),
        labels={"a": "1", "b": "2"},
        exposed_ports={"1/tcp": {}},
        user="u",
    )
    config = stage(
        'FROM debian:12\nLABEL b=3 c=$PATH\nENTRYPOINT ["new"]\nEXPOSE 80', bases={DEBIAN: parent}
    ).config.config
    assert (
        config.labels,
        config.entrypoint,
        config.cmd,
    ) == ({"a": "1", "b": "3", "c": "/usr/bin:/bin"}, ("new",), None)
    assert (sorted(config.exposed_ports), config.user) == (["1/tcp", "80/tcp"], "u")
    kept = stage('FROM debian:12\nCMD ["c"]\nENTRYPOINT ["e"]', bases={DEBIAN: parent}).config.config
    assert kept.cmd == ("c",)


def test_workdir_is_relative_to_the_one_before():
    """Relative paths add up, absolute ones start again, and the root makes no layer."""
    steps = stage("FROM debian:12\nWORKDIR a\nWORKDIR ../b/./c\nENV D=/d\nWORKDIR $D\nWORKDIR /").steps
    assert [step.path for step in steps if isinstance(step, WorkdirStep)] == ["/a", "/b/c", "/d"]


@pytest.mark.parametrize(
    ("destination", "expected"),
    [
        ("x", "/w/x"), ("./", "/w/"), (".", "/w/"), ("/x/", "/x/"), ("/", "/"), ("..", "/"), ("../y", "/y"),
        ("/a/../b", "/b"), ("/x/.", "/x/"), ("$V", "/v/"),
    ],
)  # fmt: skip
def test_destinations_are_absolute(destination, expected):
    """A slash at the end survives: it says directory."""
    text = f"FROM debian:12\nENV V=/v/\nWORKDIR /w\nCOPY a {destination}"
    assert expected == last_copy(text, files={"a": "a"}).destination


def test_a_missing_source_is_told_with_its_line():
    """The error has the position of the instruction and the pattern."""
    with pytest.raises(DockerfileError) as raised:
        run("FROM debian:12\nRUN x\nCOPY nope /")
    assert (raised.value.line, "nope" in raised.value.what) == (3, True)


def test_d1_copying_from_above_the_context_finds_nothing():
    """The context is the whole world."""
    with pytest.raises(DockerfileError):
        run("FROM debian:12\nCOPY ../../etc/passwd /")


def test_flags_of_copy_are_expanded_and_kept():
    """All that the engine needs to know."""
    text = (
        "FROM debian:12\nARG U=1000\nARG P=*.md\n"
        "COPY --link --parents --chown=$U:staff --chmod=u=rwX,go=rX --exclude=$P d/./s /t/"
    )
    step = last_copy(text, files={"d/s/x": "", "d/s/y.md": ""})
    assert (step.chown, step.chmod, step.exclude) == ("1000:staff", "u=rwX,go=rX", ("*.md",))
    assert (step.link, step.parents, step.add) == (True, True, False)


@pytest.mark.parametrize(
    "flag",
    ["--chmod=999", "--chmod=77777", "--chmod=x+y", "--chown=4294967296", "--chown=a:b:c", "--chown=0x0"],
)
def test_bad_flags_of_copy_are_refused(flag):
    """Before anything is built."""
    with pytest.raises(DockerfileError):
        run(f"FROM debian:12\nCOPY {flag} a /", files={"a": ""})


def test_add_fetches_and_copy_does_not():
    """URLs and repositories are for ADD."""
    step = last_copy("FROM debian:12\nADD --checksum=sha256:0 https://example.com/x.tgz /x/")
    assert (step.sources, step.add, step.checksum) == (("https://example.com/x.tgz",), True, "sha256:0")
    for text in ("COPY https://example.com/x /", "COPY git@example.com:a/b.git /", "ADD --checksum=x a /"):
        with pytest.raises(DockerfileError):
            run(f"FROM debian:12\n{text}", files={"a": ""})


def test_only_needed_stages_are_planned():
    """A stage that the target does not use is not even looked at."""
    text = """\
FROM debian:12 AS tools
RUN make
FROM nowhere:1 AS unused
COPY nope /
FROM debian:12 AS final
COPY --from=tools /x /x
"""
    found = run(text)
    assert [plan.name for plan in found.stages] == ["tools", "final"]
    assert (frozenset({0}), frozenset({DEBIAN})) == (found.stages[-1].needs, found.stages[-1].needs_external)
    assert [plan.name for plan in run(text, target="TOOLS").stages] == ["tools"]
    assert [plan.name for plan in run(text, target="0").stages] == ["tools"]
    with pytest.raises(UnknownBaseError):
        run(text, target="unused")


def test_an_unknown_target_gets_a_suggestion():
    """A slip in --target is answered."""
    with pytest.raises(Exception, match="no stage 'toosl'") as raised:
        run("FROM debian:12 AS tools", target="toosl")
    assert "did you mean 'tools'?" in str(raised.value)


def test_sources_of_copy():
    """A stage, an index, an image of the hive, an external image, the context."""
    text = (
        "FROM debian:12 AS one\nFROM debian:12\nCOPY --from=ONE /a /a\nCOPY --from=0 /a /a\n"
        "COPY --from=acme/tools:1 /a /a\nCOPY --from=debian:12 /a /a\nCOPY a /a"
    )
    steps = stage(text, files={"a": ""}, images={"tools": base("tools")}).steps
    assert [
        ImageSource("stage", "0", "", "ONE"),
        ImageSource("stage", "0", "", "0"),
        ImageSource("image", "tools", "", "acme/tools:1"),
        ImageSource("external", DEBIAN, "", "debian:12"),
        CONTEXT,
    ] == [step.source for step in steps if isinstance(step, CopyStep)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("FROM debian:12 AS a\nCOPY --from=a / /", "itself"),
        ("FROM debian:12\nCOPY --from=0 / /", "itself"),
        ("FROM debian:12\nCOPY --from=7 / /", "no stage 7"),
        ("FROM debian:12 AS a\nCOPY --from=b / /\nFROM debian:12 AS b\nFROM a", "after it"),
        ("FROM debian:12\nARG X=a\nCOPY --from=$X / /", "variable"),
        ("ARG A\nFROM $A", "not an image reference"),
        ("FROM --platform=nonsense debian:12", "not a platform"),
        ("FROM Debian", "not an image reference"),
    ],
)
def test_d15_names_that_mean_nothing_are_refused(text, message):
    """Self references, stages to come, indices out of range, variables, empty bases."""
    with pytest.raises(DockerfileError, match=message):
        run(text)


def test_a_missing_variable_of_from_is_named():
    """The message says which one has no value."""
    with pytest.raises(DockerfileError) as raised:
        run("ARG BASE\nFROM ${BASE}")
    assert "BASE has no value" in raised.value.why


def test_platforms_are_told_apart():
    """A base for another platform is another base."""
    text = "FROM --platform=linux/arm64 debian:12"
    fact = base("arm")
    found = stage(text, bases={f"{DEBIAN} linux/arm64": fact})
    assert {f"{DEBIAN} linux/arm64"} == found.needs_external
    assert {DEBIAN} == stage("FROM --platform=$TARGETPLATFORM debian:12").needs_external


def test_an_unknown_base_is_told_by_its_key():
    """The planner learns what has to be fetched."""
    with pytest.raises(UnknownBaseError) as raised:
        run("FROM python:3.11-slim")
    assert raised.value.ref == "docker.io/library/python:3.11-slim"


def test_d14_triggers_of_a_base_run_first_and_end_there():
    """They act in the child, are shown, and are not handed on."""
    parent = base(on_build=("RUN one", "COPY . /app", "ENV T=$PATH"))
    found = run("FROM debian:12\nRUN two", bases={DEBIAN: parent}, files={"x": ""})
    plan = found.stages[-1]
    assert [s.text for s in plan.steps] == [
        "ONBUILD RUN one",
        "ONBUILD COPY . /app",
        "ONBUILD ENV T=$PATH",
        "RUN two",
    ]
    assert plan.config.config.on_build == ()
    assert "T=/usr/bin:/bin" in plan.config.config.env
    assert sum("adds by ONBUILD" in warning for warning in found.warnings) == 3


def test_d14_triggers_can_be_forbidden_and_are_bounded():
    """A policy refuses them, a limit stops a base that would never end."""
    with pytest.raises(PolicyError):
        run("FROM debian:12", bases={DEBIAN: base(on_build=("RUN x",))}, onbuild=False)
    with pytest.raises(DockerfileError, match="more than 200"):
        run("FROM debian:12", bases={DEBIAN: base(on_build=("RUN x",) * 201)})
    with pytest.raises(DockerfileError):
        run("FROM debian:12", bases={DEBIAN: base(on_build=("ONBUILD RUN x",))})


def test_d14_a_trigger_may_use_a_stage_of_the_child():
    """The stage that only the trigger names is planned as well."""
    parent = base(on_build=("COPY --from=assets /a /a",))
    text = "FROM scratch AS assets\nCOPY x /a\nFROM debian:12"
    found = run(text, bases={DEBIAN: parent}, files={"x": ""})
    assert [plan.index for plan in found.stages] == [0, 1]
    assert {0} == found.stages[-1].needs


def test_onbuild_is_kept_for_children():
    """The trigger is in the configuration and does nothing here."""
    plan = stage("FROM debian:12\nONBUILD RUN echo hi")
    assert plan.steps == ()
    assert plan.config.config.on_build == ("RUN echo hi",)


@pytest.mark.parametrize(
    "line",
    [
        "USER 4294967296", "USER 2147483648", "USER 0x0", "USER -1",
        "USER +0", "USER a:4294967296", "USER $NONE", "USER a:b:c",
        "USER :x", "WORKDIR /proc/self/fd/8", "WORKDIR /x/../proc/1/root", "WORKDIR $NONE",
        "WORKDIR /dev/fd/3", "STOPSIGNAL SIGNOTHING", "STOPSIGNAL 99", "EXPOSE 70000",
        "EXPOSE x", "EXPOSE 80/icmp", "EXPOSE 9-8", "VOLUME $NONE",
    ],
)  # fmt: skip
def test_d9_dangerous_and_meaningless_values_are_refused(line):
    """An id that could become root, a place outside the container, and plain mistakes."""
    with pytest.raises(DockerfileError) as raised:
        run(f"FROM debian:12\n{line}")
    assert raised.value.line == 2


@pytest.mark.parametrize(
    "user", ["0", "1000:1000", "nobody", "www-data:www-data", "2147483647", "user.name", "svc$"]
)
def test_d9_ordinary_users_pass(user):
    """Names and small numbers."""
    assert user.replace("\\", "") == stage(f"FROM debian:12\nUSER {user}").config.config.user


def test_d11_a_bases_odd_environment_is_left_out_and_told():
    """Entries that other tools fill from the host never reach a build."""
    fact = base()
    odd = ("SECRETX", "*=x", "A=1", "A=2", "=v", "B C=1", "OK=multi\nline")
    config = type(fact.config)(
        architecture="amd64", os="linux", config=type(fact.config.config)(env=("PATH=/bin", *odd))
    )
    found = run("FROM debian:12\nRUN true", bases={DEBIAN: type(fact)(fact.digest, config)})
    env = dict(next(s for s in found.stages[-1].steps if isinstance(s, RunStep)).env)
    assert env == {"PATH": "/bin", "A": "2", "OK": "multi\nline"}
    assert found.stages[-1].config.config.env == ("PATH=/bin", "A=2", "OK=multi\nline")
    assert len(found.warnings) == 5


@pytest.mark.parametrize(
    ("line", "warned"),
    [
        ("ARG API_TOKEN", True), ("ENV DB_PASSWORD=x", True), ("ENV AWS_SECRET_ACCESS_KEY=x", True),
        ("ARG PUBLIC_KEY", False), ("ENV KEYBOARD=us", False), ("ARG VERSION=1", False),
    ],
)  # fmt: skip
def test_d7_names_that_look_like_secrets_are_warned_of(line, warned):
    """What goes into ARG or ENV can be read by whoever has the image."""
    found = run(f"FROM debian:12\n{line}\nRUN true", args={"API_TOKEN": "hunter2", "PUBLIC_KEY": "x"})
    assert warned == any("looks like a secret" in warning for warning in found.warnings)
    assert "hunter2" not in " ".join(found.warnings)


def test_d7_secret_variables_are_marked_for_masking():
    """The engine learns whose values not to print."""
    step = last_run("FROM debian:12\nARG TOKEN\nARG PLAIN=x\nRUN true", args={"TOKEN": "t"})
    assert step.secrets == ("TOKEN",)


def test_d12_a_foreign_frontend_is_not_run():
    """``# syntax=`` is remarked upon and nothing else."""
    found = run("# syntax=evil/frontend\nFROM debian:12")
    assert any("evil/frontend" in warning for warning in found.warnings)


def test_an_empty_wildcard_is_warned_of():
    """Legal beside others, and often a slip."""
    found = run("FROM debian:12\nCOPY a yarn.lock* /x/", files={"a": ""})
    assert any("yarn.lock*" in warning for warning in found.warnings)


def test_values_that_are_not_utf8_survive():
    """A Latin-1 byte in a RUN reaches the shell as that byte."""
    text = b"FROM debian:12\nRUN echo \xe9\n".decode("utf-8", "surrogateescape")
    assert last_run(text).argv[-1].encode("utf-8", "surrogateescape") == b"echo \xe9"


def test_network_and_security_of_run():
    """Both flags reach the engine."""
    step = last_run("FROM debian:12\nRUN --network=none --security=insecure true")
    assert (step.network, step.privileged) == ("none", True)
