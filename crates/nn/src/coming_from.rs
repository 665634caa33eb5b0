//! Coming from PyTorch, JAX or scikit-learn: what is called what here.
//!
//! Three differences come first. **Columns are samples**: X is features × batch, so a layer computes W X + b. **A tape is a value**:
//! a program makes a [`Tape`](crate::Tape) for each step and puts its inputs on it; there is no global graph, and nothing has to be
//! zeroed. **Gradients are owned**: `loss.backward()` returns them, and an optimizer takes them together with the model.
//!
//! # A training loop
//!
//! PyTorch:
//!
//! ```python
//! net = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1))
//! optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
//! for step in range(200):
//!     optimizer.zero_grad()
//!     loss = nn.functional.mse_loss(net(x), t)
//!     loss.backward()
//!     optimizer.step()
//! ```
//!
//! Here:
//!
//! ```
//! use nn::prelude::*;
//! # let (x, t) = (Matrix::from([[0.0, 0.0, 1.0, 1.0], [0.0, 1.0, 0.0, 1.0]]), Matrix::row(&[0.0, 1.0, 1.0, 0.0]));
//! # let rng = &mut ChaCha8Rng::seed_from_u64(1);
//! let mut net: Mlp<f64> = Mlp::new(&[2, 8, 1], Activation::Tanh, rng);
//! let optimizer = Adam::new(0.01);
//! let mut state = optimizer.init(&net);
//! for step in 0..200 {
//!     let tape = Tape::training(step);
//!     let loss = loss::mse(net.forward(tape.constant(&x)), tape.constant(&t), Reduction::Mean);
//!     let grads = loss.backward();
//!     optimizer.step(&mut net, &grads, &mut state);
//! }
//! # let tape = Tape::new();
//! # assert!(loss::mse(net.forward(tape.constant(&x)), tape.constant(&t), Reduction::Mean).item() < 0.01);
//! ```
//!
//! # A classifier
//!
//! scikit-learn:
//!
//! ```python
//! model = MLPClassifier(hidden_layer_sizes=[16], learning_rate_init=0.01).fit(X, y)
//! print(model.score(X, y), model.predict_proba(X))
//! ```
//!
//! Here:
//!
//! ```
//! use nn::prelude::*;
//! # let x = Matrix::from_fn(2, 100, |i, n| (n % (7 + 4 * i)) as f32);
//! # let y: Vec<usize> = (0..100).map(|n| usize::from(x[(0, n)] < x[(1, n)])).collect();
//! let model = MlpClassifier::new().hidden(&[16]).lr(0.01).fit(&x, &y)?; // x is features × samples
//! println!("{} {:?}", model.score(&x, &y)?, model.predict_proba(&x)?);
//! # Ok::<(), nn::estimator::EstimatorError>(())
//! ```
//!
//! # Derivatives of functions
//!
//! JAX:
//!
//! ```python
//! f = lambda x: jnp.sum(jnp.sin(x) * x)
//! jax.value_and_grad(f)(x), jax.hessian(f)(x), jax.jvp(jax.grad(f), (x,), (v,))[1]
//! ```
//!
//! Here:
//!
//! ```
//! use nn::autograd::{hessian, hvp, value_and_gradient};
//! use nn::prelude::*;
//! let (x, v) = (Matrix::column(&[0.5, -1.0]), Matrix::column(&[1.0, 2.0]));
//! fn f(x: Var<'_, f64>) -> Var<'_, f64> {
//!     (x.sin() * x).sum()
//! }
//! let (value, gradient) = value_and_gradient(f, &x);
//! let (hessian, product) = (hessian(f, &x), hvp(f, &x, &v));
//! # assert_eq!((gradient.shape(), hessian.shape(), product.shape()), ((2, 1), (2, 2), (2, 1)));
//! # assert!((value - (0.5 * 0.5f64.sin() + 1.0f64.sin())).abs() < 1e-15);
//! ```
//!
//! # Names: the tape
//!
//! | PyTorch, JAX | here |
//! |---|---|
//! | `requires_grad=True` | [`tape.variable(x)`](crate::Tape::variable) |
//! | a tensor without it | [`tape.constant(x)`](crate::Tape::constant) |
//! | `nn.Parameter` | [`Param`](crate::Param) |
//! | `register_buffer` | a [`Param`](crate::Param) of [`Role::Buffer`](crate::Role) |
//! | `loss.backward()`, `x.grad` | [`loss.backward()`](crate::Var::backward), [`grads.wrt(x)`](crate::Gradients::wrt) |
//! | `retain_grad` | [`backward_all`](crate::Var::backward_all) |
//! | `autograd.grad(create_graph=True)`, `jax.grad` | [`grad`](crate::grad) on the tape, [`gradient`](crate::gradient) of a closure |
//! | `detach`, `lax.stop_gradient` | [`stop_gradient`](crate::Var::stop_gradient) |
//! | `torch.no_grad` | [`tape.constant`](crate::Tape::constant): a tape of constants keeps no gradients |
//! | `model.train()`, `model.eval()` | [`Tape::training(seed)`](crate::Tape::training), [`Tape::new()`](crate::Tape::new) |
//! | `func.jvp`, `func.vjp` | [`several::jvp`](crate::autograd::several::jvp), [`several::vjp`](crate::autograd::several::vjp) |
//! | `jacrev`, `jacfwd` | [`jacobian`](crate::autograd::jacobian) |
//! | `func.hessian` | [`hessian`](crate::autograd::hessian) |
//! | `vmap(grad(f))` | [`backward_per_sample`](crate::Var::backward_per_sample) |
//! | `checkpoint`, `jax.checkpoint` | [`checkpoint`](crate::autograd::checkpoint) |
//! | `autograd.Function`, `custom_vjp` | [`CustomOp`](crate::autograd::CustomOp), [`map`](crate::autograd::map) |
//! | `gradcheck`, `check_grads` | [`check`](crate::autograd::check()) |
//! | `detect_anomaly` | [`backward_checked`](crate::Var::backward_checked) |
//! | `torch.compile`, `jax.jit` | [`Program`](crate::autograd::Program), [`Compiled`](crate::autograd::Compiled) |
//!
//! # Names: operations
//!
//! | PyTorch, JAX, NumPy | here |
//! |---|---|
//! | `a @ b`, `mm` | [`a.matmul(b)`](crate::Var::matmul) |
//! | `a.T @ b`, `a @ b.T` | [`matmul_tn`](crate::Var::matmul_tn), [`matmul_nt`](crate::Var::matmul_nt) |
//! | `.T`, `permute`, `transpose` | [`t`](crate::Var::t) |
//! | `view`, `reshape` | [`reshape`](crate::Var::reshape), column by column |
//! | `expand`, `broadcast_to` | [`repeat`](crate::Var::repeat) |
//! | `repeat`, `tile` | [`tile`](crate::Var::tile) |
//! | `cat`, `concatenate`, `stack` | [`hstack`](crate::autograd::hstack), [`vstack`](crate::autograd::vstack) |
//! | `narrow`, slices | [`rows_in`](crate::Var::rows_in), [`columns`](crate::Var::columns), [`at`](crate::Var::at) |
//! | `index_select`, `take` | [`select_rows`](crate::Var::select_rows), [`select_columns`](crate::Var::select_columns) |
//! | `gather`, `scatter_add` | [`gather`](crate::Var::gather), [`scatter_add`](crate::Var::scatter_add) |
//! | `sum(dim=0)`, `mean(dim=1)` | [`sum_over(Axis::Rows)`](crate::Var::sum_over), [`mean_over(Axis::Cols)`](crate::Var::mean_over) |
//! | `amax`, `argmax` | [`max_over`](crate::Var::max_over), [`arg_max`](crate::Var::arg_max) |
//! | `var(unbiased=False)` | [`variance`](crate::Var::variance) |
//! | `linalg.norm` | [`norm`](crate::Var::norm) |
//! | `logsumexp` | [`log_sum_exp`](crate::Var::log_sum_exp) |
//! | `where`, `masked_fill` | [`select`](crate::Var::select), [`where_entry`](crate::Var::where_entry) |
//! | `tril`, `triu`, `diag` | [`lower`](crate::Var::lower), [`upper`](crate::Var::upper), [`diagonal`](crate::Var::diagonal), [`diag`](crate::Var::diag) |
//! | `linalg.solve`, `inv`, `det` | [`solve`](crate::Var::solve), [`inverse`](crate::Var::inverse), [`determinant`](crate::Var::determinant) |
//! | `linalg.eigh`, `qr`, `cholesky` | [`symmetric_eigen`](crate::Var::symmetric_eigen), [`qr`](crate::Var::qr), [`cholesky`](crate::Var::cholesky) |
//!
//! # Names: networks and training
//!
//! | PyTorch, scikit-learn, Optax | here |
//! |---|---|
//! | `nn.Module` | `#[derive(Module)]`, [`Module`](crate::Module), [`Layer`](crate::Layer) |
//! | `state_dict`, `named_parameters` | [`named_params`](crate::Module::named_params) |
//! | `torch.save`, `torch.load` | `nn::save`, `nn::load` |
//! | `nn.Sequential` | [`Sequential`](crate::Sequential) |
//! | `nn.BatchNorm1d`, `nn.LayerNorm` | [`BatchNorm`](crate::BatchNorm), [`LayerNorm`](crate::LayerNorm) |
//! | `nn.LSTM`, `nn.GRU`, `nn.RNN` | [`Lstm`](crate::Lstm), [`Gru`](crate::Gru), [`Rnn`](crate::Rnn) |
//! | `torch.nn.init` | [`Init`](crate::Init) |
//! | `CrossEntropyLoss` | [`CrossEntropy`](crate::loss::CrossEntropy), [`softmax_cross_entropy`](crate::loss::softmax_cross_entropy) |
//! | `nll_loss` | [`softmax_cross_entropy`](crate::loss::softmax_cross_entropy) of the logits |
//! | `BCEWithLogitsLoss` | [`BinaryCrossEntropy`](crate::loss::BinaryCrossEntropy), [`bce_with_logits`](crate::loss::bce_with_logits) |
//! | `torch.optim`, `optax` | [`Optimizer`](crate::Optimizer) and the structs that implement it |
//! | `weight_decay` of AdamW | [`decoupled_decay`](crate::With::decoupled_decay) |
//! | `clip_grad_norm_` | [`clip_norm`](crate::With::clip_norm) |
//! | `lr_scheduler` | [`schedule`](crate::schedule) |
//! | `Dataset`, `DataLoader` | [`Dataset`](crate::data::Dataset), [`Sampler`](crate::data::Sampler) |
//! | `train_test_split` | [`random_split`](crate::data::random_split), [`stratified_split`](crate::data::stratified_split) |
//! | `KFold`, `StratifiedKFold` | [`k_fold`](crate::data::k_fold), [`stratified_k_fold`](crate::data::stratified_k_fold) |
//! | `StandardScaler`, `MinMaxScaler`, `PCA` | [`Standardize`](crate::data::Standardize), [`MinMax`](crate::data::MinMax), [`Pca`](crate::data::Pca) |
//! | `make_pipeline` | [`Pipeline`](crate::data::Pipeline) |
//! | `accuracy_score`, `confusion_matrix` | [`accuracy`](crate::metrics::accuracy), [`Confusion`](crate::metrics::Confusion) |
//! | `MLPClassifier`, `MLPRegressor` | [`MlpClassifier`](crate::estimator::MlpClassifier), [`MlpRegressor`](crate::estimator::MlpRegressor) |
//! | `Trainer` of Lightning, `fit` of Keras | [`Trainer`](crate::train::Trainer) |
