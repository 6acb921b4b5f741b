"""A web server on this machine, for downloads."""

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.headers.get("Range"))
        content = self.server.files.get(self.path)
        if content is None:
            self.send_error(404)
            return
        start = 0
        if (wanted := self.headers.get("Range")) and self.server.resumes:
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
            if start >= len(content):
                self.send_error(416)
                return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        end = self.server.cuts.pop() if self.server.cuts else len(content)
        self.wfile.write(content[start:end])

    def log_message(self, *arguments):
        pass


@contextmanager
def serving(files):
    """Serve `files` (content by path) at `address`.

    Its `cuts` are where answers are cut off, `asked` the ranges of the requests, `resumes` whether it heeds them.
    """
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.files, server.cuts, server.asked, server.resumes = dict(files), [], [], True
        server.address = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()
