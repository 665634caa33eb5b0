//! Every function and its slope is valid WGSL, as naga reads it.

use autograd::{Binary, Number, Unary};
use naga::valid::{Capabilities, ValidationFlags, Validator};

use crate::{Library, WgslNumber, Writer, function};

/// Panics if the text is not a module of WGSL.
fn validate(is_double: bool, text: &str) {
    let library = Library::new(is_double);
    let zero = "@group(0) @binding(0) var<uniform> zero: u32;\nfn zero_() -> u32 { return zero; }\n";
    let all = format!("{}{zero}{text}", library.called_by(text));
    let module = naga::front::wgsl::parse_str(&all).unwrap_or_else(|error| panic!("{}", error.emit_to_string(&all)));
    let mut validator = Validator::new(ValidationFlags::all(), Capabilities::FLOAT64 | Capabilities::SHADER_INT64);
    validator.validate(&module).unwrap_or_else(|error| panic!("{error:?}\n{all}"));
}

#[test]
fn every_function_and_its_slope_is_valid_wgsl() {
    for is_double in [false, true] {
        let mut text = String::new();
        for (k, f) in Unary::all().into_iter().enumerate() {
            text += &function(is_double, &format!("value_{k}"), |[x]| f.value(x));
            text += &function(is_double, &format!("slope_{k}"), |[x, y]| f.slope(x, y));
        }
        for (k, f) in Binary::ALL.iter().enumerate() {
            text += &function(is_double, &format!("value_two_{k}"), |[a, b]| f.value(a, b));
            for side in [0, 1] {
                text += &function(is_double, &format!("slope_two_{side}_{k}"), |[a, b, y]| f.slope(side, a, b, y));
            }
        }
        validate(is_double, &text);
    }
}

#[test]
fn numbers_that_have_no_literal() {
    let all = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300, 1e-300, -0.0, 0.1];
    for is_double in [false, true] {
        for c in all {
            validate(is_double, &function(is_double, "f", |[x]| x * c + c));
        }
    }
}

/// A formula with this name that is called at two places is one line.
#[test]
fn an_expression_is_written_once() {
    let text = function(false, "f", |[x]| x.sin() * x.sin() + x.sin());
    assert_eq!(text.matches("sin_").count(), 1, "{text}");
}

#[test]
#[should_panic(expected = "cannot compare numbers")]
fn a_formula_that_compares_is_refused() {
    function(false, "f", |[x]: [WgslNumber<'_>; 1]| if x > 0.0 { x } else { -x });
}

#[test]
#[should_panic(expected = "numbers of two shaders")]
fn numbers_of_two_shaders_are_not_mixed() {
    let (a, b) = (Writer::new(false), Writer::new(false));
    let _ = a.value("x") + b.value("x");
}

#[test]
#[should_panic(expected = "`var<private> a: u32;` begins no function")]
fn a_line_that_begins_no_item_is_named() {
    let _ = Library::new(false).with("// a comment\n\nfn f() {\n  return;\n}\nvar<private> a: u32;");
}
