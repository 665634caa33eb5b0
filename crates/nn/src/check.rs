//! The gradients of a model, compared with finite differences.

use std::collections::HashSet;

use autograd::check::{Check, Report};
use autograd::{Param, Tape, Var};

use crate::Module;

/// Checks the gradients of every trained parameter of a model, to second order and with the settings of [`Check::new`].
///
/// `f` records the outputs of the model or a loss on the tape that it is given. It is called like the objective of a
/// [`Trainer`](crate::train::Trainer::new), with the tape, the model and a batch, so one function serves both. A batch is any data, such
/// as `&(x, t)`; a tape can borrow it, which it cannot do with what a closure captures. The checker compares the derivatives
/// with finite differences and the ways to compute them with one another, as [`autograd::check`](mod@autograd::check) describes, and
/// its report names the parameters. Checks need double precision, so a model should be generic in its number type.
///
/// ```
/// use nn::prelude::*;
/// #[derive(Module)]
/// struct Net<T> {
///     hidden: Linear<T>,
///     output: Linear<T>,
/// }
/// impl<T: Real> Layer<T> for Net<T> {
///     fn forward<'t>(&'t self, x: Var<'t, T>) -> Var<'t, T> {
///         self.output.forward(self.hidden.forward(x).tanh())
///     }
/// }
/// # let rng = &mut ChaCha8Rng::seed_from_u64(0);
/// let net = Net { hidden: Linear::new(2, 4, Init::Xavier, rng), output: Linear::new(4, 1, Init::Xavier, rng) };
/// let x = Matrix::from([[0.3, -1.2, 0.5], [0.8, 0.1, -0.4]]);
/// check_model(&net, &x, |tape, net, x| net.forward(tape.constant(x)));
/// ```
///
/// [`CheckModel::run_model`] takes settings, and returns the report. Here the gradient is lost on the way to the first layer:
///
/// ```
/// # use nn::prelude::*;
/// use nn::CheckModel;
/// use nn::autograd::check::{Check, Verdict};
/// # let rng = &mut ChaCha8Rng::seed_from_u64(0);
/// # let x = Matrix::from([[0.3, -1.2, 0.5], [0.8, 0.1, -0.4]]);
/// let net = [2, 4].map(|inputs| Linear::new(inputs, 4, Init::Xavier, rng)).to_vec();
/// let report = Check::new().order(1).run_model(&net, &x, |tape, net, x| {
///     let hidden = net[0].forward(tape.constant(x)).tanh();
///     net[1].forward(hidden.stop_gradient())
/// });
/// assert_eq!(report.verdict, Verdict::Fail);
/// assert!(report.to_string().contains("gradient, entry (0, 0) of `0.weight`: analytic 0.0"));
/// ```
///
/// The tapes of a check are those of evaluation: dropout keeps everything and [`BatchNorm`](crate::BatchNorm) uses its running statistics.
/// To check training, record the model within [`as_in_training`](Tape::as_in_training). Its seed draws the same dropout each time, and
/// batch statistics are differentiated, while running statistics stay: `tape.as_in_training(1, || net.forward(x))`. Frozen parameters and
/// buffers are constants. To check the derivative by an input too, put the input into the model as a [`Param`](crate::Param).
///
/// # Panics
/// With a [`Report`] if the verdict is not [`Pass`](autograd::check::Verdict::Pass). It also panics if the model has no trained parameter, or one
/// that `f` does not read from the tape: a value that is copied to the tape as a constant has no gradient.
#[track_caller]
#[doc(alias("gradcheck", "functional_call"))]
pub fn check_model<M: Module<f64>, B: ?Sized>(
    model: &M,
    batch: &B,
    f: impl for<'t> Fn(&'t Tape<'t, f64>, &'t M, &'t B) -> Var<'t, f64>,
) {
    Check::new().run_model(model, batch, f).unwrap();
}

/// [`Check`] on a model.
pub trait CheckModel {
    /// [`check_model`] with these settings. It returns the report, whose [`names`](Report::names) are those of the parameters.
    ///
    /// # Panics
    /// If the model has no trained parameter, or one that `f` does not read from the tape.
    #[track_caller]
    fn run_model<M: Module<f64>, B: ?Sized>(
        &self,
        model: &M,
        batch: &B,
        f: impl for<'t> Fn(&'t Tape<'t, f64>, &'t M, &'t B) -> Var<'t, f64>,
    ) -> Report;
}

impl CheckModel for Check {
    #[track_caller]
    fn run_model<M: Module<f64>, B: ?Sized>(
        &self,
        model: &M,
        batch: &B,
        f: impl for<'t> Fn(&'t Tape<'t, f64>, &'t M, &'t B) -> Var<'t, f64>,
    ) -> Report {
        let trained = model.named_params().into_iter().filter(|(_, param)| param.is_trained());
        let (names, params): (Vec<_>, Vec<_>) = trained.unzip();
        assert!(
            !names.is_empty(),
            "check_model: the model has no trained parameter; to check an input, make it a `Param`"
        );
        let values: Vec<_> = params.iter().map(|param| param.value()).collect();
        if let Some(unread) = unread(&params, &(model, batch), |tape, &(model, batch)| f(tape, model, batch)) {
            panic!(
                "check_model: the loss does not read the parameter `{}` from the tape: record it with `tape.param`, or freeze it",
                names[unread]
            );
        }
        let report = self.run_with(
            &(model, batch),
            |tape, &(model, batch), v| {
                params.iter().zip(v).for_each(|(param, &v)| tape.bind(param, v));
                f(tape, model, batch)
            },
            &values,
        );
        Report { names, ..report }
    }
}

/// The index of a parameter that no node reads.
#[track_caller]
fn unread<M: ?Sized>(
    params: &[&Param<f64>],
    model: &M,
    f: impl for<'t> Fn(&'t Tape<'t, f64>, &'t M) -> Var<'t, f64>,
) -> Option<usize> {
    let tape = Tape::new();
    let vars: Vec<_> = params.iter().map(|param| tape.variable(param.value())).collect();
    params.iter().zip(&vars).for_each(|(param, &var)| tape.bind(param, var));
    let y = f(&tape, model);
    let mut read: HashSet<usize> = tape.nodes().flat_map(|node| node.operands()).map(|x| x.index()).collect();
    read.insert(y.index());
    vars.iter().position(|var| !read.contains(&var.index()))
}
