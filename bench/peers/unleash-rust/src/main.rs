//! Unleash's core in Rust, unleash-yggdrasil, which Unleash Edge and several of its SDKs run.
//!
//! The features are those of Unleash's client API (convert.rs), compiled once. A case calls
//! check_enabled() or check_variant() with a context that was enriched once: that is less than
//! is_enabled() and get_variant(), which enrich theirs at every call and, the latter, ask whether
//! the flag is enabled in addition. `--events on` counts as an SDK does: count_toggle(), and
//! count_variant() for variants. Events that tell each evaluation are made by SDKs, not here.
//!
//! - prerequisites: absent. A parent of a flag must not have parents itself.
//! - bool-off: an Unleash flag that is off is false; LaunchDarkly's serves any variation, here true.
//! - rules: a strategy can only enable, so the four that do not match would serve true as well.
//! - json: a payload is text; nobody parses it here.
//! - multi-kind: there is one context, so what the organization has are properties of it.

mod convert;

use serde_json::{json, Value};
use std::collections::HashMap;
use std::error::Error;
use std::hint::black_box;
use std::io::{BufRead, Write};
use std::time::Instant;
use unleash_yggdrasil::state::EnrichedContext;
use unleash_yggdrasil::{Context, EngineState, UpdateMessage, CORE_VERSION};

struct Case {
    value: Value,
    run: Box<dyn Fn(u64)>,
}

/// The loop, compiled for each kind of call.
fn each<T>(call: impl Fn() -> T) -> impl Fn(u64) {
    move |n| {
        for _ in 0..n {
            black_box(call());
        }
    }
}

fn boolean(engine: &'static EngineState, who: &'static EnrichedContext, counts: bool) -> Case {
    let call = move || engine.check_enabled(black_box(who)).unwrap_or(false);
    let counted = move || {
        let enabled = call();
        engine.count_toggle(who.toggle_name, enabled);
        enabled
    };
    Case {
        value: json!(call()),
        run: if counts {
            Box::new(each(counted))
        } else {
            Box::new(each(call))
        },
    }
}

fn variant(engine: &'static EngineState, who: &'static EnrichedContext, counts: bool) -> Case {
    let call = move || engine.check_variant(black_box(who)).unwrap_or_default();
    let counted = move || {
        let variant = call();
        engine.count_toggle(who.toggle_name, variant.enabled);
        engine.count_variant(who.toggle_name, &variant.name);
        variant
    };
    let value = match call().payload {
        Some(of) if of.payload_type == "json" => {
            serde_json::from_str(&of.value).unwrap_or_default()
        }
        Some(of) => json!(of.value),
        None => Value::Null,
    };
    Case {
        value,
        run: if counts {
            Box::new(each(counted))
        } else {
            Box::new(each(call))
        },
    }
}

fn all_flags(engine: &'static EngineState, who: &'static Context) -> Case {
    let call = move || engine.resolve_all(black_box(who), &None);
    Case {
        value: json!(call().is_some()),
        run: Box::new(each(call)),
    }
}

/// None: not the same here. The value that is wanted: null is any.
fn differs(name: &str, value: &Value) -> (Option<Value>, Option<&'static str>) {
    match name {
        "prerequisites" => (
            None,
            Some("a parent of a flag must not have parents itself"),
        ),
        "bool-off" => (
            Some(json!(false)),
            Some("a flag that is off is always false"),
        ),
        "rules" => (
            Some(value.clone()),
            Some("a strategy can only enable: the four that do not match would serve true"),
        ),
        "json" => (
            Some(value.clone()),
            Some("a payload is text, which is not parsed"),
        ),
        "multi-kind" => (
            Some(value.clone()),
            Some("one context has the attributes of both the user and the organization"),
        ),
        _ => (Some(value.clone()), None),
    }
}

fn make_case(
    engine: &'static EngineState,
    contexts: &'static HashMap<String, Context>,
    of: &Value,
    counts: bool,
) -> Result<Case, Box<dyn Error>> {
    let context = of["context"].as_str().and_then(|name| contexts.get(name));
    let context = context.ok_or("a case of an unknown context")?;
    let flag: &'static str = String::leak(of["flag"].as_str().unwrap_or("").to_string());
    let who = Box::leak(Box::new(EnrichedContext::from(context, flag, None)));
    Ok(match of["type"].as_str() {
        Some("boolean") => boolean(engine, who, counts),
        Some("all-flags") => all_flags(engine, context),
        _ => variant(engine, who, counts),
    })
}

fn read(path: Option<&String>) -> Result<Value, Box<dyn Error>> {
    let path = path.ok_or("--flags FILE and --cases FILE are wanted")?;
    Ok(serde_json::from_slice(&std::fs::read(path)?)?)
}

fn compile(file: &Value) -> Result<&'static EngineState, Box<dyn Error>> {
    let engine: &'static EngineState = Box::leak(Box::default());
    let state = serde_json::from_value(convert::features(file)?)?;
    match engine.take_state(UpdateMessage::FullResponse(state)) {
        Some(warnings) if !warnings.is_empty() => Err(serde_json::to_string(&warnings)?.into()),
        _ => Ok(engine),
    }
}

fn serve(cases: &HashMap<String, Case>) -> Result<(), Box<dyn Error>> {
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let (name, n) = line.trim().split_once(' ').ok_or("CASE N is wanted")?;
        let case = cases.get(name).ok_or("no such case")?;
        let n = n.parse()?;
        let start = Instant::now();
        (case.run)(n);
        println!("{}", json!({"ns": start.elapsed().as_nanos() as u64}));
        std::io::stdout().flush()?;
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let options: HashMap<&str, &String> = arguments
        .chunks_exact(2)
        .map(|pair| (pair[0].as_str(), &pair[1]))
        .collect();
    let counts = options.get("--events").is_some_and(|e| *e == "on");
    let list = read(options.get("--cases").copied())?;
    let engine = compile(&read(options.get("--flags").copied())?)?;

    let mut contexts = HashMap::new();
    for (name, context) in list["contexts"].as_object().ok_or("no contexts")? {
        contexts.insert(name.clone(), convert::context(context)?);
    }
    let contexts: &'static HashMap<String, Context> = Box::leak(Box::new(contexts));

    let mut cases = HashMap::new();
    let mut names = vec![];
    let mut ready = json!({"ready": true, "version": CORE_VERSION, "absent": {}, "differs": {}});
    for of in list["cases"].as_array().ok_or("no cases")? {
        let name = of["name"].as_str().ok_or("a case without a name")?;
        let (wanted, why) = differs(name, &of["value"]);
        if let Some(why) = why {
            ready[if wanted.is_some() {
                "differs"
            } else {
                "absent"
            }][name] = json!(why);
        }
        let Some(wanted) = wanted else { continue };
        let case = make_case(engine, contexts, of, counts)?;
        if wanted != case.value && !(wanted.is_null() && case.value.is_boolean()) {
            return Err(format!("{name}: {} instead of {wanted}", case.value).into());
        }
        names.push(name);
        cases.insert(name.to_string(), case);
    }
    ready["cases"] = json!(names);
    println!("{ready}");
    serve(&cases)
}
