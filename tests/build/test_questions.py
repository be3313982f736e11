"""Which installations nobody has resolved yet."""

from __future__ import annotations

from tests.build.composing import request, resolved, step
from tests.build.plans import image_plan, run_step

from hivebase.build.questions import open_questions


def _asked(*plans):
    return [question.requirements for question, _ in open_questions(plans)]


def test_each_question_once():
    """In the order of the plans; what is answered or needs no index is none."""
    one, two = step(None, asked=request("one")), step(None, asked=request("two"))
    answered = step(resolved(), asked=request("three"))
    local = step(None, asked=request("four", no_index=True))
    plans = [image_plan("a", run_step("x"), answered, local, one), image_plan("b", one), image_plan("c", two)]
    assert _asked(*plans) == [("one",), ("two",)]


def test_only_the_first_of_an_image():
    """What it resolves to decides what the next one finds."""
    assert _asked(image_plan("a", step(None, asked=request("one")), step(None, asked=request("two")))) == [
        ("one",)
    ]


def test_paths_are_no_question():
    """They are looked at when their turn comes."""
    assert _asked(image_plan("a", step(None))) == []
