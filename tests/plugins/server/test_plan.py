"""What a request asks for, beside its model."""

from __future__ import annotations

from budwood_server.gateway.plan import MAX_TAGS, CallPlan, add_tags


def make_plan():
    """
    Return a plan without options.
    """
    return CallPlan(None, None, None, "fast", "vendor", "openai", {}, "adapt")


def test_fields_become_tags():
    """
    Texts of an object have its name before theirs, so that they replace no tags of the key.
    """
    plan = make_plan()

    add_tags(plan, "user", "ada")
    add_tags(plan, "metadata", {"team": "a", "ticket number": "x" * 600, "count": 5, "none": ""})

    assert plan.options["tags"] == {"user": "ada", "metadata.team": "a", "metadata.ticket_number": "x" * 512}


def test_further_tags_are_left_out():
    """
    A call has room for the tags of the key.
    """
    plan = make_plan()

    add_tags(plan, "metadata", {str(number): "x" for number in range(20)})

    assert len(plan.options["tags"]) == MAX_TAGS
