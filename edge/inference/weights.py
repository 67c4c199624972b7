"""Gives a model's weights back once XNNPACK has packed a copy of its own: 9 MB of the daemon's memory.

The verified bytes move into a file in memory that only this process can reach, and the runtime maps it. What
nothing but convolutions and fully connected layers reads is cut out of it when they have packed it. That they
have is not believed but tried: the model must answer bit by bit as before, else it is opened anew and kept
whole.
"""

import mmap
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

_PACKED = {("CONV_2D", 1), ("DEPTHWISE_CONV_2D", 1), ("FULLY_CONNECTED", 1), ("DEQUANTIZE", 0)}
"""Operators, and which of their inputs XNNPACK keeps a copy of in an order or a type of its own."""


class HeldModel:
    """A model's bytes in memory that the runtime maps like a file and that can be given back in parts.

    Args:
        content: The verified bytes.
    """

    def __init__(self, content: bytes) -> None:
        self._descriptor = os.memfd_create("clockface-model", os.MFD_CLOEXEC)
        try:
            size = max(len(content), 1)  # nothing is no model either, but that is for the runtime to say
            os.truncate(self._descriptor, size)
            self._memory = mmap.mmap(self._descriptor, size)
            self._memory[: len(content)] = content
        except BaseException:
            os.close(self._descriptor)
            raise

    @property
    def path(self) -> str:
        """What this process may open it by, until it is closed."""
        return f"/proc/self/fd/{self._descriptor}"

    def close(self) -> None:
        """Let go of it; what a runtime has mapped stays with the runtime."""
        self._memory.close()
        os.close(self._descriptor)

    def give_back(self, windows: Iterable[tuple[int, int]]) -> None:
        """Free the whole pages of what lies at these addresses with these sizes; they read as zero.

        What this memory is not mapped at is left alone.
        """
        mapped = tuple(self._mapped())
        for address, size in windows:
            start = next((low for low, high in mapped if low <= address and address + size <= high), None)
            if start is None:
                continue
            first = -(-(address - start) // mmap.PAGESIZE) * mmap.PAGESIZE
            last = (address - start + size) // mmap.PAGESIZE * mmap.PAGESIZE
            if first < last:
                self._memory.madvise(mmap.MADV_REMOVE, first, last - first)

    def _mapped(self) -> Iterator[tuple[int, int]]:
        """Where this process has it mapped as a whole: its own mapping, and the runtime's."""
        number = str(os.fstat(self._descriptor).st_ino)
        with Path("/proc/self/maps").open(encoding="utf-8", errors="replace") as maps:
            for line in maps:
                place, _, offset, _, inode, *_ = line.split()
                if inode == number and int(offset, 16) == 0:
                    low, _, high = place.partition("-")
                    yield int(low, 16), int(high, 16)


def give_back_weights(interpreter: Any, held: HeldModel) -> bool:
    """Free what an allocated interpreter has packed; whether it still answers exactly as before."""
    before = _answer(interpreter)
    held.give_back(_packed_constants(interpreter))
    return before == _answer(interpreter)


def _packed_constants(interpreter: Any) -> Iterator[tuple[int, int]]:
    """Address and size of constants that nothing but packing reads."""
    readers: dict[int, set[tuple[str, int]]] = {}
    for node in interpreter._get_ops_details():
        for place, index in enumerate(node["inputs"]):
            if node["op_name"] != "DELEGATE":
                readers.setdefault(int(index), set()).add((str(node["op_name"]), place))
    for index, places in readers.items():
        if places <= _PACKED and (window := _window(interpreter, index)) is not None:
            yield window


def _window(interpreter: Any, index: int) -> tuple[int, int] | None:
    try:
        view = interpreter.tensor(index)()
    except ValueError:  # it has no memory of its own, as the outputs of delegated operators
        return None
    return int(view.__array_interface__["data"][0]), int(view.nbytes)


def _answer(interpreter: Any) -> list[bytes]:
    """What the model makes of numbers of every size that an input has."""
    (entry,) = interpreter.get_input_details()
    count = int(np.prod(entry["shape"]))
    interpreter.set_tensor(entry["index"], np.linspace(-1, 1, count, dtype=np.float32).reshape(entry["shape"]))
    interpreter.invoke()
    return [interpreter.get_tensor(output["index"]).tobytes() for output in interpreter.get_output_details()]
