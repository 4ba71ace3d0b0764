#!/bin/sh
# Answers each request with who it is: host name, address, and the request as it came in.
#   WHOAMI_NAME         a line `Name: …` before the others (unset: no such line)
#   WHOAMI_PORT_NUMBER  the port it listens on (unset: 80)
# Only shell builtins before `exec`: a replica should be up in a few milliseconds.
set -e

port=${WHOAMI_PORT_NUMBER:-80}
case "$port" in
    *[!0-9]* | 0* | '')
        echo "whoami: WHOAMI_PORT_NUMBER must be a port number, not '$port'" >&2
        exit 64 ;;
esac
case "${WHOAMI_NAME-}" in
    *[!A-Za-z0-9._\ -]*)
        echo "whoami: WHOAMI_NAME may hold letters, digits, dots, dashes and spaces" >&2
        exit 64 ;;
esac

# A sandbox with a single user id may not change groups, which nginx does for each worker: one process then.
read -r groups < /proc/self/setgroups || groups=allow
[ "$groups" = deny ] && echo 'master_process off;' > /etc/nginx/process.conf || : > /etc/nginx/process.conf

page="${WHOAMI_NAME:+Name: $WHOAMI_NAME
}Hostname: \$hostname
IP: \$server_addr
RemoteAddr: \$remote_addr:\$remote_port
\$request_method \$request_uri \$server_protocol
Host: \$http_host
User-Agent: \$http_user_agent
"

echo "default_type text/plain;
server {
    listen $port default_server;
    location / { return 200 '$page'; }
}" > /etc/nginx/conf.d/default.conf

exec nginx -g 'daemon off;'
