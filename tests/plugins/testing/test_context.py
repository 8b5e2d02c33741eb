"""The plugin context for tests."""

from budwood.contracts import PluginContext
from budwood.types import ModelRules
from budwood_testing import FakeClock, plugin_context


def test_only_the_instance_name_is_required():
    """
    By default there are no rules, no log, a fake clock, and a folder that does not exist.
    """
    context = plugin_context("here")

    assert isinstance(context, PluginContext)
    assert context.instance == "here"
    assert context.rules("any", family="other") == ModelRules()
    assert context.log("event", size=1) is None
    assert isinstance(context.clock, FakeClock)
    assert not context.cache_folder.exists()


def test_rules_are_found_by_model_or_family():
    """
    The name of the model takes precedence over the family, as in a program.
    """
    own, family = ModelRules(refuses=frozenset({"seed"})), ModelRules(refuses=frozenset({"stop"}))
    context = plugin_context("here", rules={"mine": own, "known": family})

    assert context.rules("mine", family="known") == own
    assert context.rules("deployment", family="known") == family


def test_parts_can_be_passed(tmp_path):
    """
    Clock, cache folder and log can be passed.
    """
    clock, logged = FakeClock(), []
    context = plugin_context(
        "here", clock=clock, cache_folder=tmp_path, log=lambda event, **fields: logged.append((event, fields))
    )
    context.log("model loaded", seconds=2)

    assert context.clock is clock
    assert context.cache_folder == tmp_path
    assert logged == [("model loaded", {"seconds": 2})]
