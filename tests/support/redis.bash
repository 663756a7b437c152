# A real redis-server for scripts, of the test's own: its socket and port in $redis_socket,
# $redis_port, $redis_url. Sourced after agent_support.bash, which ends it.
# shellcheck shell=bash
# shellcheck disable=SC2154,SC2034,SC2120  # variables of agent_support.bash; for the tests; options

if ! command -v redis-server >/dev/null || ! command -v redis-cli >/dev/null; then
    echo "skipped: redis-server is not installed"
    exit 77
fi

redis_directory=$work/redis
redis_socket=$redis_directory/redis.sock
redis_port=
redis_url=
redis_pid=

# start_redis OPTION...: redis-server's options. Again after stop_redis, with what it had answered
# (an append-only file), on the same port.
start_redis() {
    local tries
    mkdir -p "$redis_directory"
    [ -n "$redis_port" ] || redis_port=$(python3 -c 'import socket
one = socket.socket(); one.bind(("127.0.0.1", 0)); print(one.getsockname()[1])')
    redis_url=redis://127.0.0.1:$redis_port
    redis-server --port "$redis_port" --bind 127.0.0.1 --unixsocket "$redis_socket" \
        --dir "$redis_directory" --save "" --appendonly yes --appendfsync no --logfile log \
        --daemonize no "$@" </dev/null >/dev/null 2>&1 &
    redis_pid=$!
    pids+=("$redis_pid")
    for ((tries = 0; tries < 2000; tries++)); do
        case $(redis-cli -s "$redis_socket" ping 2>/dev/null) in
        PONG | NOAUTH*) return ;;
        esac
        sleep 0.01
    done
    fail "redis-server does not start: $(cat "$redis_directory/log")"
}

# kill -9
stop_redis() {
    kill -KILL "$redis_pid" 2>/dev/null || true
    wait "$redis_pid" 2>/dev/null || true
}

empty_redis() {
    rm -rf "$redis_directory"
}

# redis COMMAND ARGUMENT...: prints the answer.
redis() {
    timeout 20 redis-cli -s "$redis_socket" --raw "$@"
}
