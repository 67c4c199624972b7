"""One thread for the small matrices and pictures of this pipeline: with two, a search took 25 times as long.

Called once by the composition root, after imports. `OPENBLAS_NUM_THREADS` only helps when it is set before
numpy is first imported, which a library cannot promise; threadpoolctl changes the loaded libraries themselves.
"""

import cv2
import threadpoolctl


def use_one_thread() -> None:
    """Limit BLAS and OpenCV of this process to one thread, for good."""
    threadpoolctl.threadpool_limits(limits=1, user_api="blas")
    cv2.setNumThreads(1)


def blas_threads() -> int:
    """Threads that BLAS would use now; 1 where no threaded BLAS is loaded."""
    pools = [pool["num_threads"] for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas"]
    return max((int(threads) for threads in pools), default=1)
