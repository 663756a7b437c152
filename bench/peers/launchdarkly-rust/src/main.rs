//! LaunchDarkly's Rust SDK.
//!
//! bool_variation, str_variation, json_variation and all_flags_detail of a client, with contexts
//! that were made once. `--events on` is the SDK's default: a thread of its own counts, and what
//! does not fit into its queue, 500 events, is dropped. `--events off` is
//! NullEventProcessorBuilder, all that the SDK has for it but being offline: each evaluation makes
//! its event, nobody takes it.

use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::hint::black_box;
use std::io::{stdin, BufRead};
use std::time::{Duration, Instant};

use launchdarkly_sdk_transport::HyperTransport;
use launchdarkly_server_sdk::{
    version_string, Client, ConfigBuilder, Context, EventProcessorBuilder, FlagDetailConfig,
    NullEventProcessorBuilder, ServiceEndpointsBuilder, StreamingDataSourceBuilder,
};
use serde::{Deserialize, Serialize};
use serde_json::{json, Value};

const SDK_KEY: &str = "launchdarkly-rust";

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Type {
    Boolean,
    String,
    Json,
    AllFlags,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    flag: Option<String>,
    r#type: Type,
    context: String,
    value: Value,
}

#[derive(Deserialize)]
struct CaseFile {
    contexts: HashMap<String, Context>,
    cases: Vec<Case>,
}

#[derive(Serialize)]
struct Ready {
    ready: bool,
    version: &'static str,
    cases: Vec<String>,
    absent: BTreeMap<String, String>,
    values: BTreeMap<String, Value>,
}

fn connect(url: &str, events: bool) -> Result<Client, Box<dyn Error>> {
    let transport = HyperTransport::new()?;
    let config = ConfigBuilder::new(SDK_KEY)
        .service_endpoints(ServiceEndpointsBuilder::new().relay_proxy(url))
        .data_source(StreamingDataSourceBuilder::new().transport(transport.clone()));
    let config = if events {
        config.event_processor(EventProcessorBuilder::new().transport(transport))
    } else {
        config.event_processor(&NullEventProcessorBuilder::new())
    };
    Ok(Client::build(config.build()?)?)
}

fn run(client: &Client, case: &Case, context: &Context, n: u64) {
    let flag = case.flag.as_deref().unwrap_or_default();
    match case.r#type {
        Type::Boolean => {
            for _ in 0..n {
                black_box(client.bool_variation(context, flag, false));
            }
        }
        Type::String => {
            for _ in 0..n {
                black_box(client.str_variation(context, flag, String::new()));
            }
        }
        Type::Json => {
            for _ in 0..n {
                black_box(client.json_variation(context, flag, Value::Null));
            }
        }
        Type::AllFlags => {
            for _ in 0..n {
                black_box(client.all_flags_detail(context, FlagDetailConfig::new()));
            }
        }
    }
}

/// What one evaluation gives; for all flags, whether there are any.
fn value(client: &Client, case: &Case, context: &Context) -> Result<Value, Box<dyn Error>> {
    let flag = case.flag.as_deref().unwrap_or_default();
    Ok(match case.r#type {
        Type::Boolean => json!(client.bool_variation(context, flag, false)),
        Type::String => json!(client.str_variation(context, flag, String::new())),
        Type::Json => client.json_variation(context, flag, Value::Null),
        Type::AllFlags => {
            let all = client.all_flags_detail(context, FlagDetailConfig::new());
            serde_json::to_value(all)?["$valid"].clone()
        }
    })
}

fn check(client: &Client, file: &CaseFile) -> Result<Ready, Box<dyn Error>> {
    let mut ready = Ready {
        ready: true,
        version: version_string(),
        cases: Vec::new(),
        absent: BTreeMap::new(),
        values: BTreeMap::new(),
    };
    for case in &file.cases {
        let got = value(client, case, &file.contexts[&case.context])?;
        let wanted = match case.r#type {
            Type::AllFlags => &Value::Bool(true),
            _ => &case.value,
        };
        if wanted.is_null() {
            ready.values.insert(case.name.clone(), got);
        } else if got != *wanted {
            let why = format!("gives {got}, not {wanted}");
            ready.absent.insert(case.name.clone(), why);
            continue;
        }
        ready.cases.push(case.name.clone());
    }
    Ok(ready)
}

/// The case and the number that a line asks for.
fn request<'a>(line: &str, file: &'a CaseFile, ready: &Ready) -> Option<(&'a Case, u64)> {
    let (name, number) = line.trim().split_once(' ')?;
    let case = file.cases.iter().find(|case| case.name == name)?;
    let n: u64 = number.parse().ok()?;
    (n > 0 && ready.cases.contains(&case.name)).then_some((case, n))
}

fn serve(client: &Client, file: &CaseFile, ready: &Ready) -> Result<(), Box<dyn Error>> {
    for line in stdin().lock().lines() {
        match request(&line?, file, ready) {
            Some((case, n)) => {
                let context = &file.contexts[&case.context];
                let start = Instant::now();
                run(client, case, context, n);
                println!("{{\"ns\":{}}}", start.elapsed().as_nanos());
            }
            None => println!("{{\"error\":\"CASE N is wanted\"}}"),
        }
    }
    Ok(())
}

fn options() -> Result<HashMap<String, String>, Box<dyn Error>> {
    let mut options = HashMap::new();
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or("an option has no value")?;
        options.insert(name, value);
    }
    Ok(options)
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = options()?;
    let file = std::fs::read(options.get("--cases").ok_or("--cases is wanted")?)?;
    let file: CaseFile = serde_json::from_slice(&file)?;
    let url = options.get("--url").ok_or("--url is wanted")?;
    let events = options.get("--events").is_some_and(|events| events == "on");
    let client = connect(url, events)?;
    client.start_with_runtime()?;
    let waiting = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()?;
    let minute = Duration::from_secs(60);
    if waiting.block_on(client.wait_for_initialization(minute)) != Some(true) {
        return Err("the SDK has got no flags".into());
    }
    let ready = check(&client, &file)?;
    println!("{}", serde_json::to_string(&ready)?);
    serve(&client, &file, &ready)?;
    client.close(); // delivers what events are left
    Ok(())
}
