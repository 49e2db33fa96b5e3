"""What every worker of the benchmark prints: one line of JSON."""

import json
import resource
import sys


def report(first_s: float, warm_s: list[float], steps_ms: dict[str, float], result_size: int) -> None:
    """Print the figures of this process; peak memory is that of the whole process, in MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024**2 if sys.platform == "darwin" else 1024)
    print(
        json.dumps({"first_s": first_s, "warm_s": warm_s, "peak_mb": peak, "steps_ms": steps_ms, "size": result_size})
    )
