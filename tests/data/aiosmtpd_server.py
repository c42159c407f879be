"""aiosmtpd as the mail server of the tests.

Arguments: `plain`, `starttls` or `implicit`; `user:password` or nothing; an address to refuse; the folder with public.crt and
private.key; the file that gets one JSON line for each mail. Prints its port, and ends with its standard input.
"""

import asyncio
import json
import ssl
import sys
from pathlib import Path

from aiosmtpd.smtp import SMTP, AuthResult


class Inbox:
    def __init__(self, unknown, mails):
        self.unknown, self.mails = unknown, mails

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address == self.unknown:
            return "550 mailbox unavailable"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        user = session.auth_data.decode() if session.auth_data else None
        mail = {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "data": envelope.content.decode(),
            "user": user,
            "is_encrypted": server.transport.get_extra_info("ssl_object") is not None,
        }
        with self.mails.open("a") as file:
            file.write(json.dumps(mail) + "\n")
        return "250 OK"


async def main():
    security, login, unknown, certs, mails = sys.argv[1:]
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(Path(certs, "public.crt"), Path(certs, "private.key"))

    def authenticate(server, session, envelope, mechanism, data):
        given = f"{data.login.decode()}:{data.password.decode()}"
        return AuthResult(success=given == login, handled=False, auth_data=data.login)

    def make():
        return SMTP(
            Inbox(unknown, Path(mails)),
            tls_context=context if security == "starttls" else None,
            require_starttls=security == "starttls",
            authenticator=authenticate if login else None,
            auth_required=bool(login),
            auth_require_tls=security == "starttls",
        )

    loop = asyncio.get_running_loop()
    tls = context if security == "implicit" else None
    server = await loop.create_server(make, "127.0.0.1", 0, ssl=tls)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


asyncio.run(main())
