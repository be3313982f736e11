"""Options of ``RUN --mount``."""

from __future__ import annotations

import pytest

from hivebase.dockerfile.ast import Mount
from hivebase.dockerfile.mounts import MountError, parse_mount


@pytest.mark.parametrize(
    ("text", "kind", "options"),
    [
        ("target=/a", "bind", [("target", "/a")]),
        ("type=bind,source=.,target=/a", "bind", [("source", "."), ("target", "/a")]),
        ("type=CACHE,TARGET=/a", "cache", [("target", "/a")]),
        ("target=/a,type=cache", "cache", [("target", "/a")]),
        ("type=bind,dst=/a,rw", "bind", [("dst", "/a"), ("rw", "")]),
        ("type=bind,destination=/a,readonly=false", "bind", [("destination", "/a"), ("readonly", "false")]),
        ("type=bind,from=base,src=/x,dst=/a,ro", "bind", None),
        ("type=cache,id=pip,target=/a,sharing=locked,mode=0755,uid=1000,gid=1000", "cache", None),
        ("type=cache,id=$ID,target=$DIR,uid=${UID},sharing=$S", "cache", None),
        ("type=tmpfs,target=/a,size=64m", "tmpfs", None),
        ("type=tmpfs,target=/a,size=1.5GiB", "tmpfs", None),
        ("type=secret,id=aws,target=/a,required", "secret", None),
        ("required,type=secret,id=aws", "secret", [("required", ""), ("id", "aws")]),
        ("type=secret,id=aws,env=TOKEN,required=true,mode=0400", "secret", None),
        ("type=secret,target=/run/secrets/x", "secret", None),
        ("type=ssh", "ssh", []),
        ("type=ssh,id=default,mode=0600,required=0", "ssh", None),
        ('"source=a,b",target=/a', "bind", [("source", "a,b"), ("target", "/a")]),
        ('"source=say ""hi""",target=/a', "bind", [("source", 'say "hi"'), ("target", "/a")]),
        ("target=/a=b", "bind", [("target", "/a=b")]),
        ("target=/with space", "bind", [("target", "/with space")]),
    ],
)
def test_parse_mount(text, kind, options):
    """Pairs stay in order and as written, variables included."""
    mount = parse_mount(text)
    assert kind == mount.type
    if options is not None:
        assert options == list(mount.options)


@pytest.mark.parametrize(
    ("text", "what", "hint"),
    [
        ("", "the mount is empty", "write for example"),
        ("type=bnd,target=/a", 'there is no mount type "bnd"', "did you mean bind?"),
        ("type=volume", 'there is no mount type "volume"', "it is one of bind, cache, tmpfs, secret, ssh"),
        ("type=,target=/a", 'there is no mount type ""', "it is one of"),
        ("type=$T,target=/a", 'there is no mount type "$T"', "it is one of"),
        ("type", 'a mount option is a name=value pair, not "type"', ""),
        ("target=/a,", 'a mount option is a name=value pair, not ""', ""),
        ("type=bind,targt=/a", 'a mount of type bind has no option "targt"', "did you mean target?"),
        ("type=bind,target=/a,required", 'a mount of type bind has no option "required"', "it knows"),
        ("type=bind,target=/a,mode=0700", 'a mount of type bind has no option "mode"', "it knows"),
        ("type=bind,target=/a,sharing=locked", 'a mount of type bind has no option "sharing"', "it knows"),
        ("type=cache,target=/a,size=1g", 'a mount of type cache has no option "size"', "it knows"),
        ("type=secret,id=a,from=b", 'a mount of type secret has no option "from"', "it knows"),
        ("type=secret,id=a,sharing=private", 'a mount of type secret has no option "sharing"', ""),
        ("type=secret", "a secret mount needs id=", "write --mount=type=secret,id=NAME"),
        ("type=secret,id=a,source=b", "a secret has either id= or source=, not both", "keep id="),
        ("type=cache,target=/a,sharing=mine", '"mine" is not a value for sharing=', "expected shared"),
        ("type=cache,target=/a,mode=0888", '"0888" is not a value for mode=', "expected an octal"),
        ("type=cache,target=/a,uid=root", '"root" is not a value for uid=', "expected a number"),
        ("type=cache,target=/a,gid=4294967296", '"4294967296" is not a value for gid=', "expected a number"),
        ("type=cache,target=/a,uid=-1", '"-1" is not a value for uid=', "expected a number"),
        ("type=tmpfs,target=/a,size=lots", '"lots" is not a value for size=', "expected a size"),
        ("type=bind,target=/a,ro=perhaps", '"perhaps" is not a value for ro=', "expected true or false"),
        ("type=bind,from=$BASE,target=/a", "from= of a mount cannot contain a variable", "name a stage"),
        ('type=bind,source=a"b,target=/a', "misplaced double quote", "quote a whole option"),
        ('"type=bind', "misplaced double quote", "quote a whole option"),
        ('"type=bind"x', "misplaced double quote", "quote a whole option"),
    ],
)
def test_bad_mounts(text, what, hint):
    """What BuildKit does not know is refused, with what it would have to be."""
    with pytest.raises(MountError) as caught:
        parse_mount(text)
    assert what in str(caught.value)
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    "option",
    [
        "bind-propagation=rshared",
        "propagation=shared",
        "z",
        "Z=1",
        "relabel=shared",
        "U",
        "exec",
        "dev",
        "suid=1",
    ],
)
@pytest.mark.parametrize("kind", ["bind", "cache", "tmpfs", "secret", "ssh"])
def test_d8_only_listed_mount_options_parse(kind, option):
    """Options of other builders that reach the mount call are not in any list."""
    with pytest.raises(MountError):
        parse_mount(f"type={kind},id=a,target=/a,{option}")


def test_get_takes_the_last_of_several_names():
    """A later spelling of the same option wins."""
    mount = Mount("bind", (("target", "/a"), ("dst", "/b")))
    assert mount.get("target", "dst", "destination") == "/b"
    assert mount.get("source") is None
