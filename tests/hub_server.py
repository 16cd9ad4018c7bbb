"""A server on loopback that answers as the Hub does: create, upload, tag, describe, resolve, at any revision."""

import base64
import hashlib
import json
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import unquote, urlsplit

from processes import HUB_HOME, WarmPython


# The port of all servers of a run, which libraries are told when they are imported. Nothing answers in between.
_held = socket.socket()
_held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
_held.bind(("127.0.0.1", 0))
PORT = _held.getsockname()[1]
ENDPOINT = f"http://127.0.0.1:{PORT}"
# Python for which the server is the Hub.
online = WarmPython(
    HF_HUB_OFFLINE="0",
    HF_ENDPOINT=ENDPOINT,
    HF_HOME=HUB_HOME,
    HF_HUB_DISABLE_TELEMETRY="1",
    HF_TOKEN="",
    NO_PROXY="127.0.0.1",
    no_proxy="127.0.0.1",
)


class Repository:
    """Commits, and what they are called: files by name, of every commit."""

    def __init__(self):
        self.commits: dict[str, dict[str, bytes]] = {}
        self.names: dict[str, str] = {}
        # A Space's variables.
        self.variables: dict[str, str] = {}
        self.commit({})

    def commit(self, files: dict[str, bytes]) -> str:
        before = self.commits[self.names["main"]] if self.names else {}
        sha = hashlib.sha1(f"{len(self.commits)} {sorted(files)}".encode()).hexdigest()
        self.commits[sha] = {**before, **files}
        self.names["main"] = sha
        return sha

    def sha(self, revision: str) -> str | None:
        sha = self.names.get(revision, revision)
        return sha if sha in self.commits else None


class HubHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_HEAD(self):
        self.read()

    def do_GET(self):
        self.read()

    def do_POST(self):
        body, parts = self.body(), self.parts()
        repositories = self.server.repositories
        if parts == ["api", "repos", "create"]:
            if "Authorization" not in self.headers:
                return self.answer({"error": "Invalid username or password."}, status=401)
            wanted = json.loads(body)
            name = wanted["name"] if not wanted.get("organization") else f"{wanted['organization']}/{wanted['name']}"
            key = (wanted.get("type", "model") + "s", name)
            if key in repositories:
                return self.answer({"error": "You already created this", "url": self.url(key)}, status=409)
            repositories[key] = Repository()
            return self.answer({"url": self.url(key), "name": name})
        if parts == ["api", "validate-yaml"]:
            return self.answer({"errors": [], "warnings": []})
        key, rest = (parts[1], "/".join(parts[2:4])), parts[4:]
        repository = repositories.get(key)
        if repository is None:
            return self.refuse("RepoNotFound")
        if rest[0] == "preupload":
            files = json.loads(body)["files"]
            modes = [{"path": file["path"], "uploadMode": "regular", "shouldIgnore": False} for file in files]
            return self.answer({"files": modes})
        if rest[0] == "commit":
            operations = [json.loads(line)["value"] for line in body.splitlines()[1:]]
            sha = repository.commit({one["path"]: base64.b64decode(one["content"]) for one in operations})
            url = f"{self.url(key)}/commit/{sha}"
            return self.answer({"commitUrl": url, "commitOid": sha, "pullRequestUrl": None})
        if rest[0] == "tag":
            repository.names[json.loads(body)["tag"]] = repository.sha(rest[1])
            return self.answer({})
        if rest[0] == "variables":
            wanted = json.loads(body)
            repository.variables[wanted["key"]] = wanted["value"]
            return self.answer({key: {"value": value} for key, value in repository.variables.items()})
        return self.refuse("EntryNotFound")

    def read(self) -> None:
        parts = self.parts()
        if parts[0] == "api":
            key, rest = (parts[1], "/".join(parts[2:4])), parts[4:]
            revision = rest[1] if rest else "main"
        else:
            of_type = parts[0] in ("spaces", "datasets")
            key = (parts[0] if of_type else "models", "/".join(parts[of_type : of_type + 2]))
            rest = parts[of_type + 2 :]
            revision = rest[1]
        repository = self.server.repositories.get(key)
        if repository is None:
            return self.refuse("RepoNotFound")
        sha = repository.sha(revision)
        if sha is None:
            return self.refuse("RevisionNotFound")
        files = repository.commits[sha]
        if parts[0] == "api" and rest[:1] == ["tree"]:
            tree = [
                {"type": "file", "path": name, "size": len(file), "oid": hashlib.sha1(file).hexdigest()}
                for name, file in files.items()
            ]
            return self.answer(tree)
        if parts[0] == "api":
            siblings = [{"rfilename": name} for name in sorted(files)]
            return self.answer({"id": key[1], "sha": sha, "private": False, "tags": [], "siblings": siblings})
        name = "/".join(rest[2:])
        if name not in files:
            return self.refuse("EntryNotFound")
        return self.send(files[name], "application/octet-stream", sha)

    def parts(self) -> list[str]:
        return unquote(urlsplit(self.path).path).strip("/").split("/")

    def url(self, key: tuple[str, str]) -> str:
        prefix = "" if key[0] == "models" else f"{key[0]}/"
        return f"http://127.0.0.1:{self.server.server_port}/{prefix}{key[1]}"

    def body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def answer(self, content: dict | list, status: int = 200) -> None:
        self.send(json.dumps(content).encode(), "application/json", "", status)

    def send(self, body: bytes, content_type: str, sha: str, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        if sha:
            self.send_header("ETag", f'"{hashlib.sha256(body).hexdigest()}"')
            self.send_header("X-Repo-Commit", sha)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def refuse(self, code: str) -> None:
        self.send_response(404)
        self.send_header("Content-Length", "0")
        self.send_header("X-Error-Code", code)
        self.send_header("X-Error-Message", f"{code}: {self.path}")
        self.end_headers()

    def log_message(self, *arguments) -> None:
        """Nothing on the screen."""


def forget() -> None:
    """Empties the cache of what was loaded from the Hub, weights and code."""
    for path in Path(HUB_HOME).iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()


@contextmanager
def running_hub() -> Iterator[ThreadingHTTPServer]:
    """An empty Hub, of which nothing is in the cache; its `repositories` are by kind ("models", "spaces") and name."""
    forget()
    server = ThreadingHTTPServer(("127.0.0.1", PORT), HubHandler)
    server.repositories = {}
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
