import pytest

from hivebase.plan.installs.shell import read_script
from hivebase.plan.installs.state import is_plain, leaves_behind, needs_its_shell


def left(text: str) -> str:
    (operand,) = read_script(text).operands
    return leaves_behind(operand.node, text)


@pytest.mark.parametrize(
    "text",
    [
        "apt-get update", "rm -rf /var/lib/apt/lists/*", "echo cd", "(cd /x && make)", "(export A=1; make)", "A=1 make",
        "curl -fsSL x | tar xz", "curl x | while read y; do echo; done", "test -f x || echo no", "[ -f x ]",
        "if [ -f x ]; then make; fi", "make -j$(nproc)", "make -j$((1 + 2))", "echo $(cd /x && pwd)", "a > f 2>&1",
        "command -v cc", "case $X in a) b ;; esac", "while ! a; do sleep 1; done", "echo ${X:-y} ${X#*=}",
        "printf '%s' v", "useradd -d /x daemon", '[ "$A" = b ]', "ln -s cd set", "python -m venv /v", ": a",
    ],
)  # fmt: skip
def test_commands_that_stand_alone(text):
    """Programs, subshells and tests leave nothing in the shell."""
    assert left(text) == ""


@pytest.mark.parametrize(
    "text",
    [
        "cd /x", "'cd' /x", "\\cd /x", "pushd /x", "export A=1", "A=1", "A=1 B=2", "set -f", "shopt -s nullglob",
        "umask 0",
        "ulimit -n 1", "alias a=b", "trap a EXIT", ". /v/bin/activate", "source /v/bin/activate", "eval a", "exec a",
        "f() { a; }", "function f { a; }", "read a", "unset A", "readonly A=1", "declare A=1", "local a", "hash -r",
        "exit 0", "return", "wait", "test -f x || exit 1", "if a; then cd /x; fi", "{ cd /x; }", "a && cd /x || b",
        "for i in a; do b; done", "while a; do b=1; done", "case x in x) A=1 ;; esac", ": ${A:=1}", "echo ${A:=1}",
        "echo $((A=1))", "echo $((A+=1))", "((B = A=1))",
        "((A++))", "((A=1))", "(a &)", "{ a & }", "builtin cd /x", "command cd /x", "printf -v A x",
        "coproc a", "time cd /x", "$CMD /x", "service x start", "/etc/init.d/x start", "redis-server --daemonize yes",
        "systemctl start x", "nohup a", "start-stop-daemon --start a", "! cd /x", "cd /x > /dev/null", "A=1 :",
        "[[ a =~ b ]]", "kill 1",
    ],
)  # fmt: skip
def test_commands_that_leave_something_behind(text):
    """A directory, a variable, a function, an option, a process, or the end of the script."""
    assert left(text) != ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("echo $$", True),
        ("echo ${$}", True),
        ("wait $!", True),
        ("mkdir /x; cd $_", True),
        ("echo $_x ${_x} $HOME $A_", False),
        ("echo '$' '$5'", False),
    ],
)
def test_commands_that_need_their_shell(text, expected):
    """``$$``, ``$!`` and ``$_`` say something else in another shell."""
    assert expected == needs_its_shell(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a b", True),
        ("a | b", True),
        ("a > b", True),
        ("[ a = b ]", True),
        ("[[ a && b ]]", True),
        ("a $(b)", True),
        ("a 'x && y'", True),
        ("cat <<E\nx && y\nE", True),
        ("a || b", False),
        ("(a; b)", False),
        ("{ a; b; }", False),
        ("! a", False),
        ("if a; then b; fi", False),
        ("for i in a; do b; done", False),
        ("a $(b; c)", False),
        ("a $(b && c)", False),
        ("cat <<E && b\nx\nE", False),
    ],
)
def test_what_set_e_sees(text, expected):
    """Within compound commands the place decides whether a failure ends the script."""
    (operand,) = read_script(text).operands
    assert expected == is_plain(operand.node)
