"""gcp-storage-emulator with the XML half that clients of buckets speak: gcs.py PORT BUCKET.

The emulator keeps the objects, in memory, and answers the JSON API. Of the XML API it knows a bare GET and
PUT; here are ETag and generation, HEAD, DELETE, x-goog-if-generation-match, and uploads in parts. A body that
is cut short is thrown away. Nobody has to log in.
"""

import base64
import email.utils
import hashlib
import itertools
import re
import sys
import threading
import xml.etree.ElementTree
from functools import partial
from http.server import ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

from gcp_storage_emulator.exceptions import NotFound
from gcp_storage_emulator.handlers import buckets, objects
from gcp_storage_emulator.server import RequestHandler
from gcp_storage_emulator.storage import Storage

port, bucket = int(sys.argv[1]), sys.argv[2]
lock = threading.RLock()
numbers = itertools.count(1)
uploads = {}  # by id: key, headers of the object, parts by number


class Handler(RequestHandler):
    def serve(self, other):
        """Answers a request for an object of the bucket; any other is the emulator's."""
        url = urlsplit(self.path)
        self.query = {name: value[0] for name, value in parse_qs(url.query, keep_blank_values=True).items()}
        if unquote(url.path) == f"/{bucket}" and "uploads" in self.query:
            return self.answer(200, "".join(f"<Upload>{name}</Upload>" for name in uploads))
        if not url.path.startswith(f"/{bucket}/"):
            with lock:
                return other()
        self.key = unquote(url.path[len(bucket) + 2 :])
        size = int(self.headers.get("Content-Length") or 0)
        self.body = self.rfile.read(size)
        if len(self.body) < size:
            self.close_connection = True
            return None
        with lock:
            return getattr(self, "xml_" + self.command.lower())()

    def do_GET(self):
        self.serve(super().do_GET)

    def do_HEAD(self):
        self.serve(lambda: self.answer(404))

    def do_PUT(self):
        self.serve(super().do_PUT)

    def do_POST(self):
        self.serve(super().do_POST)

    def do_DELETE(self):
        self.serve(super().do_DELETE)

    def answer(self, status, body="", headers=None):
        body = body.encode() if isinstance(body, str) else body
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def error(self, status, code):
        self.answer(status, f"<Error><Code>{code}</Code></Error>")

    def known(self):
        """What the emulator knows of the object."""
        try:
            return self.storage.get_file_obj(bucket, self.key)
        except NotFound:
            return None

    def store(self, content, headers):
        """Makes an object; says its ETag and generation."""
        prefix = "x-goog-meta-"
        labels = {name[len(prefix) :]: value for name, value in headers.items() if name.startswith(prefix)}
        media = headers.get("content-type", "application/octet-stream")
        made = objects._make_object_resource("", bucket, self.key, media, str(len(content)))
        made = objects._checksums(content, {**made, "metadata": labels})
        made["etag"] = hashlib.md5(content).hexdigest()
        self.storage.create_file(bucket, self.key, content, made)
        return {"ETag": f'"{made["etag"]}"', "x-goog-generation": made["generation"]}

    def own_headers(self):
        return {name.lower(): value for name, value in self.headers.items()}

    def xml_get(self):
        known = self.known()
        if known is None:
            return self.error(404, "NoSuchKey")
        content = self.storage.get_file(bucket, self.key)
        headers = {
            "Content-Type": known["contentType"],
            "ETag": f'"{known["etag"]}"',
            "x-goog-generation": known["generation"],
            "x-goog-hash": f"crc32c={known['crc32c']},md5={known['md5Hash']}",
            "Last-Modified": email.utils.formatdate(int(known["generation"]) / 1e9, usegmt=True),
            **{f"x-goog-meta-{name}": value for name, value in (known.get("metadata") or {}).items()},
        }
        span = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "")
        if span is None:
            return self.answer(200, content, headers)
        first, last = int(span[1]), min(int(span[2] or len(content) - 1), len(content) - 1)
        headers["Content-Range"] = f"bytes {first}-{last}/{len(content)}"
        return self.answer(206, content[first : last + 1], headers)

    xml_head = xml_get

    def xml_put(self):
        if "uploadId" in self.query:
            upload = uploads.get(self.query["uploadId"])
            if upload is None:
                return self.error(404, "NoSuchUpload")
            tag = f'"{hashlib.md5(self.body).hexdigest()}"'
            upload["parts"][int(self.query["partNumber"])] = tag, self.body
            return self.answer(200, headers={"ETag": tag})
        wanted, known = self.headers.get("x-goog-if-generation-match"), self.known()
        if wanted is not None and wanted != (known["generation"] if known else "0"):
            return self.error(412, "PreconditionFailed")
        digest = self.headers.get("Content-MD5")
        if digest and digest != base64.b64encode(hashlib.md5(self.body).digest()).decode():
            return self.error(400, "BadDigest")
        return self.answer(200, headers=self.store(self.body, self.own_headers()))

    def xml_post(self):
        if "uploads" in self.query:
            name = f"upload-{next(numbers)}"
            uploads[name] = {"key": self.key, "headers": self.own_headers(), "parts": {}}
            inner = f"<Bucket>{bucket}</Bucket><Key>{escape(self.key)}</Key><UploadId>{name}</UploadId>"
            return self.answer(200, f"<InitiateMultipartUploadResult>{inner}</InitiateMultipartUploadResult>")
        upload = uploads.get(self.query.get("uploadId"))
        if upload is None or upload["key"] != self.key:
            return self.error(404, "NoSuchUpload")
        content = b""
        for part in xml.etree.ElementTree.fromstring(self.body).iter("Part"):
            tag, piece = upload["parts"].get(int(part.findtext("PartNumber")), (None, b""))
            if tag is None or tag.strip('"') != part.findtext("ETag").strip('"'):
                return self.error(400, "InvalidPart")
            content += piece
        made = self.store(content, upload["headers"])
        del uploads[self.query["uploadId"]]
        inner = f"<Bucket>{bucket}</Bucket><Key>{escape(self.key)}</Key><ETag>{escape(made['ETag'])}</ETag>"
        body = f"<CompleteMultipartUploadResult>{inner}</CompleteMultipartUploadResult>"
        return self.answer(200, body, {"x-goog-generation": made["x-goog-generation"]})

    def xml_delete(self):
        if "uploadId" in self.query:
            return self.answer(204 if uploads.pop(self.query["uploadId"], None) else 404)
        if self.known() is None:
            return self.error(404, "NoSuchKey")
        self.storage.delete_file(bucket, self.key)
        return self.answer(204)


storage = Storage(use_memory_fs=True)
buckets.create_bucket(bucket, storage)
ThreadingHTTPServer(("127.0.0.1", port), partial(Handler, storage)).serve_forever()
