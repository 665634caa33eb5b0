//! Performance: what each operation costs, and how to reduce it.
//!
//! - **A new tape for each step allocates nothing.** Its buffers come from a pool of the thread and return to it.
//! - **Recording a node of one entry costs about as much as one of a hundred**, and one node can be a whole sum: [`affine`](crate::affine) for W X + b,
//!   [`Arithmetic::dot`](crate::Arithmetic::dot) for Σ aᵢ bᵢ of scalars. Fewer, larger nodes are faster.
//! - **Scalars have a separate tape**, [`ScalarTape`](crate::ScalarTape): 12 bytes a connection, about one record a
//!   statement (`cargo bench -p tape-autograd --bench scalars`).
//! - **Constants cost nothing backward.** Record data with [`Tape::constant`](crate::Tape::constant).
//! - **A skip connection is not copied.** Its gradient shares the memory of the sum's gradient. Columns are not copied either; they
//!   are a part of their matrix.
//! - **Columns are samples** and are contiguous in memory. A minibatch is a range of columns, and a product W X reads
//!   both along their columns.
//! - **Elementwise loops are compiled for several vector widths**, and the widest one of the processor is chosen at run time. This library
//!   has its own vectorized formulas for exp, ln, eˣ − 1, ln(1 + x), tanh, the logistic function, softplus and erf, and for what is made
//!   of them and of arithmetic. Functions of the standard library, such as sin, pow and hypot, compute one number at a time.
//! - **Large products and loops use the threads of rayon's current pool.** The bits of the results do not depend on the number of threads.
//!   For one thread use `rayon::ThreadPoolBuilder::new().num_threads(1)`.
//! - **The values take most of the memory**: [`backward`](crate::Var::backward) frees the gradients of intermediate variables as it goes.
//!   [`checkpoint`](crate::checkpoint) brings a chain of n steps down to order √n: 256 steps in 16 segments take a ninth of the memory
//!   (`cargo test -p tape-tests --test memory tapes -- --nocapture`).
//! - **At most 512 MiB of free buffers are kept.** A larger buffer is returned to the system as soon as its tape is dropped.
//!   [`free_buffers`](crate::free_buffers) frees the others. [`Tape::shrink_to_fit`](crate::Tape::shrink_to_fit) frees the memory that a
//!   tape has reserved beyond its values.
//! - **Replaying is cheaper than recording** for small nodes: see [`Compiled`](crate::Compiled). A scalar [`Program`](crate::Program)
//!   runs as vector loops, in a fraction of the time and memory of its tape: 7 to 10 bytes a node on ADBench's
//!   mixture and LSTM (`cargo test -p tape-tests --test memory programs -- --nocapture`).
//! - **A step that is the same every time can be planned.** A [`Plan`](crate::Plan) repeats a recorded step on new inputs and parameters
//!   with the same bits, without recording and without deciding anything in the sweep. It saves about a quarter of the time of a step of a
//!   few dozen numbers, and nothing that can be measured where products dominate (`cargo bench -p tape-nn --bench steps -- xor digits`).
//!
//! `cargo bench -p tape-nn --bench steps` compares whole training steps, recorded and planned, with handwritten ones.
