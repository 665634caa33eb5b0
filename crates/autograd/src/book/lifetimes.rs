//! Lifetimes: where `'t` goes in helper functions, structs and closures.
//!
//! A [`Var<'t, T>`](crate::Var) is a value on a tape that lives for `'t`. The tape borrows what it records, so parameters and data live for
//! `'t` as well. There is one lifetime, and it has one meaning: *as long as the tape is in use*.
//!
//! # A helper function
//!
//! This does not compile. The compiler cannot tell how long the result lives, or that `tape` and `w` live as long as the result:
//!
//! ```compile_fail,E0106
//! use autograd::{Param, Tape, Var};
//! fn hidden(tape: &Tape<f32>, w: &Param<f32>, x: Var<f32>) -> Var<f32> {
//!     tape.param(w).matmul(x).tanh()
//! }
//! ```
//!
//! Write `<'t>` after the name, and `'t` at every reference, tape and variable. If one of the arguments is a variable x, the tape need not
//! be passed: [`x.tape()`](crate::Var::tape) returns it.
//!
//! ```
//! use autograd::{Matrix, Param, Tape, Var};
//! fn hidden<'t>(tape: &'t Tape<'t, f32>, w: &'t Param<f32>, x: Var<'t, f32>) -> Var<'t, f32> {
//!     tape.param(w).matmul(x).tanh()
//! }
//! fn same<'t>(w: &'t Param<f32>, x: Var<'t, f32>) -> Var<'t, f32> {
//!     x.tape().param(w).matmul(x).tanh()
//! }
//! let (w, data) = (Param::new(Matrix::from([[0.5, -1.0]])), Matrix::column(&[2.0, 1.0]));
//! let tape = Tape::new();
//! let x = tape.constant(&data);
//! assert_eq!(hidden(&tape, &w, x).item(), same(&w, x).item());
//! ```
//!
//! A helper that takes only variables needs one `'t` for all of them:
//!
//! ```
//! use autograd::{Real, Var};
//! fn pseudo_huber<'t, T: Real>(y: Var<'t, T>, t: Var<'t, T>) -> Var<'t, T> {
//!     ((1.0 + (y - t).square()).sqrt() - 1.0).mean()
//! }
//! # let tape = autograd::Tape::new();
//! # assert_eq!(pseudo_huber(tape.variable(3.0), tape.constant(3.0)).item(), 0.0);
//! ```
//!
//! # Returning numbers from a function with a local tape
//!
//! Numbers, matrices and gradients are owned, so a function can return them after its tape is dropped. The tape is then a local variable,
//! and the signature needs no lifetime.
//!
//! ```
//! use autograd::{Gradients, Matrix, Param, Tape};
//! fn loss_and_gradients(w: &Param<f64>, x: &Matrix<f64>) -> (f64, Gradients<f64>) {
//!     let tape = Tape::new();
//!     let loss = tape.param(w).matmul(tape.constant(x)).square().mean();
//!     (loss.item(), loss.backward())
//! }
//! let mut w = Param::new(Matrix::from([[0.5, -1.0]]));
//! let (_, grads) = loss_and_gradients(&w, &Matrix::column(&[2.0, 0.0]));
//! let step = grads.wrt(&w).to_owned();
//! *w.value_mut() = Matrix::from_fn(1, 2, |i, j| w.value()[(i, j)] - 0.1 * step[(i, j)]);
//! ```
//!
//! # A struct of variables
//!
//! A struct of variables has the lifetime as a parameter. It borrows nothing itself:
//!
//! ```
//! use autograd::{Tape, Var};
//! struct State<'t> {
//!     position: Var<'t, f64>,
//!     speed: Var<'t, f64>,
//! }
//! fn step(State { position, speed }: State<'_>) -> State<'_> {
//!     let speed = speed - position.sin() * 0.1;
//!     State { position: position + speed * 0.1, speed }
//! }
//! let tape = Tape::new();
//! let start = tape.variable(1.0);
//! let end = (0..10).fold(State { position: start, speed: tape.constant(0.0) }, |state, _| step(state));
//! assert!(end.position.backward().wrt(start)[(0, 0)] < 1.0);
//! ```
//!
//! # A closure as an argument
//!
//! A function that creates the tape cannot have `'t` as a parameter. Its argument must be a closure that works for every `'t`:
//!
//! ```
//! use autograd::{Matrix, Tape, Var};
//! fn slope(f: impl for<'t> Fn(Var<'t, f64>) -> Var<'t, f64>, at: f64) -> f64 {
//!     let tape = Tape::new();
//!     let x = tape.variable(at);
//!     f(x).backward().wrt(x)[(0, 0)]
//! }
//! let c = Matrix::full(1, 1, 3.0);
//! assert_eq!(slope(|x| x.square(), 2.0), 4.0);
//! // A captured matrix is copied onto the tape, because it may not live as long as `'t`.
//! assert_eq!(slope(|x| x * x.tape().constant(c.clone()), 2.0), 3.0);
//! ```
//!
//! # A closure in a variable
//!
//! The compiler finds out that a closure works for every `'t` only where it is passed as an argument. A closure that returns a variable
//! and is bound by `let` does not compile ("returning this value requires that `'1` must outlive `'2`"):
//!
//! ```compile_fail
//! use autograd::{Var, gradient};
//! let f = |x: Var<'_, f64>| x.square();
//! gradient(f, &autograd::Matrix::full(1, 1, 2.0));
//! ```
//!
//! Write it as a function, and pass what it would capture as arguments:
//!
//! ```
//! use autograd::{Matrix, Var, gradient};
//! fn f<'t>(x: Var<'t, f64>, c: f64) -> Var<'t, f64> {
//!     x.square() * c
//! }
//! assert_eq!(gradient(|x| f(x, 3.0), &Matrix::full(1, 1, 2.0))[(0, 0)], 12.0);
//! ```
