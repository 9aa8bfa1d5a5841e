"""The probe of conduct: the process and the folder around saves and loads, and links in files."""

import os
import random
import signal
import zipfile
from dataclasses import replace
from io import BytesIO

import h5py
import numpy as np
import pytest

from examples.linear_class import Linear, Npz
from saveproof.conformance.checks import judge
from saveproof.conformance.execution.links import outward
from saveproof.conformance.execution.runner import Question, record
from saveproof.conformance.execution.surroundings import (
    files,
    generators,
    no_file_longer_than,
    open_files,
    process,
    unusual_process,
)
from saveproof.conformance.model_state.contract import Promise
from saveproof.conformance.model_state.trace import Link, Probe
from saveproof.reports.records import Verdict
from tests.conformance.conftest import EVERY_CHECK
from tests.conformance.test_checks import CASE

CONDUCT = (
    *("surroundings_stay", "saving_draws_nothing", "source_stands_alone"),
    *("loads_are_independent", "save_over_another_replaces_it"),
)


def test_a_sound_subject_passes_every_check_of_conduct(tmp_path):
    subject = Linear()
    asked = Question(subject.path.name, EVERY_CHECK, frozenset({Probe.CONDUCT}))
    (trace,) = record(subject, CASE, [asked], tmp_path)
    found = {judgement.check: judgement.verdict for judgement in judge(trace)}

    assert {found[check] for check in CONDUCT} == {Verdict.PASS}


class Refusing(Npz):
    """It does not save over a file."""

    def save(self, model, target):
        if target.with_suffix(".npz").exists():
            raise FileExistsError(target)
        return super().save(model, target)


def test_a_subject_may_refuse_to_save_over_a_file(tmp_path):
    subject = Linear()
    subject.path = Refusing()
    asked = Question(subject.path.name, EVERY_CHECK, frozenset({Probe.CONDUCT}))
    (trace,) = record(subject, CASE, [asked], tmp_path)
    found = {judgement.check: judgement.verdict for judgement in judge(trace)}

    assert found["save_over_another_replaces_it"] is Verdict.NOT_APPLICABLE
    assert found["round_trip_completes"] is Verdict.PASS


class Written(Npz):
    """It writes in place or beside the file; it asks, or does not ask, before it overwrites."""

    contract = replace(Npz.contract, survives_failure=Promise.MUST, can_spare=True)

    def __init__(self, *, beside, asks):
        self.beside, self.asks = beside, asks

    def save(self, model, target):
        file = target.with_suffix(".npz")
        part = target.with_name(f"{target.name}.part") if self.beside else file
        with part.open("wb") as opened:
            arrays = {"kernel": model.kernel, "momentum": model.momentum, "steps": model.steps}
            np.savez(opened, **arrays, padding=np.zeros(4000))
        return part.replace(file)

    def load(self, source, case):
        return super().load(BytesIO(source.read_bytes()), case)

    def save_new(self, model, target):
        if not self.asks or input("overwrite? ") == "y":
            self.save(model, target)


@pytest.mark.parametrize("beside", [True, False])
@pytest.mark.parametrize("asks", [True, False])
def test_a_save_without_room_and_one_that_must_not_overwrite_are_made(tmp_path, beside, asks):
    subject = Linear()
    subject.path = Written(beside=beside, asks=asks)
    asked = Question(subject.path.name, EVERY_CHECK, frozenset({Probe.CONDUCT}))
    (trace,) = record(subject, CASE, [asked], tmp_path)
    found = {judgement.check: judgement.verdict for judgement in judge(trace)}

    assert trace.conduct.failed_save.raised.kind == "builtins.OSError"
    assert (found["failed_save_keeps_the_file"] is Verdict.PASS) is beside
    assert found["round_trip_completes"] is Verdict.PASS
    assert (found["overwrite_false_keeps_the_file"] is Verdict.PASS) is asks


