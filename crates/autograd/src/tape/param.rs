//! A parameter: a matrix with an identity.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::ser::SerializeStruct;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Matrix, entries};

/// A matrix that is trained: a value, and an identity by which a tape recognizes it.
///
/// Recorded twice on a tape it is one leaf, so shared weights need nothing special. Its
/// gradient can be looked up after the tape has ended. A clone is a different parameter.
/// It is serialised as its value, with its [`Role`] if that is not the usual one.
///
/// ```
/// use autograd::{Matrix, Param, Tape};
/// let w = Param::new(Matrix::from([[3.0]]));
/// let tape = Tape::new();
/// let y = tape.param(&w) * tape.param(&w); // w² through two uses
/// assert_eq!(y.backward().wrt(&w)[(0, 0)], 6.0);
/// ```
pub struct Param<T> {
    id: u64,
    role: Role,
    value: Matrix<T>,
}

/// How training treats a parameter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// It is trained by its gradient.
    #[default]
    Trained,
    /// It does not change and is a constant on the tape, until it is [unfrozen](Param::unfreeze).
    Frozen,
    /// It is not a weight but stored with them, such as a running mean. It changes by [`Tape::update`](crate::Tape::update).
    Buffer,
}

impl<T> Param<T> {
    /// A new parameter with this value.
    pub fn new(value: Matrix<T>) -> Self {
        Param::with_role(value, Role::Trained)
    }

    /// A matrix that is stored with the parameters and has no gradient.
    pub fn buffer(value: Matrix<T>) -> Self {
        Param::with_role(value, Role::Buffer)
    }

    fn with_role(value: Matrix<T>, role: Role) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Param { id: NEXT.fetch_add(1, Ordering::Relaxed), role, value }
    }

    /// Its value.
    pub fn value(&self) -> &Matrix<T> {
        &self.value
    }

    /// Its value, to change.
    pub fn value_mut(&mut self) -> &mut Matrix<T> {
        &mut self.value
    }

    /// Its identity: no other parameter of this process has the same one.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// How training treats it.
    pub fn role(&self) -> Role {
        self.role
    }

    /// Whether it is trained. Only then it has a gradient.
    pub fn is_trained(&self) -> bool {
        self.role == Role::Trained
    }

    /// Freezes it: from now on no gradient is computed for it. A buffer stays a buffer.
    ///
    /// ```
    /// use autograd::{Matrix, Param, Tape};
    /// let (mut w, b) = (Param::new(Matrix::from([[3.0]])), Param::new(Matrix::from([[1.0]])));
    /// w.freeze();
    /// let tape = Tape::new();
    /// let grads = (tape.param(&w) * 2.0 + tape.param(&b)).backward();
    /// assert!(grads.get(&w).is_none() && grads.get(&b).is_some());
    /// ```
    pub fn freeze(&mut self) {
        self.turn(Role::Trained, Role::Frozen);
    }

    /// Trains it again. A buffer stays a buffer.
    pub fn unfreeze(&mut self) {
        self.turn(Role::Frozen, Role::Trained);
    }

    fn turn(&mut self, from: Role, to: Role) {
        if self.role == from {
            self.role = to;
        }
    }
}

/// The shape and the numbers; of many the first ones.
impl<T: fmt::Debug> fmt::Debug for Param<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (few, first) = (16, 4);
        let (rows, cols, numbers) = self.value.parts();
        if numbers.len() <= few {
            return self.value.fmt(f);
        }
        write!(f, "{rows} × {cols} [")?;
        numbers[..first].iter().try_for_each(|x| write!(f, "{x:?}, "))?;
        f.write_str("…]")
    }
}

impl<T: Clone> Clone for Param<T> {
    fn clone(&self) -> Self {
        Param::with_role(self.value.clone(), self.role)
    }
}

impl<T: PartialEq> PartialEq for Param<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value && self.role == other.role
    }
}

impl<T: Serialize> Serialize for Param<T> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let (role, (rows, cols, data)) = (self.role, self.value.parts());
        // Left out only in formats with field names: a format without names needs every field.
        let says_role = role != Role::Trained || !s.is_human_readable();
        let mut raw = s.serialize_struct("Param", 3 + usize::from(says_role))?;
        raw.serialize_field("rows", &rows)?;
        raw.serialize_field("cols", &cols)?;
        raw.serialize_field("data", &entries::Ref(data))?;
        if says_role {
            raw.serialize_field("role", &role)?;
        }
        raw.end()
    }
}

/// A parameter as read from a file, before it is checked.
#[derive(Deserialize)]
#[serde(rename = "Param", bound = "T: Deserialize<'de>")]
struct Raw<T> {
    rows: usize,
    cols: usize,
    #[serde(deserialize_with = "entries::deserialize")]
    data: Vec<T>,
    #[serde(default)]
    role: Role,
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Param<T> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let Raw { rows, cols, data, role } = Raw::deserialize(d)?;
        let value = Matrix::from_parts(rows, cols, data).map_err(serde::de::Error::custom)?;
        Ok(Param::with_role(value, role))
    }
}
