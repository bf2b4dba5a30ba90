#!/bin/sh
# Starts Postfix and Dovecot on free loopback ports below a folder. Root is needed for Postfix's master only; Dovecot
# runs as the test user. Writes `settings` (ports and files, one NAME=VALUE a line) and `stop` (a script).
#
#   submission  STARTTLS and a login are required
#   smtps       TLS from the first byte
#   imap        where the mail can be fetched again; any user, password `secret`
set -eu
dir=$1
user=$2
mkdir -p "$dir"
chmod 755 "$dir"
cd "$dir"

free_ports() {
    python3 -c 'import socket
held = [socket.socket() for _ in range(5)]
for s in held: s.bind(("127.0.0.1", 0))
print(*[s.getsockname()[1] for s in held])'
}
read -r submission smtps imap lmtp auth <<PORTS
$(free_ports)
PORTS

# --- a certificate authority of our own -------------------------------------------------------------------------------
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "/CN=Legwork tests" -keyout ca.key -out ca.pem 2>/dev/null
openssl req -newkey rsa:2048 -nodes -subj "/CN=localhost" -keyout server.key -out server.csr 2>/dev/null
printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\n' >server.ext
openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile server.ext -out server.pem 2>/dev/null
chmod 644 ca.pem server.pem server.key

# --- Dovecot ------------------------------------------------------------------------------------------------------------
mkdir -p dovecot/run dovecot/state dovecot/mail
cat >dovecot/dovecot.conf <<CONF
base_dir = $dir/dovecot/run
state_dir = $dir/dovecot/state
log_path = $dir/dovecot/log
protocols = imap lmtp
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
auth_username_format = %Ln
default_internal_user = $user
default_internal_group = $user
default_login_user = $user
mail_location = maildir:$dir/dovecot/mail/%n
passdb {
  driver = static
  args = password=secret
}
userdb {
  driver = static
  args = uid=$(id -u "$user") gid=$(id -g "$user") home=$dir/dovecot/mail/%n allow_all_users=yes
}
service anvil {
  chroot =
}
service stats {
  chroot =
}
service imap-login {
  chroot =
  inet_listener imap {
    port = $imap
  }
  inet_listener imaps {
    port = 0
  }
}
service lmtp {
  inet_listener lmtp {
    address = 127.0.0.1
    port = $lmtp
  }
}
service auth {
  inet_listener {
    address = 127.0.0.1
    port = $auth
  }
}
CONF
chown -R "$user" dovecot
if [ "$(id -un)" = "$user" ]; then dovecot -c "$dir/dovecot/dovecot.conf"; else
    setpriv --reuid "$user" --regid "$user" --clear-groups dovecot -c "$dir/dovecot/dovecot.conf"
fi

# --- Postfix ------------------------------------------------------------------------------------------------------------
mkdir -p postfix/etc postfix/queue postfix/data
chown postfix postfix/data
cat >postfix/etc/main.cf <<CONF
compatibility_level = 3.6
queue_directory = $dir/postfix/queue
data_directory = $dir/postfix/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
maillog_file = $dir/postfix/log
maillog_file_prefixes = $dir
myhostname = localhost
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks =
virtual_mailbox_domains = centre.example
virtual_transport = lmtp:inet:127.0.0.1:$lmtp
default_transport = error:no mail leaves the tests
message_size_limit = 10485760
smtpd_tls_cert_file = $dir/server.pem
smtpd_tls_key_file = $dir/server.key
smtpd_sasl_type = dovecot
smtpd_sasl_path = inet:127.0.0.1:$auth
smtpd_sasl_security_options = noanonymous
smtpd_recipient_restrictions = check_recipient_access inline:{{nobody@centre.example=550 5.1.1 no such user}}, permit_sasl_authenticated, reject
smtpd_relay_restrictions = permit_sasl_authenticated, reject
CONF
cat >postfix/etc/master.cf <<CONF
127.0.0.1:$submission inet n - n - - smtpd
  -o smtpd_tls_security_level=encrypt
  -o smtpd_sasl_auth_enable=yes
127.0.0.1:$smtps inet n - n - - smtpd
  -o smtpd_tls_wrappermode=yes
  -o smtpd_sasl_auth_enable=yes
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
local unix - n n - - local
virtual unix - n n - - virtual
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
CONF
cat >stop <<STOP
postfix -c $dir/postfix/etc stop
kill \$(cat $dir/dovecot/run/master.pid)
STOP
postfix -c "$dir/postfix/etc" start >postfix/start.log 2>&1 || { cat postfix/start.log postfix/log >&2; exit 1; }

cat >settings <<SETTINGS
SUBMISSION=$submission
SMTPS=$smtps
IMAP=$imap
CA=$dir/ca.pem
CERTIFICATE=$dir/server.pem
KEY=$dir/server.key
SETTINGS
