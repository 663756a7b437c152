#!/usr/bin/env bash
# ctest: quick
# Dated changes by ffctl: their time as people write it, what they set, listed, cancelled, made.
# shellcheck source=tests/integration/admin_support.bash
. "$(dirname "${BASH_SOURCE[0]}")/admin_support.bash"

onoff='"variants": [{"key": "on", "value": true}, {"key": "off", "value": false}], "default_variant": "on", "fallback_variant": "off"'

# A zone of its own: an hour before UTC, two from March to October.
export TZ=CET-1CEST,M3.5.0,M10.5.0/3

start_agent --state "$work/state.db"
await_agent
send PUT /flags/sale "{$onoff}"
answered 201

# at TIME RFC3339: that is when it would be.
at() {
    ctl 0 schedule add sale --at "$1" --enable --dry-run --json
    says "\"at\":\"$2\""
}

# at_no TIME TEXT: that is none, and why.
at_no() {
    ctl 2 schedule add sale --at "$1" --enable
    complains "--at '$1' $2"
}

step "what cannot be meant is refused before anybody is asked"
ctl 2 schedule
complains 'a command is needed'
ctl 2 schedule ad
complains "did you mean 'add'?"
ctl 2 schedule add
complains 'which flag?'
ctl 2 schedule add sale --enable
complains 'when? --at TIME is needed'
ctl 2 schedule add sale --at 'in 2h'
complains 'what changes?'
ctl 2 schedule add sale --at 'in 2h' --enable --disable
complains 'enabled is set twice'
ctl 2 schedule add sale --at 'in 2h' --set owner
complains "--set 'owner': write MEMBER=VALUE, or JSON"
ctl 2 schedule add sale --at 'in 2h' --set '{"owner": 1'
complains "--set '{\"owner\": 1': " 'at byte'
ctl 2 schedule add sale --at 'in 2h' --set $'owner=\xff'
complains 'not UTF-8'
ctl 2 schedule add sale other
complains "'other' is one word too many"
ctl 2 schedule cancel sale
complains 'which change?'
ctl 2 schedule cancel sale three
complains "'three' is no number"
ctl 2 schedule list sale 3
complains "'3' is one word too many"

step "times: with their zone, by the clock of this host, from now"
at 2999-12-24T09:00:00+01:00 2999-12-24T08:00:00Z
at 2999-12-24T09:00:00.25Z 2999-12-24T09:00:01Z
at '2999-12-24 09:00' 2999-12-24T08:00:00Z
at '2999-07-24T9:00:30' 2999-07-24T07:00:30Z
at 'tomorrow 18:30' "$(date -u -d "@$(date -d 'tomorrow 18:30' +%s)" +%Y-%m-%dT%H:%M:%SZ)"
before=$(date +%s)
ctl 0 schedule add sale --at 'in 1h30m' --enable --dry-run --json
at=$(date -d "$(sed 's/.*"at":"\([^"]*\)".*/\1/' "$out")" +%s)
((at >= before + 5400 && at <= $(date +%s) + 5401)) || fail "in 1h30m is at $at"
at_no soon 'is no time: write '
at_no 'in 2 hours' 'is no time'
at_no '2999-12-24' 'is no time'
at_no '2999-12-24 24:00' 'is no time'
at_no '2999-12-24 09:00 CET' 'is no time'
at_no '2999-02-29 09:00' "does not exist in this host's zone"
at_no '2027-03-28 02:30' "does not exist in this host's zone"
at_no '2027-10-31 02:30' "is there twice in this host's zone"
at '2027-10-31 03:00' 2027-10-31T02:00:00Z
ctl 1 schedule add sale --at '2h ago' --enable
complains 'is not in the future'
ctl 1 schedule add nowhere --at 'in 2h' --enable
complains 'there is no flag "nowhere"'
ctl 1 schedule add sale --at 'in 2h' --set enabld=true
complains 'did you mean enabled?'

step "added, with the time told in this host's zone and in UTC"
ctl 0 schedule list --text
prints 'no change is scheduled'
ctl 0 schedule add sale --at '2999-12-24 09:00' --disable --reason 'sold out' --text
says 'sale: change 1 is scheduled for 2999-12-24 09:00:00 CET (2999-12-24T08:00:00Z), in ' ': enabled = false'
ctl 0 schedule add sale --at '2999-12-25 09:00' --set default_variant=off --set description=2026 \
    --set owner=null --set 'tags=["a", "b=c"]' --dry-run --text
says 'sale: a change would be scheduled for 2999-12-25' \
    'default_variant = "off", description = "2026", owner = null, tags = ["a","b=c"]; nothing is stored'
at_terminal 1 n schedule add sale --at '2999-12-25 09:00' --set '{"enabled": true, "owner": "web"}'
says 'Change sale at 2999-12-25 09:00:00 CET (2999-12-25T08:00:00Z): enabled = true, owner = "web"? [y/N]' \
    'not confirmed'
at_terminal 0 y schedule add sale --at '2999-12-25 09:00' --set '{"enabled": true, "owner": "web"}'
says 'sale: change 2 is scheduled'

step "listed: what is to come, and of one flag what was"
ctl 0 schedule list --text
[ "$(wc -l <"$out")" = 3 ] || fail "there are more: $(cat "$out")"
says 'sale  1       2999-12-24T08:00:00Z  enabled = false ' 'sold out'
ctl 0 schedule list
says '"items":[{"number":1,' '"next":null}'
at_terminal 1 n schedule cancel sale 2
says 'Cancel change 2 of sale, at 2999-12-25 09:00:00 CET (2999-12-25T08:00:00Z): enabled = true, owner = "web"? [y/N]'
ctl 0 schedule cancel sale 2 --dry-run --text
prints 'sale: change 2 would be cancelled; nothing is stored'
ctl 0 schedule cancel sale 2 --reason 'never mind' --text
prints 'sale: change 2 is cancelled'
ctl 1 schedule cancel sale 2
ctl 1 schedule cancel sale 77
complains 'no scheduled change 77'
at_terminal 1 y schedule cancel sale 77
says 'no scheduled change 77'
ctl 0 schedule list sale --text
says 'NUMBER  AT ' '2       2999-12-25T08:00:00Z  cancelled  ' 'cancelled by '
ctl 0 schedule list other --text
prints 'no change of this flag is or was scheduled'
ctl 0 audit --action schedule.cancel --text
says 'never mind'

step "more than a page of them"
many=$(for ((i = 0; i < 100; i++)); do
    printf '%s{"at": "2999-01-01T00:%02d:%02dZ", "set": {"enabled": false}}' "${many:+,}" $((i / 60)) $((i % 60))
    many=yes
done)
for ((i = 1; i <= 11; i++)); do
    send PUT "/flags/many$i" "{$onoff, \"schedule\": [$many]}"
    answered 201
done
ctl 0 schedule list
[ "$(grep -o '"number":' "$out" | wc -l)" = 1101 ] || fail "not all are listed"

step "made at its time, and told so"
ctl 0 schedule add sale --at 'in 1s' --disable --reason 'sold out'
for ((attempt = 0; attempt < patience_ms / 50; attempt++)); do
    ctl 0 schedule list sale --text
    ! grep -q 'done' "$out" || break
    sleep 0.05
done
says 'done'
serves sale false OFF
stop_agent
ctl 1 schedule list
complains 'no agent at'
