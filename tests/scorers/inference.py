"""A server of the Open Inference Protocol on this machine that is strict about what it is asked."""

import json
import math
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

KINDS = {"FP64": float, "BYTES": str, "BOOL": bool}


class Inference:
    """Answers with `answer(inputs)`, a map of outputs; or with the next of `replies`."""

    def __init__(self, answer):
        self.answer, self.replies, self.asked, self.faults = answer, [], [], []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                server.asked.append((self.path, dict(self.headers.items()), body))
                if server.replies:
                    status, told = server.replies.pop(0)
                else:
                    status, told = server.told(self.path, self.headers, body)
                data = told if isinstance(told, bytes) else json.dumps(told).encode()
                if status is None:
                    return  # the connection ends without a word
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()

    def told(self, path, headers, body):
        try:
            parts = path.split("/")
            assert parts[1:3] == ["v2", "models"], path
            assert parts[-1] == "infer", path
            assert len(parts) == 5 or (len(parts) == 7 and parts[4] == "versions"), path
            assert headers["Content-Type"] == "application/json"
            asked = json.loads(body, parse_constant=_no_json)
            assert set(asked) == {"inputs"}
            inputs = {each["name"]: _tensor(each) for each in asked["inputs"]}
            assert len(inputs) == len(asked["inputs"])
        except AssertionError as error:
            self.faults.append(str(error) or repr(error))
            return 400, {"error": str(error)}
        outputs = [
            {"name": name, "shape": shape, "datatype": kind, "data": data}
            for name, (shape, kind, data) in self.answer(inputs).items()
        ]
        return 200, {"model_name": unquote(parts[3]), "outputs": outputs}

    def close(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


def _no_json(word):
    raise AssertionError(f"{word} is no JSON")


def _tensor(told):
    assert set(told) == {"name", "shape", "datatype", "data"}
    kind = KINDS[told["datatype"]]
    assert math.prod(told["shape"]) == len(told["data"])
    for value in told["data"]:
        assert type(value) is kind or (kind is float and type(value) is int), value
    return told["shape"], told["datatype"], told["data"]
