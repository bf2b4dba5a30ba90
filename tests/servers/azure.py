"""Asks Azurite for what a test wants to know, signed with the key of its account.

azure.py PORT COMMAND CONTAINER [BLOB]

COMMAND         create  makes the container; one that is there already will do
                get     prints the bytes of the blob; exit code 4 when there is none
                list    prints the names of all blobs, one a line
"""

import base64
import email.utils
import hashlib
import hmac
import http.client
import sys
import urllib.parse
import xml.etree.ElementTree

ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


def ask(port, method, path, query):
    """One request by Shared Key; its answer as status and body."""
    headers = {"x-ms-date": email.utils.formatdate(usegmt=True), "x-ms-version": "2021-12-02"}
    named = "".join(f"{name}:{value}\n" for name, value in sorted(headers.items()))
    # In the path form of the URL the account stands twice in what is signed.
    resource = f"/{ACCOUNT}/{ACCOUNT}{path}"
    resource += "".join(f"\n{name}:{value}" for name, value in sorted(query.items()))
    signed = method + "\n" * 12 + named + resource
    digest = hmac.new(base64.b64decode(KEY), signed.encode(), hashlib.sha256).digest()
    headers["Authorization"] = f"SharedKey {ACCOUNT}:{base64.b64encode(digest).decode()}"
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    target = f"/{ACCOUNT}{path}" + ("?" + urllib.parse.urlencode(query) if query else "")
    connection.request(method, target, headers=headers)
    answer = connection.getresponse()
    return answer.status, answer.read()


def main():
    port, command, container = int(sys.argv[1]), sys.argv[2], sys.argv[3]
    if command == "create":
        status, body = ask(port, "PUT", f"/{container}", {"restype": "container"})
        assert status in (201, 409), (status, body)
    elif command == "get":
        status, body = ask(port, "GET", f"/{container}/{urllib.parse.quote(sys.argv[4])}", {})
        if status == 404:
            sys.exit(4)
        assert status == 200, (status, body)
        sys.stdout.buffer.write(body)
    elif command == "list":
        marker = ""
        while True:
            query = {"restype": "container", "comp": "list", **({"marker": marker} if marker else {})}
            status, body = ask(port, "GET", f"/{container}", query)
            assert status == 200, (status, body)
            found = xml.etree.ElementTree.fromstring(body)
            for blob in found.iter("Blob"):
                print(blob.findtext("Name"))
            marker = found.findtext("NextMarker") or ""
            if not marker:
                break
    else:
        sys.exit(f"there is no command {command}")


main()
