"""Generators: plain state, equal states give equal numbers."""

import numpy as np

from saveproof.reference_impl.random import Generator, process_generator, set_random_seed


def test_equal_seeds_give_equal_numbers():
    assert np.array_equal(Generator(7).uniform((3, 2)), Generator(7).uniform((3, 2)))


def test_seeds_and_draws_give_different_numbers():
    generator = Generator(7)
    first, second = generator.uniform((4,)), generator.uniform((4,))

    assert not np.array_equal(first, second)
    assert not np.array_equal(first, Generator(8).uniform((4,)))


def test_numbers_are_those_of_philox():
    """Keyed by the seed, at the number of the draw: the first draw of seed 1 with NumPy alone."""
    expected = np.random.Generator(np.random.Philox(key=[1, 0], counter=[0, 0, 0, 0])).random(3)

    assert Generator(1).uniform((3,)).tolist() == expected.tolist()


def test_a_resumed_generator_goes_on_where_the_other_stood():
    generator = Generator(2**40 + 3)
    generator.normal((5,))

    resumed = Generator.resumed(generator.state)

    assert np.array_equal(resumed.normal((4,)), generator.normal((4,)))


def test_the_state_is_four_words_and_counts_draws_of_any_size():
    generator = Generator(2**32 + 5)
    generator.uniform((1000,))
    generator.normal((1,))

    assert generator.state.dtype == np.uint32
    assert generator.state.tolist() == [5, 1, 2, 0]


def test_the_count_of_draws_carries_over_to_its_high_word():
    generator = Generator.resumed(np.array([1, 0, 2**32 - 1, 0], np.uint32))
    generator.uniform((1,))

    assert generator.state.tolist() == [1, 0, 0, 1]


def test_bernoulli_keeps_its_rate():
    assert abs(Generator(0).bernoulli(0.3, (20_000,)).mean() - 0.3) < 0.01


def test_a_permutation_holds_each_number_once():
    assert sorted(Generator(0).permutation(9)) == list(range(9))


def test_set_random_seed_restarts_the_process_generator():
    set_random_seed(5)
    first = process_generator().uniform((3,))
    set_random_seed(5)

    assert np.array_equal(process_generator().uniform((3,)), first)
