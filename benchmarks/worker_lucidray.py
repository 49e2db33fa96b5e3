"""One fresh process of lucidray: time of the first reading since the process began, of warm ones, and peak memory."""

import time

STARTED = time.perf_counter()

import sys  # noqa: E402

from worker import report  # noqa: E402

import lucidray  # noqa: E402


def interpret(reader: lucidray.Lucidray, path: str) -> tuple[str, dict[str, float]]:
    """From a file to JSON; like the peers' result, only the text outlives the call."""
    reading = reader.read(path)
    if not reading.accepted:
        raise SystemExit(f"the benchmark's film was refused: {reading.refusal}")
    return reading.model_dump_json(), reading.provenance.timings_ms


def main() -> None:
    """Read the film that the command line names."""
    path, repeats = sys.argv[1], int(sys.argv[2])
    reader = lucidray.load()
    text, steps = interpret(reader, path)
    first = time.perf_counter() - STARTED
    warm = []
    for _ in range(repeats):
        began = time.perf_counter()
        text, steps = interpret(reader, path)
        warm.append(time.perf_counter() - began)
    report(first, warm, {**steps, "json": round(1000 * warm[-1] - steps["total"], 2)}, len(text))


main()
