import re
import subprocess
import sys

from conformance.session import Conformance, _told
from reports.records import Finding, Result, Verdict


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


def test_a_failed_test_says_how_to_run_its_case_again(tmp_path):
    finding = Finding("k", "kernel differs", "kernel", "1", "2", "9f2c", {}, "a dense layer")
    place = ("tf_keras", "h5", "sequential", "weights_survive")
    result = Result(*place, "must", Verdict.FAIL, {Verdict.FAIL: 1}, (finding,))

    told = _told(result, tmp_path / "my run")

    assert f"saveproof replay 9f2c --subject tf_keras --path h5 --run '{tmp_path}/my run'" in told


def test_what_runs_side_by_side_stays_on_one_worker(tmp_path):
    command = ["-m", "pytest", "--pyargs", "conformance.suite", "--subject", "reference", "-v"]
    asked = ["--path", "json", "--kind", "sequential", "--kind", "functional", "--examples", "1"]
    out = ["--saveproof-out", str(tmp_path / "run"), "-n", "2", "-p", "no:cacheprovider"]

    done = subprocess.run(
        [sys.executable, *command, *asked, *out], capture_output=True, text=True, check=True
    )

    told = re.findall(r"\[(gw\d)\].*\[reference-json-(\w+)-", done.stdout)
    assert len(told) > 20
    assert len(set(told)) == 2
