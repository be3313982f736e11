import os
import subprocess
import sys
import timeit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.plan.installs.recognising import BASH, SH, code, only, pieces, recognised

from hivebase.plan.installs.model import NOTHING, Install, Recognition
from hivebase.plan.installs.recognise import recognise_exec


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("pip install a", ["<pip install a>"]),
        ("  pip install a  ", ["<pip install a>"]),
        ("pip install a # the web", ["<pip install a>"]),
        ("pip install a;", ["<pip install a>"]),
        ("pip install a && pip install b", ["<pip install a>", "<pip install b>"]),
        ("pip install --upgrade pip && pip install -r r.txt",
         ["<pip install --upgrade pip>", "<pip install -r r.txt>"]),
        ("apt-get update && apt-get install -y gcc && pip install a && apt-get purge -y gcc && rm -rf /var/lib/apt/l*",
         ["apt-get update && apt-get install -y gcc", "<pip install a>",
          "apt-get purge -y gcc && rm -rf /var/lib/apt/l*"]),
        ("python -m venv /v && /v/bin/pip install a", ["python -m venv /v", "</v/bin/pip install a>"]),
        ("pip install -r r.txt && rm r.txt", ["<pip install -r r.txt>", "rm r.txt"]),
        ("curl x | sh && pip install a", ["curl x | sh", "<pip install a>"]),
        ("(cd /x && make) && pip install a", ["(cd /x && make)", "<pip install a>"]),
        ("if [ -f x ]; then make; fi && pip install a", ["if [ -f x ]; then make; fi", "<pip install a>"]),
        ("test -f x || touch x && pip install a", ["test -f x || touch x", "<pip install a>"]),
        ("pip install a && cd /x && make; make y", None),
        ("pip install a && cd /x && make", ["<pip install a>", "cd /x && make"]),
        ("pip install a && export A=1 && b", ["<pip install a>", "export A=1 && b"]),
        ("pip install a && find / -name '*.pyc' -delete", ["<pip install a>", "find / -name '*.pyc' -delete"]),
        ('pip install a && python -c "import a; a.go()"', ["<pip install a>", 'python -c "import a; a.go()"']),
        ("pip install a \\\n    b \\\n && rm -rf /root/.cache", ["<pip install a \\\n    b>", "rm -rf /root/.cache"]),
        ("pip install a &&\n# then\nmake", ["<pip install a>", "make"]),
        ("pip install a > /dev/null && b", None),
        ("pip install a && pip config list", ["<pip install a>", "pip config list"]),
        ("uv pip install --system a && uv cache clean", ["<uv pip install --system a>", "uv cache clean"]),
    ],
)  # fmt: skip
def test_chains_are_parted_at_installations(text, expected):
    """What stands before, between and behind stays as it is written."""
    if expected is None:
        assert code(text) != ""
    else:
        assert expected == pieces(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("set -e; pip install a", ["<pip install a>"]),
        ("set -ex && pip install a", ["<pip install a>"]),
        ("set -o pipefail && curl x | sh && pip install a", ["set -o pipefail; curl x | sh", "<pip install a>"]),
        ("set -eux; a; b; pip install c; d", ["set -eux; a; b", "<pip install c>", "set -eux; d"]),
        ("set -e -o pipefail; a\npip install c", ["set -e -o pipefail; a", "<pip install c>"]),
        ("set -ex;\nset -o pipefail\na\npip install c\n",
         ["set -ex; set -o pipefail; a", "<pip install c>"]),
        ("set -e\n# tools\napt-get update\napt-get install -y gcc\n\n# packages\npip install a\npip install b\n",
         ["set -e; apt-get update\napt-get install -y gcc", "<pip install a>", "<pip install b>"]),
        ("set -e\ncat > /x <<E\na && b\nE\npip install a\n", ["set -e; cat > /x <<E\na && b\nE", "<pip install a>"]),
        ("set -e\npip install a\ncat > /x <<E\na\nE\n", ["<pip install a>", "set -e; cat > /x <<E\na\nE"]),
        ("set -e; pip install a; b && c; if d; then e; fi",
         ["<pip install a>", "set -e; b && c; if d; then e; fi"]),
        ("set -e; a; pip install b && c", ["set -e; a", "<pip install b>", "set -e; c"]),
        ("set -ex && a $(nproc) && pip install b", ["set -ex; a $(nproc)", "<pip install b>"]),
        ("set -u; pip install a", ["<pip install a>"]),
    ],
)  # fmt: skip
def test_scripts_that_stop_at_the_first_failure(text, expected):
    """With ``set -e`` a list is like a chain; the commands keep what was set."""
    assert expected == pieces(text)


