"""Check a plugin against the contract: one decorator yields small named checks, each with its own pytest id.

    from automl_cnn.testing import parametrize_with_checks
    from my_plugins import MyNet, MyOptimizer

    @parametrize_with_checks([MyNet, MyOptimizer])
    def test_the_rules_are_kept(check):
        check()

`checks_of` lists the checks of one plugin. `check_plugin` runs them all and reports the results, as
`automl-cnn plugins check FILE_OR_NAME` does. Keras is imported when a check that needs it runs.
"""

from automl_cnn.testing.kit import Broken, Check, Report, Result, check_plugin, checks_of, parametrize_with_checks

__all__ = ["Broken", "Check", "Report", "Result", "check_plugin", "checks_of", "parametrize_with_checks"]
