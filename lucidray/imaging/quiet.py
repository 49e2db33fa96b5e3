"""Keep the libraries' own warnings off the terminal while a file is read.

What matters for the film is told as a note on the `Radiograph`; pydicom's and Pillow's remarks on other things (a
private tag, a strange date) would only frighten. `warnings.catch_warnings` alone is not enough: it swaps global state,
and two threads that leave it in the wrong order would silence Python for good. So the threads that read share one.
"""

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

_lock = threading.Lock()
_readers = 0
_silence: "warnings.catch_warnings[None] | None" = None


@contextmanager
def quiet() -> Iterator[None]:
    """Ignore Python warnings until the last reader has left."""
    global _readers, _silence  # noqa: PLW0603
    with _lock:
        _readers += 1
        if _silence is None:
            _silence = warnings.catch_warnings()
            _silence.__enter__()
            warnings.simplefilter("ignore")
    try:
        yield
    finally:
        with _lock:
            _readers -= 1
            if _readers == 0 and _silence is not None:
                _silence.__exit__(None, None, None)
                _silence = None
