"""Cases from seeds: the same in every process, independent of each other, and shrinkable."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import strategies as st

from saveproof.strategies.case import Case, Kind, to_json
from saveproof.strategies.cases import cases
from saveproof.strategies.generation import Generator, NothingGenerated
from tests.strategies.test_cases import layers_of

ROOT = Path(__file__).parents[2]
MINIMAL = Path(__file__).with_name("minimal_case.json")
SEEDS = [f"0 functional h5 {number}" for number in range(12)]
PRINT = f"""
from saveproof.strategies.case import Kind
from saveproof.strategies.cases import cases
from saveproof.strategies.generation import Generator
generator = Generator(cases(kinds=(Kind.FUNCTIONAL,)))
print(*(generator.case(seed).id for seed in {SEEDS!r}))
"""
CONSTANTS = f"CONSTANTS = {[*range(2, 900), b'0123456789' * 3 + b'ab', 'dense', 0.05]!r}"


def ids() -> list[str]:
    generator = Generator(cases(kinds=(Kind.FUNCTIONAL,)))
    return [generator.case(seed).id for seed in SEEDS]


def ids_elsewhere(folder: Path, program: str, **environment: str) -> list[str]:
    """Return the ids that another process prints in the folder."""
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()


def test_the_same_seed_is_the_same_case():
    assert ids() == ids()


def test_the_same_seed_is_the_same_case_with_other_modules_loaded(tmp_path):
    """Hypothesis takes constants from local modules for its own generation."""
    (tmp_path / "constants.py").write_text(CONSTANTS)
    program = f"import constants{PRINT}"

    assert ids_elsewhere(tmp_path, program, PYTHONPATH=f"{tmp_path}:{ROOT}") == ids()


def test_the_same_seed_is_the_same_case_in_an_installed_copy(tmp_path):
    """Modules in site-packages are not local: Hypothesis takes no constants from them."""
    installed = tmp_path / "site-packages"
    (installed / "saveproof").mkdir(parents=True)
    (installed / "saveproof" / "__init__.py").write_bytes(b"")
    (installed / "saveproof" / "strategies").symlink_to(ROOT / "strategies")

    assert ids_elsewhere(tmp_path, PRINT, PYTHONPATH=str(installed)) == ids()


def test_the_same_seed_is_the_same_case_where_continuous_integration_is_set(tmp_path):
    """Hypothesis has another profile there."""
    assert ids_elsewhere(tmp_path, PRINT, PYTHONPATH=str(ROOT), CI="1") == ids()


def test_no_two_of_a_thousand_cases_are_equal():
    generator = Generator(cases())

    assert len({generator.case(f"1 {number}").id for number in range(1000)}) == 1000


def test_no_value_is_preferred():
    """Hypothesis's own generation gave a third of all cases the data seed 0."""
    generator = Generator(st.integers(0, 9))  # type: ignore[arg-type]
    values = [generator.case(str(number)) for number in range(1000)]

    assert all(60 <= values.count(value) <= 140 for value in range(10))


def test_a_strategy_that_rejects_some_bytes_still_gives_a_case():
    rare = cases(kinds=(Kind.SEQUENTIAL,)).filter(lambda case: case.seed % 5 == 0)

    assert all(Generator(rare).case(str(number)).seed % 5 == 0 for number in range(10))


def test_a_strategy_that_rejects_every_case_is_an_error():
    with pytest.raises(NothingGenerated, match="expected a case in 100 attempts"):
        Generator(st.integers().filter(lambda _: False)).case("0")  # type: ignore[arg-type]


def shrunk(generator: Generator, choices: bytes, shows) -> tuple[list[Case], list[bytes]]:
    """Return the cases that were smaller than those before, and their choices."""
    found: list[Case] = []
    written: list[bytes] = []

    def smaller(case: Case, choices: bytes) -> None:
        found.append(case)
        written.append(choices)

    generator.shrink(choices, shows, smaller)
    return found, written


def has_lstm(case: Case) -> bool:
    return "LSTM" in layers_of(case)


@pytest.fixture
def with_lstm() -> tuple[Generator, str]:
    """A generator, and the seed of a case with an LSTM and other layers."""
    generator = Generator(cases())
    seeds = map(str, range(1000))
    return generator, next(
        seed
        for seed in seeds
        if has_lstm(generator.case(seed)) and len(generator.case(seed).architecture.layers) > 3
    )


@pytest.mark.parametrize("seed", range(3))
def test_what_every_case_shows_shrinks_to_the_minimal_case(seed):
    generator = Generator(cases())

    found, _ = shrunk(generator, generator.choices(str(seed)), lambda _: True)

    assert to_json(found[-1]) == MINIMAL.read_bytes().strip()


def test_what_few_cases_show_shrinks_to_little_else(with_lstm):
    generator, seed = with_lstm

    found, _ = shrunk(generator, generator.choices(seed), has_lstm)

    smallest = found[-1]
    assert len(smallest.architecture.layers) <= 2
    assert has_lstm(smallest)
    assert len(smallest.history.before) == len(smallest.history.after) == 1
    assert smallest.seed == 0


def test_shrinking_asks_about_a_case_once_and_about_the_first_one_first(with_lstm):
    generator, seed = with_lstm
    asked: list[str] = []

    shrunk(generator, generator.choices(seed), lambda c: bool(asked.append(c.id)) or has_lstm(c))

    assert asked[0] == generator.case(seed).id
    assert len(asked) == len(set(asked)) > 5


def test_shrinking_goes_on_from_the_choices_of_a_smaller_case(with_lstm):
    """Another process may do it, and first asks about the case where the first one stopped."""
    generator, seed = with_lstm
    found, written = shrunk(generator, generator.choices(seed), has_lstm)
    half, asked = len(written) // 2, list[Case]()

    again, _ = shrunk(
        Generator(cases()), written[half], lambda c: bool(asked.append(c)) or has_lstm(c)
    )

    assert asked[0] == found[half]
    assert len(again[-1].architecture.layers) <= 2


def test_choices_of_nothing_that_shows_it_are_an_error(with_lstm):
    generator, _ = with_lstm

    with pytest.raises(NothingGenerated, match="expected the choices of the case"):
        shrunk(generator, b"nonsense", lambda _: False)
