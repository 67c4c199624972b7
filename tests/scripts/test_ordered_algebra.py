"""Algebra in a fixed order: right like LAPACK's, and the same on every machine."""

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.ordered_algebra import leading_subspace, ordered_product, orthonormal


def matrix(rows: int, columns: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((rows, columns))


@given(rows=st.integers(1, 12), inner=st.integers(1, 12), columns=st.integers(1, 12), seed=st.integers(0, 99))
def test_the_product_is_the_product(rows: int, inner: int, columns: int, seed: int) -> None:
    left, right = matrix(rows, inner, seed), matrix(inner, columns, seed + 1)
    np.testing.assert_allclose(ordered_product(left, right), left @ right, atol=1e-12)


def test_columns_become_orthonormal_and_span_the_same_space() -> None:
    columns = matrix(40, 9)
    basis = orthonormal(orthonormal(columns))
    np.testing.assert_allclose(basis.T @ basis, np.eye(9), atol=1e-14)
    np.testing.assert_allclose(basis @ (basis.T @ columns), columns, atol=1e-12)


def test_dependent_columns_are_refused() -> None:
    columns = np.zeros((8, 3))
    columns[0, 0] = columns[1, 1] = 1.0
    with pytest.raises(ValueError, match="only 2 independent columns"):
        orthonormal(columns)


def test_the_leading_subspace_is_that_of_the_singular_vectors() -> None:
    left, _, right = np.linalg.svd(matrix(30, 50), full_matrices=False)
    scale = np.concatenate([np.linspace(5, 1, 10), np.full(20, 1e-4)])
    basis = leading_subspace((left * scale) @ right, 10)
    leading = left[:, :10]
    np.testing.assert_allclose(leading @ leading.T, basis @ basis.T, atol=1e-9)


def test_the_result_has_known_bits() -> None:
    """The digest was computed on x86-64; another processor or BLAS must give the same."""
    whole = np.arange(-60, 60, dtype=np.float64).reshape(10, 12) % 7.3
    digest = hashlib.sha256(leading_subspace(whole, 4).tobytes()).hexdigest()
    assert digest == "c0762a28bb5d7363bab5fe0bbe53b947d669dfe42cd9e00109f2aa4fb09a1f02"
