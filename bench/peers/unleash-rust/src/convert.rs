//! LaunchDarkly's flags and contexts as Unleash has them.
//!
//! A rule becomes a strategy: its clauses are constraints, membership of a segment is the
//! strategy's segment. A target list is a constraint on the user id, a percentage a gradual
//! rollout that is sticky on the user id, with the salt as its group. A flag that serves true to
//! everybody has no strategies, which is the leanest that there is. Values that are no booleans
//! are the payloads of variants; the one served has all the weight.

use serde_json::{json, Value};
use std::collections::HashMap;
use unleash_yggdrasil::Context;

type Converted<T> = Result<T, String>;

/// A user's attributes go by their names, those of another kind after "kind.".
fn attribute(kind: &str, name: &str) -> String {
    match (kind, name) {
        ("user", "key" | "") => "userId".into(),
        ("user", _) => name.into(),
        _ => format!("{kind}.{name}"),
    }
}

fn text(value: &Value) -> Converted<String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        _ => Err(format!("{value} has no counterpart in a context")),
    }
}

/// A strategy that enables the flag where all constraints hold.
#[derive(Default)]
struct Conditions {
    constraints: Vec<Value>,
    segments: Vec<usize>,
}

impl Conditions {
    fn strategy(self) -> Value {
        json!({"name": "default", "constraints": self.constraints, "segments": self.segments})
    }
}

fn constraint(name: &str, operator: &str, values: &Value) -> Value {
    let mut made = json!({"contextName": name, "operator": operator});
    if operator == "IN" {
        made["values"] = values.clone();
    } else {
        made["value"] = values[0].clone();
    }
    made
}

fn conditions(rule: &Value, segments: &HashMap<&str, usize>) -> Converted<Conditions> {
    let mut all = Conditions::default();
    for clause in rule["clauses"].as_array().ok_or("a rule without clauses")? {
        let kind = clause["contextKind"].as_str().unwrap_or("user");
        let name = attribute(kind, clause["attribute"].as_str().unwrap_or(""));
        let values = &clause["values"];
        let op = clause["op"].as_str().unwrap_or("");
        let operator = match op {
            "segmentMatch" => {
                let key = values[0].as_str().unwrap_or("");
                all.segments
                    .push(*segments.get(key).ok_or("an unknown segment")?);
                continue;
            }
            "in" => "IN",
            "matches" => "REGEX",
            "semVerGreaterThan" => "SEMVER_GT",
            "after" => "DATE_AFTER",
            _ => return Err(format!("no operator for {op}")),
        };
        all.constraints.push(constraint(&name, operator, values));
    }
    Ok(all)
}

fn rollout(percent: u64, salt: &Value) -> Value {
    json!({"name": "flexibleRollout", "parameters":
        {"rollout": percent.to_string(), "stickiness": "default", "groupId": salt}})
}

/// What serves true. Rules that serve false only count where one that serves true comes later:
/// they are strategies, too, so that as much is looked at.
fn strategies(flag: &Value, segments: &HashMap<&str, usize>) -> Converted<Vec<Value>> {
    let variations = &flag["variations"];
    let serves = |at: &Value| at.as_u64().map(|i| variations[i as usize] == json!(true));
    let empty = vec![];
    let mut made = vec![];
    for target in flag["targets"].as_array().unwrap_or(&empty) {
        made.push(Conditions {
            constraints: vec![constraint("userId", "IN", &target["values"])],
            ..Conditions::default()
        });
    }
    for rule in flag["rules"].as_array().unwrap_or(&empty) {
        made.push(conditions(rule, segments)?);
    }
    let mut made: Vec<Value> = made.into_iter().map(Conditions::strategy).collect();
    let fallthrough = &flag["fallthrough"];
    if let Some(weights) = fallthrough["rollout"]["variations"].as_array() {
        let weight = weights
            .iter()
            .find(|w| serves(&w["variation"]) == Some(true));
        let weight = weight.and_then(|w| w["weight"].as_u64()).unwrap_or(0);
        made.push(rollout(weight / 1000, &flag["salt"]));
    } else if serves(&fallthrough["variation"]) == Some(true) {
        made.clear(); // whatever comes before it
    } else if made.is_empty() {
        made.push(rollout(0, &flag["salt"]));
    }
    Ok(made)
}

fn variant(value: &Value, at: usize, served: usize) -> Value {
    let payload = match value {
        Value::String(text) => json!({"type": "string", "value": text}),
        _ => json!({"type": "json", "value": value.to_string()}),
    };
    json!({"name": format!("variation-{at}"), "weight": if at == served { 1000 } else { 0 },
        "payload": payload})
}

fn feature(key: &str, flag: &Value, segments: &HashMap<&str, usize>) -> Converted<Value> {
    let empty = vec![];
    let mut made = json!({"name": key, "type": "release", "enabled": flag["on"]});
    let variations = flag["variations"].as_array().ok_or("no variations")?;
    if variations.iter().all(Value::is_boolean) {
        made["strategies"] = strategies(flag, segments)?.into();
    } else {
        let served = flag["fallthrough"]["variation"]
            .as_u64()
            .ok_or("no fallthrough")? as usize;
        let variants = variations
            .iter()
            .enumerate()
            .map(|(at, v)| variant(v, at, served));
        made["strategies"] = json!([]);
        made["variants"] = variants.collect();
    }
    let needs = flag["prerequisites"].as_array().unwrap_or(&empty);
    let parents = needs
        .iter()
        .map(|n| json!({"feature": n["key"], "enabled": true}));
    made["dependencies"] = parents.collect();
    Ok(made)
}

/// What Unleash's server gives its clients.
pub fn features(file: &Value) -> Converted<Value> {
    let empty = serde_json::Map::new();
    let segments = file["segments"].as_object().unwrap_or(&empty);
    let numbers: HashMap<&str, usize> = segments
        .keys()
        .enumerate()
        .map(|(at, key)| (key.as_str(), at + 1))
        .collect();
    let flags = file["flags"].as_object().ok_or("no flags")?;
    let features: Converted<Vec<Value>> = flags
        .iter()
        .map(|(key, flag)| feature(key, flag, &numbers))
        .collect();
    let segments: Vec<Value> = segments
        .iter()
        .map(|(key, segment)| {
            json!({"id": numbers[key.as_str()],
                "constraints": [constraint("userId", "IN", &segment["included"])]})
        })
        .collect();
    Ok(json!({"version": 2, "features": features?, "segments": segments}))
}

pub fn context(file: &Value) -> Converted<Context> {
    let mut made = Context::default();
    let mut properties = HashMap::new();
    let kind = file["kind"].as_str().unwrap_or("user");
    let multi = kind == "multi";
    for (name, value) in file.as_object().ok_or("a context is an object")? {
        match (name.as_str(), value) {
            ("kind", _) => {}
            (kind, Value::Object(of)) if multi => {
                for (name, value) in of {
                    properties.insert(attribute(kind, name), text(value)?);
                }
            }
            _ => {
                properties.insert(attribute(kind, name), text(value)?);
            }
        }
    }
    made.user_id = properties.remove("userId");
    made.properties = Some(properties);
    Ok(made)
}
