from random import Random

import pytest

from tests.histories import history
from tests.merge.folding import disordered, fold, fold_in_batches

CHUNKS = [range(start, start + 150) for start in range(0, 1500, 150)]


@pytest.mark.parametrize("seeds", CHUNKS, ids=str)
def test_histories_in_order_add_up_to_their_truth(seeds):
    """Folding a history's events in the order in which they happened gives its truth."""
    for seed in seeds:
        told = history(seed)
        assert fold(told.events) == told.truth, f"history {seed}"


@pytest.mark.parametrize("seeds", CHUNKS, ids=str)
def test_order_and_repetition_change_nothing(seeds):
    """Any order with repetitions gives the same truth."""
    for seed in seeds:
        told = history(seed)
        assert fold(disordered(told, Random(seed))) == told.truth, f"history {seed}"


@pytest.mark.parametrize("seeds", CHUNKS, ids=str)
def test_batches_change_nothing(seeds):
    """Any cutting into batches, each merged by itself first, gives the same truth."""
    for seed in seeds:
        told, random = history(seed), Random(seed)
        assert fold_in_batches(disordered(told, random), random) == told.truth, f"history {seed}"
