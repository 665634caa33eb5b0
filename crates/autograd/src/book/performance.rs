//! Performance: what costs what, and how to spend less.
//!
//! - **A new tape for each step costs no allocation.** Its buffers come from a pool of the thread and go back to it.
//! - **Recording costs a few nanoseconds a node**, and a node may be a whole sum: [`affine`](crate::affine) for W X + b,
//!   [`Arithmetic::dot`](crate::Arithmetic::dot) for Σ aᵢ bᵢ of scalars. Fewer, larger nodes are faster.
//! - **Single numbers have a tape of their own**, [`ScalarTape`](crate::ScalarTape): 12 bytes a connection, about one record a
//!   statement (`cargo bench -p tape-autograd --bench scalars`).
//! - **Constants cost nothing backward.** Record data with [`Tape::constant`](crate::Tape::constant).
//! - **A skip connection is not copied**: its gradient lies where that of the sum does. Nor are columns: they are a part of
//!   their matrix.
//! - **Columns are samples**, one after the other in memory: a minibatch is a range of columns, and a product W X reads
//!   both along their columns.
//! - **Elementwise loops are compiled for the widest vectors** of the processor and chosen when they run; functions with
//!   kernels of their own here are exp, ln, tanh, the logistic function, softplus and erf. The others are those of std,
//!   one number at a time.
//! - **Large products and loops use the threads of rayon's current pool**; the bits do not depend on how many there are. For one
//!   thread: `rayon::ThreadPoolBuilder::new().num_threads(1)`.
//! - **Memory is that of the values**: [`backward`](crate::Var::backward) forgets the gradients of intermediate variables as it goes.
//!   [`checkpoint`](crate::checkpoint) brings a chain of n steps down to order √n: 256 steps in 16 segments take a ninth of the
//!   memory (`cargo test -p tape-tests --test memory tapes -- --nocapture`).
//! - **Free buffers are kept within 512 MiB**; a larger one goes back to the system as soon as its tape is dropped.
//!   [`free_buffers`](crate::free_buffers) gives back the others, [`Tape::shrink_to_fit`](crate::Tape::shrink_to_fit) what a tape
//!   in use has beyond its values.
//! - **Replaying is cheaper than recording** for small nodes: [`Compiled`](crate::Compiled). A [`Program`](crate::Program) in single
//!   numbers runs as vector loops, at a fraction of the time and of the memory of its tape: 7 to 10 bytes a node on ADBench's
//!   mixture and LSTM (`cargo test -p tape-tests --test memory programs -- --nocapture`).
//!
//! `cargo bench -p tape-nn --bench steps` measures whole training steps against the same steps written by hand.
