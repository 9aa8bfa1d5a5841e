from conformance.session import Conformance


def test_the_suite_can_be_a_plugin_beside_conftest_files():
    """Pytest keeps plugins in sets once a conftest file is not in force for what it collects."""
    plugin = Conformance.__new__(Conformance)

    assert {plugin} == {plugin}
