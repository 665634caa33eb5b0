//! The first program of the README: a network with a hidden layer learns exclusive or.
//!
//!     cargo run --release --example first

use nn::prelude::*;

fn main() {
    let x = Matrix::from([[0.0f32, 0.0, 1.0, 1.0], [0.0, 1.0, 0.0, 1.0]]); // columns are samples
    let t = Matrix::row(&[0.0, 1.0, 1.0, 0.0]);

    let mut model = Mlp::new(&[2, 8, 1], Activation::Tanh, &mut ChaCha8Rng::seed_from_u64(1));
    let adam = Adam::new(0.01);
    let mut state = adam.init(&model);
    for step in 0..=200 {
        let tape = Tape::new();
        let loss = loss::mse(model.forward(tape.constant(&x)), tape.constant(&t), Reduction::Mean);
        if step % 50 == 0 {
            println!("step {step}: error {:.3}", loss.item());
        }
        let grads = loss.backward(); // owned, so the borrow of the model ends here
        adam.step(&mut model, &grads, &mut state);
    }
}
