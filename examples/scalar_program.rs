//! A scalar program: a ball is thrown and bounces off the floor. How does the distance depend on the throw?
//!
//! One function, generic in its numbers, runs on `f64`, on dual numbers, on variables and on the scalar tape.
//! Recorded once, it runs again on other numbers, and reports when it would branch differently.
//!
//!     cargo run --example scalar_program

use autograd::{Compiled, Dual, Matrix, Number, ScalarTape, Tape, grad};

/// The distance after one second, in steps of a hundredth, of a ball thrown with these speeds. At the floor it reverses
/// and keeps four fifths of its speed.
fn distance<N: Number>(across: N, up: N) -> N {
    const STEP: f64 = 0.01;
    let (mut x, mut height, mut speed) = (across.zero(), up.zero() + 1.0, up);
    for _ in 0..100 {
        speed -= 9.81 * STEP;
        height += speed * STEP;
        if height < 0.0 {
            (height, speed) = (-height, speed * -0.8);
        }
        // Drag, which is larger near the floor.
        x += across * (height + 0.5).tanh() * STEP;
    }
    x
}

fn main() {
    let (across, up) = (3.0, 1.5);
    println!("distance                    {:.6}", distance(across, up));

    let tape = Tape::new();
    let (a, b) = (tape.variable(across), tape.variable(up));
    let x = distance(a, b);
    let grads = x.backward();
    println!("reverse:  by across, up     {:.6}  {:.6}", grads.wrt(a)[(0, 0)], grads.wrt(b)[(0, 0)]);

    let scalars = ScalarTape::new();
    let (a1, b1) = (scalars.variable(across), scalars.variable(up));
    let grads = distance(a1, b1).backward();
    println!("on the scalar tape          {:.6}  {:.6}", grads.wrt(a1), grads.wrt(b1));

    let forward = distance(Dual::constant(across), Dual::variable(up));
    println!("forward:  by up                       {:.6}", forward.tangent);

    let h = 1e-6;
    let difference = (distance(across, up + h) - distance(across, up - h)) / (2.0 * h);
    println!("differences                           {difference:.6}");

    let slope = grad(x, &[b])[0];
    println!("second derivative by up               {:.6}", slope.backward().wrt(b)[(0, 0)]);

    // A slightly harder throw can be replayed; one that misses a bounce cannot.
    let mut program = x.program(&[a, b]);
    for up in [1.55, 6.0] {
        match program.run(&[Matrix::full(1, 1, across), Matrix::full(1, 1, up)]) {
            Ok(()) => println!("replayed, up = {up}         {:.6}", program.value().as_slice()[0]),
            Err(stale) => println!("up = {up}: {stale}"),
        }
    }
    let mut compiled = Compiled::new(|x| distance(x[0], x[1]));
    for up in [1.5, 1.55, 6.0, 6.1] {
        let (value, _) = compiled.value_and_gradient(&[Matrix::full(1, 1, across), Matrix::full(1, 1, up)]);
        println!("compiled, up = {up:<4}         {value:.6}  after {} recordings", compiled.recordings());
    }
}
