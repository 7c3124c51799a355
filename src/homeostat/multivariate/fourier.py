"""Random Fourier features: waves whose products are a Gaussian kernel, on average."""

from __future__ import annotations

from math import sqrt

import numpy as np

from homeostat.multivariate.encoding import Floats

_FEW = 20  # columns up to which half of the waves look at two of them only
_PAIR_WIDTH = 0.6  # of their kernel, in standard deviations
_SAMPLE = 500  # rows whose distances say what is near


class Waves:
    """`frequencies` cosines and as many sines; their squares add up to 1 in every row.

    The kernel's width is the median distance between rows, on a sample of both sides (the median
    heuristic of Gretton et al. 2012). Up to 20 columns every other wave runs along two of them
    alone, drawn by chance, with a width of 0.6 standard deviations: a mean of kernels on pairs of
    columns, which sees what changes in few columns. Source: Rahimi and Recht, Random features for
    large-scale kernel machines (2007).
    """

    def __init__(self, matrix: Floats, frequencies: int, rng: np.random.Generator) -> None:
        sample = rng.permutation(len(matrix))[:_SAMPLE]
        self.width = median_distance(matrix[sample])
        self.frequencies = frequencies
        self.weights = rng.standard_normal((matrix.shape[1], frequencies)) / self.width
        if matrix.shape[1] <= _FEW:
            self._pair(matrix, rng)

    def _pair(self, matrix: Floats, rng: np.random.Generator) -> None:
        """Let half of the waves run along two columns only, where a sum over all drowns them."""
        sds = np.maximum(matrix.std(axis=0), 1e-9)
        for wave in range(1, self.frequencies, 2):
            two = rng.permutation(len(sds))[:2]
            self.weights[:, wave] = 0.0
            self.weights[two, wave] = rng.standard_normal(len(two)) / (_PAIR_WIDTH * sds[two])

    def of(self, matrix: Floats) -> Floats:
        """The waves at each row: all cosines, then all sines."""
        phases = matrix @ self.weights
        waves: Floats = np.hstack([np.cos(phases), np.sin(phases)]) / sqrt(self.frequencies)
        return waves

    def slopes(self, waves: Floats, coefficients: Floats) -> Floats:
        """The gradient, by the matrix's columns, of the waves' weighted sum at each row."""
        cosines, sines = waves[:, : self.frequencies], waves[:, self.frequencies :]
        of_cosines, of_sines = np.split(coefficients, 2)
        slopes: Floats = (of_sines * cosines - of_cosines * sines) @ self.weights.T
        return slopes


def distances(left: Floats, right: Floats) -> Floats:
    """Euclidean distances of each row to each."""
    squares = (left * left).sum(axis=1)[:, None] + (right * right).sum(axis=1)[None, :]
    squares -= 2 * (left @ right.T)
    far: Floats = np.sqrt(np.maximum(squares, 0.0, out=squares), out=squares)
    return far


def median_distance(matrix: Floats) -> float:
    """The median distance of different rows; 1 where there are none."""
    found = distances(matrix, matrix)[np.triu_indices(len(matrix), 1)]
    far = found[found > 1e-7]  # what is nearer is equal but for rounding
    return float(np.median(far)) if len(far) else 1.0
