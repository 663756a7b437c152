// LaunchDarkly's Node SDK.
//
// boolVariation(), stringVariation(), jsonVariation() and allFlagsState() of a client, each
// awaited: there is no other way. The context is the same object each time, as a program would keep
// it; the SDK takes it apart at every call.
//
// With `--events on` the SDK counts in the loop itself, and sends by timers, which run between two
// requests only: of flags with trackEvents it keeps the first 10,000 of that time and drops the
// others.
import ld from '@launchdarkly/node-server-sdk';
import { packageVersion, readOptions, serve } from './driver.mjs';

const { contexts, cases, events, url } = readOptions();
const client = ld.init('launchdarkly-node', {
  baseUri: url,
  streamUri: url,
  eventsUri: url,
  sendEvents: events,
  logger: ld.basicLogger({ level: 'warn', destination: console.error }),
});
client.on('error', () => {}); // else every evaluation of an unknown flag is a line of the log
await client.waitForInitialization({ timeout: 60 });

let sink;

function evaluate({ flag, type, context }) {
  const who = contexts[context];
  switch (type) {
    case 'boolean':
      return async (n) => {
        for (let i = 0; i < n; i++) {
          sink = await client.boolVariation(flag, who, false);
        }
      };
    case 'string':
      return async (n) => {
        for (let i = 0; i < n; i++) {
          sink = await client.stringVariation(flag, who, '');
        }
      };
    case 'json':
      return async (n) => {
        for (let i = 0; i < n; i++) {
          sink = await client.jsonVariation(flag, who, null);
        }
      };
    default: // all-flags
      return async (n) => {
        for (let i = 0; i < n; i++) {
          sink = await client.allFlagsState(who);
        }
      };
  }
}

async function makeCase(c) {
  const run = evaluate(c);
  await run(1);
  return c.type === 'all-flags' ? { value: sink.valid, wanted: true, run } : { value: sink, run };
}

const made = {};
for (const c of cases) {
  made[c.name] = await makeCase(c);
}
const version = packageVersion('@launchdarkly/node-server-sdk', import.meta.url);
await serve(version, cases, made, {
  cold: events,
  close: async () => {
    await client.flush();
    client.close();
  },
});
