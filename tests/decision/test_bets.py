"""Bets go on, whatever they have won."""

import numpy as np

from homeostat.decision.bets import Bets


def test_a_capital_beyond_all_numbers_goes_on():
    bets = Bets(1.0)
    for _ in range(3):
        values = np.ones(5_000)
        bets.keep(bets.grown(values), len(values))
    assert bets.evidence == 1e300
