//! How to: lifetimes of helpers, checking gradients, saving and resuming, tables, images, sequences without masks, several machines, watching a training.
//!
//! # Where `'t` goes
//!
//! The first attempt at a helper function that records a layer usually does not compile. Its signature lacks three lifetimes: those of the
//! tape, the model and the result:
//!
//! ```compile_fail,E0106
//! use nn::prelude::*;
//! fn logits(tape: &Tape<f32>, net: &Linear<f32>, x: Var<f32>) -> Var<f32> {
//!     net.forward(x.tanh())
//! }
//! ```
//!
//! The model, the tape and its variables share one lifetime. Write `<'t>` after the name and `'t` in each of these places. A helper that
//! takes a variable x needs no tape, because [`x.tape()`](crate::Var::tape) returns it.
//!
//! ```
//! use nn::prelude::*;
//! fn logits<'t>(net: &'t Linear<f32>, x: Var<'t, f32>) -> Var<'t, f32> {
//!     net.forward(x.tanh())
//! }
//! fn penalty<'t>(tape: &'t Tape<'t, f32>, net: &'t Linear<f32>) -> Var<'t, f32> {
//!     tape.param(&net.weight).square().sum() * 1e-3
//! }
//! # let rng = &mut ChaCha8Rng::seed_from_u64(0);
//! let mut net = Linear::new(2, 1, Init::He, rng);
//! let adam = Adam::new(0.01);
//! let mut state = adam.init(&net);
//! let tape = Tape::new();
//! let x = tape.constant(Matrix::from([[0.5, -1.0], [2.0, 1.0]]));
//! let grads = (logits(&net, x).square().mean() + penalty(&tape, &net)).backward();
//! adam.step(&mut net, &grads, &mut state); // the gradients are owned: `'t` ends before
//! ```
//!
//! [The book of autograd](mod@autograd::book::lifetimes) also covers structs of variables, and closures.
//!
//! # Checking the gradients of a model
//!
//! [`check_model`](crate::check_model) compares the gradients of all trained parameters with finite differences. Use it in a test
//! whenever a model has a rule of its own, a `stop_gradient`, or a forward pass by hand. It panics with a report that names the
//! parameters, unless the verdict is *pass*. Its closure is that of [`Trainer::new`](crate::train::Trainer::new): the tape, the model and
//! a batch. It needs `f64`, so write the model for any number type:
//!
//! ```
//! use nn::prelude::*;
//!
//! #[derive(Module)]
//! struct Net<T> {
//!     hidden: Linear<T>,
//!     output: Linear<T>,
//! }
//!
//! impl<T: Real> Layer<T> for Net<T> {
//!     fn forward<'t>(&'t self, x: Var<'t, T>) -> Var<'t, T> {
//!         self.output.forward(self.hidden.forward(x).softplus())
//!     }
//! }
//!
//! # let rng = &mut ChaCha8Rng::seed_from_u64(0);
//! let net = Net { hidden: Linear::new(3, 4, Init::Xavier, rng), output: Linear::new(4, 2, Init::Xavier, rng) };
//! let x = Init::Normal(1.0).sample(3, 5, rng);
//! check_model(&net, &x, |tape, net, x| net.forward(tape.constant(x)));
//! ```
//!
//! # Saving, loading, and resuming
//!
//! A model is saved by [`save`](crate::save) and read by [`load`](crate::load). Put the maps that are applied to its inputs, such as a
//! [`Standardize`](crate::data::Standardize), into one struct with the model, so that they are saved with it. To resume a training, you
//! also need the state of the optimizer and the number of the step. [`save_value`](crate::persist::save_value) saves all of them together.
//! A struct of your own derives `Serialize` and `Deserialize`, for which your program depends on
//! `serde = { version = "1", features = ["derive"] }`.
//!
#![cfg_attr(feature = "save", doc = "```")]
#![cfg_attr(not(feature = "save"), doc = "```ignore")]
//! use nn::persist::save_value;
//! use nn::prelude::*;
//! # let file = std::env::temp_dir().join(format!("nn-guide-{}.nn", std::process::id()));
//! # let rng = &mut ChaCha8Rng::seed_from_u64(0);
//! # let (x, t) = (Matrix::from([[0.0, 0.0, 1.0, 1.0], [0.0, 1.0, 0.0, 1.0]]), Matrix::row(&[0.0, 1.0, 1.0, 0.0]));
//! let adam = Adam::new(0.01);
//! let train = |net: &mut Mlp<f32>, state: &mut nn::State<f32>, steps: std::ops::Range<u64>| {
//!     for step in steps {
//!         let tape = Tape::training(step); // the draws of a step follow from its number
//!         let loss = loss::mse(net.forward(tape.constant(&x)), tape.constant(&t), Reduction::Mean);
//!         let grads = loss.backward();
//!         adam.step(net, &grads, state);
//!     }
//! };
//! let mut net = Mlp::new(&[2, 8, 1], Activation::Tanh, rng);
//! let mut state = adam.init(&net);
//! train(&mut net, &mut state, 0..50);
//! save_value(&file, &(&net, &state, 50u64))?;
//! train(&mut net, &mut state, 50..100);
//!
//! let (mut again, mut state, step): (Mlp<f32>, nn::State<f32>, u64) = load(&file)?;
//! train(&mut again, &mut state, step..100);
//! assert_eq!(again, net); // to the bit
//! # std::fs::remove_file(&file)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A [`Trainer`](crate::train::Trainer) does all of this by `.checkpoint(path).resume()`. It also stores its history, its schedule and its
//! best weights ([the same bits](crate::train#the-same-bits)).
//!
//! With the feature `tensorboard`, `.tensorboard(folder)` also writes what TensorBoard shows while a run goes on: losses and metrics, the
//! learning rate, histograms of weights and gradients, the diagnosis of each layer, and the settings. A run that resumes continues the
//! curves, and no step is shown twice (`Trainer::tensorboard`).
//!
//! With the feature `onnx`, `nn::onnx` exports the evaluation of a model for other programs, and imports networks from PyTorch.
//!
//! # What `checkpoint_every` costs
//!
//! A checkpoint is a complete file that is written to the disk before the next step begins. It contains the weights and the moments of the
//! optimizer. With Adam and `f32` it therefore takes 12 bytes for each weight, and 4 more for each copy of the weights that is kept (the
//! best ones, an average). A step reads and writes as many numbers in memory, but a disk is slower, and `fsync` takes milliseconds. So
//! `checkpoint_every(1)` may take many times as long as a small step, and `checkpoint_every(n)` takes an nth of that per step. After a
//! crash at most n steps are lost. One file a minute costs little. A file is also written after every epoch. This code measures the cost
//! for your model:
//!
#![cfg_attr(feature = "save", doc = "```")]
#![cfg_attr(not(feature = "save"), doc = "```ignore")]
//! use nn::data::Dataset;
//! use nn::prelude::*;
//! use std::time::Instant;
//! # let file = std::env::temp_dir().join(format!("nn-guide-every-{}.nn", std::process::id()));
//! # let rng = &mut ChaCha8Rng::seed_from_u64(0);
//! # let data = Dataset::new(Matrix::from_fn(64, 320, |i, n| ((i * n) % 7) as f32), Matrix::<f32>::zeros(1, 320));
//! # let new = Mlp::new(&[64, 128, 1], Activation::Relu, rng);
//! let trainer = || Trainer::with_loss(Loss::Mse, Adam::new(0.01)).epochs(1).batch(32).quiet();
//! let seconds = |mut trainer: Trainer<'_, f32, Mlp<f32>, _>| {
//!     let (mut net, start) = (new.clone(), Instant::now());
//!     trainer.fit(&mut net, &data).map(|_| start.elapsed().as_secs_f64())
//! };
//! let plain = seconds(trainer())?;
//! let every_step = seconds(trainer().checkpoint(&file).checkpoint_every(1))?; // 10 steps, 11 files
//! println!("{:.1} ms a file", 1e3 * (every_step - plain) / 11.0);
//!
//! let (bytes, weights) = (std::fs::metadata(&file)?.len(), new.count_params() as u64);
//! assert!((12 * weights..14 * weights).contains(&bytes), "{bytes} bytes for {weights} weights");
//! # std::fs::remove_file(&file)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Tables
//!
//! A table has columns of numbers, categories and gaps. An [`Encoding`](crate::data::Encoding) says how each column becomes features. It is
//! fitted only to the training rows and saved with the model, so medians and categories do not depend on other rows.
//!
//! A [`Pipeline`](crate::pipeline::Pipeline) fits an encoding, the preprocessing and an estimator together. It can be cross-validated,
//! scored, and saved as one model. Use it if one of the [estimators](crate::estimator) suffices. For a network of your own, put the parts
//! into one struct, which needs the dependency `serde = { version = "1", features = ["derive"] }`:
//!
#![cfg_attr(all(feature = "csv", feature = "save"), doc = "```")]
#![cfg_attr(not(all(feature = "csv", feature = "save")), doc = "```ignore")]
//! use nn::data::{Encoder, Encoding, Feature, Missing, Unknown};
//! use nn::prelude::*;
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Module, Serialize, Deserialize)]
//! struct Leaves {
//!     #[module(skip)]
//!     encoder: Encoder,
//!     #[module(skip)]
//!     scale: Standardize<f32>,
//!     net: Mlp<f32>,
//! }
//!
//! let read = |text: &str| Csv::new().table_from_reader(text.as_bytes(), "leaves.csv");
//! let table = read("width,colour,kind\n1,red,elm\n,green,oak\n2,red,elm\n4,green,oak\n3,green,oak\n")?;
//! let encoder = Encoding::new()
//!     .column("width", Feature::number().missing(Missing::Median))
//!     .column("colour", Feature::one_hot().unknown(Unknown::Zeros))
//!     .class("kind")
//!     .fit(&table)?;
//! let mut data = encoder.classification::<f32>(&table)?;
//! let scale = Standardize::fit(&data.x);
//! data.x = scale.apply(&data.x);
//! # let rng = &mut ChaCha8Rng::seed_from_u64(0);
//! let mut net = Mlp::new(&[data.x.rows(), 8, 2], Activation::Tanh, rng);
//! Trainer::with_loss(CrossEntropy::default().into(), Adam::new(0.05)).quiet().fit(&mut net, &data)?;
//!
//! let leaves = Leaves { encoder, scale, net };
//! # let file = std::env::temp_dir().join(format!("nn-guide-table-{}.nn", std::process::id()));
//! nn::persist::save_value(&file, &leaves)?;
//! let leaves: Leaves = load(&file)?; // in another program
//! let new = read("colour,width\ngreen,5\nblue,\n")?; // other columns, a gap, a colour that nobody saw
//! let x = leaves.scale.apply(&leaves.encoder.features(&new)?);
//! assert_eq!(predict(&leaves.net, &x).shape(), (2, 2));
//! # std::fs::remove_file(&file)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The example `table_regression` compares a `Pipeline` with a network and one with linear regression by cross-validation.
//!
//! # Images
//!
//! A picture is a column: its pixels row by row, as [`samples`](crate::data::Array::samples) of an IDX or NPY file gives them. Scale all
//! pixels alike by [`fit_shared`](crate::data::Standardize::fit_shared). A [`Standardize::fit`](crate::data::Standardize::fit) of each pixel
//! would enlarge the pixels at the border, which are rarely bright, and a picture that is shifted would no longer look like itself.
//!
//! [`augment`](crate::train::Trainer::augment) changes each training batch, after the scale. Fill what a shift uncovers with
//! the background. After the scale, black is (0 − mean) / deviation; a fill of 0 would be grey.
//!
//! ```
//! use nn::data::read_idx;
//! use nn::prelude::*;
//!
//! # let folder = std::env::temp_dir().join(format!("nn-guide-images-{}", std::process::id()));
//! # std::fs::create_dir_all(&folder)?;
//! # let (images, labels) = (folder.join("images-idx3-ubyte"), folder.join("labels-idx1-ubyte"));
//! # let pixel = |k: usize| if (k % 16 / 4, k % 4) == (1 + k / 16 % 2, 1) { 255 } else { 0 };
//! # let header = |lengths: &[u8]| [vec![0, 0, 8, lengths.len() as u8], lengths.iter().flat_map(|&n| [0, 0, 0, n]).collect()].concat();
//! # std::fs::write(&images, [header(&[40, 4, 4]), (0..640).map(pixel).collect()].concat())?;
//! # std::fs::write(&labels, [header(&[40]), (0..40).map(|n| n % 2).collect()].concat())?;
//! let (height, width) = (4, 4);
//! let x = read_idx::<f32>(&images)?.samples(); // height · width × samples
//! let t = read_idx::<f32>(&labels)?.classes()?;
//! let scale = Standardize::fit_shared(&x); // one mean and one deviation
//! let black = scale.apply(&Matrix::zeros(height * width, 1))[(0, 0)];
//! let data = Dataset::new(scale.apply(&x), t);
//!
//! /// Pictures of this width, shifted by some rows and columns.
//! fn shifted(x: &Matrix<f32>, width: usize, fill: f32, mut by: impl FnMut() -> [isize; 2]) -> Matrix<f32> {
//!     let mut y = Matrix::full(x.rows(), x.cols(), fill);
//!     for n in 0..x.cols() {
//!         let [down, right] = by();
//!         for k in 0..x.rows() {
//!             let from = ((k / width).checked_add_signed(-down), (k % width).checked_add_signed(-right));
//!             if let (Some(i), Some(j)) = from
//!                 && i < x.rows() / width
//!                 && j < width
//!             {
//!                 y[(k, n)] = x[(i * width + j, n)];
//!             }
//!         }
//!     }
//!     y
//! }
//!
//! # let rng = &mut ChaCha8Rng::seed_from_u64(0);
//! let mut net = Mlp::new(&[height * width, 8, 2], Activation::Relu, rng);
//! Trainer::with_loss(CrossEntropy::default().into(), Adam::new(0.01))
//!     .augment(|(x, _): &mut (Matrix<f32>, _), rng| {
//!         *x = shifted(x, width, black, || [0; 2].map(|_| isize::from(rng.random_range(-1i8..=1))));
//!     })
//!     .epochs(2)
//!     .quiet()
//!     .fit(&mut net, &data)?;
//!
//! let down = shifted(&data.x, width, black, || [1, 0]);
//! assert_eq!(down.col(0)[..4], [black; 4]); // a row of background
//! assert_eq!(down.col(0), data.x.col(1)); // the pictures of this file are a dot, and a dot one row below
//! # std::fs::remove_dir_all(&folder)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Sequences without masks
//!
//! Libraries that compile a graph for each shape pad sequences to one length and mask the padding. Here a new shape costs nothing extra, so
//! the sequences of a batch can be recorded one after the other, each with its own length. For attention this is also less work. The scores
//! of a sequence with T steps cost T²; with padding every sequence costs the square of the longest length.
//!
//! ```
//! use nn::prelude::*;
//!
//! #[derive(Module)]
//! struct Attention {
//!     query: Linear<f64>,
//!     key: Linear<f64>,
//!     value: Linear<f64>,
//! }
//!
//! impl Layer<f64> for Attention {
//!     /// The logits of one sequence, features × steps: the mean over the steps of V softmax(Kᵀ Q / √d), each a mixture of all.
//!     fn forward<'t>(&'t self, x: Var<'t, f64>) -> Var<'t, f64> {
//!         let (q, k, v) = (self.query.forward(x), self.key.forward(x), self.value.forward(x));
//!         let scores = k.matmul_tn(q) / (q.rows() as f64).sqrt();
//!         v.matmul(scores.softmax(Axis::Rows)).mean_over(Axis::Cols)
//!     }
//! }
//!
//! # let rng = &mut ChaCha8Rng::seed_from_u64(0);
//! # let mut linear = || Linear::new(2, 2, Init::Xavier, rng);
//! let mut net = Each(Attention { query: linear(), key: linear(), value: linear() }); // each series of a batch alone
//! let lengths = [3, 9, 4, 2];
//! let series = |n: usize| (Matrix::from_fn(2, lengths[n], |i, t| ((3 * i + t) as f64).sin()), n % 2);
//! let data: Samples<Vec<Matrix<f64>>> = (0..4).map(series).collect();
//! Trainer::with_loss(CrossEntropy::default().into(), Adam::new(0.01)).epochs(5).quiet().fit(&mut net, &data)?;
//! assert_eq!(predict(&net, &data.x).shape(), (2, 4));
//!
//! let squares = |lengths: &[usize]| lengths.iter().map(|t| t * t).sum::<usize>();
//! assert_eq!((squares(&lengths), squares(&[9; 4])), (110, 324)); // scores in the loop, and padded
//! # Ok::<(), nn::train::TrainError>(())
//! ```
//!
//! A recurrent layer computes one product for each step, which is cheaper for many series at once. For this case
//! [`run_sequences`](crate::Recurrent::run_sequences) pads them and makes the masks. A [`Model`](crate::Model) that sees the whole batch
//! calls it:
//!
//! ```
//! use nn::prelude::*;
//!
//! #[derive(Module)]
//! struct Net {
//!     lstm: Lstm<f64>,
//!     output: Linear<f64>,
//! }
//!
//! impl Model<f64, Vec<Matrix<f64>>> for Net {
//!     fn predictions<'t>(&'t self, tape: &'t Tape<'t, f64>, series: &'t Vec<Matrix<f64>>) -> Var<'t, f64> {
//!         let (_, [h, _]) = self.lstm.run_sequences(tape, series);
//!         self.output.forward(h)
//!     }
//! }
//! # let rng = &mut ChaCha8Rng::seed_from_u64(0);
//! let net = Net { lstm: Lstm::new(2, 8, rng), output: Linear::new(8, 2, Init::Xavier, rng) };
//! assert_eq!(predict(&net, &[3, 9, 4].map(|steps| Matrix::zeros(2, steps)).to_vec()).shape(), (2, 3));
//! ```
//!
//! The example `patterns` trains both kinds of network. For steps that are padded already there is
//! [`run_padded`](crate::Recurrent::run_padded), as in the example `sequence`.
//!
//! # Several machines
//!
//! A training that is too slow on one machine runs on several by MPI. The crate `tape-mpi` starts the ranks, and the trainer gets one more
//! line, `.ranks(world)`:
//!
//! ```text
//! tape_mpi::run(|world| {
//!     let mut trainer = Trainer::with_loss(CrossEntropy::default().into(), Adam::new(1e-3)).batch(4096);
//!     trainer.ranks(world).fit(&mut net, &data)?;
//!     Ok(())
//! })
//! ```
//!
//! [`ranks`](crate::ranks) says how the gradients are added, so that the weights have the bits of one machine, and what a step sends;
//! [`Trainer::ranks`](crate::train::Trainer::ranks) what every rank does. Without MPI, [`on_threads`](crate::ranks::on_threads) runs ranks in one
//! process, for tests.
//!
//! # Watching a training
//!
//! With the feature `tensorboard`, `Trainer::tensorboard("out/run")` writes what TensorBoard shows: curves of every measurement, the learning
//! rate, histograms of weights and gradients, and the diagnosis of each layer. Start `tensorboard --logdir out`. A run that is resumed continues its curves.
//!
//! To see a network learn without a line of code, start the playground from a clone of the repository: `cargo run --release --example
//! playground` serves a page at `http://127.0.0.1:8420/`. It shows the decision surface, every unit's response, the linear regions, and the
//! lecture's table of both passes for one sample. Its settings are part of its address, so a lesson is a link:
//!
//! | question | address |
//! |---|---|
//! | Why are initial weights random? | `/#init=zeros`: all units of a layer stay alike |
//! | Why do deep networks need skips? | `/#hidden=8-8-8-8-8-8&activation=sigmoid&skips=false`, and the same with skips |
//! | What does too large a learning rate do? | `/#optimizer=sgd&rate=3` |
