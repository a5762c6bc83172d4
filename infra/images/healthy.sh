#!/bin/bash
# healthy PORT [PATH]: whether a GET there is answered with 200. In Bash alone: a Python for each check would cost more
# than the service that it asks.
set -euo pipefail
exec 3<>"/dev/tcp/127.0.0.1/$1"
printf 'GET %s HTTP/1.0\r\nHost: localhost\r\n\r\n' "${2:-/healthz}" >&3
read -r -t 3 _ status _ <&3
[ "$status" = 200 ]
