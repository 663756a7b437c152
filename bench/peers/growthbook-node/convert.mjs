// convert.mjs - LaunchDarkly's flags and contexts as GrowthBook has them.
//
// Rules stay rules with a forced value, in their order, and what remains is the default value. A
// target list is a rule on the id, a percentage a rule with coverage, a segment a saved group.
// Prerequisites come first, as GrowthBook's server sends them: a rule that has only those, as a
// gate. A flag that is off is not sent at all.

const OPERATORS = {
  in: '$in',
  matches: '$regex',
  semVerGreaterThan: '$vgt',
  after: '$gt', // dates are compared as ISO 8601 texts
  segmentMatch: '$inGroup',
};

// A user's attributes go by their names; those of another kind are in an object of its name.
function attribute(kind, name) {
  if (kind !== 'user') {
    return `${kind}.${name}`;
  }
  return name === 'key' || name === '' ? 'id' : name;
}

function comparison(op, values) {
  if (!(op in OPERATORS)) {
    throw new Error(`no operator for ${op}`);
  }
  if (op === 'in') {
    return values.length === 1 ? values[0] : { $in: values };
  }
  return { [OPERATORS[op]]: values[0] };
}

function condition(clauses) {
  return Object.fromEntries(
    clauses.map(({ contextKind = 'user', attribute: name, op, values }) => [
      attribute(contextKind, name),
      comparison(op, values),
    ]),
  );
}

function rolloutRule({ rollout }, { variations, salt }) {
  const [first] = rollout.variations;
  return {
    force: variations[first.variation],
    coverage: first.weight / 100000,
    hashAttribute: 'id',
    seed: salt,
  };
}

function feature({ variations, fallthrough, salt, targets = [], rules = [], prerequisites = [] }) {
  const made = prerequisites.map(({ key }) => ({
    parentConditions: [{ id: key, condition: { value: true }, gate: true }],
  }));
  for (const { variation, values } of targets) {
    made.push({ condition: { id: { $in: values } }, force: variations[variation] });
  }
  for (const { variation, clauses } of rules) {
    made.push({ condition: condition(clauses), force: variations[variation] });
  }
  if (fallthrough.rollout) {
    made.push(rolloutRule(fallthrough, { variations, salt }));
  }
  const rest = fallthrough.variation ?? fallthrough.rollout.variations[1].variation;
  return { defaultValue: variations[rest], ...(made.length ? { rules: made } : {}) };
}

// What GrowthBook's server gives its SDKs.
export function convertFlags({ flags, segments }) {
  const on = Object.entries(flags).filter(([, flag]) => flag.on);
  const groups = Object.entries(segments);
  return {
    features: Object.fromEntries(on.map(([key, flag]) => [key, feature(flag)])),
    savedGroups: Object.fromEntries(groups.map(([key, { included }]) => [key, included])),
  };
}

export function convertContext({ kind, ...rest }) {
  const { user, ...others } = kind === 'multi' ? rest : { user: rest };
  const { key, ...attributes } = user;
  return { attributes: { id: key, ...attributes, ...others } };
}
