//! Training steps on the device, one line of JSON for each workload: the time of a step, and that of the same step on one core.
//!
//! ```text
//! cargo bench -p tape-gpu --bench device -- [--seconds S] [--device NAME] [--half] [--no-processor] [WORKLOAD …]
//! ```
//!
//! With `--half`, values are in half precision. Workloads are those of the benchmark `steps`, and `width-N`: three layers of N × N on a batch of 512. `device.sh` compares with PyTorch.

#[expect(dead_code, reason = "the benchmark `steps` uses more of it")]
#[path = "../../nn/benches/steps/workloads.rs"]
mod workloads;

use std::time::Instant;

use autograd::{Matrix, MatrixRef, Param, Plan, Tape, Var, affine};
use gpu::{Device, OnDevice, Weights};
use nn::{Adam, Optimizer, Reduction, loss};
use workloads::{Activation, LEARNING_RATE, Loss, Network, Targets, Workload, workload};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // One core.
    let pool = rayon_core::ThreadPoolBuilder::new().num_threads(1).build()?;
    pool.install(|| run().map_err(|error| error.to_string()))?;
    Ok(())
}

fn run() -> Result<(), Box<dyn std::error::Error>> {
    let (mut seconds, mut name, mut half, mut processor, mut wanted) = (1.0, String::new(), false, true, Vec::new());
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match &*argument {
            "--seconds" => seconds = arguments.next().ok_or("--seconds: a number follows")?.parse()?,
            "--device" => name = arguments.next().ok_or("--device: a part of its name follows")?,
            "--half" => half = true,
            "--no-processor" => processor = false,
            "--bench" => {}
            _ => wanted.push(argument),
        }
    }
    if wanted.is_empty() {
        let widths = [256, 512, 1024, 2048, 4096, 8192].map(|width| format!("width-{width}"));
        wanted.extend(["mnist", "tanh", "wide", "resid", "rnn"].map(str::to_owned).into_iter().chain(widths));
    }
    let device = Device::named(&name)?;
    let device = if half { device.with_half_values()? } else { device };
    eprintln!("device: {device}");
    for name in wanted {
        match measure(&device, &name, seconds, processor) {
            Ok(line) => println!("{line}"),
            Err(error) => println!("{{\"workload\": \"{name}\", \"error\": {:?}}}", error.to_string()),
        }
    }
    Ok(())
}

/// The workload with this name.
fn known(name: &str) -> Workload {
    match name.strip_prefix("width-").and_then(|width| width.parse().ok()) {
        None => workload(name),
        Some(width) => Workload {
            network: Network::Mlp { sizes: vec![width; 4], activation: Activation::Relu },
            loss: Loss::SquaredError,
            batch: 512,
        },
    }
}

/// The outputs of a network, features × columns.
fn outputs<'t>(network: &Network, p: &[Var<'t, f32>], x: Var<'t, f32>, batch: usize) -> Var<'t, f32> {
    let dense = |k: usize, x| affine(&[(p[2 * k], x)], Some(p[2 * k + 1]));
    match *network {
        Network::Mlp { ref sizes, activation } => (0..sizes.len() - 1).fold(x, |h, k| {
            let y = dense(k, h);
            match activation {
                _ if k + 2 == sizes.len() => y,
                Activation::Relu => y.relu(),
                Activation::Tanh => y.tanh(),
            }
        }),
        Network::Residual { depth, .. } => {
            let h = (0..depth).fold(x, |h, k| h + dense(k, h).tanh());
            dense(depth, h)
        }
        Network::Recurrent { times, .. } => {
            let inputs = affine(&[(p[2], x)], Some(p[1]));
            let mut at = (0..times).map(|k| inputs.columns(k * batch..(k + 1) * batch));
            let first = at.next().expect("a sequence has a first element").tanh();
            let h = at.fold(first, |h, a| affine(&[(p[0], h)], Some(a)).tanh());
            affine(&[(p[3], h)], Some(p[4]))
        }
    }
}

