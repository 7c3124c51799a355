"""What holds of the latest `window` observations, kept exactly while they come and go.

Integers enter and leave a running count. Floats never leave a running sum, for subtraction would
cancel digits; they are summed in two blocks (van Herk 1992; Gil and Werman 1993): observations
are cut into blocks of `window`, aligned on their index since the start, and a window is the end
of one block, whose sums from each place to the end are known, and the beginning of the next.
Every value is the same chain of additions however a stream was cut into batches, and costs O(1).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from homeostat.state import Stateful

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Ring(Stateful):
    """The latest `window` numbers; places not used yet hold 0, the slot `at` is the next."""

    memory = ("items", "at", "filled")

    def __init__(self, window: int, dtype: DTypeLike) -> None:
        self.items: NDArray[Any] = np.zeros(window, dtype)
        self.at = 0
        self.filled = 0

    def push(self, item: Any) -> Any:
        """Take one; the one it displaces, 0 where there was none."""
        at, window = self.at, len(self.items)
        leaving = self.items.item(at)
        self.items[at] = item
        self.at = at + 1 if at + 1 < window else 0
        if self.filled < window:
            self.filled += 1
        return leaving

    def extend(self, items: NDArray[Any]) -> NDArray[Any]:
        """Take many; what each displaces. Costs O(len(items)), not O(window)."""
        n, window = len(items), len(self.items)
        if n <= window:
            places = (self.at + np.arange(n)) % window
            leaving = self.items[places]
        else:
            leaving = np.concatenate([self.items[self.at :], self.items[: self.at], items])[:n]
            items = items[-window:]
            places = (self.at + n + np.arange(window)) % window
        self.items[places] = items
        self.at = (self.at + n) % window
        self.filled = min(window, self.filled + n)
        return leaving.astype(self.items.dtype, copy=False)

    def latest(self) -> NDArray[Any]:
        """What it holds, oldest first."""
        if self.filled < len(self.items):
            return self.items[: self.filled]
        return np.concatenate([self.items[self.at :], self.items[: self.at]])


def counts_after(filled: int, n: int, window: int) -> Ints:
    """How many observations the window holds after each of `n` more."""
    return np.minimum(np.arange(filled + 1, filled + n + 1), window)


class SlidingFlags(Stateful):
    """How many of the latest `window` observations have each of up to 8 flags.

    An observation is a small integer, one bit a flag. State: `window` bytes.
    """

    memory = ("ring", "counts")

    def __init__(self, window: int, flags: int) -> None:
        self.ring = Ring(window, np.uint8)
        self.counts = [0] * flags

    @property
    def n(self) -> int:
        """How many observations the window holds."""
        return self.ring.filled

    def push(self, bits: int) -> list[int]:
        """Take one observation; the counts after it."""
        leaving = self.ring.push(bits)
        if leaving != bits:
            self.counts = [
                count + (bits >> flag & 1) - (leaving >> flag & 1)
                for flag, count in enumerate(self.counts)
            ]
        return self.counts

    def extend(self, bits: NDArray[np.uint8]) -> tuple[Ints, list[Ints]]:
        """Take many; after each, how many the window holds and the counts of each flag."""
        sizes = counts_after(self.n, len(bits), len(self.ring.items))
        leaving = self.ring.extend(bits)
        counts = []
        for flag, count in enumerate(self.counts):
            moves = (bits >> flag & 1).view(np.int8) - (leaving >> flag & 1).view(np.int8)
            counts.append(np.cumsum(moves, dtype=np.int64) + count)
        if len(bits):
            self.counts = [int(each[-1]) for each in counts]
        return sizes, counts


class _TwoBlocks(Stateful):
    """Cuts a series at the borders of blocks; what is summed is up to `_within` and `_whole`."""

    def __init__(self, window: int) -> None:
        self.window = window
        self.block = np.zeros(window)  # the current block, zeros from `at` on
        self.at = 0
        self.full = False  # whether there was a block before

    @property
    def n(self) -> int:
        """How many observations the window holds."""
        return self.window if self.full else self.at

    def _sizes(self, n: int) -> Ints:
        return counts_after(self.n, n, self.window)

    def _extend(self, xs: Floats) -> Floats:
        """A value after each observation."""
        first = min(len(xs), self.window - self.at)
        blocks = (len(xs) - first) // self.window
        rest = first + blocks * self.window
        parts = [self._within(xs[:first])]
        if blocks:
            parts.append(self._whole(xs[first:rest].reshape(blocks, self.window)))
        if rest < len(xs):
            parts.append(self._within(xs[rest:]))
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _place(self, part: Floats) -> None:
        end = self.at + len(part)
        self.block[self.at : end] = part
        self.at = end
        if end == self.window:
            self._turn()

    def _turn(self) -> None:
        """The current block becomes the one before."""
        with np.errstate(over="ignore", invalid="ignore"):
            self._remember_tail(self.block[np.newaxis])
        self.block[:] = 0.0
        self.at = 0
        self.full = True

    def _within(self, part: Floats) -> Floats:
        raise NotImplementedError

    def _whole(self, blocks: Floats) -> Floats:
        raise NotImplementedError

    def _remember_tail(self, blocks: Floats) -> None:
        raise NotImplementedError


class SlidingSum(_TwoBlocks):
    """The sum of the latest `window` floats. State: 2 floats for each place of the window."""

    memory = ("block", "at", "full", "head", "tail")

    def __init__(self, window: int) -> None:
        super().__init__(window)
        self.head = 0.0  # of the current block so far
        self.tail = np.zeros(window + 1)  # of the block before, from each place to its end

    def push(self, x: float) -> float:
        """Take one; the sum after it."""
        at = self.at
        self.block[at] = x
        self.head += x
        total = self.tail.item(at + 1) + self.head
        self.at = at + 1
        if self.at == self.window:
            self._turn()
        return total

    def extend(self, xs: Floats) -> Floats:
        """Take many; the sum after each."""
        with np.errstate(over="ignore", invalid="ignore"):
            return self._extend(xs)

    def push_mean(self, x: float) -> float:
        """Take one; the mean after it."""
        return self.push(x) / self.n

    def extend_mean(self, xs: Floats) -> Floats:
        """Take many; the mean after each."""
        sizes = self._sizes(len(xs))
        return self.extend(xs) / sizes

    def _within(self, part: Floats) -> Floats:
        heads = np.cumsum(np.concatenate([[self.head], part]))[1:]
        sums: Floats = self.tail[self.at + 1 : self.at + 1 + len(part)] + heads
        if len(part):
            self.head = float(heads[-1])
            self._place(part)
        return sums

    def _whole(self, blocks: Floats) -> Floats:
        sums = np.cumsum(blocks, axis=1)
        sums += 0.0  # a head starts from 0.0, which makes a -0.0 a 0.0
        tails = np.cumsum(blocks[:, ::-1], axis=1)[:, ::-1]
        sums[0, :-1] += self.tail[1:-1]
        sums[1:, :-1] += tails[:-1, 1:]
        self._remember_tail(blocks[-1:])
        return sums.ravel()

    def _remember_tail(self, blocks: Floats) -> None:
        self.tail[:-1] = np.cumsum(blocks[-1, ::-1])[::-1]
        self.head = 0.0


class _Scan(NamedTuple):
    """Running moments along rows: sums and means of `x - origin`, squared deviations."""

    sums: Floats
    means: Floats
    squares: Floats


class SlidingMoments(_TwoBlocks):
    """The sum of squared deviations from the mean of the latest `window` floats.

    Welford's updates within a block, shifted by its first value, and Chan, Golub and LeVeque's
    merge of the two parts of a window; exactly 0 when all values of the window are equal.
    State: 3 floats for each place of the window.
    """

    memory = ("block", "at", "full", "head", "tail_origin", "tail_means", "tail_squares")

    def __init__(self, window: int) -> None:
        super().__init__(window)
        self.head = [0.0, 0.0, 0.0, 0.0]  # origin, then sum, mean and squares about it
        self.tail_origin = 0.0
        self.tail_means = np.zeros(window + 1)
        self.tail_squares = np.zeros(window + 1)

    def push(self, x: float) -> float:
        """Take one; the sum of squared deviations after it."""
        at = self.at
        origin, total, mean, squares = self.head
        if at == 0:
            origin = x
        moved = x - origin
        total += moved
        updated = total / (at + 1)
        squares += (moved - mean) * (moved - updated)
        self.head = [origin, total, updated, squares]
        before = self.window - 1 - at if self.full else 0
        gap = (origin - self.tail_origin) + (updated - self.tail_means.item(at + 1))
        merged = (
            self.tail_squares.item(at + 1)
            + squares
            + gap * gap * (before * (at + 1) / (before + at + 1))
        )
        self.block[at] = x
        self.at = at + 1
        if self.at == self.window:
            self._turn()
        return merged

    def extend(self, xs: Floats) -> Floats:
        """Take many; the sum of squared deviations after each."""
        with np.errstate(over="ignore", invalid="ignore"):
            return self._extend(xs)

    def _within(self, part: Floats) -> Floats:
        if not len(part):
            return np.empty(0)
        at = self.at
        if at == 0:
            self.head[0] = float(part[0])
        origin, *carried = self.head
        scan = _scanned((part - origin)[np.newaxis], at, carried)
        tail = slice(at + 1, at + 1 + len(part))
        gaps = (origin - self.tail_origin) + (scan.means[0] - self.tail_means[tail])
        heads = np.arange(at + 1, at + len(part) + 1)
        weights = self._weights(heads)
        merged: Floats = self.tail_squares[tail] + scan.squares[0] + gaps * gaps * weights
        self.head = [origin, *(float(each[0, -1]) for each in scan)]
        self._place(part)
        return merged

    def _weights(self, heads: Ints) -> Floats:
        """The factor of a squared gap between means, for parts of these many observations."""
        before = self.window - heads if self.full else np.zeros_like(heads)
        weights: Floats = before * heads / (before + heads)
        return weights

    def _whole(self, blocks: Floats) -> Floats:
        origins, ends = blocks[:, :1], blocks[:, -1:]
        heads = _scanned(blocks - origins, 0, [0.0, 0.0, 0.0])
        tails = _scanned(blocks[:, ::-1] - ends, 0, [0.0, 0.0, 0.0])
        means = np.vstack([self.tail_means[np.newaxis], _reversed(tails.means[:-1])])[:, 1:]
        squares = np.vstack([self.tail_squares[np.newaxis], _reversed(tails.squares[:-1])])[:, 1:]
        tail_origins = np.vstack([[[self.tail_origin]], ends[:-1]])
        gaps = (origins - tail_origins) + (heads.means - means)
        weights = self._weights(np.arange(1, self.window + 1))
        merged: Floats = squares + heads.squares + gaps * gaps * weights
        self._remember_tail(blocks[-1:])
        return merged.ravel()

    def _remember_tail(self, blocks: Floats) -> None:
        scan = _scanned(blocks[-1:, ::-1] - blocks[-1, -1], 0, [0.0, 0.0, 0.0])
        self.tail_origin = float(blocks[-1, -1])
        self.tail_means = _reversed(scan.means)[0]
        self.tail_squares = _reversed(scan.squares)[0]
        self.head = [0.0, 0.0, 0.0, 0.0]


def _scanned(moved: Floats, count: int, carried: list[float]) -> _Scan:
    total, mean, squares = (np.full((len(moved), 1), value) for value in carried)
    sums: Floats = np.cumsum(np.hstack([total, moved]), axis=1)[:, 1:]
    means = sums / np.arange(count + 1, count + moved.shape[1] + 1)
    steps = (moved - np.hstack([mean, means[:, :-1]])) * (moved - means)
    spread = np.cumsum(np.hstack([squares, steps]), axis=1)[:, 1:]
    return _Scan(sums, means, spread)


def _reversed(rows: Floats) -> Floats:
    """Rows of values from each place to the end, with the empty end behind."""
    padded: Floats = np.hstack([rows[:, ::-1], np.zeros((len(rows), 1))])
    return padded