def test_a_shell_that_stops_at_the_first_failure():
    """``SHELL ["/bin/bash", "-eo", "pipefail", "-c"]`` is as good as ``set -e``."""
    assert pieces("a\npip install b\nc", shell=("/bin/bash", "-eo", "pipefail", "-c")) == [
        "a",
        "<pip install b>",
        "c",
    ]
    assert pieces("a; pip install b", shell=("/bin/sh", "-exc")) == ["a", "<pip install b>"]
    assert code("a\npip install b\nc", shell=BASH) == "shell-state"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cd /x && pip install a", "shell-state"),
        ("pip install a && cd /x && pip install .", "shell-state"),
        ("export A=1 && pip install a", "shell-state"),
        ("A=1; pip install a", "shell-state"),
        ("A=1 && pip install a", "shell-state"),
        (". /v/bin/activate && pip install a", "shell-state"),
        ("source /v/bin/activate && pip install a", "shell-state"),
        ("umask 0002 && pip install a", "shell-state"),
        ("set -f && pip install a", "shell-state"),
        ("a && set -e && pip install a", "shell-state"),
        ("pip() { true; } && pip install a", "shell-state"),
        ('eval "$X" && pip install a', "shell-state"),
        ("[ -f x ] || exit 1 && pip install a", "shell-state"),
        ("for i in a b; do echo $i; done && pip install a", "shell-state"),
        ("service x start && pip install a && b", "shell-state"),
        ("pip install a; pip install b", "shell-state"),
        ("a; pip install b", "shell-state"),
        ("pip install a\nb", "shell-state"),
        ("set -e; a && b; pip install c", "shell-state"),
        ("set -e; pip install a && b; c", "shell-state"),
        ("set -e; { a && b; }; pip install c", "shell-state"),
        ("set -e; ! a; pip install c", "shell-state"),
        ("set -ex && (a; b) && pip install c", "shell-state"),
        ("pip install a & b", "shell-state"),
        ("a & pip install b", "shell-state"),
        ("pip install a &", "shell-state"),
        ("a &> /x && pip install b", "shell-state"),
        ("echo > /tmp/$$ && pip install a && rm /tmp/$$", "shell-state"),
        ("pip config set global.index-url https://e.org && pip install a", "setting"),
        ("printf '[global]' > /etc/pip.conf && pip install a", "setting"),
        ("pip install a | tee log", "shell-syntax"),
        ("pip install a 2>&1 | tee log", "shell-syntax"),
        ("pip install a > log", "shell-syntax"),
        ("pip install a>=1", "shell-syntax"),
        ("pip install -r <(a)", "shell-syntax"),
        ("pip install $(cat r.txt)", "shell-syntax"),
        ("pip install `cat r.txt`", "shell-syntax"),
        ("pip install {a,b}", "shell-syntax"),
        ("pip install ~/x", "shell-syntax"),
        ("pip install ${A:-b}", "shell-syntax"),
        ("pip install a 'b", "shell-syntax"),
        ("pip install a &&", "shell-syntax"),
        ("pip install a\r\n", "shell-syntax"),
        ("\\ pip install a && b", "shell-syntax"),
        ("pip install -r - <<E\na\nE", "shell-syntax"),
        ("pip install a\\\n#; b", "shell-syntax"),
        ("pip install a || pip install b", "nested"),
        ("pip install a || true", "nested"),
        ("a || pip install b", "nested"),
        ("yes | pip install a", "nested"),
        ("! pip install a", "nested"),
        ("(pip install a)", "nested"),
        ("{ pip install a; }", "nested"),
        ("if [ -f r.txt ]; then pip install -r r.txt; fi", "nested"),
        ("for p in a b; do pip install $p; done", "nested"),
        ("cat <<E > x && pip install a\nb\nE", "nested"),
        ("(cd /x && pip install .) && pip install a", "nested"),
        ("pip install a && cat <<E || b\nE", "shell-syntax"),
        ("pip install a && pip install --user b", "option"),
        ("pip install a && git clone x && pip install git+https://e.org/x", "vcs"),
        ("echo $(pip install a)", "shell-syntax"),
    ],
)  # fmt: skip
def test_what_has_to_be_run(text, expected):
    """State of the shell, failures that are forgotten, and whatever is around or within the command."""
    assert expected == code(text)


@pytest.mark.parametrize(
    "text",
    [
        "apt-get update", "apt-get install -y python3-pip", "pip list", "echo pip install",
        "if a; then b; fi", "a 'b", "pip download a || exit 1", "cd /pip && make install", "set -e; pip check; uv sync",
        "", "\n", "uv", "pip", "sh install-pip.sh", "python get-pip.py && rm get-pip.py",
    ],
)  # fmt: skip
def test_most_runs_are_nothing(text):
    """No installation, no remark."""
    assert recognised(text) == NOTHING
    if "pip install" not in text:  # in a shell that is not known, nobody knows what this is
        assert recognised(text, shell=("powershell", "-command")) == NOTHING


