//! What the page draws after a step, as bytes: a description, the weights, the decision surface, and the response of each unit.

use nn::loss::probabilities;
use nn::{Matrix, Tape};
use serde_json::json;

use crate::run::{Run, grid, layer_by_layer};

/// The number of points along a side of the decision surface.
const SURFACE: usize = 96;
/// The number of points along a side of a unit's response.
const RESPONSE: usize = 28;

/// The length of the description in four bytes, little endian; the description in JSON, padded to a multiple of four; all weights in
/// single precision, layer by layer: W by rows, then b; for each point of the surface the class and its probability in 255ths; for each
/// hidden unit the response at each point, from 1 for its largest magnitude with a negative sign, over 128 for 0, to 255.
pub fn of(run: &Run) -> Vec<u8> {
    let (surface, responses, sizes) = (surface(run), responses(run), layer_sizes(run));
    let [training, test] = run.scores();
    let mut head = json!({
        "step": run.step,
        "epoch": run.epoch(),
        "rate": run.rate(),
        "training": [training.loss, training.accuracy],
        "test": [test.loss, test.accuracy],
        "norms": run.norms,
        "sizes": sizes,
        "surface": SURFACE,
        "response": RESPONSE,
        "largest": responses.1,
        "problem": run.problem,
    })
    .to_string();
    head.extend(std::iter::repeat_n(' ', head.len().next_multiple_of(4) - head.len()));
    let mut bytes = (head.len() as u32).to_le_bytes().to_vec();
    bytes.extend(head.as_bytes());
    bytes.extend(weights(run).flat_map(f32::to_le_bytes));
    bytes.extend(surface);
    bytes.extend(responses.0);
    bytes
}

/// The number of units of every layer, inputs first.
pub fn layer_sizes(run: &Run) -> Vec<usize> {
    let of_layers = run.net.layers.iter().map(|layer| layer.outputs());
    std::iter::once(2).chain(of_layers).collect()
}

fn weights(run: &Run) -> impl Iterator<Item = f32> {
    run.net.layers.iter().flat_map(|layer| {
        let bias = layer.bias.iter().flat_map(|bias| bias.value().as_slice().to_vec());
        layer.weight.value().transpose().into_vec().into_iter().chain(bias).map(|w| w as f32)
    })
}

/// The class with the largest probability at each point, and this probability.
fn surface(run: &Run) -> Vec<u8> {
    let tape = Tape::new();
    let x = tape.constant(grid(SURFACE, run.data.reach));
    let p: Matrix<f64> = probabilities(layer_by_layer(&run.net, x).1).value();
    let best = |n: usize| (0..p.rows()).fold(0, |best, k| if p[(k, n)] > p[(best, n)] { k } else { best });
    (0..p.cols()).flat_map(|n| [best(n) as u8, (255.0 * p[(best(n), n)]).round() as u8]).collect()
}

/// The responses, and the largest magnitude of each unit.
fn responses(run: &Run) -> (Vec<u8>, Vec<f64>) {
    let tape = Tape::new();
    let x = tape.constant(grid(RESPONSE, run.data.reach));
    let (mut bytes, mut largest) = (Vec::new(), Vec::new());
    for [_, z] in layer_by_layer(&run.net, x).0 {
        let z = z.value();
        for unit in 0..z.rows() {
            let most = (0..z.cols()).map(|n| z[(unit, n)].abs()).fold(0.0, f64::max);
            let scale = if most > 0.0 { 127.0 / most } else { 0.0 };
            bytes.extend((0..z.cols()).map(|n| (128.0 + scale * z[(unit, n)]).round() as u8));
            largest.push(most);
        }
    }
    (bytes, largest)
}
