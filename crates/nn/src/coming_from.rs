//! Coming from PyTorch, JAX or scikit-learn: the corresponding names.
//!
//! There are three main differences. **Columns are samples**: X is features × batch, so a layer computes W X + b. **A tape is a value**:
//! a program makes a [`Tape`](crate::Tape) for each step and records its inputs on it. There is no global graph, and nothing has to be
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
//! | `gradcheck`, `check_grads` | [`check`](crate::autograd::check()); of a module [`check_model`](crate::check_model) |
//! | `func.functional_call` | [`tape.bind(&param, x)`](crate::Tape::bind): the model then reads x for the parameter |
//! | `torch.randn(m, n)`, `np.random.normal` | [`Init::Normal(1.0).sample(m, n, rng)`](crate::Init::sample) |
//! | `torch.rand(m, n)` | `Matrix::from_fn(m, n, \|_, _\| rng.random())`; on ±a [`Init::Uniform(a).sample(m, n, rng)`](crate::Init::sample) |
//! | `detect_anomaly` | [`backward_checked`](crate::Var::backward_checked) |
//! | `torch.compile`, `jax.jit` | [`RecordedLoss`](crate::RecordedLoss) of a model; [`Compiled`](crate::autograd::Compiled) of a function; a [trainer with a loss](crate::train::Trainer::with_loss) does it by itself |
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
//! | `unfold`, the windows of `conv1d` | [`windows`](crate::Var::windows); a convolution is a product with them |
//! | `narrow`, slices | [`rows_in`](crate::Var::rows_in), [`columns`](crate::Var::columns), [`at`](crate::Var::at) |
//! | `index_select`, `take` | [`select_rows`](crate::Var::select_rows), [`select_columns`](crate::Var::select_columns) |
//! | `gather`, `scatter_add` | [`gather`](crate::Var::gather), [`scatter_add`](crate::Var::scatter_add) |
//! | `sum(dim=0)`, `mean(dim=1)` | [`sum_over(Axis::Rows)`](crate::Var::sum_over), [`mean_over(Axis::Cols)`](crate::Var::mean_over) |
//! | `amax`, `argmax` | [`max_over`](crate::Var::max_over), [`arg_max`](crate::Var::arg_max) |
//! | `var(unbiased=False)` | [`variance`](crate::Var::variance) |
//! | `linalg.norm` | [`norm`](crate::Var::norm) |
//! | `logsumexp` | [`log_sum_exp`](crate::Var::log_sum_exp) |
//! | `logaddexp`, `logcumsumexp` | [`log_add_exp`](crate::Var::log_add_exp), [`log_cumsum_exp`](crate::Var::log_cumsum_exp) |
//! | `lgamma`, `digamma`, `polygamma` | [`ln_gamma`](crate::Var::ln_gamma), [`digamma`](crate::Var::digamma), [`polygamma`](crate::Var::polygamma) |
//! | `erfinv`, `sinc` | [`erf_inv`](crate::Var::erf_inv), [`sinc`](crate::Var::sinc) |
//! | `special.ndtri(x)` | `(x * 2.0 - 1.0).erf_inv() * SQRT_2` |
//! | `remainder`, `fmod`, `copysign` | [`remainder`](crate::Var::remainder), [`fmod`](crate::Var::fmod), [`copysign`](crate::Var::copysign) |
//! | `xlogy(a, b)`, `xlog1py(a, b)` | `b.ln().weigh(a)`, `b.ln_1p().weigh(a)`: see [`weigh`](crate::Var::weigh) |
//! | `cumsum`, `cumprod`, `cummax`, `cummin` | [`cumsum`](crate::Var::cumsum), [`cumprod`](crate::Var::cumprod), [`cummax`](crate::Var::cummax), [`cummin`](crate::Var::cummin) |
//! | `diff`, `roll`, `flip` | [`diff`](crate::Var::diff), [`roll`](crate::Var::roll), [`flip`](crate::Var::flip) |
//! | `sort`, `topk` | [`sort`](crate::Var::sort), [`top_k`](crate::Var::top_k): the values and where they were |
//! | `quantile`, `np.median` | [`quantile`](crate::Var::quantile), [`median`](crate::Var::median); `kthvalue` is a row of [`sort`](crate::Var::sort) |
//! | `cdist` | [`distances`](crate::Var::distances), [`squared_distances`](crate::Var::squared_distances), [`differences`](crate::Var::differences), between columns |
//! | `kron`, `outer` | [`kron`](crate::Var::kron), [`outer`](crate::Var::outer) |
//! | `where`, `masked_fill` | [`select`](crate::Var::select), [`where_entry`](crate::Var::where_entry) |
//! | `tril`, `triu`, `diag` | [`lower`](crate::Var::lower), [`upper`](crate::Var::upper), [`diagonal`](crate::Var::diagonal), [`diag`](crate::Var::diag) |
//! | `linalg.solve`, `inv`, `det` | [`solve`](crate::Var::solve), [`inverse`](crate::Var::inverse), [`determinant`](crate::Var::determinant) |
//! | `linalg.svd`, `svdvals`, `lstsq`, `pinv` | [`svd`](crate::Var::svd), [`singular_values`](crate::Var::singular_values), [`least_squares`](crate::Var::least_squares), [`pinv`](crate::Var::pinv) |
//! | `linalg.matrix_exp`, `matrix_power` | [`matrix_exp`](crate::Var::matrix_exp), [`matrix_power`](crate::Var::matrix_power) |
//! | `linalg.norm` with `nuc` or `2`, `cond`, `matrix_rank` | [`nuclear_norm`](crate::Var::nuclear_norm), [`spectral_norm`](crate::Var::spectral_norm), [`cond`](crate::Var::cond), [`rank`](crate::Var::rank) |
//! | `linalg.eigh`, `qr`, `cholesky` | [`symmetric_eigen`](crate::Var::symmetric_eigen), [`qr`](crate::Var::qr), [`cholesky`](crate::Var::cholesky) |
//!
//! # Names: networks and training
//!
//! | PyTorch, scikit-learn, Optax | here |
//! |---|---|
//! | `nn.Module` | `#[derive(Module)]`, [`Module`](crate::Module), [`Layer`](crate::Layer) |
//! | `state_dict`, `named_parameters` | [`named_params`](crate::Module::named_params) |
//! | `model.summary` of Keras, `torchinfo` | [`summary`](crate::Module::summary) |
//! | `requires_grad_(False)`, `layer.trainable = False` | [`freeze`](crate::Module::freeze) |
//! | `freeze_to`, `unfreeze` of fastai | [`freeze_until`](crate::train::Trainer::freeze_until) |
//! | `torchvision.transforms` of a `Dataset` | [`augment`](crate::train::Trainer::augment) |
//! | `torch.save`, `torch.load` | `nn::save`, `nn::load` |
//! | `torch.onnx.export` | `nn::onnx::export`, with the feature `onnx` |
//! | `nn.Sequential` | [`Sequential`](crate::Sequential) |
//! | `nn.BatchNorm1d`, `nn.LayerNorm` | [`BatchNorm`](crate::BatchNorm), [`LayerNorm`](crate::LayerNorm) |
//! | `nn.LSTM`, `nn.GRU`, `nn.RNN` | [`Lstm`](crate::Lstm), [`Gru`](crate::Gru), [`Rnn`](crate::Rnn) |
//! | `pack_sequence`, `pad_sequence` | [`run_sequences`](crate::Recurrent::run_sequences); [`run_padded`](crate::Recurrent::run_padded) of steps that are padded already |
//! | `torch.nn.init` | [`Init`](crate::Init) |
//! | `CrossEntropyLoss` | [`CrossEntropy`](crate::loss::CrossEntropy), [`softmax_cross_entropy`](crate::loss::softmax_cross_entropy) |
//! | `nll_loss` | [`softmax_cross_entropy`](crate::loss::softmax_cross_entropy) of the logits |
//! | `BCEWithLogitsLoss` | [`BinaryCrossEntropy`](crate::loss::BinaryCrossEntropy), [`bce_with_logits`](crate::loss::bce_with_logits) |
//! | `HuberLoss`, `SmoothL1Loss`, `KLDivLoss`, `PoissonNLLLoss`, … | [`Loss`](crate::loss::Loss), with a table of formulas |
//! | `TripletMarginLoss`, `CosineEmbeddingLoss` | [`triplet_margin`](crate::loss::triplet_margin), [`cosine_embedding`](crate::loss::cosine_embedding) |
//! | `MarginRankingLoss`, `HingeEmbeddingLoss` | [`margin_ranking`](crate::loss::margin_ranking), [`hinge_embedding`](crate::loss::hinge_embedding) |
//! | `torch.optim`, `optax` | [`Optimizer`](crate::Optimizer) and the structs that implement it |
//! | `torch.optim.LBFGS` | [`minimize_model`](crate::MinimizeModel::minimize_model) |
//! | `scipy.optimize.minimize`, with `bounds` | [`minimize`](fn@crate::minimize), [`minimize_within`](crate::minimize_within) |
//! | `param_group["lr"] = …` | [`set_lr`](crate::Hyperparameters::set_lr) |
//! | `weight_decay` of AdamW | [`decoupled_decay`](crate::With::decoupled_decay) |
//! | `clip_grad_norm_` | [`clip_norm`](crate::With::clip_norm) |
//! | `lr_scheduler` | [`schedule`](crate::schedule) |
//! | `Dataset`, `DataLoader` | [`Dataset`](crate::data::Dataset), [`Sampler`](crate::data::Sampler) |
//! | `TensorDataset` of several tensors, lists of tensors, `collate_fn` | [`Samples`](crate::data::Samples), for a [`Model`](crate::Model) of such inputs; [`Each`](crate::Each) reads series one after the other |
//! | `train_test_split` | [`random_split`](crate::data::random_split), [`stratified_split`](crate::data::stratified_split) |
//! | `KFold`, `StratifiedKFold` | [`k_fold`](crate::data::k_fold), [`stratified_k_fold`](crate::data::stratified_k_fold) |
//! | `StandardScaler`, `MinMaxScaler`, `PCA` | [`Standardize`](crate::data::Standardize), [`MinMax`](crate::data::MinMax), [`Pca`](crate::data::Pca) |
//! | `Normalize` of torchvision, `Normalization(axis=None)` of Keras | [`Standardize::fit_shared`](crate::data::Standardize::fit_shared) |
//! | `make_pipeline`, `Pipeline` | [`Preprocessing`](crate::data::Preprocessing) of features; [`Pipeline`](crate::pipeline::Pipeline) from a table to answers |
//! | `accuracy_score`, `confusion_matrix` | [`accuracy`](crate::metrics::accuracy), [`Confusion`](crate::metrics::Confusion) |
//! | `cross_validate`, `GroupKFold` | [`cross_validate`](crate::pipeline::Pipeline::cross_validate), [`Folds`](crate::pipeline::Folds) |
//! | `permutation_importance` | [`permutation_importance`](crate::pipeline::FittedPipeline::permutation_importance) |
//! | `HalvingRandomSearchCV` | [`Halving`](crate::pipeline::Halving) |
//! | `Ridge`, `LogisticRegression` | [`Ridge`](crate::estimator::Ridge), [`Logistic`](crate::estimator::Logistic) |
//! | `DummyRegressor`, `DummyClassifier` | [`Mean`](crate::estimator::Mean), [`Majority`](crate::estimator::Majority) |
//! | `class_weight`, `sample_weight` | [`ClassWeights`](crate::estimator::ClassWeights), [`Dataset::weights`](crate::data::Dataset::weights) |
//! | `MLPClassifier`, `MLPRegressor` | [`MlpClassifier`](crate::estimator::MlpClassifier), [`MlpRegressor`](crate::estimator::MlpRegressor) |
//! | `Trainer` of Lightning, `fit` of Keras | [`Trainer`](crate::train::Trainer) |
