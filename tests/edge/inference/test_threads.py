import subprocess
import sys

CODE = """
import numpy as np
from edge.inference.threads import blas_threads, use_one_thread
import cv2
use_one_thread()
np.ones((64, 64), np.float32) @ np.ones(64, np.float32)
print(blas_threads(), cv2.getNumThreads())
"""


def test_blas_and_opencv_run_on_one_thread_once_told() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == ["1", "1"]
