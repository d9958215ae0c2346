#!/bin/sh
# The AWS emulator that the end-to-end test deploys infra/template.yaml to. It builds nothing and deploys nothing.
#
#   infra/emulator.sh start PORT STATE   prints `ready http://127.0.0.1:PORT` once it answers; the process stays behind
#   infra/emulator.sh stop STATE         stops that process, by its pid, and the functions it started
#
# STATE is a folder of its own for each emulator: pid, log, the emulator's temporary files. Every setting below is
# there because the default is wrong for a test; the reason stands next to it.
set -eu

fail() { echo "emulator: $*" >&2; exit 1; }

answers() { curl --silent --max-time 2 --output /dev/null "http://127.0.0.1:$1/_ministack/health"; }

start() {
    port=$1
    mkdir -p "$2"
    state=$(cd "$2" && pwd)
    [ -e "$state/pid" ] && kill -0 "$(cat "$state/pid")" 2>/dev/null && fail "already running in $state"
    ministack=${MINISTACK:-ministack}
    command -v "$ministack" >/dev/null || fail "no $ministack: pip install 'ministack[full]', or set MINISTACK"
    answers "$port" && fail "something answers on port $port already"
    mkdir -p "$state/tmp"

    # A clean environment: the emulator hands its own on to every function it starts.
    #   BIND_HOST          the default listens on every interface
    #   AWS_ENDPOINT_URL   what functions get; without it their SDK would call the real AWS
    #   AUTH               enforce the IAM policies of the functions' roles; root is test/test
    #   TMPDIR, STATE_DIR, S3_DATA_DIR   the defaults are shared between emulators
    #   IOT_MTLS_ENABLED, SFTP_ENABLED   listeners that nobody needs
    env -i PATH="$PATH" HOME="$state" LANG=C.UTF-8 PYTHONUNBUFFERED=1 \
        BIND_HOST=127.0.0.1 GATEWAY_PORT="$port" AWS_ENDPOINT_URL="http://127.0.0.1:$port" \
        AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test MINISTACK_REGION=us-east-1 AWS_DEFAULT_REGION=us-east-1 \
        AUTH="${AUTH:-true}" LAMBDA_EXECUTOR=local \
        TMPDIR="$state/tmp" STATE_DIR="$state/tmp/state" S3_DATA_DIR="$state/tmp/s3" \
        IOT_MTLS_ENABLED=0 SFTP_ENABLED=0 LOG_LEVEL="${EMULATOR_LOG:-INFO}" \
        "$ministack" >"$state/log" 2>&1 &
    pid=$!
    echo "$pid" >"$state/pid"

    tries=0
    until answers "$port"; do
        kill -0 "$pid" 2>/dev/null || { tail -n 20 "$state/log" >&2; rm -f "$state/pid"; fail "did not start"; }
        tries=$((tries + 1))
        [ "$tries" -lt 300 ] || { stop "$state"; fail "did not answer within 30 s; see $state/log"; }
        sleep 0.1
    done
    echo "ready http://127.0.0.1:$port"
}

stop() {
    [ -e "$1/pid" ] || return 0
    pid=$(cat "$1/pid")
    functions=$(ps -o pid= --ppid "$pid" || true)
    kill "$pid" 2>/dev/null || true # it ends its functions itself
    tries=0
    while kill -0 "$pid" 2>/dev/null; do
        tries=$((tries + 1))
        # shellcheck disable=SC2086 # a list of pids
        [ "$tries" -lt 100 ] || { kill -9 "$pid" $functions 2>/dev/null || true; break; }
        sleep 0.1
    done
    rm -f "$1/pid"
}

case "${1-}" in
    start) [ $# -eq 3 ] || fail "usage: $0 start PORT STATE"; start "$2" "$3" ;;
    stop) [ $# -eq 2 ] || fail "usage: $0 stop STATE"; stop "$2" ;;
    *) fail "usage: $0 start PORT STATE | stop STATE" ;;
esac
