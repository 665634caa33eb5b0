//! Parts of inputs, and what is checked of them.

use autograd::Matrix;

/// The largest number of entries that an input may ask for.
const MOST: usize = 1 << 28;

/// An error unless there are that many.
pub fn count<T>(what: &str, list: &[T], expected: usize) -> Result<(), String> {
    match list.len() == expected {
        true => Ok(()),
        false => Err(format!("{what}: {} entries, and not {expected}", list.len())),
    }
}

/// An error unless the numbers are at least 1 and their product is not too large to be computed with.
pub fn sizes(sizes: &[(&str, usize)]) -> Result<(), String> {
    if let Some((what, _)) = sizes.iter().find(|(_, size)| *size == 0) {
        return Err(format!("{what} is 0"));
    }
    let all = sizes.iter().try_fold(1usize, |product, (_, size)| product.checked_mul(*size));
    if all.is_some_and(|all| all <= MOST) {
        return Ok(());
    }
    let names: Vec<_> = sizes.iter().map(|(what, size)| format!("{what} = {size}")).collect();
    Err(format!("{}: more than {MOST} numbers", names.join(", ")))
}

/// A matrix whose columns are these lists, each of that length.
pub fn columns(what: &str, lists: &[Vec<f64>], length: usize) -> Result<Matrix<f64>, String> {
    for (k, list) in lists.iter().enumerate() {
        count(&format!("{what}[{k}]"), list, length)?;
    }
    Ok(Matrix::from_vec(length, lists.len(), lists.concat()))
}

/// The columns of a matrix as lists.
pub fn lists(x: &Matrix<f64>) -> Vec<Vec<f64>> {
    (0..x.cols()).map(|j| x.col(j).to_vec()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_checked() {
        assert!(sizes(&[("n", 3), ("m", 4)]).is_ok());
        assert_eq!(sizes(&[("n", 3), ("m", 0)]), Err("m is 0".to_string()));
        assert!(sizes(&[("n", usize::MAX), ("m", 2)]).unwrap_err().contains("more than"));
        assert!(sizes(&[("n", 1 << 20), ("m", 1 << 20)]).unwrap_err().contains("n = 1048576, m = 1048576"));
    }

    #[test]
    fn lists_are_columns() {
        let x = columns("x", &[vec![1.0, 2.0], vec![3.0, 4.0]], 2).unwrap();
        assert_eq!(x, Matrix::from([[1.0, 3.0], [2.0, 4.0]]));
        assert_eq!(lists(&x), [[1.0, 2.0], [3.0, 4.0]]);
        assert_eq!(columns("x", &[vec![1.0], vec![]], 1).unwrap_err(), "x[1]: 0 entries, and not 1");
    }
}
