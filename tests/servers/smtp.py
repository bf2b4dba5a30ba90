"""A mail server that fails as it is told. Prints its port, then serves until it is killed.

smtp.py MODE FOLDER [SETTINGS-FOLDER]

MODE            plain     takes everything, offers no TLS
                starttls  takes everything, requires STARTTLS with the certificate of SETTINGS-FOLDER
                selfsigned  the same with a certificate that nobody signed
                hang      answers 354 and then reads for ever
                cut       closes the connection when the body has arrived, before it answers
                small     says SIZE 20000
                oauth     requires a login by XOAUTH2 with the token `good-token`
Addresses decide more: 550@… is refused, 451@… is deferred, 451once@… is deferred the first time.
Mails are written as FOLDER/N-ADDRESS.eml with the bytes that came.
"""

import asyncio
import base64
import itertools
import os
import ssl
import subprocess
import sys

from aiosmtpd.smtp import SMTP, AuthResult

mode, folder = sys.argv[1], sys.argv[2]
counter = itertools.count(1)
deferred = set()


class Handler:
    async def auth_XOAUTH2(self, server, args):
        words = base64.b64decode(args[1]) if len(args) > 1 else await server.challenge_auth("")
        return AuthResult(success=words == b"user=u@x.example\1auth=Bearer good-token\1\1", handled=False)

    async def handle_RCPT(self, server, session, envelope, address, options):
        local = address.split("@")[0]
        if local == "550":
            return "550 5.1.1 no such user here"
        if local == "451":
            return "451 4.7.1 try again later"
        if local == "451once" and address not in deferred:
            deferred.add(address)
            return "451 4.7.1 greylisted"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        if mode == "hang":
            await asyncio.Event().wait()
        if mode == "cut":
            server.transport.abort()
            return "451 never heard"
        for address in envelope.rcpt_tos:
            path = os.path.join(folder, f"{next(counter):04}-{address}")
            with open(path + ".part", "wb") as out:
                out.write(envelope.original_content)
            os.rename(path + ".part", path + ".eml")
        return "250 2.0.0 queued"


def tls():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if mode == "selfsigned":
        key, certificate = os.path.join(folder, "key"), os.path.join(folder, "certificate")
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
             "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate],
            check=True, stderr=subprocess.DEVNULL)
    else:
        key, certificate = (os.path.join(sys.argv[3], name) for name in ("server.key", "server.pem"))
    context.load_cert_chain(certificate, key)
    return context


async def main():
    options = {"enable_SMTPUTF8": True, "hostname": "localhost"}
    if mode in ("starttls", "selfsigned"):
        options |= {"tls_context": tls(), "require_starttls": True}
    if mode == "oauth":
        options |= {"auth_required": True, "auth_require_tls": False}
    if mode == "small":
        options |= {"data_size_limit": 20000}
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(Handler(), loop=loop, **options), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main())
