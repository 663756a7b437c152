#!/usr/bin/env bash
# ctest: merge timeout=400
# Everything that a network can do to an agent of LaunchDarkly's, while processes evaluate: definitions
# stay in force, what was counted arrives, memory is bounded, and all is well again by itself.
# shellcheck disable=SC2119  # what is started without options
# shellcheck source=tests/integration/agent_support.bash
. "$FFSHM_SOURCE_DIR/tests/integration/agent_support.bash"
# shellcheck source=tests/support/launchdarkly.bash
. "$FFSHM_SOURCE_DIR/tests/support/launchdarkly.bash"
patience_ms=60000
endure=1 # seconds of each fault
# The buffer of one event or body may grow to 256 MiB, and is copied as it grows; the sanitizer keeps
# what is freed. Everything else is small.
most_kb=$((64 * 1024))
most_endless_kb=$((450 * 1024))
[ "$FFSHM_VARIANT" = release ] || most_kb=$((256 * 1024)) most_endless_kb=$((1000 * 1024))

start_launchdarkly
ld_load_flags
start_ld_agent
await_value plain true
start_load 1000000000 100000 2 0

version=1
# change: a change that LaunchDarkly makes now is in force soon.
change() {
    version=$((version + 1))
    ld flag changing $version $version
    await_value changing $version
}

# bounded WHAT KB
bounded() {
    local peak
    peak=$(peak_kb)
    [ "$peak" -le "$2" ] || fail "$1: $peak kB, not $2"
    echo "  $1: at most $peak kB"
}

# well_again WHAT: the agent is the same, it serves, and takes what is new.
well_again() {
    kill -0 "$agent" 2>/dev/null || fail "$1: the agent is gone"
    [ "$(value plain)" = true ] || fail "$1: plain is $(value plain)"
    ld well
    ld_await streams 1
    change
}

step "the stream, at its beginning"
# Each with an agent of its own: they back off longer and longer, up to 30 s.
for kind in status=500 status=503 status=429 status=400 reset close stall redirect garbage noise \
    badjson half cut drip bomb endless headers; do
    stop_agent
    ld fault all $kind
    requests=$(ld requests all)
    start_ld_agent
    ld_await requests all $((requests + 1))
    await_value plain true # from the state file
    sleep $endure
    well_again "stream, $kind"
    case $kind in
    endless | headers | bomb) bounded "stream, $kind" $most_endless_kb ;;
    *) bounded "stream, $kind" $most_kb ;;
    esac
done

step "the stream, in the middle of it"
stop_agent
start_ld_agent
ld_await streams 1
for how in reset close half; do
    ld break $how
    ld_await streams 1
    change
done
requests=$(ld requests all)
ld send 'event: patch\ndata: {"path": "/flags/plain", "data": {"key": "plain", "ver\n\n'
ld_await requests all $((requests + 1))
ld_await streams 1
change
ld send 'event: unheard-of\ndata: <not JSON>\n\n:comment\nretry: 10\nid: 7\n\n'
change
step "nobody listens"
ld refuse
ld break reset
sleep $endure
[ "$(value plain)" = true ] || fail "plain is $(value plain)"
ld listen
well_again "refused"
bounded "a stream with many ends" $most_kb

step "events that do not arrive"
for kind in status=500 status=503 status=429 status=408 reset close stall redirect garbage noise \
    badjson half cut lost bomb endless headers; do
    stop_agent
    start_ld_agent
    ld_await streams 1
    requests=$(ld requests bulk)
    ld fault bulk $kind
    ld_await requests bulk $((requests + 1))
    sleep $endure
    well_again "events, $kind"
    bounded "events, $kind" $most_kb
done

step "what was counted all the while"
kill -TERM "$load"
end_load
sums_are_exact
stop_agent

step "polling: the next poll makes it good"
agents=()
kinds=(status=500 reset garbage noise badjson cut bomb endless)
for i in "${!kinds[@]}"; do
    store=$work/store-$i
    log=$work/agent-$i.log
    requests=$(ld requests poll)
    ld fault poll "${kinds[i]}" 1
    start_ld_agent --state "$work/kept-$i/state.db" --launchdarkly-mode poll --log-level debug
    agents+=("$agent")
    ld_await requests poll $((requests + 1))
done
sleep $endure
ld well
for i in "${!kinds[@]}"; do
    store=$work/store-$i
    log=$work/agent-$i.log
    agent=${agents[i]}
    await_value changing $version
    case ${kinds[i]} in
    endless | bomb) bounded "poll, ${kinds[i]}" $most_endless_kb ;;
    *) bounded "poll, ${kinds[i]}" $most_kb ;;
    esac
    stop_agent
done
stop_launchdarkly

step "TLS: a wrong name, and a stranger's certificate, are refused; the right ones are not"
command -v openssl >/dev/null || {
    echo "skipped: openssl is not installed"
    exit 0
}
# certificate NAME SUBJECT-ALTERNATIVE
certificate() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 \
        -subj "/CN=$1" -addext "subjectAltName=$2" -keyout "$work/$1.key" -out "$work/$1.pem" \
        2>/dev/null
}
certificate right IP:127.0.0.1
certificate wrong DNS:other.example
# tls CERTIFICATE TRUSTED: an agent that trusts TRUSTED, of a server with CERTIFICATE.
tls() {
    start_launchdarkly --tls "$work/$1.pem" "$work/$1.key"
    ld_load_flags
    store=$work/store-$1-$2
    log=$work/agent-tls.log
    base=https://127.0.0.1:$ld_port
    LAUNCHDARKLY_SDK_KEY=$sdk_key start_agent --state none --launchdarkly-stream-uri "$base" \
        --launchdarkly-events-uri "$base" --launchdarkly-ca-file "$work/$2.pem"
}
tls right right
await_value plain true
stop_agent
stop_launchdarkly
for case in "wrong wrong" "right wrong"; do
    # shellcheck disable=SC2086  # two words
    tls $case
    await_log 'certificate'
    [ "$(ld requests all)" = 0 ] || fail "the key was sent to a stranger"
    stop_agent
    stop_launchdarkly
done

echo "all as expected"
