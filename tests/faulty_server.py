"""A web server with a made-up data set in PTB-XL's layout, that can fail in all the ways web servers do."""

import hashlib
import random
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from imle.ptbxl.download import DownloadError, download

TABLES = {"ptbxl_database.csv", "scp_statements.csv", "LICENSE.txt", "RECORDS"}
BIG = "records100/00000/00003_lr.dat"


def made_up_tree() -> dict[str, bytes]:
    """path -> content of a data set with 6 records at both rates; one file is large enough to be cut in the middle."""
    rng = random.Random(0)
    tree = {name: rng.randbytes(2000) for name in TABLES}
    tree["ptbxl_v103_changelog.txt"] = b"not asked for"
    for number in range(1, 7):
        for folder, end in (("records100", "lr"), ("records500", "hr")):
            stem = f"{folder}/00000/{number:05d}_{end}"
            tree[f"{stem}.hea"] = rng.randbytes(700)
            tree[f"{stem}.dat"] = rng.randbytes(24_000)
    tree[BIG] = rng.randbytes(600_000)
    tree["SHA256SUMS.txt"] = "".join(
        f"{hashlib.sha256(content).hexdigest()} {path}\n" for path, content in sorted(tree.items())
    ).encode()
    return tree


class Server:
    """Serves `tree`; `fault(path, nth)` may say what the nth request for a path gets instead of the file."""

    def __init__(self, tree: dict[str, bytes]):
        self.tree, self.fault, self.ranges, self.accepts_ranges = tree, lambda path, nth: None, [], True
        self.asked, self.connections, self.at_once, self.most_at_once = Counter(), 0, 0, 0
        self.lock = threading.Lock()
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"  # connections stay open

            def setup(self):
                owner.connections += 1
                super().setup()

            def do_GET(self):
                with owner.lock:
                    owner.at_once += 1
                    owner.most_at_once = max(owner.most_at_once, owner.at_once)
                try:
                    owner.answer(self)
                except ConnectionError:
                    pass  # the client was killed or stopped
                finally:
                    with owner.lock:
                        owner.at_once -= 1

            def log_message(self, *_):
                pass

        self.httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.httpd.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.httpd.server_port}/files/ptb-xl/1.0.3/"
        threading.Thread(target=self.httpd.serve_forever, args=(0.01,), daemon=True).start()

    def close(self):
        self.httpd.shutdown()
        self.httpd.server_close()

    def answer(self, handler) -> None:
        path = handler.path.removeprefix("/files/ptb-xl/1.0.3/")
        with self.lock:
            self.asked[path] += 1
            nth = self.asked[path]
        asked_range = handler.headers.get("Range")
        if asked_range:
            self.ranges.append((path, asked_range))
        fault = self.fault(path, nth)
        content = self.tree.get(path)
        if isinstance(fault, int) or content is None:
            self.send(handler, fault or 404, b"an error page")
        elif fault == "hang up":
            handler.close_connection = True
            handler.connection.close()
        elif fault == "corrupt":
            self.send(handler, 200, bytes([content[0] ^ 1]) + content[1:])
        else:
            start = int(asked_range[6:-1]) if asked_range and self.accepts_ranges else 0
            status = 416 if start >= len(content) else 206 if start else 200
            self.send(handler, status, content, start, cut=0.5 if fault == "truncate" else 1)

    def send(self, handler, status: int, content: bytes, start: int = 0, cut: float = 1) -> None:
        handler.send_response(status)
        body = content[start:]
        handler.send_header("Content-Length", str(len(body)))
        if status == 206:
            handler.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        handler.end_headers()
        handler.wfile.write(body[: int(len(body) * cut)])
        if cut < 1:
            handler.close_connection = True


def files_in(dest: Path) -> dict[str, bytes]:
    return {
        path.relative_to(dest).as_posix(): path.read_bytes()
        for path in dest.rglob("*")
        if path.is_file() and ".imle" not in path.parts
    }


def wanted(server, *folders: str) -> dict[str, bytes]:
    return {
        path: content
        for path, content in server.tree.items()
        if path in TABLES | {"SHA256SUMS.txt"} or path.startswith(folders)
    }


def refusal(*args, **kwargs) -> str:
    with pytest.raises(DownloadError) as caught:
        download(*args, **kwargs)
    assert "\n" not in str(caught.value)
    return str(caught.value)
