//! A model is plain data whose parameters can be walked by name.

mod model;
mod path;
mod summary;

use autograd::compiled_once;

use crate::{Param, Real, Var};

pub use model::{Each, Model};
pub use nn_derive::Module;
pub use path::{Axes, ParamKind, Path};
pub use summary::{ParamSummary, Summary};

/// Anything that holds parameters: a layer, a model, a parameter itself.
///
/// Derive it. The derived code visits every field in the order of declaration, so you need not list them again. If a field is not a
/// `Module`, using the struct as a model does not compile, so no layer is silently left untrained. Mark a field without parameters
/// `#[module(skip)]`.
///
/// ```
/// use nn::{Activation, Init, Layer, Linear, Module, Var};
/// # use rand::SeedableRng;
///
/// #[derive(Module)]
/// struct Net {
///     hidden: Linear<f32>,
///     output: Linear<f32>,
///     #[module(skip)]
///     name: String,
/// }
///
/// impl Layer<f32> for Net {
///     fn forward<'t>(&'t self, x: Var<'t, f32>) -> Var<'t, f32> {
///         self.output.forward(self.hidden.forward(x).tanh())
///     }
/// }
///
/// let rng = &mut rand::rngs::ChaCha8Rng::seed_from_u64(0);
/// let net = Net {
///     hidden: Linear::new(2, 8, Init::Xavier, rng),
///     output: Linear::new(8, 1, Init::Xavier, rng),
///     name: "xor".into(),
/// };
/// let names: Vec<String> = net.named_params().into_iter().map(|(name, _)| name).collect();
/// assert_eq!(names, ["hidden.weight", "hidden.bias", "output.weight", "output.bias"]);
/// assert_eq!(net.count_params(), 2 * 8 + 8 + 8 + 1);
/// ```
///
/// A field of another type is an error:
///
/// ```compile_fail,E0277
/// #[derive(nn::Module)]
/// struct Net {
///     hidden: nn::Linear<f32>,
///     scale: Vec<f32>, // not a Param: would never be trained
/// }
/// # fn is_module(net: &Net) { nn::Module::<f32>::count_params(net); }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a `Module`",
    note = "derive `Module` for it, or mark the field `#[module(skip)]` if it holds no parameters"
)]
#[doc(alias = "state_dict")]
pub trait Module<T: Real> {
    /// Calls `f` with the path and a reference of every parameter, in the order of declaration.
    fn params<'m>(&'m self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, &'m Param<T>));

    /// Calls `f` with the path and a mutable reference of every parameter, in the same order.
    fn params_mut<'m>(&'m mut self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, &'m mut Param<T>));

    /// Every parameter with its dotted name, such as `layers.0.weight`.
    fn named_params(&self) -> Vec<(String, &Param<T>)> {
        named(&mut |f| self.params(&Path::Root, f))
    }

    /// The names of the parameters of the operation at which a value or gradient stopped being finite. They identify the layer that caused
    /// it.
    ///
    /// ```
    /// use nn::{Layer, Linear, Matrix, Module, Param, Tape};
    /// let layer = Linear { weight: Param::new(Matrix::full(1, 2, 1e200)), bias: None };
    /// let tape = Tape::new();
    /// let loss = layer.forward(tape.constant(Matrix::full(2, 3, 1e200))).sum();
    /// let anomaly = loss.backward_checked().err().unwrap();
    /// assert_eq!(layer.involved(&anomaly), ["weight"]);
    /// ```
    fn involved(&self, anomaly: &autograd::Anomaly) -> Vec<String> {
        involved(&mut |f| self.params(&Path::Root, f), anomaly)
    }

    /// The number of trained entries.
    fn count_params(&self) -> usize {
        count(&mut |f| self.params(&Path::Root, f))
    }

    /// A table of the parameters by layer, with their shapes, the number of their entries, and whether they are trained. Layers without
    /// parameters, such as activations, are left out.
    ///
    /// ```
    /// use nn::{Activation, Mlp, Module, Norm};
    /// # let rng = &mut <rand::rngs::ChaCha8Rng as rand::SeedableRng>::seed_from_u64(0);
    /// let mut net: Mlp<f32> = Mlp::builder(&[64, 128, 10]).norm(Norm::Batch).build(rng);
    /// net.freeze(&|name| name.starts_with("layers.0."));
    /// let table = "\
    /// layer     parameter     shape     numbers
    /// layers.0  weight        128 × 64    8,192  frozen
    ///           bias          128 × 1       128  frozen
    /// layers.1  weight        10 × 128    1,280  trained
    ///           bias          10 × 1         10  trained
    /// norms.0   weight        128 × 1       128  trained
    ///           bias          128 × 1       128  trained
    ///           running_mean  128 × 1       128  buffer
    ///           running_var   128 × 1       128  buffer
    /// 1,546 numbers are trained, 8,320 are frozen, 256 are in buffers";
    /// assert_eq!(net.summary().to_string(), table);
    /// ```
    #[doc(alias("torchinfo", "torchsummary"))]
    fn summary(&self) -> Summary {
        summary::summary(&mut |f| self.params(&Path::Root, f))
    }

