from conformance.session import Conformance


def test_the_suite_can_be_a_plugin_beside_conftest_files():
    """Pytest keeps plugins in sets once a conftest file is not in force for what it collects."""
    plugin = Conformance.__new__(Conformance)

    assert {plugin} == {plugin}


def test_progress_is_told_where_pytest_captures_nothing(capsys):
    """A run may be started with `-p no:capture`: there is no capture to go past then."""

    class Config:
        class pluginmanager:
            @staticmethod
            def getplugin(_):
                return None

    plugin = Conformance.__new__(Conformance)
    plugin.config = Config()
    plugin._tell("12 of 30")

    assert capsys.readouterr().err == "\n12 of 30\n"