fn measure(device: &Device, name: &str, seconds: f64, processor: bool) -> Result<String, Box<dyn std::error::Error>> {
    let workload = known(name);
    let of = |(rows, cols, values)| Param::new(Matrix::from_vec(rows, cols, values));
    let params: Vec<Param<f32>> = workloads::weights(&workload, 1).into_iter().map(of).collect();
    let data = workloads::data::<f32>(&workload, 1);
    let columns = match workload.network {
        Network::Recurrent { times, .. } => workload.batch * times,
        _ => workload.batch,
    };
    let x = Matrix::from_vec(data.inputs.len() / columns, columns, data.inputs);
    let t = match &data.targets {
        Targets::Values(t) => Matrix::from_vec(t.len() / workload.batch, workload.batch, t.clone()),
        Targets::Classes(classes) => {
            let outputs = params.last().expect("a network has parameters").value().rows();
            Matrix::from_fn(outputs, classes.len(), |i, n| f32::from(u8::from(classes[n] == i)))
        }
    };
    let record = || -> Result<Plan<f32>, autograd::NotPlanned> {
        let tape = Tape::training(0);
        let p: Vec<Var<'_, f32>> = params.iter().map(|param| tape.param(param)).collect();
        let (x, t) = (tape.constant(&x), tape.constant(&t));
        let y = outputs(&workload.network, &p, x, workload.batch);
        let loss = match workload.loss {
            Loss::SoftmaxCrossEntropy => loss::softmax_cross_entropy(y, t, Reduction::Mean),
            Loss::SquaredError => loss::mse(y, t, Reduction::Mean),
        };
        loss.plan(&[x, t])
    };
    let adam = Adam::new(LEARNING_RATE);
    let mut state = adam.init(&params);
    let weights = Weights::new(device, &params, &adam, &mut state)?;
    let start = Instant::now();
    let mut step = record()?.on(&weights)?;
    let compiled = start.elapsed().as_secs_f64();
    let inputs: [MatrixRef<'_, f32>; 2] = [x.view(), t.view()];
    step.run(&adam, 0, &inputs, &[], Some(0))?;
    let loss = step.loss()?;
    // As many steps between two looks at the loss as fit into a tenth of the time.
    let (mut times, mut count, start) = (Vec::new(), 1, Instant::now());
    while times.len() < 3 || start.elapsed().as_secs_f64() < seconds {
        let before = Instant::now();
        for k in 0..count {
            step.run(&adam, k + 1, &inputs, &[], Some(0))?;
        }
        step.loss()?;
        let took = before.elapsed().as_secs_f64();
        if took < seconds / 20.0 {
            count *= 2;
            continue;
        }
        times.push(took / count as f64);
        if start.elapsed().as_secs_f64() > 8.0 * seconds {
            break;
        }
    }
    times.sort_by(f64::total_cmp);
    let ours = times[times.len() / 2];
    let mut line = format!(
        "{{\"workload\": \"{name}\", \"device\": {:?}, \"seconds\": {ours:e}, \"compile\": {compiled:.3}, \"loss\": {loss:e}",
        device.name(),
    );
    if processor {
        let (core, core_loss) = on_core(record()?, params, &inputs, seconds)?;
        line += &format!(", \"core\": {core:e}, \"core_loss\": {core_loss:e}");
    }
    Ok(line + "}")
}

/// The time of the same step on one core, and its first loss.
fn on_core(
    mut plan: Plan<f32>,
    mut params: Vec<Param<f32>>,
    inputs: &[MatrixRef<'_, f32>],
    seconds: f64,
) -> Result<(f64, f32), Box<dyn std::error::Error>> {
    let adam = Adam::new(LEARNING_RATE);
    let (mut state, mut times, mut first) = (adam.init(&params), Vec::new(), None);
    let start = Instant::now();
    while times.len() < 3 || start.elapsed().as_secs_f64() < seconds {
        let before = Instant::now();
        let all: Vec<&Param<f32>> = params.iter().collect();
        let run = plan.run(inputs, &all, Some(0))?;
        first.get_or_insert(run.item());
        let gradients = run.backward();
        adam.step(&mut params, &gradients, &mut state);
        times.push(before.elapsed().as_secs_f64());
    }
    times.sort_by(f64::total_cmp);
    Ok((times[times.len() / 2], first.expect("there was a step")))
}
