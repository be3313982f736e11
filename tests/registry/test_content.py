"""What an image consists of: each document and blob once, children first, and never without end."""

from __future__ import annotations

import pytest
from tests.registry.pushing import Memory

from hivebase.errors import CorruptContentError
from hivebase.oci import model
from hivebase.oci.model import Descriptor
from hivebase.registry.content import tree_of
from hivebase.transport import LIMITS
from hivebase.values import replace


@pytest.fixture
def memory():
    return Memory()


def digests(descriptors):
    return [descriptor.digest for descriptor in descriptors]


def test_a_manifest_with_its_layers_and_its_config(memory):
    """Layers in order, each once; the config last."""
    one, two = memory.noise(10), memory.noise(20)
    top = memory.image(one, two, one)
    tree = tree_of(memory, top)
    assert digests(d for d, _ in tree.documents) == [top.digest]
    assert digests(tree.blobs[:2]) == [one.digest, two.digest]
    assert [blob.media_type for blob in tree.blobs] == [model.LAYER_GZIP, model.LAYER_GZIP, model.CONFIG]


def test_an_index_comes_after_all_that_it_names(memory):
    """Also through several indexes; what two of them name is read once."""
    shared = memory.noise(10)
    first, second = memory.image(shared), memory.image(shared, memory.noise(20))
    inner = memory.index(first, second)
    top = memory.index(second, inner, first)
    tree = tree_of(memory, top)
    found = digests(d for d, _ in tree.documents)
    assert sorted(found) == sorted(digests([first, second, inner, top]))
    assert found[-1] == top.digest
    assert found.index(inner.digest) > max(found.index(first.digest), found.index(second.digest))
    assert len(tree.blobs) == 4
    assert [blob.media_type for blob in tree.blobs[2:]] == [model.CONFIG, model.CONFIG]
    assert all(data == memory.kept[descriptor.digest] for descriptor, data in tree.documents)


def test_r9_indexes_that_name_each_other_often_are_read_once(memory):
    """Eight entries to the power of four would be four thousand documents."""
    reads: list[str] = []

    class Counting(Memory):
        def read(self, digest, /):
            reads.append(digest)
            return super().read(digest)

    counting = Counting()
    top = counting.image(counting.noise(10))
    for _ in range(4):
        top = counting.index(*[top] * 8)
    assert len(tree_of(counting, top).documents) == 5
    assert len(reads) == 5


def test_r9_indexes_nested_too_deeply_are_refused(memory):
    """One more than the limit."""
    top = memory.image(memory.noise(10))
    for _ in range(LIMITS.index_depth):
        top = memory.index(top)
    tree_of(memory, top)
    with pytest.raises(CorruptContentError, match="nested too deeply"):
        tree_of(memory, memory.index(top))


def test_r9_too_many_documents_and_too_many_layers_are_refused(memory):
    """In one index, in all of them together, and in a manifest."""
    limits = replace(LIMITS, layers=5)
    images = [memory.image(memory.noise(10)) for _ in range(6)]
    tree_of(memory, memory.index(*images[:5]), limits=limits)
    nested = memory.index(memory.index(*images[:3]), memory.index(*images[3:]))
    for top in (memory.index(*images), nested, memory.image(*(memory.noise(1) for _ in range(6)))):
        with pytest.raises(CorruptContentError, match="more than 5"):
            tree_of(memory, top, limits=limits)


def test_r8_another_size_than_announced_is_refused(memory):
    """An index says how long a document is."""
    image = memory.image(memory.noise(10))
    wrong = Descriptor(image.media_type, image.digest, image.size + 1)
    for top in (wrong, memory.index(wrong)):
        with pytest.raises(CorruptContentError, match=f"{image.size + 1} were announced"):
            tree_of(memory, top)


def test_r15_another_type_than_announced_is_refused(memory):
    """Two readers would see two images (CVE-2021-41190)."""
    image = memory.image(memory.noise(10))
    with pytest.raises(CorruptContentError):
        tree_of(memory, Descriptor(model.INDEX, image.digest, image.size))
