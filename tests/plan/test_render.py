import json

from tests.plan.memory import make_hive

from hivebase.plan.graph import build_graph
from hivebase.plan.render import FORMATS, as_json, as_text

GRAPH = build_graph(
    make_hive(
        {
            "a/Dockerfile": "FROM debian:12",
            "b/Dockerfile": "FROM x/a",
            "c/Dockerfile": "FROM x/b\nCOPY --from=a / /",
            "d/Dockerfile": "FROM x/a",
            "e/Dockerfile": "FROM scratch",
            "f/Dockerfile": "FROM x/b AS one\nFROM x/d",
        }
    )
)


def test_text_is_a_tree():
    """Bases at the top, children below, a second place of a tree refers to the first."""
    expected = """\
debian:12
└── a
    ├── b
    │   ├── c  (copies from a)
    │   └── f
    └── d
        └── f
e
"""
    assert expected == as_text(GRAPH)


def test_json_has_its_promised_shape():
    """The schema that scripts rely on."""
    document = json.loads(as_json(GRAPH))
    assert {"schema_version", "nodes", "external", "edges"} == set(document)
    assert {"name": "f", "dockerfile": "f/Dockerfile", "from": ["x/b", "x/d"]} in document["nodes"]
    assert document["external"] == ["debian:12"]
    assert {"child": "c", "parent": "a", "via": "copy"} in document["edges"]
    assert len(document["edges"]) == 6


def test_dot_and_mermaid_show_every_edge():
    """The drawings have one arrow per use, external ones included."""
    assert FORMATS["dot"](GRAPH).count("->") == 7
    assert sum(FORMATS["mermaid"](GRAPH).count(arrow) for arrow in ("-->", ".->")) == 7


def test_a_long_chain_is_drawn():
    """A thousand generations are no problem of recursion."""
    files = {f"i{n}/Dockerfile": f"FROM i{n - 1}" if n else "FROM debian" for n in range(1200)}
    assert as_text(build_graph(make_hive(files))).count("\n") == 1201


def test_names_cannot_break_out_of_a_drawing():
    """Quotes and angle brackets of a directory's name are escaped."""
    found = build_graph(make_hive({'x"]<b>/Dockerfile': "FROM debian"}))
    assert '"x\\"]<b>"' in FORMATS["dot"](found)
    assert '"x#34;]#60;b#62;"' in FORMATS["mermaid"](found)
