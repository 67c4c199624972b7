"""Matrix algebra whose result is the same, bit for bit, on every machine.

BLAS and LAPACK sum in an order that depends on the processor, so a model built with them would have another
hash elsewhere. Here every sum runs in a written order over elementwise float64 operations, which IEEE 754
fixes. Slower, and fast enough for layers of 512 channels.
"""

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
SUBSPACE_ROUNDS = 12


def ordered_product(left: Matrix, right: Matrix) -> Matrix:
    """The product of an (n, k) and a (k, m) matrix, summed in the order of k."""
    total = np.zeros((left.shape[0], right.shape[1]))
    for k in range(left.shape[1]):
        total += left[:, k, None] * right[k]
    return total


def leading_subspace(matrix: Matrix, width: int) -> Matrix:
    """An orthonormal basis, (n, width), of the space of an (n, m) matrix's leading left singular vectors.

    Subspace iteration on the Gram matrix from a fixed start; a direction's error shrinks in each round by the
    square of its singular value's ratio to the first one left out.

    Raises:
        ValueError: The matrix has fewer than `width` independent columns.
    """
    gram = ordered_product(matrix, matrix.T)
    basis = np.eye(len(gram))[:, :width]
    for _ in range(SUBSPACE_ROUNDS):
        basis = orthonormal(orthonormal(ordered_product(gram, basis)))
    return basis


def orthonormal(columns: Matrix) -> Matrix:
    """Orthonormalise columns by the Cholesky factor of their Gram matrix; call it twice for full precision."""
    factor = _cholesky(ordered_product(columns.T, columns))
    rest, result = columns.copy(), np.empty_like(columns)
    for j in range(columns.shape[1]):
        result[:, j] = rest[:, j] / factor[j, j]
        rest[:, j + 1 :] -= result[:, j, None] * factor[j + 1 :, j]
    return result


def _cholesky(gram: Matrix) -> Matrix:
    """The lower triangular L with L L^T = gram."""
    rest, factor = gram.copy(), np.zeros_like(gram)
    for j in range(len(gram)):
        if not rest[j, j] > 0:
            raise ValueError(f"only {j} independent columns")
        factor[j:, j] = rest[j:, j] / np.sqrt(rest[j, j])
        rest[j + 1 :, j + 1 :] -= factor[j + 1 :, j, None] * factor[j + 1 :, j]
    return factor
