//! Times candle's training steps on the workloads of workloads.md.
//!
//! ```text
//! RAYON_NUM_THREADS=1 cargo run --release -- [workload …] [--min-seconds S]
//! ```

#[path = "../../measure.rs"]
mod measure;

use candle_core::{DType, Device::Cpu, Result, Tensor};
use candle_nn::{AdamW, Init, Linear, Module, Optimizer, ParamsAdamW, VarBuilder, VarMap, loss};
use measure::{Step, measure};

fn main() {
    measure("candle", |name| build(name).expect("a workload"));
}

fn build(name: &str) -> Result<Step> {
    let (relu, tanh) = (Tensor::relu, Tensor::tanh);
    match name {
        "xor" => mlp(&[2, 8, 1], tanh, 4),
        "digits" => mlp(&[64, 128, 10], relu, 100),
        "mnist" => mlp(&[784, 256, 128, 10], relu, 128),
        "tanh" => mlp(&[784, 1024, 1024, 10], tanh, 256),
        "wide" => mlp(&[1024, 4096, 4096, 1000], relu, 512),
        "resid" => residual(50, 64, 10, 100),
        _ => recurrent(8, 32, 100, 32),
    }
}

fn mlp(sizes: &[usize], activation: fn(&Tensor) -> Result<Tensor>, batch: usize) -> Result<Step> {
    let vars = VarMap::new();
    let layers = sizes.windows(2).enumerate().map(|(k, s)| linear(&vars, &k.to_string(), s[0], s[1]));
    let layers = layers.collect::<Result<Vec<_>>>()?;
    let x = normal(&[batch, sizes[0]])?;
    let t = targets(batch, sizes[sizes.len() - 1])?;
    training(&vars, t, move || {
        let (last, hidden) = layers.split_last().expect("a layer");
        let h = hidden.iter().try_fold(x.clone(), |h, layer| activation(&layer.forward(&h)?))?;
        last.forward(&h)
    })
}

fn residual(depth: usize, width: usize, outputs: usize, batch: usize) -> Result<Step> {
    let vars = VarMap::new();
    let blocks = (0..depth).map(|k| linear(&vars, &k.to_string(), width, width)).collect::<Result<Vec<_>>>()?;
    let head = linear(&vars, "head", width, outputs)?;
    let x = normal(&[batch, width])?;
    training(&vars, targets(batch, outputs)?, move || {
        let h = blocks.iter().try_fold(x.clone(), |h, block| &h + block.forward(&h)?.tanh()?)?;
        head.forward(&h)
    })
}

fn recurrent(inputs: usize, width: usize, times: usize, batch: usize) -> Result<Step> {
    let vars = VarMap::new();
    let (w, head) = (linear(&vars, "w", width, width)?, linear(&vars, "head", width, 1)?);
    let u = Linear::new(weight(&vars, "u", inputs, width)?, None);
    let x = (0..times).map(|_| normal(&[batch, inputs])).collect::<Result<Vec<_>>>()?;
    let start = Tensor::zeros((batch, width), DType::F32, &Cpu)?;
    training(&vars, targets(batch, 1)?, move || {
        let h = x.iter().try_fold(start.clone(), |h, x| (w.forward(&h)? + u.forward(x)?)?.tanh())?;
        head.forward(&h)
    })
}

fn training(vars: &VarMap, t: Tensor, outputs: impl Fn() -> Result<Tensor> + 'static) -> Result<Step> {
    let adam = ParamsAdamW { lr: 1e-6, weight_decay: 0.0, ..ParamsAdamW::default() };
    let mut adam = AdamW::new(vars.all_vars(), adam)?;
    let mut step = move || {
        let y = outputs()?;
        let loss = if t.rank() == 1 { loss::cross_entropy(&y, &t)? } else { loss::mse(&y, &t)? };
        adam.backward_step(&loss)?;
        loss.to_scalar::<f32>()
    };
    Ok(Box::new(move || f64::from(step().expect("a step"))))
}

fn linear(vars: &VarMap, name: &str, inputs: usize, outputs: usize) -> Result<Linear> {
    let bias = builder(vars).get_with_hints(outputs, &format!("{name}.b"), Init::Const(0.0))?;
    Ok(Linear::new(weight(vars, name, inputs, outputs)?, Some(bias)))
}

fn weight(vars: &VarMap, name: &str, inputs: usize, outputs: usize) -> Result<Tensor> {
    let bound = 1.0 / (inputs as f64).sqrt();
    builder(vars).get_with_hints((outputs, inputs), name, Init::Uniform { lo: -bound, up: bound })
}

fn builder(vars: &VarMap) -> VarBuilder<'_> {
    VarBuilder::from_varmap(vars, DType::F32, &Cpu)
}

fn normal(shape: &[usize]) -> Result<Tensor> {
    Tensor::randn(0f32, 1.0, shape, &Cpu)
}

/// Classes, or a single value for each sample.
fn targets(batch: usize, outputs: usize) -> Result<Tensor> {
    match outputs {
        1 => normal(&[batch, 1]),
        _ => Tensor::rand(0f32, outputs as f32, batch, &Cpu)?.to_dtype(DType::U32),
    }
}
