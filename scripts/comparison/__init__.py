"""The parts of `scripts/compare`: an environment and a worker process for each library, and the figures.

A worker is a program of its own because the libraries exclude each other (two of them bring a `cv2`). It runs
in its library's environment, where Clockface is not installed, so it imports nothing of Clockface.
"""
