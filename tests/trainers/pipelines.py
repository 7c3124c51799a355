"""A server on this machine that is asked in a strict order, and answers as the real one does."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Pipelines:
    """`expected` holds (method, path, body, status, answer) in turn; None for no body.

    `headers` is what each request must have. What does not fit is a fault, answered by 400.
    """

    def __init__(self):
        self.expected, self.faults, self.headers, self.asked = [], [], {}, []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self):
                length = int(self.headers.get("Content-Length") or 0)
                body = self.rfile.read(length)
                server.asked.append((self.command, self.path, dict(self.headers.items()), body))
                status, answer, extra = server.judged(self.command, self.path, self.headers, body)
                data = b"" if answer is None else json.dumps(answer).encode()
                self.send_response(status)
                for name, text in extra.items():
                    self.send_header(name, text)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()

    def expect(self, method, path, told, status=200, answer=None, **extra):
        self.expected.append((method, path, told, status, answer, extra))

    def judged(self, method, path, headers, body):
        if not self.expected:
            self.faults.append(f"nothing more was expected: {method} {path}")
            return 400, {"message": "unexpected"}, {}
        wanted = self.expected.pop(0)
        told = json.loads(body) if body else None
        if (method, path, told) != wanted[:3]:
            self.faults.append(f"got {method} {path} {told}, expected {wanted[:3]}")
            return 400, {"message": "wrong"}, {}
        if told is not None and headers["Content-Type"] != "application/json":
            self.faults.append("no Content-Type")
        for name, text in self.headers.items():
            if headers[name] != text:
                self.faults.append(f"{name} is {headers[name]!r}, not {text!r}")
        return wanted[3:]

    def done(self):
        assert self.faults == []
        assert self.expected == []

    def close(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()
