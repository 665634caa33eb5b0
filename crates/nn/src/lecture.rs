//! The lecture on which the library is based, item by item: the formula as printed, the code, and what shows it.
//!
//! V. Dudar, "Deep Learning 4. Fully connected neural nets. Backpropagation. Stochastic gradient descent", Kyiv 2018.
//!
//! # Networks
//!
//! *2-layer net for regression:* aⱼ = Σᵢ wⱼᵢ⁽¹⁾ xᵢ + wⱼ₀⁽¹⁾, zⱼ = h(aⱼ), yₖ = Σⱼ wₖⱼ⁽²⁾ zⱼ + wₖ₀⁽²⁾; *for classification* σ or softmax of
//! that. The last function is in the loss, where it is exact for any logits.
//!
//! ```
//! use nn::{Activation, Layer, Matrix, Mlp, Tape, loss};
//! # let rng = &mut <rand::rngs::ChaCha8Rng as rand::SeedableRng>::seed_from_u64(0);
//! let net: Mlp<f64> = Mlp::new(&[2, 3, 2], Activation::Tanh, rng);
//! let x = Matrix::column(&[0.5, -1.0]);
//! let tape = Tape::new();
//! let y = net.forward(tape.constant(&x));
//!
//! let [first, second] = &net.layers[..] else { unreachable!() };
//! let (w1, w2) = (first.weight.value(), second.weight.value()); // biases start at 0
//! let z: Vec<f64> = (0..3).map(|j| (w1[(j, 0)] * x[(0, 0)] + w1[(j, 1)] * x[(1, 0)]).tanh()).collect();
//! let y0: f64 = (0..3).map(|j| w2[(0, j)] * z[j]).sum();
//! assert!((y.value()[(0, 0)] - y0).abs() < 1e-15);
//!
//! let p = loss::probabilities(y).value(); // softmax
//! assert!((p[(0, 0)] + p[(1, 0)] - 1.0).abs() < 1e-15);
//! ```
//!
//! *Shallow and deep:* `Mlp::new(&[2, 280, 1], …)` and `Mlp::new(&[2, 32, 32, 1], …)`. *Why linear classifiers are not
//! enough:* `cargo run --release --example spirals`, which also shows what a shallow network needs to be trained.
//!
//! # Backpropagation
//!
//! | forward | backward |
//! |---|---|
//! | y = softmax(x) in the last layer | δx = y − t |
//! | y = h(x) | δx = h'(x) δy |
//! | y = W x | ∇W = δy xᵀ, δx = Wᵀ δy |
//! | y += w x | δx += w δy, ∇w += δy x |
//!
//! *These rules work also in case there are skip-layer connections and weights are shared:*
//!
//! ```
//! use nn::{Matrix, Param, Tape};
//! let w = Param::new(Matrix::from([[0.5]]));
//! let tape = Tape::new();
//! let (w1, x) = (tape.param(&w), tape.variable(2.0));
//! let y = x + w1 * (w1 * x); // w is used twice, x skips ahead
//! let grads = y.backward();
//! assert_eq!((grads.wrt(&w)[(0, 0)], grads.wrt(x)[(0, 0)]), (2.0 * 0.5 * 2.0, 1.0 + 0.25));
//! ```
//!
//! *The nine steps for a 2-layer net*, as loops beside the tape: `cargo run --release --example backprop_by_hand`. The same table of any
//! recorded net, numbered forward and backward: [`grads.steps(&tape)`](crate::Gradients::steps). *With skips,
//! 100 layers train that do not train without them:* `cargo run --release --example deep_skips`. E(w) = Σ Eₙ is
//! [`Reduction::Sum`](crate::Reduction), its mean [`Reduction::Mean`](crate::Reduction).
//!
//! # General properties
//!
//! *Universal approximator:* `cargo run --release --example universal_approximation`. *Piecewise-linear regions, disjoint and
//! non-convex:* [`regions`](crate::regions), `cargo run --release --example linear_regions`.
//!
//! *Weight space symmetries:* M! orders of the hidden units, and 2ᴹ signs for tanh, leave the outputs unchanged.
//!
//! ```
//! use nn::{Activation, Layer, Matrix, Mlp, Tape};
//! # let rng = &mut <rand::rngs::ChaCha8Rng as rand::SeedableRng>::seed_from_u64(0);
//! let net: Mlp<f64> = Mlp::new(&[2, 3, 1], Activation::Tanh, rng);
//! let mut other = net.clone();
//! other.permute_hidden(0, &[2, 0, 1]);
//! other.flip_sign(0, 1);
//! let tape = Tape::new();
//! let x = tape.constant(Matrix::column(&[0.3, 0.7]));
//! assert_ne!(net, other);
//! assert!((net.forward(x).item() - other.forward(x).item()).abs() < 1e-15);
//! ```
//!
//! *Properties of the error function:* non-convex, many global minima, local minima, plateaus:
//! `cargo run --release --example error_surface`. *Vanishing and exploding gradients:* [`diagnose`](mod@crate::diagnose)
//! finds them in any model, with dead and saturated units, and says what to do.
//!
//! # SGD
//!
//! wₖ₊₁ = wₖ − αₖ ∇Êₖ(wₖ), where Ê is the error of a random minibatch; an epoch is a pass over the training data.
//!
//! ```
//! use nn::data::Sampler;
//! use nn::{Matrix, Optimizer, Param, Sgd, Tape};
//! let mut w = Param::new(Matrix::from([[1.0]]));
//! let (x, sgd) = ([1.0, 2.0, 3.0, 4.0], Sgd { lr: 0.1 });
//! let mut state = sgd.init(&w);
//! for epoch in 0..20 {
//!     for batch in Sampler::shuffled(x.len(), 2, 0).epoch(epoch) {
//!         let tape = Tape::new();
//!         let x = tape.constant(Matrix::row(&[x[batch[0]], x[batch[1]]]));
//!         let grads = (tape.param(&w) - x).square().sum().backward(); // Ê = Σ (w − xₙ)²
//!         sgd.step(&mut w, &grads, &mut state);
//!     }
//! }
//! assert!((w.value()[(0, 0)] - 2.5f64).abs() < 0.5, "near the mean");
//! ```
//!
//! | tip | here |
//! |---|---|
//! | random initiation: at zero it will not train | [`Init`](crate::Init); [`diagnose`](mod@crate::diagnose) warns; example `error_surface` |
//! | minibatches of 100 to 1000 | [`Trainer::batch`](crate::train::Trainer::batch) |
//! | balance minibatches for classes | [`Sampler::balanced`](crate::data::Sampler::balanced) |
//! | validation error adjusts the learning rate | [`schedule::Plateau`](crate::schedule::Plateau) |
//!
//! # RMSProp and Adam
//!
//! MSₖ₊₁ = 0.9 MSₖ + 0.1 g², wₖ₊₁ = wₖ − αₖ g / √(MSₖ₊₁ + ε) with g = ∇Êₖ(wₖ). Adam replaces g by vₖ₊₁ = 0.9 vₖ + 0.1 g.
//! As printed, and as in other libraries:
//!
//! ```
//! use nn::{Adam, Matrix, Optimizer, Param, RmsProp, Tape};
//! let first_step = |optimizer: &dyn Optimizer<f64>| {
//!     let mut w = Param::new(Matrix::from([[1.0]]));
//!     let tape = Tape::new();
//!     let grads = (tape.param(&w) * 2.0).backward(); // g = 2
//!     let mut state = optimizer.init(&w);
//!     optimizer.step(&mut w, &grads, &mut state);
//!     1.0 - w.value()[(0, 0)]
//! };
//! let ms: f64 = 0.1 * 2.0 * 2.0;
//! let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-8, "{a} {b}");
//! close(first_step(&RmsProp::lecture(0.01)), 0.01 * 2.0 / ms.sqrt());
//! close(first_step(&Adam::lecture(0.01)), 0.01 * 0.2 / ms.sqrt());
//! close(first_step(&Adam::new(0.01)), 0.01); // with bias correction, as usual today
//! ```
//!
//! *Practical values of α: 0.0001 to 0.05, slowly decreased:* [`schedule`](crate::schedule).
//!
//! # Speeding up
//!
//! *Means 0 and variances 1, or full decorrelation:* [`Standardize`](crate::data::Standardize), and
//! [`Pca`](crate::data::Pca) or [`Zca`](crate::data::Zca), fitted on the training set and saved with the model. *More advanced
//! initialization:* [`Init`](crate::Init) and [`init`](crate::init). *Parallel computing:* [`parallel`](crate::parallel), the
//! same bits for any number of threads.
