#!/usr/bin/env bash
# ctest: merge timeout=120
# A save is seen however it is made, and a bad one changes nothing and says where it is wrong.
# shellcheck source=tests/integration/agent_support.bash
. "$(dirname "${BASH_SOURCE[0]}")/agent_support.bash"

file=$work/flags.yaml
flags color='"red"' >"$file"
start_agent --flags "$file"
await_value color '"red"'

step "an edit in place"
flags color='"one"' >"$file"
await_value color '"one"'

step "an edit by renaming over the file, as editors do"
flags color='"two"' >"$work/.flags.yaml.swp"
mv "$work/.flags.yaml.swp" "$file"
await_value color '"two"'

step "an edit that moves the old file away first"
mv "$file" "$file~"
flags color='"three"' >"$file"
await_value color '"three"'

step "many saves in a row are few publishes, and the last one counts"
published=$(grep -c event=published "$log")
for i in {1..50}; do
    flags color="\"burst $i\"" >"$file"
done
await_value color '"burst 50"'
published=$(($(grep -c event=published "$log") - published))
[ $published -le 25 ] || fail "$published publishes for one burst"

step "a bad edit keeps the old snapshot and names the place"
generation=$(status generation)
{
    flags color='"four"'
    echo '    enabeld: true'
} >"$file"
await_log "event=load-failed file=$file line=6 column=5 member=flags.color.enabeld"
await_source 2
[ "$(value color)" = '"burst 50"' ] || fail "the bad edit was published"
[ "$(status generation)" = "$generation" ] || fail "the bad edit made a generation"
sleep 1.3 # the one retry
[ "$(grep -c event=load-failed "$log")" = 1 ] || fail "the same fault is told again and again"
flags color='"five"' >"$file"
await_value color '"five"'
await_source 1

step "a file that goes away keeps the old snapshot until it is back"
rm "$file"
await_log event=file-missing
await_source 2
[ "$(value color)" = '"five"' ] || fail "the flag went with its file"
flags color='"six"' >"$file"
await_value color '"six"'
await_source 1

step "a file without permission, and with it again"
if [ "$(id -u)" != 0 ]; then
    chmod 000 "$file"
    await_source 2
    chmod 644 "$file"
    await_source 1
fi
stop_agent

step "a file and directories that do not exist yet"
rm -rf "$store"
start_agent --flags "$work/late/deep/flags.yaml"
await_log 'event=file-missing .*waiting for it'
mkdir -p "$work/late/deep"
sleep 0.1
flags color='"late"' >"$work/late/deep/flags.yaml"
await_value color '"late"'

step "the directory is exchanged for another"
mkdir "$work/late/next"
flags color='"exchanged"' >"$work/late/next/flags.yaml"
mv "$work/late/deep" "$work/late/old"
mv "$work/late/next" "$work/late/deep"
await_value color '"exchanged"'
stop_agent

step "Kubernetes: a symlink to a file through ..data, which is exchanged by rename"
map=$work/map
mkdir -p "$map/..v1" "$map/..v2"
flags color='"v1"' >"$map/..v1/flags.yaml"
flags color='"v2"' >"$map/..v2/flags.yaml"
ln -s ..v1 "$map/..data"
ln -s ..data/flags.yaml "$map/flags.yaml"
start_agent --flags "$map/flags.yaml"
await_value color '"v1"'
ln -s ..v2 "$map/..data_tmp"
mv -T "$map/..data_tmp" "$map/..data"
rm -r "$map/..v1"
await_value color '"v2"'
mkdir "$map/..v3"
flags color='"v3"' >"$map/..v3/flags.yaml"
ln -s ..v3 "$map/..data_tmp"
mv -T "$map/..data_tmp" "$map/..data"
rm -r "$map/..v2"
await_value color '"v3"'

step "and an edit of what the symlink leads to"
flags color='"in place"' >"$map/..v3/flags.yaml"
await_value color '"in place"'
stop_agent

step "two files, one of them LaunchDarkly's; each may change"
cat >"$work/ld.json" <<'JSON'
{"flags": {"ld": {"key": "ld", "version": 7, "on": true, "variations": [true, false],
  "fallthrough": {"variation": 0}, "offVariation": 1}}}
JSON
start_agent --flags "$file" --flags "$work/ld.json"
await_value ld true
await_value color '"six"'
sed 's/"on": true/"on": false/; s/"version": 7/"version": 8/' "$work/ld.json" >"$work/ld.new"
mv "$work/ld.new" "$work/ld.json"
await_value ld false
flags color='"seven"' ld='"mine"' >"$file"
await_log 'event=load-failed .*ld'
[ "$(value ld)" = false ] || fail "a key that is defined twice was published"
flags color='"seven"' >"$file"
await_value color '"seven"'

step "a schedule takes effect by itself"
soon=$(date -u -d "@$(($(date +%s) + 2))" +%Y-%m-%dT%H:%M:%SZ)
{
    flags color='"day"'
    echo '    schedule:'
    echo "      - {at: $soon, set: {variants: [{key: only, value: night}]}}"
} >"$file"
await_value color '"day"'
await_value color '"night"'
stop_agent

echo "all as expected"
