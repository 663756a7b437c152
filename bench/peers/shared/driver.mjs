// driver.mjs - what every Node driver does: reads its options and files, checks its cases'
// values, and times what it is asked for. See ../README.md for the protocol.
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { parseArgs, isDeepStrictEqual } from 'node:util';

const WARM_NS = 100e6; // each case runs so long before the first is timed

// {flags, segments, contexts, cases, events, url}
export function readOptions() {
  const text = { type: 'string' };
  const { values: given } = parseArgs({
    options: { flags: text, cases: text, events: text, url: text },
  });
  const read = (path) => JSON.parse(readFileSync(path));
  return { ...read(given.flags), ...read(given.cases), events: given.events === 'on', url: given.url };
}

export function packageVersion(name, from) {
  return JSON.parse(readFileSync(new URL(`node_modules/${name}/package.json`, from))).version;
}

// Ends the program: the peer is not there.
export function absent(reason) {
  console.log(JSON.stringify({ absent: reason }));
  process.exit(0);
}

async function time(run, n) {
  const start = process.hrtime.bigint();
  const running = run(n);
  if (running) {
    await running;
  }
  return Number(process.hrtime.bigint() - start);
}

async function warm(run) {
  for (let n = 1, left = WARM_NS; left > 0; n *= 2) {
    left -= await time(run, n);
  }
}

function check(name, wanted, value) {
  const anyBoolean = wanted === null && typeof value === 'boolean';
  if (!anyBoolean && wanted !== undefined && !isDeepStrictEqual(wanted, value)) {
    throw new Error(`${name}: ${JSON.stringify(value)} instead of ${JSON.stringify(wanted)}`);
  }
}

// What LaunchDarkly's bucketing decides.
function valuesOf(cases, made) {
  const decided = cases.filter(({ type, value }) => type === 'boolean' && value === null);
  const done = decided.filter(({ name }) => name in made);
  return Object.fromEntries(done.map(({ name }) => [name, made[name].value]));
}

// `made` has for each case's name {value, run}: what one call gives, and a function that makes n
// of them; `wanted` in it, where that is not what LaunchDarkly gives (undefined: anything).
// `absent` and `differs` tell by name why a case is not there, or is not quite the same; `cold`:
// what is not asked for must not run, somebody counts; `close` is called when nobody asks any more.
export async function serve(version, cases, made, { absent = {}, differs = {}, cold, close } = {}) {
  for (const { name, value } of cases.filter(({ name }) => name in made)) {
    check(name, 'wanted' in made[name] ? made[name].wanted : value, made[name].value);
    if (!cold) {
      await warm(made[name].run);
    }
  }
  const names = cases.map(({ name }) => name).filter((name) => name in made);
  const values = valuesOf(cases, made);
  console.log(JSON.stringify({ ready: true, version, cases: names, absent, differs, values }));
  for await (const line of createInterface({ input: process.stdin })) {
    const [name, n] = line.split(' ');
    const sane = name in made && n > 0 && Number.isSafeInteger(Number(n));
    const ns = sane ? await time(made[name].run, Number(n)) : undefined;
    console.log(JSON.stringify(ns === undefined ? { error: 'CASE N is wanted' } : { ns }));
  }
  await close?.();
  process.exit(0); // a client's timers or connections do not keep it
}
