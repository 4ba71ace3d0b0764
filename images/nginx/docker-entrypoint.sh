#!/bin/sh
# Starts the offline stand-in for nginx: writes its configuration from the environment, then runs it.
#   NGINX_VERSION  what the Server header claims (set by the image's tag; unset: the real version)
#   BROKEN         a version that is no good: `crash` ends at once, `late` after 3 s, `page` runs and answers 500
#   RATE           requests per second this replica answers; what is beyond it gets 503 (unset: no limit)
# Only shell builtins before `exec`: a replica should be up in a few milliseconds.
set -e

[ "$1" = nginx ] || exec "$@"

case "${RATE-}" in
    '') limit_zone='' limit='' ;;
    *[!0-9]* | 0*)
        echo "docker-entrypoint: RATE must be a whole number of requests per second above 0, not '$RATE'" >&2
        exit 64 ;;
    *)
        burst=$((RATE / 10))
        limit_zone="limit_req_zone one zone=replica:32k rate=${RATE}r/s; limit_req_status 503;"
        limit="limit_req zone=replica$([ "$burst" -gt 0 ] && echo " burst=$burst nodelay");"
        ;;
esac

case "${BROKEN-}" in
    '' | page) ;;
    crash)
        echo "nginx: [emerg] unknown directive \"htpp\" in /etc/nginx/nginx.conf:1" >&2
        exit 1 ;;
    late)
        echo "nginx: [alert] this version ends by itself after 3 s" >&2
        sleep 3
        exit 1 ;;
    *)
        echo "docker-entrypoint: BROKEN is crash, late or page, not '$BROKEN'" >&2
        exit 64 ;;
esac

# A sandbox with a single user id may not change groups, which nginx does for each worker: one process then.
read -r groups < /proc/self/setgroups || groups=allow
[ "$groups" = deny ] && echo 'master_process off;' > /etc/nginx/process.conf || : > /etc/nginx/process.conf

# `return` is decided before limit_req is asked, so the page is a named location behind try_files, which comes after.
status=200
[ "${BROKEN-}" = page ] && status=500
page="Welcome to nginx!
hostname: \$hostname
version: nginx/${NGINX_VERSION:-\$nginx_version}
address: \$server_addr:\$server_port
client: \$remote_addr
uri: \$request_uri
request_id: \$request_id
nonce: \$arg_nonce
"

echo "${NGINX_VERSION:+more_set_headers 'Server: nginx/$NGINX_VERSION';}
default_type text/plain;
$limit_zone
server {
    listen 80 default_server;
    location / { $limit try_files /no-such-file @page; }
    location @page { return $status '$page'; }
}" > /etc/nginx/conf.d/default.conf

exec "$@"
