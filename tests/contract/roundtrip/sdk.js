// LaunchDarkly's SDK for Node, told by lines of JSON on stdin; one line of JSON as the answer to each.
//
//   {"op": "read", "name", "host", "port", "prefix"}     a client in daemon mode: the store alone
//   {"op": "write", "name", "host", "port", "prefix", "base"}   a client that streams from base, and
//                                                         writes the store
//   {"op": "evaluate", "name", "contexts": [...], "pairs": [[flag, index of a context], ...]}
//                                                         [[value, variation, reason], ...]
//   {"op": "close", "name"}
'use strict';
const readline = require('readline');
const { createRequire } = require('module');

const packages = createRequire(process.argv[2]); // a file in the folder that npm has filled
const { init } = packages('@launchdarkly/node-server-sdk');
const { RedisFeatureStore } = packages('@launchdarkly/node-server-sdk-redis');

const clients = {};
const silent = { error() {}, warn() {}, info() {}, debug() {} };
if (process.env.SDK_LOG) {
  silent.error = silent.warn = (...words) => console.error(...words);
}

// What the SDK throws where nobody can catch it; or it does not answer.
let unfortunate = () => {};
process.on('uncaughtException', (error) => unfortunate(error));
const misfortune = () => new Promise((_, reject) => {
  unfortunate = reject;
  setTimeout(reject, 5000).unref();
});

function storeOf({ host, port, prefix }) {
  return RedisFeatureStore({ redisOpts: { host, port }, prefix, cacheTTL: 600 });
}

const operations = {
  async read(request) {
    const client = init('sdk-none', {
      useLdd: true, sendEvents: false, logger: silent, featureStore: storeOf(request),
    });
    await client.waitForInitialization({ timeout: 20 });
    clients[request.name] = client;
  },

  async write(request) {
    const client = init('sdk-1', {
      streamUri: request.base, baseUri: request.base, eventsUri: request.base, sendEvents: false,
      diagnosticOptOut: true, logger: silent, featureStore: storeOf(request),
    });
    await client.waitForInitialization({ timeout: 20 });
    clients[request.name] = client;
  },

  async evaluate({ name, contexts, pairs }) {
    const results = [];
    for (const [flag, at] of pairs) {
      try {
        const detail = await Promise.race([
          clients[name].variationDetail(flag, contexts[at], 'the default'), misfortune()]);
        results.push([detail.value, detail.variationIndex ?? null, detail.reason]);
      } catch (error) { // a context that it does not even look at
        results.push(['the default', null, { kind: 'ERROR', errorKind: 'EXCEPTION' }]);
      }
    }
    return results;
  },

  async close({ name }) {
    clients[name].close();
    delete clients[name];
  },
};

async function main() {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const request = JSON.parse(line);
    let answer;
    try {
      answer = { result: (await operations[request.op](request)) ?? null };
    } catch (error) {
      answer = { error: String(error && error.stack) };
    }
    process.stdout.write(JSON.stringify(answer) + '\n');
  }
  process.exit(0);
}

main();
