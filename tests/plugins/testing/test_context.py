"""The context with which tests of plugins make the plugin themselves."""

from budwood.contracts import PluginContext
from budwood.types import ModelRules
from budwood_testing import FakeClock, plugin_context


def test_context_needs_no_more_than_a_name():
    """
    Nothing is known of any model, nothing is logged, nothing waits, and there is no folder to write to.
    """
    context = plugin_context("here")

    assert isinstance(context, PluginContext)
    assert context.instance == "here"
    assert context.rules("any", family="other") == ModelRules()
    assert context.log("event", size=1) is None
    assert isinstance(context.clock, FakeClock)
    assert not context.cache_folder.exists()


def test_rules_are_those_of_the_model_or_of_its_family():
    """
    As in a program: a model's own name comes first.
    """
    own, family = ModelRules(refuses=frozenset({"seed"})), ModelRules(refuses=frozenset({"stop"}))
    context = plugin_context("here", rules={"mine": own, "known": family})

    assert context.rules("mine", family="known") == own
    assert context.rules("deployment", family="known") == family


def test_parts_can_be_given(tmp_path):
    """
    A clock to move, a folder to write to, and a log to read.
    """
    clock, logged = FakeClock(), []
    context = plugin_context(
        "here", clock=clock, cache_folder=tmp_path, log=lambda event, **fields: logged.append((event, fields))
    )
    context.log("model loaded", seconds=2)

    assert context.clock is clock
    assert context.cache_folder == tmp_path
    assert logged == [("model loaded", {"seconds": 2})]