@pytest.mark.parametrize(
    ("shell", "expected"),
    [
        (SH, True),
        (BASH, True),
        (("sh", "-c"), True),
        (("/bin/ash", "-c"), True),
        (("/bin/dash", "-euc"), True),
        (("/bin/bash", "-euxo", "pipefail", "-c"), True),
        (("/bin/bash", "-o", "errexit", "-o", "nounset", "-c"), True),
        (("/bin/bash", "-lc"), False),
        (("/bin/bash", "--login", "-c"), False),
        (("/bin/bash", "-i", "-c"), False),
        (("/bin/bash", "-O", "extglob", "-c"), False),
        (("/bin/bash", "-o", "posix", "-c"), False),
        (("/bin/bash", "-eo", "-c"), False),
        (("/bin/zsh", "-c"), False),
        (("/bin/sh",), False),
        (("/bin/sh", "-e"), False),
        (("cmd", "/S", "/C"), False),
        (("/usr/bin/python", "-c"), False),
        ((), False),
    ],
)
def test_shells(shell, expected):
    """Those that read the text as POSIX says, and no file of their own first."""
    recognition = recognised("pip install a", shell=shell)
    assert expected == bool(recognition.parts)
    assert expected or (recognition.impure and recognition.impure.code == "not-shell")


@pytest.mark.parametrize("user", ["", "0", "root", "0:0", "root:root", "0:root", "root:", "root:0", "00"])
def test_root_installs(user):
    """However root is written."""
    assert recognised("pip install a", user=user).parts


@pytest.mark.parametrize(
    "user", ["app", "1000", "1000:0", "0:1000", "root:staff", "nobody:nogroup", "rooty", "0x0"]
)
def test_others_run(user):
    """Their packages have other owners, and other places."""
    assert code("pip install a", user=user) == "user"
    assert code("apt-get update", user=user) == ""


@pytest.mark.parametrize("name", ["BASH_ENV", "SHELLOPTS", "BASHOPTS", "BASH_FUNC_pip%%"])
def test_variables_that_change_the_shell(name):
    """A file that bash reads first, options, functions."""
    assert code("pip install a", {name: "x"}) == "setting"


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["pip", "install", "a[b]", "c>=1"], ("a[b]", "c>=1")),
        (["python", "-m", "pip", "install", "a"], ("a",)),
        (["/v/bin/pip", "install", "--no-cache-dir", "a==1.*"], ("a==1.*",)),
    ],
)
def test_the_exec_form(argv, expected):
    """No shell: words are as they are, wildcards are letters."""
    (part,) = recognise_exec(argv, env={}, user="", workdir="/w").parts
    assert isinstance(part, Install)
    assert (expected, ()) == (part.requirements, part.unmatched)


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        ([], ""),
        (["make", "install"], ""),
        (["pip", "list"], ""),
        (["sh", "-c", "pip install a"], ""),
        (["pip", "install", "$A"], "requirement"),
        (["pip", "install", "/wheels/*"], "shell-syntax"),
        (["pip", "install", "--user", "a"], "option"),
        (["sudo", "pip", "install", "a"], "wrapper"),
        (["pip", "install a"], ""),
    ],
)
def test_the_exec_form_that_is_run(argv, expected):
    """The same reasons, without a shell that would replace anything."""
    recognition = recognise_exec(argv, env={}, user="", workdir="/w")
    assert recognition.parts == ()
    assert expected == (recognition.impure.code if recognition.impure else "")


def test_the_exec_form_is_for_root_too():
    """And it is shown as one would type it."""
    assert recognise_exec(["pip", "install", "a"], env={}, user="app", workdir="/").impure is not None
    (part,) = recognise_exec(["pip", "install", "a b"[:1], "c[d]"], env={}, user="", workdir="/").parts
    assert part.text == "pip install a 'c[d]'"


def test_a_reason_holds_no_secret():
    """What a variable says is not repeated."""
    for text in ("pip install git+https://$T@e.org/x", "pip install https://$T@e.org/x.whl"):
        recognition = recognised(text, {"T": "hunter2"})
        assert recognition.impure is not None
        assert "hunter2" not in recognition.impure.why


@settings(deadline=None)
@given(st.text(), st.sampled_from([SH, BASH, ("/bin/sh", "-ec")]))
def test_no_text_is_too_strange(text, shell):
    """Whatever is written, there is an answer."""
    for script in (
        text,
        f"pip install {text}",
        f"{text} && pip install a",
        f"set -e\n{text}\npip install a\n{text}",
    ):
        assert isinstance(recognised(script, {"A": text}, shell), Recognition)