def test_the_length_of_files_is_limited_for_a_while_only(tmp_path):
    file = tmp_path / "long"

    with no_file_longer_than(10), pytest.raises(OSError, match="too large"):
        file.write_bytes(bytes(11))
    file.write_bytes(bytes(11))


def test_the_process_is_put_back_whatever_was_done_to_it():
    before, states = process(), generators()

    with unusual_process():
        unusual = process()
        os.chdir("/")
        os.umask(0)
        os.environ["SAVEPROOF_TEST"] = "1"
        os.environ.pop("PATH")
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        random.random()
        np.random.random()  # noqa: NPY002 - what a save may draw from
        changed = process()
        drawn = generators()

    assert process() == before
    assert generators() == states
    assert drawn["Python"] != states["Python"]
    assert drawn["NumPy"] != states["NumPy"]
    parted = {name for name in (*unusual, *changed) if unusual.get(name) != changed.get(name)}
    assert parted == {
        *("working folder", "umask", "handler of SIGTERM"),
        *("environment/SAVEPROOF_TEST", "environment/PATH"),
    }


def test_values_of_the_environment_are_not_told(monkeypatch):
    monkeypatch.setenv("TOKEN", "a secret")

    assert "a secret" not in repr(process())


def test_files_are_told_by_mode_and_content(tmp_path):
    (tmp_path / "model_1.h5").write_bytes(b"one")
    (tmp_path / "other").mkdir()
    file = tmp_path / "other" / "notes"
    file.write_bytes(b"two")
    seen = [files(tmp_path, but="model_")]
    file.chmod(0o600)
    seen.append(files(tmp_path, but="model_"))
    file.write_bytes(b"three")
    seen.append(files(tmp_path, but="model_"))

    assert [list(each) for each in seen] == [["other", "other/notes"]] * 3
    assert len({each["other/notes"] for each in seen}) == 3
    assert "model_1.h5" in files(tmp_path)


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="looks into /proc")  # noqa: PTH112
def test_a_file_that_stays_open_is_told(tmp_path):
    file = tmp_path / "model_1.h5"
    with file.open("wb"):
        held = open_files(tmp_path)

    assert held == ("model_1.h5",)
    assert open_files(tmp_path) == ()


def test_links_of_the_file_system_are_told(tmp_path):
    data = tmp_path / "data"
    data.write_bytes(b"weights")
    source = tmp_path / "model"
    source.mkdir()
    (source / "soft").symlink_to(data)
    (source / "hard").hardlink_to(data)
    (source / "plain").write_bytes(b"weights")

    assert dict(outward(source)) == {
        "model/hard": Link("a file", "a file of 2 names"),
        "model/soft": Link("a symbolic link", f"a symbolic link to {data}"),
    }


def _hdf5(file):
    """Write a file with a link, a virtual dataset and data that are elsewhere, and inner links."""
    with h5py.File(file, "w") as written:
        written["group/kernel"] = np.ones(3)
        written["inner"] = h5py.SoftLink("/group/kernel")
        written["group/link"] = h5py.ExternalLink("other.h5", "/kernel")
        layout = h5py.VirtualLayout((3,), "f8")
        layout[:] = h5py.VirtualSource("virtual.h5", "kernel", shape=(3,))
        written.create_virtual_dataset("virtual", layout)
        written.create_dataset("raw", (3,), "f8", external=[("raw.bin", 0, 24)])


def test_links_inside_hdf5_are_told_in_archives_too(tmp_path):
    source = tmp_path / "model.h5"
    _hdf5(source)
    archive = tmp_path / "model.keras"
    with zipfile.ZipFile(archive, "w") as written:
        written.write(source, "model.weights.h5")
    expected = {
        "group/link": Link("an external link", "an external link to other.h5"),
        "raw": Link("data", "data in raw.bin"),
        "virtual": Link("data", "data of virtual.h5"),
    }

    assert dict(outward(source)) == {f"model.h5/{k}": what for k, what in expected.items()}
    assert dict(outward(archive)) == {
        f"model.keras/model.weights.h5/{k}": what for k, what in expected.items()
    }
