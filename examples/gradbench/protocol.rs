//! Messages and answers, as GradBench's CONTRIBUTING.md specifies them.

use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};

/// A program: its name, its functions, and what reads the input of one of them.
pub struct Module {
    pub name: &'static str,
    pub functions: &'static [&'static str],
    pub prepare: fn(function: &str, input: &str) -> Result<Function, String>,
}

/// A function with its input. What it returns becomes JSON after it was timed.
pub type Function = Box<dyn Fn() -> Box<dyn Output>>;

/// A result.
pub trait Output {
    fn to_json(&self) -> serde_json::Result<Value>;
}

impl<S: Serialize> Output for S {
    fn to_json(&self) -> serde_json::Result<Value> {
        serde_json::to_value(self)
    }
}

/// The function.
pub fn function<S: Serialize + 'static>(f: impl Fn() -> S + 'static) -> Function {
    Box::new(move || Box::new(f()))
}

/// Reads an input.
///
/// # Errors
/// If it is not JSON, lacks a field, or its sizes do not fit together.
pub fn read<T: DeserializeOwned>(input: &str) -> Result<T, String> {
    serde_json::from_str(input).map_err(|error| format!("the input: {error}"))
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(default)]
    id: Value,
    kind: String,
    module: Option<String>,
    function: Option<String>,
    #[serde(borrow)]
    input: Option<&'a RawValue>,
}

/// The answer to a line.
pub fn answer(line: &[u8], modules: &[Module]) -> Value {
    let message = match serde_json::from_slice::<Message>(line) {
        Ok(message) => message,
        Err(error) => return json!({ "id": null, "success": false, "error": format!("the message: {error}") }),
    };
    let id = &message.id;
    let result = match &*message.kind {
        "start" => return json!({ "id": id, "tool": "tape" }),
        "define" => find(&message, modules).map(|_| json!({ "id": id, "success": true })),
        "evaluate" => evaluate(&message, modules),
        _ => return json!({ "id": id }),
    };
    result.unwrap_or_else(|error| json!({ "id": id, "success": false, "error": error }))
}

fn find<'m>(message: &Message, modules: &'m [Module]) -> Result<&'m Module, String> {
    let name = message.module.as_deref().ok_or("the message names no module")?;
    let known = || modules.iter().map(|module| module.name).collect::<Vec<_>>().join(", ");
    modules
        .iter()
        .find(|module| module.name == name)
        .ok_or_else(|| format!("no module {name:?}; there are {}", known()))
}

fn evaluate(message: &Message, modules: &[Module]) -> Result<Value, String> {
    let module = find(message, modules)?;
    let name = message.function.as_deref().ok_or("the message names no function")?;
    if !module.functions.contains(&name) {
        return Err(format!("{} has no function {name:?}; it has {}", module.name, module.functions.join(", ")));
    }
    let input = message.input.ok_or("the message has no input")?.get();
    // Only an object has places for these.
    let runs = if input.starts_with('{') { read(input)? } else { Runs::default() };
    let start = Instant::now();
    let f = (module.prepare)(name, input)?;
    let mut timings = vec![timing("prepare", start.elapsed())];
    let (output, times) = runs.of(&f)?;
    timings.extend(times.into_iter().map(|time| timing("evaluate", time)));
    let output = output.to_json().map_err(|error| format!("the output: {error}"))?;
    if has_null(&output) {
        return Err("the output has a number that is infinite or not a number, which JSON cannot say".to_string());
    }
    Ok(json!({ "id": message.id, "success": true, "output": output, "timings": timings }))
}

/// Whether a part is null. A number that is not finite becomes null.
fn has_null(value: &Value) -> bool {
    match value {
        Value::Array(list) => list.iter().any(has_null),
        Value::Object(map) => map.values().any(has_null),
        _ => value.is_null(),
    }
}

fn timing(name: &str, time: Duration) -> Value {
    json!({ "name": name, "nanoseconds": time.as_nanos() as u64 })
}

/// How often a function runs: until both numbers are reached.
#[derive(Deserialize)]
#[serde(default)]
struct Runs {
    min_runs: usize,
    min_seconds: f64,
}

impl Default for Runs {
    fn default() -> Self {
        Runs { min_runs: 1, min_seconds: 0.0 }
    }
}

