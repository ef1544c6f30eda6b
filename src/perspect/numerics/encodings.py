"""Matrices of +1 and -1 whose rows can be told apart with least noise: Hadamard's, in the orders that have names."""

from typing import Literal

import numpy as np
from jaxtyping import Float


def named(kind: Literal["hadamard", "walsh"] | str, size: int) -> Float[np.ndarray, "encodings blocks"]:
    """The encodings that are called Hadamard or Walsh of 4 or 8, or Hadamard of 12: a row for each measurement, a
    column for each block, the first all +1.

    Of 4 and 8 they are those of ExploreASL. Its tables have a row for each block, after one of ones for the mean;
    measurements are their columns. Walsh are ordered from most changes of sign to fewest; Hadamard are the rows of
    Sylvester's matrix, of 8 from the last to the first. That of 12 is Paley's: all others of 12 are it in another
    order, or with other signs.

    >>> named("hadamard", 4)[1]
    array([ 1., -1.,  1., -1.])

    von Samson-Himmelstjerna et al. 2016, doi:10.1002/mrm.26078; Paley 1933, doi:10.1002/sapm1933121311
    """
    if size == 12:
        return _paley(11)
    natural: Float[np.ndarray, "size size"] = np.ones((1, 1))
    while natural.shape[0] < size:
        natural = np.kron([[1.0, 1.0], [1.0, -1.0]], natural)
    changes = (np.diff(natural, axis=1) != 0).sum(axis=1)
    order = np.argsort(-changes[1:]) if kind == "walsh" else np.arange(size - 1)
    if kind == "hadamard" and size == 8:
        order = order[::-1]
    return np.asarray(natural[np.concatenate([[0], 1 + order])].T)


def _paley(prime: int) -> Float[np.ndarray, "size size"]:
    """Paley's first construction for a prime that is 3 modulo 4, its first row and column all +1."""
    squares = {one * one % prime for one in range(1, prime)}
    sign = np.array([0.0] + [1.0 if one in squares else -1.0 for one in range(1, prime)])
    apart = (np.arange(prime)[:, None] - np.arange(prime)) % prime
    whole = np.eye(prime + 1)
    whole[0, 1:] += 1.0
    whole[1:, 0] -= 1.0
    whole[1:, 1:] += sign[apart]
    whole = whole * whole[:, :1]
    return np.asarray(whole * whole[:1])
