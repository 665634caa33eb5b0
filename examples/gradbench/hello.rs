//! x² and its derivative. Source: GradBench's eval `hello`, which tests a tool's protocol.

use autograd::{Dual, Number};

use crate::protocol::{Module, function, read};

pub const MODULE: Module = Module {
    name: "hello",
    functions: &["square", "double"],
    prepare: |name, input| {
        let x: f64 = read(input)?;
        Ok(match name {
            "square" => function(move || square(x)),
            _ => function(move || square(Dual::variable(x)).tangent),
        })
    },
};

fn square<N: Number>(x: N) -> N {
    x * x
}
