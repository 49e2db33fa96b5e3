"""Load on a service of its own, on loopback: clients that send films one after the other, as fast as they are answered.

    python benchmarks/load.py                       8 clients for a minute
    python benchmarks/load.py --readings 1000       until 1,000 readings are done; tells how memory grew

Every answer but 201 and 503 is an error and ends with exit code 1. The films are synthetic chests, each another one, so
that none is already known; the models are the embedded ones.
"""

import argparse
import json
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

SIDE_PX = 1024
WARM_READINGS = 100
MOST_GROWTH = 0.10


@dataclass
class Tally:
    """What came of all requests."""

    seconds: list[float] = field(default_factory=list)
    sent_away: int = 0
    errors: list[str] = field(default_factory=list)
    memory_mb: list[tuple[int, float]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)


def film(number: int) -> bytes:
    """Draw a chest with lungs, heart and spine, and a number in its corner: PNG, 8 bits."""
    y, x = np.mgrid[0 : 1 : SIDE_PX * 1j, 0 : 1 : SIDE_PX * 1j]
    pixels = np.full((SIDE_PX, SIDE_PX), 0.72)
    for lung_x in (0.29, 0.71):
        pixels -= 0.5 * np.exp(-((((x - lung_x) / 0.15) ** 2 + ((y - 0.46) / 0.31) ** 2) ** 2))
    pixels += 0.25 * np.exp(-(((x - 0.55) / 0.12) ** 2 + ((y - 0.62) / 0.14) ** 2))
    pixels += 0.04 * np.sin(60 * y) * ((x < 0.45) | (x > 0.55))
    grey = np.rint(255 * np.clip(pixels, 0, 1)).astype(np.uint8)
    grey[0, :4] = [number >> (8 * place) & 255 for place in range(4)]
    file = BytesIO()
    Image.fromarray(grey).save(file, "PNG", compress_level=1)
    return file.getvalue()


def client(base: str, secret: str, first: int, is_over: Any, tally: Tally) -> None:
    """Send films until it is over."""
    content = film(first)
    number = first
    while not is_over():
        number += 1
        # Any byte behind the last chunk makes another file of the same film.
        body = (
            b'--x\r\nContent-Disposition: form-data; name="film"; filename="a.png"\r\n\r\n'
            + content
            + number.to_bytes(4, "big")
            + b"\r\n--x--\r\n"
        )
        request = urllib.request.Request(  # noqa: S310
            f"{base}/api/v1/readings?wait=120",
            body,
            {"Content-Type": "multipart/form-data; boundary=x", "X-Lucidray-Session": secret},
        )
        started = time.perf_counter()
        try:
            with urllib.request.urlopen(request, timeout=180) as answer:  # noqa: S310
                told = json.load(answer)
                status, outcome = answer.status, told["readings"][0]["status"]
        except urllib.error.HTTPError as error:
            status, outcome = error.code, ""
            # A synthetic chest may be refused by the gate: it was read all the same.
            if error.code == 422:
                status, outcome = 201, json.load(error)["readings"][0]["status"]
        except OSError as error:
            status, outcome = 0, str(error)
        with tally.lock:
            if status == 201 and outcome == "done":
                tally.seconds.append(time.perf_counter() - started)
            elif status == 503:
                tally.sent_away += 1
            else:
                tally.errors.append(f"{status} {outcome}")
        if status == 503:
            time.sleep(0.5)


def resident_mb(base: str) -> float:
    """Return the memory of the service, as it tells it itself."""
    with urllib.request.urlopen(f"{base}/metrics", timeout=30) as answer:  # noqa: S310
        found = re.search(rb"^process_resident_memory_bytes (\S+)", answer.read(), re.MULTILINE)
    if found is None:
        raise SystemExit("the service does not tell its memory")
    return float(found[1]) / 1e6


def start(folder: Path, workers: int, queue: int) -> tuple["subprocess.Popen[bytes]", str, str]:
    """Start a service; returns it, its address and the session secret."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "lucidray", "serve", "--no-open", "--port", str(port), "--folder", str(folder)]
    command += ["--workers", str(workers), "--queue", str(queue)]
    log = (folder.parent / "service.log").open("wb")
    process = subprocess.Popen(command, stdout=log, stderr=log, env=os.environ | {"LUCIDRAY_HOST": "127.0.0.1"})
    base = f"http://127.0.0.1:{port}"
    until = time.monotonic() + 120
    while time.monotonic() < until and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{base}/api/v1/session", timeout=5) as answer:  # noqa: S310
                return process, base, json.load(answer)["secret"]
        except OSError:
            time.sleep(0.2)
    process.kill()
    raise SystemExit(f"the service did not start: {(folder.parent / 'service.log').read_text()}")


def run(options: argparse.Namespace) -> tuple[Tally, float]:
    """Put the load on; returns what came of it, and how many seconds it took."""
    tally = Tally()
    with tempfile.TemporaryDirectory(prefix="lucidray-load-") as place:
        process, base, secret = start(Path(place) / "store", options.workers, options.queue)
        try:
            started = time.monotonic()

            def is_over() -> bool:
                if options.readings:
                    return len(tally.seconds) + len(tally.errors) >= options.readings
                return time.monotonic() - started >= options.seconds

            clients = [
                threading.Thread(target=client, args=(base, secret, 1_000_000 * one, is_over, tally))
                for one in range(options.clients)
            ]
            for one in clients:
                one.start()
            while any(one.is_alive() for one in clients):
                time.sleep(0.5)
                tally.memory_mb.append((len(tally.seconds), resident_mb(base)))
            took = time.monotonic() - started
        finally:
            process.terminate()
            process.wait(30)
    return tally, took


def report(tally: Tally, took: float) -> int:
    """Print the figures; returns the exit code."""
    count = len(tally.seconds)
    print(f"{count} readings in {took:.1f} s ({count / took:.1f} a second), {tally.sent_away} sent away with 503")
    if count > 1:
        cuts = statistics.quantiles(tally.seconds, n=100, method="inclusive")
        print(f"p50 {1000 * cuts[49]:.0f} ms, p95 {1000 * cuts[94]:.0f} ms, longest {1000 * max(tally.seconds):.0f} ms")
    grown = None
    warm = [memory for done, memory in tally.memory_mb if done >= WARM_READINGS]
    if len(warm) >= 4:
        quarter = len(warm) // 4
        early, late = statistics.median(warm[: quarter or 1]), statistics.median(warm[-quarter or -1 :])
        grown = late / early - 1
        print(f"memory after {WARM_READINGS} readings {early:.0f} MB, in the end {late:.0f} MB ({100 * grown:+.1f} %)")
    for text in sorted(set(tally.errors)):
        print(f"error: {tally.errors.count(text)} times {text}", file=sys.stderr)
    if grown is not None and grown > MOST_GROWTH:
        print(f"error: memory grew by more than {100 * MOST_GROWTH:.0f} %", file=sys.stderr)
        return 1
    return 1 if tally.errors or not count else 0


def main() -> int:
    """Run it."""
    parser = argparse.ArgumentParser(description="Load on a service of its own, on loopback.")
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--readings", type=int, default=0, help="until so many are done, whatever time it takes")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--queue", type=int, default=32)
    return report(*run(parser.parse_args()))


if __name__ == "__main__":
    sys.exit(main())
