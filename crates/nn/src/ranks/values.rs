//! Numbers of one kind, which ranks send to each other as they are.

use std::marker::PhantomData;

use autograd::dispatch;

use crate::Real;

/// What a rank sends.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub enum Values<'v> {
    Bytes(&'v [u8]),
    F32(&'v [f32]),
    F64(&'v [f64]),
}

/// Where the values that a rank receives are written.
#[derive(Debug)]
#[allow(missing_docs)]
pub enum ValuesMut<'v> {
    Bytes(&'v mut [u8]),
    F32(&'v mut [f32]),
    F64(&'v mut [f64]),
}

/// Numbers of any type as values.
pub(super) fn values<T: Real>(numbers: &[T]) -> Values<'_> {
    struct Once<'v>(PhantomData<&'v ()>);
    impl<'v> dispatch::Real for Once<'v> {
        type Args<T: Real> = &'v [T];
        type Out<T: Real> = Values<'v>;
        fn f32(numbers: &'v [f32]) -> Values<'v> {
            Values::F32(numbers)
        }
        fn f64(numbers: &'v [f64]) -> Values<'v> {
            Values::F64(numbers)
        }
    }
    <T as Real>::dispatch(Once(PhantomData), numbers)
}

pub(super) fn values_mut<T: Real>(numbers: &mut [T]) -> ValuesMut<'_> {
    struct Once<'v>(PhantomData<&'v ()>);
    impl<'v> dispatch::Real for Once<'v> {
        type Args<T: Real> = &'v mut [T];
        type Out<T: Real> = ValuesMut<'v>;
        fn f32(numbers: &'v mut [f32]) -> ValuesMut<'v> {
            ValuesMut::F32(numbers)
        }
        fn f64(numbers: &'v mut [f64]) -> ValuesMut<'v> {
            ValuesMut::F64(numbers)
        }
    }
    <T as Real>::dispatch(Once(PhantomData), numbers)
}
