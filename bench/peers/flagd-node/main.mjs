// flagd's in-process evaluator in Node, @openfeature/flagd-core.
//
// resolveBooleanEvaluation() and its like, with a context that was made once, on rules that it has
// compiled. OpenFeature's client, through which a program usually gets there, would come on top
// of it: a promise, hooks, a merged context.
//
// - `--events on`: absent. The evaluator tells nothing; that is for OpenFeature's hooks.
// - prerequisites, regex: absent. flagd has neither.
// - bool-off: a disabled flag serves the caller's own value.
// - date: dates are numbers; they are converted when the context is made.
// - multi-kind: there is one context; the organization is an object in it.
import { FlagdCore } from '@openfeature/flagd-core';
import { absent as endAbsent, packageVersion, readOptions, serve } from './driver.mjs';
import { convertContext, convertFlags, dateAttributes, whyNot } from './convert.mjs';

const differs = {
  'bool-off': 'a disabled flag serves the caller\'s own value',
  date: 'a date is a number of seconds, made of the text when the context is made',
  'multi-kind': 'one context has the attributes of both the user and the organization',
};

const given = readOptions();
if (given.events) {
  endAbsent('the evaluator tells nothing of its evaluations');
}
const core = new FlagdCore();
core.setConfigurations(convertFlags(given));
const dates = dateAttributes(given);

let sink;
const LOOPS = {
  boolean: (flag, otherwise, who) => (n) => {
    for (let i = 0; i < n; i++) {
      sink = core.resolveBooleanEvaluation(flag, otherwise, who).value;
    }
  },
  string: (flag, otherwise, who) => (n) => {
    for (let i = 0; i < n; i++) {
      sink = core.resolveStringEvaluation(flag, otherwise, who).value;
    }
  },
  json: (flag, otherwise, who) => (n) => {
    for (let i = 0; i < n; i++) {
      sink = core.resolveObjectEvaluation(flag, otherwise, who).value;
    }
  },
  'all-flags': (_, __, who) => (n) => {
    for (let i = 0; i < n; i++) {
      sink = core.resolveAll(who);
    }
  },
};

function makeCase({ name, flag, type, context, value }) {
  const who = convertContext(given.contexts[context], dates);
  const defaults = { boolean: name === 'bool-off', string: '', json: {} };
  const run = LOOPS[type](flag, defaults[type], who);
  run(1);
  const all = type === 'all-flags';
  return { value: all ? sink.length > 0 : sink, wanted: all ? true : value, run };
}

const reasons = given.cases.map(({ name, flag }) => [name, whyNot(given.flags[flag] ?? {})]);
const absent = Object.fromEntries(reasons.filter(([, reason]) => reason));
const made = Object.fromEntries(
  given.cases.filter(({ name }) => !(name in absent)).map((c) => [c.name, makeCase(c)]),
);
const version = packageVersion('@openfeature/flagd-core', import.meta.url);
await serve(version, given.cases, made, { absent, differs });
