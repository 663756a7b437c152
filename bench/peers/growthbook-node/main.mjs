// GrowthBook's SDK in Node: a GrowthBookClient, which is what its documentation has for servers,
// with a payload that it is given and no server.
//
// getFeatureValue() with a user context that was made once. The SDK asks process.env.NODE_ENV
// several times in each evaluation, which is slow in Node; a bundler makes it a constant. So what
// runs here is the bundle that the package ships, in which it is one: 1.2 to 3 times as fast as
// the package imported as it is.
//
// `--events on`: onFeatureUsage counts. The SDK calls it through a promise each time, so the loop
// then lets those be settled every thousand evaluations, as a server does between requests.
// trackingCallback is given, too, but is only for experiments, and a percentage rollout is none.
//
// - all-flags: absent. The SDK has no call for it.
// - bool-off: a feature that is off in an environment is not sent, so its value is the caller's.
// - multi-kind: there is one context; the organization is an object in it.
import { GrowthBookClient } from './growthbook.mjs';
import { packageVersion, readOptions, serve } from './driver.mjs';
import { convertContext, convertFlags } from './convert.mjs';

const SETTLE_EVERY = 1000; // evaluations

const absent = { 'all-flags': 'the SDK has no call for it' };
const differs = {
  'bool-off': 'a feature that is off is not sent: the caller\'s own value is served',
  'multi-kind': 'one context has the attributes of both the user and the organization',
};

const given = readOptions();
let told = 0;
const count = () => {
  told++;
};
const client = new GrowthBookClient(
  given.events ? { onFeatureUsage: count, trackingCallback: count } : {},
).initSync({ payload: convertFlags(given) });

let sink;
function evaluate(key, otherwise, who, n) {
  for (let i = 0; i < n; i++) {
    sink = client.getFeatureValue(key, otherwise, who);
  }
}

async function evaluateAndSettle(key, otherwise, who, n) {
  for (let left = n; left > 0; left -= SETTLE_EVERY) {
    evaluate(key, otherwise, who, Math.min(left, SETTLE_EVERY));
    await null;
  }
}

function makeCase({ name, flag, type, context }) {
  const who = convertContext(given.contexts[context]);
  const defaults = { boolean: name === 'bool-off', string: '', json: null };
  const otherwise = defaults[type];
  const run = given.events ? evaluateAndSettle : evaluate;
  return {
    value: client.getFeatureValue(flag, otherwise, who),
    run: (n) => run(flag, otherwise, who, n),
  };
}

const made = Object.fromEntries(
  given.cases.filter(({ name }) => !(name in absent)).map((c) => [c.name, makeCase(c)]),
);
const version = packageVersion('@growthbook/growthbook', import.meta.url);
await serve(version, given.cases, made, { absent, differs });