    /// Freezes the parameters whose name satisfies the condition; returns their number. [`Param::freeze`] freezes a single one.
    ///
    /// ```
    /// use nn::{Activation, Mlp, Module};
    /// # let rng = &mut <rand::rngs::ChaCha8Rng as rand::SeedableRng>::seed_from_u64(0);
    /// let mut net: Mlp<f32> = Mlp::new(&[4, 16, 3], Activation::Tanh, rng);
    /// assert_eq!(net.freeze(&|name| name.starts_with("layers.0.")), 2); // fine-tune the last layer only
    /// assert_eq!(net.count_params(), 16 * 3 + 3);
    /// ```
    fn freeze(&mut self, fits: &dyn Fn(&str) -> bool) -> usize {
        turn(&mut |f| self.params_mut(&Path::Root, f), fits, Param::freeze)
    }

    /// Unfreezes the parameters whose name satisfies the condition, so that they are trained again; returns their number.
    fn unfreeze(&mut self, fits: &dyn Fn(&str) -> bool) -> usize {
        turn(&mut |f| self.params_mut(&Path::Root, f), fits, Param::unfreeze)
    }
}

/// Calls a function with every parameter of a module.
pub(crate) type Walk<'w, 'm, T> = &'w mut dyn FnMut(&mut dyn FnMut(&Path<'_>, &'m Param<T>));
type WalkMut<'w, T> = &'w mut dyn FnMut(&mut dyn FnMut(&Path<'_>, &mut Param<T>));

#[compiled_once]
pub(crate) fn named<'w, 'm: 'w, T: Real>(walk: Walk<'w, 'm, T>) -> Vec<(String, &'m Param<T>)> {
    let mut all = Vec::new();
    walk(&mut |path, param| all.push((path.to_string(), param)));
    all
}

#[compiled_once]
fn involved<'w, 'm: 'w, T: Real>(walk: Walk<'w, 'm, T>, anomaly: &autograd::Anomaly) -> Vec<String> {
    let named = named(walk).into_iter();
    named.filter(|(_, param)| anomaly.involves(param)).map(|(name, _)| name).collect()
}

#[compiled_once]
fn count<'w, 'm: 'w, T: Real>(walk: Walk<'w, 'm, T>) -> usize {
    let mut count = 0;
    walk(&mut |_, param| count += if param.is_trained() { param.value().as_slice().len() } else { 0 });
    count
}

#[compiled_once]
fn turn<T: Real>(walk: WalkMut<'_, T>, fits: &dyn Fn(&str) -> bool, turn: fn(&mut Param<T>)) -> usize {
    let mut count = 0;
    walk(&mut |path, param| {
        let before = param.role();
        if fits(&path.to_string()) {
            turn(param);
        }
        count += usize::from(param.role() != before);
    });
    count
}

/// A module that maps a matrix of samples to another: features × batch in, outputs × batch out.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a `Layer`",
    note = "write `impl Layer<{T}> for {Self}` with its `forward`; a recurrent layer is a `Recurrent`, and a function without \
            parameters is an `Activation`"
)]
pub trait Layer<T: Real>: Module<T> {
    /// Records the layer on the tape of `x`: for evaluation, or for training if it is a
    /// [training tape](crate::Tape::training).
    fn forward<'t>(&'t self, x: Var<'t, T>) -> Var<'t, T>;
}

#[compiled_once]
impl<T: Real> Module<T> for Param<T> {
    fn params<'m>(&'m self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, &'m Param<T>)) {
        f(path, self);
    }
    fn params_mut<'m>(&'m mut self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, &'m mut Param<T>)) {
        f(path, self);
    }
}

/// Lists name their modules by number; lists of layers run in sequence.
macro_rules! lists {
    ($($List:ty $(, $N:ident)?);+) => {$(
        impl<T: Real, M: Module<T> $(, const $N: usize)?> Module<T> for $List {
            fn params<'m>(&'m self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, &'m Param<T>)) {
                self.iter().enumerate().for_each(|(i, module)| module.params(&path.item(i), f));
            }
            fn params_mut<'m>(&'m mut self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, &'m mut Param<T>)) {
                self.iter_mut().enumerate().for_each(|(i, module)| module.params_mut(&path.item(i), f));
            }
        }

        impl<T: Real, M: Layer<T> $(, const $N: usize)?> Layer<T> for $List {
            #[track_caller]
            fn forward<'t>(&'t self, x: Var<'t, T>) -> Var<'t, T> {
                let mut x = x;
                for layer in self {
                    x = layer.forward(x);
                }
                x
            }
        }
    )+};
}

lists!(Vec<M>; [M; N], N);

impl<T: Real, M: Module<T>> Module<T> for Option<M> {
    fn params<'m>(&'m self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, &'m Param<T>)) {
        self.iter().for_each(|module| module.params(path, f));
    }
    fn params_mut<'m>(&'m mut self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, &'m mut Param<T>)) {
        self.iter_mut().for_each(|module| module.params_mut(path, f));
    }
}

/// For lists of your own layers: `Vec<Box<dyn Layer<f32>>>`.
impl<T: Real, M: Module<T> + ?Sized> Module<T> for Box<M> {
    fn params<'m>(&'m self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, &'m Param<T>)) {
        (**self).params(path, f);
    }
    fn params_mut<'m>(&'m mut self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, &'m mut Param<T>)) {
        (**self).params_mut(path, f);
    }
}

impl<T: Real, L: Layer<T> + ?Sized> Layer<T> for Box<L> {
    #[track_caller]
    fn forward<'t>(&'t self, x: Var<'t, T>) -> Var<'t, T> {
        (**self).forward(x)
    }
}
