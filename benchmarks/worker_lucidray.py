"""One fresh process of lucidray: time of the first reading since the process began, of warm ones, and peak memory."""

import time

STARTED = time.perf_counter()

import sys  # noqa: E402

from worker import report  # noqa: E402

import lucidray  # noqa: E402


def main() -> None:
    """Read the film that the command line names."""
    path, repeats = sys.argv[1], int(sys.argv[2])
    reader = lucidray.load()
    reading = reader.read(path)
    text = reading.model_dump_json()
    first = time.perf_counter() - STARTED
    if not reading.accepted:
        raise SystemExit(f"the benchmark's film was refused: {reading.refusal}")
    warm, steps = [], {}
    for _ in range(repeats):
        began = time.perf_counter()
        reading = reader.read(path)
        text = reading.model_dump_json()
        warm.append(time.perf_counter() - began)
        steps = {**reading.provenance.timings_ms, "json": 1000 * warm[-1] - reading.provenance.timings_ms["total"]}
    report(first, warm, steps, len(text))


main()