TOKENS = [
    "a", "b", "c 1", "a bad", "false", "true", "pip install x", "pip install bad", "pip install 'y>1' z[q]", " && ",
    "&&", " || ", " | ", "; ", "\n", " ", " & ", "(", ")", "{ ", "; }", "! ", "#", " # hi\n", "'", '"', "\\", "\\\n",
    "$(", "`", "$X", "X=1 ", " >o", " 2>&1", " <i", "<<E\nbody\nE\n", " <<E", "\nE\n", "set -e\n", "set -eu && ", "if ",
    "; then ", "; fi", "for i in 1 2; do ", "; done", "case x in x) ", ";; esac", "f() ", "b?", "*", "[ 1 = 2 ]",
    "[[ 1 == 1 ]]", "cd / ", "export Y=2", "exit 0", "time ", "&>o", "$$", "\t", "é", "\r", "\xa0", "; pip install x",
]  # fmt: skip
FRAGMENTS = st.lists(st.sampled_from(TOKENS), min_size=1, max_size=5).map("".join)
FRAMES = [
    "{} && pip install x && {}",
    "set -e\n{}\npip install x\n{}\n",
    "set -ex; {}; pip install x; {}",
    "pip install x && {} && {}",
    "{} && {} && pip install x",
]
STUB = """#!/bin/sh
line=${0##*/}
for word in "$@"; do line="$line <$word>"; done
echo "$line" >> "$LOG"
case " $* " in *" bad "*) exit 3 ;; esac
"""


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    """Programs that write down how they are called, and fail when asked for something bad."""
    root = tmp_path_factory.mktemp("stage")
    (root / "bin").mkdir()
    (root / "work").mkdir()
    for name in ("pip", "a", "b", "c"):
        (root / "bin" / name).write_text(STUB)
        (root / "bin" / name).chmod(0o755)
    return root


def run(stage, argv) -> int:
    env = {"PATH": f"{stage}/bin:{os.defpath}", "LOG": f"{stage}/log", "X": "v w"}
    done = subprocess.run(
        argv, env=env, cwd=stage / "work", stdin=-3, stdout=-3, stderr=-3, timeout=20, check=False
    )
    return done.returncode


def log(stage) -> str:
    text = (stage / "log").read_text() if (stage / "log").exists() else ""
    (stage / "log").unlink(missing_ok=True)
    return text


def clean(stage) -> None:
    log(stage)
    for path in (stage / "work").iterdir():
        path.unlink()


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(FRAMES), FRAGMENTS, FRAGMENTS, st.sampled_from([SH, BASH, ("/bin/bash", "-ec")]))
def test_the_parts_do_what_the_whole_does(stage, frame, first, second, shell):
    """Run as one by a real shell, or part by part: the same programs, the same arguments, the same outcome."""
    text = frame.format(first, second)
    parts = recognised(text, {"X": "v w"}, shell).parts
    simple = all(
        isinstance(part, Install) <= (part.text.startswith("pip install ") and not part.text.count(" -"))
        for part in parts
    )
    if not parts or not simple or run(stage, [shell[0], "-n", "-c", text]):
        return  # nothing to compare, or text that is not even shell
    clean(stage)
    whole = run(stage, [*shell, text])
    expected = log(stage)
    clean(stage)
    status = 0
    for part in parts:
        argv = [f"{stage}/bin/pip", "install"]
        if isinstance(part, Install):
            status = run(stage, [*argv, *part.requirements, *part.paths])
        else:
            status = run(stage, [*shell, part.text])
        if status:
            break
    assert (whole == 0) == (status == 0)
    # An installation that names paths has its arguments in another order; so have commands beside each other.
    if whole == 0 and not any(isinstance(part, Install) and part.paths for part in parts):
        order = sorted if "|" in text or "&" in text.replace("&&", "") else list
        assert order(expected.splitlines()) == order(log(stage).splitlines())


def test_it_is_fast():
    """Micro-seconds where there is nothing, and less than a millisecond where there is something."""
    other = "apt-get update && apt-get install -y --no-install-recommends curl && rm -rf /var/lib/apt/lists/*"
    only("pip install a")
    assert min(timeit.repeat(lambda: recognised(other), number=100, repeat=5)) / 100 < 50e-6
    assert (
        min(timeit.repeat(lambda: recognised(f"{other} && pip install a"), number=20, repeat=5)) / 20 < 5e-3
    )


def test_a_script_that_no_shell_can_be_given_is_not_read():
    """Linux takes no argument of 128 KiB; what is a little shorter is read in no time."""
    assert code("pip install a && echo " + "b" * 131_072) == "shell-syntax"
    assert len(pieces("pip install a && echo " + "b" * 131_000)) == 2


def test_the_parser_is_not_loaded_for_nothing():
    """A hive without installations does not pay for it."""
    program = (
        "import sys; from hivebase.plan.installs.recognise import recognise; "
        "recognise('apt-get install -y python3-pip', shell=('/bin/sh', '-c'), env={}, user='', workdir='/'); "
        "sys.exit('tree_sitter' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
