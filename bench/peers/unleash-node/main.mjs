// Unleash's Node SDK, unleash-client, started from a bootstrap without a server.
//
// isEnabled() and getVariant() of a client, with a context that was made once. Both count each
// evaluation: with `--events off` the client has disableMetrics, with `on` it counts, and emits an
// impression of each evaluation of a flag with trackEvents, which one listener takes. Metrics are
// not sent: there is no server, and sending is not part of an evaluation.
//
// Lists are constraints on the user id. With Unleash's older strategy for them, userWithId, whose
// list is one text that each evaluation splits, a hit takes twice as long and a miss as long.
//
// - prerequisites: absent. A parent of a flag must not have parents itself.
// - all-flags: absent. The SDK has no call for it.
// - bool-off: an Unleash flag that is off is false; LaunchDarkly's serves any variation, here true.
// - rules: a strategy can only enable, so the four that do not match would serve true as well.
// - date: date constraints look at the context's currentTime, which so is what "joined" is.
// - json: a payload is text; nobody parses it here.
// - multi-kind: there is one context, so what the organization has are properties of it.
import { once } from 'node:events';
import { InMemStorageProvider, Unleash } from 'unleash-client';
import { packageVersion, readOptions, serve } from './driver.mjs';
import { convertContext, convertFlags } from './convert.mjs';

const absent = {
  prerequisites: 'a parent of a flag must not have parents itself',
  'all-flags': 'the SDK has no call for it',
};
const differs = {
  'bool-off': 'a flag that is off is always false',
  rules: 'a strategy can only enable: the four that do not match would serve true',
  date: 'a date constraint compares the current time, which the context can give',
  json: 'a payload is text, which is not parsed',
  'multi-kind': 'one context has the attributes of both the user and the organization',
};

const given = readOptions();
const { features, segments } = convertFlags(given);
const client = new Unleash({
  appName: 'bench',
  url: given.url ?? 'http://127.0.0.1/',
  refreshInterval: 0, // never asks the server
  metricsInterval: 0, // never sends
  disableMetrics: !given.events,
  bootstrap: { data: features, segments },
  storageProvider: new InMemStorageProvider(),
});
await once(client, 'synchronized');

let sink = 0;
if (given.events) {
  client.on('impression', ({ enabled }) => (sink += enabled));
}

function isEnabled(key, who) {
  return (n) => {
    for (let i = 0; i < n; i++) {
      sink += client.isEnabled(key, who);
    }
  };
}

function getVariant(key, who) {
  return (n) => {
    for (let i = 0; i < n; i++) {
      sink += client.getVariant(key, who).payload.value.length;
    }
  };
}

function makeCase({ name, flag, type, context, value }) {
  const who = convertContext(given.contexts[context]);
  if (name === 'date') {
    who.currentTime = new Date(who.properties.joined);
  }
  if (type === 'boolean') {
    const wanted = name === 'bool-off' ? false : value;
    return { value: client.isEnabled(flag, who), wanted, run: isEnabled(flag, who) };
  }
  const text = client.getVariant(flag, who).payload.value;
  return { value: type === 'json' ? JSON.parse(text) : text, run: getVariant(flag, who) };
}

const made = Object.fromEntries(
  given.cases.filter(({ name }) => !(name in absent)).map((c) => [c.name, makeCase(c)]),
);
const version = packageVersion('unleash-client', import.meta.url);
await serve(version, given.cases, made, { absent, differs });
