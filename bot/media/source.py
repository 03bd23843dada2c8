"""The posted file as a child process reads it: one that remembers whether it ended too early."""

from __future__ import annotations

import io

_BLOCK_BYTES = 65536


class Source(io.BufferedReader):
    """An open file; `ran_dry` tells that a decoder wanted more than there is."""

    ran_dry = False

    def __init__(self, descriptor: int) -> None:
        super().__init__(io.FileIO(descriptor, closefd=False))

    def read(self, size: int | None = -1, /) -> bytes:
        """Read as any file, and notice the end."""
        data = super().read(size)
        # Decoders fetch whole blocks without needing them; only an empty one proves that they needed more.
        if size is not None and size > 0 and len(data) < (size if size < _BLOCK_BYTES else 1):
            self.ran_dry = True
        return data
