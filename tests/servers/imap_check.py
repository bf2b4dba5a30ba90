"""Fetches a user's newest mail over IMAP and compares it with a file: imap_check.py PORT USER FILE."""

import email
import email.policy
import hashlib
import imaplib
import sys
import time

port, user, path = int(sys.argv[1]), sys.argv[2], sys.argv[3]
expected = open(path, "rb").read()
deadline = time.monotonic() + 30
while True:
    box = imaplib.IMAP4("127.0.0.1", port)
    box.login(user, "secret")
    box.select()
    numbers = box.search(None, "ALL")[1][0].split()
    if numbers:
        break
    box.logout()
    assert time.monotonic() < deadline, f"no mail for {user}"
    time.sleep(0.1)
assert len(numbers) == 1, f"{len(numbers)} mails for {user}"
raw = box.fetch(numbers[0], "(RFC822)")[1][0][1]
mail = email.message_from_bytes(raw, policy=email.policy.strict)
attached = [part for part in mail.walk() if part.get_content_disposition() == "attachment"]
assert len(attached) == 1
assert attached[0].get_payload(decode=True) == expected, "the attachment is not the file"
text = mail.get_body(("plain",)).get_content()
html = mail.get_body(("html",)).get_content()
digest = hashlib.sha256(expected).hexdigest()
for part in (text, html):
    assert digest in part, "the digest is not in the body"
    assert "2026-06-10 00:00:00 +00:00" in part, "the period is not in the body"
assert mail["Subject"] == "Täglich 2026-06-10", mail["Subject"]
assert "Zoë" in str(mail["To"]) and "bcc" not in (str(mail["To"]) + str(mail["Cc"])), mail["To"]
assert mail["Auto-Submitted"] == "auto-generated" and mail["Message-ID"].endswith("@centre.example>")
