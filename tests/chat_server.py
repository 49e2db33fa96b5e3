"""A small server that speaks OpenAI's chat protocol and Google's, as a process of its own: ``python chat_server.py``.

It prints its port, and answers as the model's name tells it to. What it was sent, it gives at ``/seen``.
"""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

REPORT = "The lungs are clear. The heart is not enlarged. There is no pneumothorax."
BOXES = '\n```json\n[{"box_2d": [250, 250, 500, 500], "label": "heart"}, {"box_2d": [9, 9, 1, 1], "label": "bad"}]\n```'
MODELS = ("medgemma", "other")
SEEN: list[dict] = []


def pieces(text: str) -> list[str]:
    size = 7 if len(text) < 10_000 else 5000
    return [text[start : start + size] for start in range(0, len(text), size)]


def text_of(model: str) -> str:
    return {
        "empty": "",
        "loop": "No effusion. " * 60,
        "french": "Les poumons sont clairs. Le cœur n'est pas élargi. Il n'y a pas d'épanchement.",
        "boxes": REPORT + BOXES,
        "cut": REPORT + " Pneumothorax is",
        "flood": "word " * 210_000,
    }.get(model, REPORT)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        if self.path == "/seen":
            self.reply(200, SEEN)
        elif self.path.endswith("/models"):
            self.reply(200, {"data": [{"id": name} for name in MODELS]})
        else:
            self.reply(404, {"error": "nothing here"})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        SEEN.append({"path": self.path, "headers": dict(self.headers), "body": body})
        if ":generateContent" in self.path or ":streamGenerateContent" in self.path:
            self.google()
        else:
            self.openai(body)

    def openai(self, body: dict) -> None:
        model = body["model"]
        faults = {
            "unknown": (404, {"error": {"message": "The model `unknown` does not exist"}}),
            "locked": (401, {"error": {"message": "no key"}}),
            "broken": (500, {"error": {"message": "CUDA\nout of memory"}}),
            "no-json": (200, b"<html>hello</html>"),
            "no-choice": (200, {"choices": []}),
            "no-message": (200, {"choices": [{"finish_reason": "stop"}]}),
            "odd": (200, ["a", "list"]),
            "deep": (200, b"[" * 200_000),
        }
        if model in faults:
            self.reply(*faults[model])
        elif model == "no-logprobs" and "logprobs" in body:
            self.reply(400, {"error": {"message": "Unrecognized argument: logprobs"}})
        elif model == "elsewhere":
            self.send_response(307)
            self.send_header("Location", "http://192.0.2.1/v1/chat/completions")
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif model == "refusal":
            self.reply(
                200, {"choices": [{"message": {"content": None, "refusal": "I cannot."}, "finish_reason": "stop"}]}
            )
        elif model == "slow":
            self.drip(b'{"choices": [' + b" " * 10_000)
        elif model == "stalled":
            time.sleep(60)
        elif model == "hangs-up":
            self.hang_up()
        elif model == "huge":
            self.reply(200, b" " * 9_000_000)
        elif body.get("stream"):
            self.stream_openai(model, logprobs="logprobs" in body)
        else:
            self.reply(200, self.whole(model, logprobs="logprobs" in body))

    @staticmethod
    def whole(model: str, *, logprobs: bool) -> dict:
        text = text_of(model)
        content: object = [{"type": "text", "text": text}] if model == "parts" else text
        finish = {"cut": "length", "filtered": "content_filter"}.get(model, "stop")
        choice: dict = {"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": finish}
        if logprobs and model != "silent":
            choice["logprobs"] = {"content": [{"token": piece, "logprob": -0.25} for piece in pieces(text)]}
        return {"id": "1", "object": "chat.completion", "choices": [choice]}

    def stream_openai(self, model: str, *, logprobs: bool) -> None:
        self.begin_events()
        written = pieces(text_of(model))
        for number, piece in enumerate(written):
            delta = {"content": piece} if number else {"role": "assistant", "content": piece}
            choice: dict = {"index": 0, "delta": delta, "finish_reason": None}
            if logprobs:
                choice["logprobs"] = {"content": [{"token": piece, "logprob": -0.25}]}
            self.event({"choices": [choice]})
            if model == "breaks-off" and number == 2:
                self.hang_up()
                return
            if model == "stops" and number == 2:
                self.end_chunks()
                return
            if model == "fails-late" and number == 2:
                self.event({"error": {"message": "out of memory"}})
                self.end_chunks()
                return
        finish = "length" if model == "cut" else "stop"
        self.event({"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
        self.event({"choices": [], "usage": {"total_tokens": 12}})
        self.chunk(b": a remark\n\ndata: [DONE]\n\n")
        self.end_chunks()

    def google(self) -> None:
        model = self.path.split("/models/")[1].split(":")[0]
        faults = {
            "unknown": (404, {"error": {"code": 404, "message": "models/unknown is not found"}}),
            "locked": (400, {"error": {"message": "API key not valid. Please pass a valid API key."}}),
            "blocked": (200, {"promptFeedback": {"blockReason": "SAFETY"}}),
            "nothing": (200, {"candidates": []}),
        }
        if model in faults:
            self.reply(*faults[model])
            return
        finish = {"cut": "MAX_TOKENS", "unsafe": "SAFETY"}.get(model, "STOP")
        if ":generateContent" in self.path:
            parts = [{"text": "hm", "thought": True}, {"text": text_of(model)}]
            candidate = {"content": {"role": "model", "parts": parts}, "finishReason": finish, "avgLogprobs": -0.25}
            self.reply(200, {"candidates": [candidate]})
            return
        self.begin_events()
        for piece in pieces(text_of(model)):
            self.event({"candidates": [{"content": {"parts": [{"text": piece}]}}]})
        if model != "breaks-off":
            self.event({"candidates": [{"finishReason": finish, "avgLogprobs": -0.25}]})
        self.end_chunks()

    def reply(self, status: int, body: object) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def begin_events(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def event(self, data: dict) -> None:
        # Cut in the middle, as a network does.
        line = f"data: {json.dumps(data, ensure_ascii=False)}\r\n\r\n".encode()
        self.chunk(line[:11])
        self.chunk(line[11:])

    def chunk(self, data: bytes) -> None:
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()

    def end_chunks(self) -> None:
        self.wfile.write(b"0\r\n\r\n")

    def drip(self, data: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        for byte in data:
            try:
                self.wfile.write(bytes([byte]))
                self.wfile.flush()
            except OSError:
                return
            time.sleep(0.05)

    def hang_up(self) -> None:
        self.close_connection = True
        self.connection.close()


@contextmanager
def running() -> Iterator[str]:
    """Run the server as a process, and give its address, without a path."""
    # Clients that hang up on purpose make it complain.
    with subprocess.Popen(
        [sys.executable, __file__], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            assert process.stdout is not None
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.kill()


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever()
