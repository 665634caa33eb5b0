//! What each address answers, and the runs that are open.

use std::collections::VecDeque;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nn::Module;
use serde_json::{Value, json};

use crate::http::{Request, Response};
use crate::run::Run;
use crate::settings::Settings;
use crate::{controls, frame, lesson};

/// The files of the page.
const FILES: [(&str, &str, &str); 11] = [
    ("/", "text/html; charset=utf-8", include_str!("web/index.html")),
    ("/style.css", "text/css; charset=utf-8", include_str!("web/style.css")),
    ("/main.js", "text/javascript; charset=utf-8", include_str!("web/main.js")),
    ("/settings.js", "text/javascript; charset=utf-8", include_str!("web/settings.js")),
    ("/address.js", "text/javascript; charset=utf-8", include_str!("web/address.js")),
    ("/theme.js", "text/javascript; charset=utf-8", include_str!("web/theme.js")),
    ("/network.js", "text/javascript; charset=utf-8", include_str!("web/network.js")),
    ("/surface.js", "text/javascript; charset=utf-8", include_str!("web/surface.js")),
    ("/charts.js", "text/javascript; charset=utf-8", include_str!("web/charts.js")),
    ("/lesson.js", "text/javascript; charset=utf-8", include_str!("web/lesson.js")),
    ("/icon.svg", "image/svg+xml", include_str!("web/icon.svg")),
];

/// The most runs that are kept. The one that was used longest ago makes room for a new one, and its page begins again.
const RUNS: usize = 32;
/// The most steps of a request, and the time after which no further one begins.
const STEPS: u64 = 1000;
const TIME: Duration = Duration::from_millis(60);
/// The most linear regions that are drawn.
const REGIONS: usize = 6000;

/// The runs by their numbers, the last used at the end.
#[derive(Default)]
pub struct Pages {
    runs: Mutex<VecDeque<(u64, Arc<Mutex<Run>>)>>,
}

impl Pages {
    pub fn answer(&self, request: &Request<'_>) -> Response {
        match (request.method, request.path) {
            ("GET", path) if FILES.iter().any(|(name, ..)| *name == path) => {
                let file = FILES.iter().find(|(name, ..)| *name == path);
                file.map_or_else(missing, |(_, kind, text)| Response::new(200, kind, text.as_bytes()))
            }
            ("GET", "/api/settings") => json(&controls::description()),
            ("POST", "/api/start") => match Settings::read(request.body).and_then(Run::new) {
                Ok(run) => self.start(run),
                Err(problem) => Response::error(400, &problem),
            },
            ("POST", "/api/advance") => self.with_run(request, |run| {
                run.advance(request.number("steps").unwrap_or(1).min(STEPS) as usize, TIME);
                Response::new(200, "application/octet-stream", frame::of(run))
            }),
            ("GET", "/api/look") => self.with_run(request, |run| json(&look(run))),
            ("GET", "/api/lesson") => self.with_run(request, |run| {
                let sample = request.number("sample").unwrap_or(0) as usize;
                match sample < run.data.training.len() {
                    true => json(&lesson::of(run, sample)),
                    false => Response::error(400, "there is no such sample in training"),
                }
            }),
            (_, path) if path.starts_with("/api/") || FILES.iter().any(|(name, ..)| *name == path) => {
                Response::error(405, "this address is used by another method, or does not exist")
            }
            _ => missing(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<(u64, Arc<Mutex<Run>>)>> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn start(&self, run: Run) -> Response {
        // 53 bits, which a number of the page can have, that nobody can guess.
        let id = RandomState::new().build_hasher().finish() >> 11;
        let about = about(id, &run);
        let mut runs = self.lock();
        runs.push_back((id, Arc::new(Mutex::new(run))));
        let surplus = runs.len().saturating_sub(RUNS);
        runs.drain(..surplus);
        json(&about)
    }

    fn with_run(&self, request: &Request<'_>, f: impl FnOnce(&mut Run) -> Response) -> Response {
        let found = {
            let mut runs = self.lock();
            let place = runs.iter().position(|(id, _)| request.number("run") == Some(*id));
            place.and_then(|place| runs.remove(place)).map(|run| {
                runs.push_back(run.clone());
                run.1
            })
        };
        let Some(run) = found else { return Response::error(404, "this run is no longer there") };
        match run.lock() {
            Ok(mut run) => f(&mut run),
            Err(_) => Response::error(404, "this run has failed"),
        }
    }
}

fn missing() -> Response {
    Response::error(404, "there is nothing at this address")
}

fn json(value: &Value) -> Response {
    Response::new(200, "application/json", value.to_string().into_bytes())
}

/// What the page needs to know of a run before its first step.
fn about(id: u64, run: &Run) -> Value {
    let points = |data: &nn::data::Dataset<f64>| json!({ "x": data.x.as_slice(), "t": data.t });
    json!({
        "run": id,
        "settings": run.settings,
        "sizes": frame::layer_sizes(run),
        "parameters": run.net.count_params(),
        "training": points(&run.data.training),
        "test": points(&run.data.test),
        "classes": run.data.classes,
        "axes": run.data.axes,
        "reach": run.data.reach,
    })
}

/// The diagnosis and the linear regions, which are too slow for every frame.
fn look(run: &Run) -> Value {
    let diagnosis = run.diagnosis();
    let layers = diagnosis.layers.iter().map(|layer| {
        json!({
            "name": layer.name, "units": layer.units, "rms": layer.rms, "spread": layer.spread, "dead": layer.dead,
            "saturated": layer.saturated, "delta": layer.delta, "update": layer.update,
        })
    });
    let layers: Vec<Value> = layers.collect();
    let findings: Vec<String> = diagnosis.findings.iter().map(ToString::to_string).collect();
    let regions = run.regions();
    // Four decimals are finer than the screen.
    let rounded = |(x, y): &(f64, f64)| [x, y].map(|x| (x * 1e4).round() / 1e4);
    let drawn = regions.as_ref().filter(|regions| regions.len() <= REGIONS);
    let drawn =
        drawn.map(|all| all.iter().map(|corners| corners.iter().map(rounded).collect()).collect::<Vec<Vec<_>>>());
    json!({
        "step": run.step,
        "layers": layers,
        "findings": findings,
        "regions": regions.as_ref().map(Vec::len),
        "corners": drawn,
    })
}
