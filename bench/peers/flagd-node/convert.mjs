// convert.mjs - LaunchDarkly's flags and contexts as flagd has them.
//
// Variations are variants, the fallthrough is the default one, and rules are one `if` of JSON Logic
// with as many branches. A target list is an `in` on the targeting key, a percentage `fractional`,
// a segment one of the $evaluators. Dates are seconds, as flagd's own $flagd.timestamp is.

export const MISSING = {
  matches: 'there are no regular expressions',
  prerequisites: 'a flag cannot ask for another',
};

const variant = (at) => `variation-${at}`;
const seconds = (date) => Date.parse(date) / 1000;

// A user's attributes go by their names; those of another kind are in an object of its name.
function variable(kind, name) {
  if (kind !== 'user') {
    return { var: `${kind}.${name}` };
  }
  return { var: name === 'key' || name === '' ? 'targetingKey' : name };
}

function condition({ contextKind = 'user', attribute, op, values }) {
  const of = variable(contextKind, attribute);
  switch (op) {
    case 'segmentMatch':
      return { $ref: values[0] };
    case 'in':
      return values.length === 1 ? { '===': [of, values[0]] } : { in: [of, values] };
    case 'semVerGreaterThan':
      return { sem_ver: [of, '>', values[0]] };
    case 'after':
      return { '>': [of, seconds(values[0])] };
    default:
      throw new Error(`no operator for ${op}`);
  }
}

function fractional({ variations }, key, salt) {
  const shares = variations.map(({ variation, weight }) => [variant(variation), weight / 1000]);
  // The flag's key is the seed where there is none.
  const seed = salt === key ? [] : [{ cat: [salt, { var: 'targetingKey' }] }];
  return { fractional: [...seed, ...shares] };
}

function targeting(key, { fallthrough, salt, targets = [], rules = [] }) {
  const branches = [];
  for (const { variation, values } of targets) {
    branches.push({ in: [{ var: 'targetingKey' }, values] }, variant(variation));
  }
  for (const { variation, clauses } of rules) {
    const all = clauses.map(condition);
    branches.push(all.length === 1 ? all[0] : { and: all }, variant(variation));
  }
  if (fallthrough.rollout) {
    branches.push(fractional(fallthrough.rollout, key, salt));
  }
  return branches.length > 1 ? { if: branches } : branches[0];
}

// Why flagd cannot have this flag, or undefined.
export function whyNot({ rules = [], prerequisites = [] }) {
  const missing = rules.flatMap(({ clauses }) => clauses).find(({ op }) => op in MISSING);
  return prerequisites.length ? MISSING.prerequisites : missing && MISSING[missing.op];
}

// A flag that flagd cannot have is there without what is missing.
function convertFlag(key, flag) {
  return {
    state: flag.on ? 'ENABLED' : 'DISABLED',
    variants: Object.fromEntries(flag.variations.map((value, at) => [variant(at), value])),
    defaultVariant: variant(flag.fallthrough.variation ?? 0),
    targeting: whyNot(flag) ? undefined : targeting(key, flag),
  };
}

// flagd's flag definition, as text.
export function convertFlags({ flags, segments }) {
  const evaluators = Object.entries(segments).map(([key, { included }]) => [
    key,
    { in: [{ var: 'targetingKey' }, included] },
  ]);
  const converted = Object.entries(flags).map(([key, flag]) => [key, convertFlag(key, flag)]);
  return JSON.stringify({
    flags: Object.fromEntries(converted),
    $evaluators: Object.fromEntries(evaluators),
  });
}

// The names of the user's attributes that flags compare as dates.
export function dateAttributes({ flags }) {
  const rules = Object.values(flags).flatMap(({ rules = [] }) => rules);
  const clauses = rules.flatMap(({ clauses }) => clauses);
  return clauses.filter(({ op }) => op === 'after').map(({ attribute }) => attribute);
}

export function convertContext({ kind, ...rest }, dates) {
  const { user, ...others } = kind === 'multi' ? rest : { user: rest };
  const { key, ...attributes } = user;
  for (const name of dates.filter((name) => name in attributes)) {
    attributes[name] = seconds(attributes[name]);
  }
  return { targetingKey: key, ...attributes, ...others };
}