impl Runs {
    fn of(&self, f: &Function) -> Result<(Box<dyn Output>, Vec<Duration>), String> {
        let Runs { min_runs, min_seconds } = *self;
        if !(1..=1_000_000).contains(&min_runs) || !(0.0..=3600.0).contains(&min_seconds) {
            return Err(format!(
                "min_runs is 1 to 1,000,000 and min_seconds 0 to 3600, and not {min_runs} and {min_seconds}"
            ));
        }
        let (mut times, mut all) = (Vec::new(), Duration::ZERO);
        loop {
            let start = Instant::now();
            let output = f();
            let time = start.elapsed();
            times.push(time);
            all += time;
            if times.len() >= min_runs && all.as_secs_f64() >= min_seconds {
                return Ok((output, times));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MODULES;

    fn error(line: &str) -> String {
        let answer = answer(line.as_bytes(), &MODULES);
        assert_eq!(answer["success"], false, "{answer}");
        answer["error"].as_str().unwrap().to_string()
    }

    #[test]
    fn a_conversation() {
        let answer = |message: Value| answer(message.to_string().as_bytes(), &MODULES);
        assert_eq!(answer(json!({ "id": 0, "kind": "start", "eval": "hello" })), json!({ "id": 0, "tool": "tape" }));
        assert_eq!(
            answer(json!({ "id": 1, "kind": "define", "module": "hello" })),
            json!({ "id": 1, "success": true })
        );
        let call = |function: &str| json!({ "id": 2, "kind": "evaluate", "module": "hello", "function": function, "input": 3.0 });
        assert_eq!(answer(call("square"))["output"], 9.0);
        assert_eq!(answer(call("double"))["output"], 6.0);
        assert_eq!(answer(json!({ "id": 3, "kind": "analysis", "of": 2, "valid": true })), json!({ "id": 3 }));
        assert_eq!(answer(json!({ "id": "x", "kind": "whatever comes" })), json!({ "id": "x" }));
    }

    #[test]
    fn as_many_runs_as_asked_for() {
        let input = json!({ "x": [1.0, 2.0], "n": 3, "min_runs": 4, "min_seconds": 0.0 });
        let message = json!({ "id": 5, "kind": "evaluate", "module": "llsq", "function": "primal", "input": input });
        let answer = answer(message.to_string().as_bytes(), &MODULES);
        let names: Vec<_> = answer["timings"].as_array().unwrap().iter().map(|t| t["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["prepare", "evaluate", "evaluate", "evaluate", "evaluate"]);
    }

    #[test]
    fn wrong_messages() {
        assert!(error("").contains("EOF"));
        assert!(error("{\"id\": 1, \"kind\"").contains("EOF"));
        assert!(error("[1, 2]").contains("the message"));
        assert!(error("{\"id\": 1}").contains("missing field `kind`"));
        assert!(answer(b"\xff\xfe", &MODULES)["error"].as_str().unwrap().contains("the message"));
        assert!(error(r#"{"id": 1, "kind": "define"}"#).contains("names no module"));
        assert!(
            error(r#"{"id": 1, "kind": "define", "module": "bye"}"#).contains("no module \"bye\"; there are hello, ")
        );
        let evaluate = |rest: &str| error(&format!(r#"{{"id": 1, "kind": "evaluate", "module": "ba"{rest}}}"#));
        assert!(evaluate("").contains("names no function"));
        assert!(
            evaluate(r#", "function": "hessian""#)
                .contains("ba has no function \"hessian\"; it has objective, jacobian")
        );
        assert!(evaluate(r#", "function": "jacobian""#).contains("no input"));
        assert!(evaluate(r#", "function": "jacobian", "input": [1]"#).contains("the input: "));
        assert!(evaluate(r#", "function": "jacobian", "input": {"min_runs": -1}"#).contains("the input: "));
        assert!(evaluate(r#", "function": "jacobian", "input": {"n": 1e999}"#).contains("number out of range"));
        let infinite = r#"{"id": 1, "kind": "evaluate", "module": "hello", "function": "square", "input": 1e200}"#;
        assert!(error(infinite).contains("a number that is infinite"));
    }

    #[test]
    fn runs_within_limits() {
        for (min_runs, min_seconds) in [(0, 0.0), (1, -1.0), (1, 1e9), (2_000_000, 0.0)] {
            let input = json!({ "x": [1.0], "min_runs": min_runs, "min_seconds": min_seconds });
            let message = json!({ "id": 1, "kind": "evaluate", "module": "lse", "function": "primal", "input": input });
            assert!(error(&message.to_string()).contains("min_runs is 1 to 1,000,000"));
        }
    }
}
