// convert.mjs - LaunchDarkly's flags and contexts as Unleash has them.
//
// A rule becomes a strategy: its clauses are constraints, membership of a segment is the
// strategy's segment. A target list is a constraint on the user id, a percentage a gradual rollout
// that is sticky on the user id, with the salt as its group. A flag that serves true to everybody
// has no strategies, which is the leanest that there is. Values that are no booleans are the
// payloads of variants; the one served has all the weight.

const OPERATORS = {
  in: 'IN',
  matches: 'REGEX',
  semVerGreaterThan: 'SEMVER_GT',
  after: 'DATE_AFTER',
};

// A user's attributes go by their names, those of another kind after "kind.".
function attribute(kind, name) {
  if (kind !== 'user') {
    return `${kind}.${name}`;
  }
  return name === 'key' || name === '' ? 'userId' : name;
}

const list = (contextName, values) => ({ contextName, operator: 'IN', values });
const strategy = (constraints, segments) => ({
  name: 'default',
  parameters: {},
  constraints,
  segments,
});
const rollout = (percent, groupId) => ({
  name: 'flexibleRollout',
  parameters: { rollout: String(percent), stickiness: 'default', groupId },
});

function constraint({ contextKind = 'user', attribute: name, op, values }) {
  if (!(op in OPERATORS)) {
    throw new Error(`no operator for ${op}`);
  }
  if (op === 'in') {
    return list(attribute(contextKind, name), values);
  }
  // A date constraint looks at the current time, whatever it names.
  const contextName = op === 'after' ? 'currentTime' : attribute(contextKind, name);
  return { contextName, operator: OPERATORS[op], value: values[0] };
}

function ruleStrategy({ clauses }, segmentIds) {
  const members = clauses.filter(({ op }) => op === 'segmentMatch');
  const others = clauses.filter(({ op }) => op !== 'segmentMatch');
  const segments = members.map(({ values }) => segmentIds.get(values[0]));
  return strategy(others.map(constraint), segments.length ? segments : undefined);
}

// What serves true. Rules that serve false only count where one that serves true comes later: they
// are strategies, too, so that as much is looked at.
function strategies(flag, segmentIds) {
  const { variations, fallthrough, salt } = flag;
  const targets = (flag.targets ?? []).map(({ values }) => strategy([list('userId', values)]));
  const rules = (flag.rules ?? []).map((rule) => ruleStrategy(rule, segmentIds));
  if (fallthrough.rollout) {
    const { weight } = fallthrough.rollout.variations.find((v) => variations[v.variation]);
    return [...targets, ...rules, rollout(weight / 1000, salt)];
  }
  if (variations[fallthrough.variation]) {
    return []; // whatever comes before it
  }
  const all = [...targets, ...rules];
  return all.length ? all : [rollout(0, salt)];
}

const payload = (value) =>
  typeof value === 'string'
    ? { type: 'string', value }
    : { type: 'json', value: JSON.stringify(value) };

function feature(key, flag, segmentIds) {
  const { variations, fallthrough, prerequisites = [] } = flag;
  const made = {
    name: key,
    type: 'release',
    enabled: flag.on,
    impressionData: flag.trackEvents ?? false,
    dependencies: prerequisites.map(({ key }) => ({ feature: key, enabled: true })),
  };
  if (variations.every((v) => typeof v === 'boolean')) {
    return { ...made, strategies: strategies(flag, segmentIds) };
  }
  const variants = variations.map((value, at) => ({
    name: `variation-${at}`,
    weight: at === fallthrough.variation ? 1000 : 0,
    payload: payload(value),
  }));
  return { ...made, strategies: [], variants };
}

// What Unleash's server gives its clients.
export function convertFlags({ flags, segments }) {
  const ids = new Map(Object.keys(segments).map((key, at) => [key, at + 1]));
  return {
    features: Object.entries(flags).map(([key, flag]) => feature(key, flag, ids)),
    segments: Object.entries(segments).map(([key, { included }]) => ({
      id: ids.get(key),
      name: key,
      constraints: [list('userId', included)],
    })),
  };
}

function properties(kind, attributes) {
  const named = Object.entries(attributes).filter(([name]) => name !== 'kind' && name !== 'key');
  return Object.fromEntries(named.map(([name, value]) => [attribute(kind, name), value]));
}

export function convertContext({ kind, ...rest }) {
  if (kind !== 'multi') {
    return { userId: rest.key, properties: properties(kind, rest) };
  }
  const { user, ...others } = rest;
  const all = Object.entries(others).map(([kind, of]) => properties(kind, of));
  return { userId: user.key, properties: Object.assign(properties('user', user), ...all) };
}
