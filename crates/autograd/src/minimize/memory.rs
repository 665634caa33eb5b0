//! The memory of L-BFGS: the last steps and changes of the gradient, and the direction that follows from them.

use std::collections::VecDeque;

/// What is known of the curvature, and the direction that follows from it.
pub trait Curvature {
    /// Whether nothing is known.
    fn is_empty(&self) -> bool;

    /// Forgets what is known.
    fn clear(&mut self);

    /// The length of a step along −g.
    fn scale(&self) -> f64;

    /// −H g at x, where H is an inverse of second derivatives. Held entries do not move; H is that of the others.
    fn direction(&mut self, x: &[f64], g: &[f64], held: &[bool]) -> Vec<f64>;

    /// Learns from a step s and the change y of the gradient.
    fn push(&mut self, s: Vec<f64>, y: Vec<f64>);
}

/// Steps s and changes of gradient y, the newest first.
pub struct Memory {
    pairs: VecDeque<Pair>,
    capacity: usize,
}

struct Pair {
    s: Vec<f64>,
    y: Vec<f64>,
    /// sᵀy.
    sy: f64,
}

impl Memory {
    /// Room for this number of pairs.
    pub fn new(capacity: usize) -> Self {
        Memory { pairs: VecDeque::new(), capacity }
    }

    /// −H g, by the two-loop recursion with H₀ = [`scale`](Curvature::scale).
    fn recursion(&self, g: &[f64]) -> Vec<f64> {
        let mut q: Vec<f64> = g.iter().map(|g| -g).collect();
        let mut alphas = Vec::with_capacity(self.pairs.len());
        for Pair { s, y, sy } in &self.pairs {
            let alpha = dot(s, &q) / sy;
            add(&mut q, -alpha, y);
            alphas.push(alpha);
        }
        let scale = self.scale();
        q.iter_mut().for_each(|q| *q *= scale);
        for (Pair { s, y, sy }, alpha) in self.pairs.iter().zip(alphas).rev() {
            let beta = dot(y, &q) / sy;
            add(&mut q, alpha - beta, s);
        }
        q
    }
}

impl Curvature for Memory {
    fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    fn clear(&mut self) {
        self.pairs.clear();
    }

    /// sᵀy / yᵀy of the newest pair (equation 7.20); 1 without a pair.
    fn scale(&self) -> f64 {
        self.pairs.front().map_or(1.0, |Pair { y, sy, .. }| sy / dot(y, y))
    }

    /// The H of the entries that are not held is made of their parts of the pairs.
    fn direction(&mut self, _: &[f64], g: &[f64], held: &[bool]) -> Vec<f64> {
        if !held.contains(&true) {
            return self.recursion(g);
        }
        let part =
            |x: &[f64]| -> Vec<f64> { x.iter().zip(held).filter(|(_, held)| !**held).map(|(x, _)| *x).collect() };
        let mut memory = Memory::new(self.capacity);
        for Pair { s, y, .. } in self.pairs.iter().rev() {
            memory.push(part(s), part(y));
        }
        let mut moving = memory.recursion(&part(g)).into_iter();
        held.iter().map(|&held| if held { 0.0 } else { moving.next().unwrap_or(0.0) }).collect()
    }

    /// Stores a pair if its curvature is positive. Otherwise H would not be positive definite.
    fn push(&mut self, s: Vec<f64>, y: Vec<f64>) {
        let sy = dot(&s, &y);
        if sy > f64::EPSILON * dot(&y, &y).sqrt() * dot(&s, &s).sqrt() {
            self.pairs.truncate(self.capacity - 1);
            self.pairs.push_front(Pair { s, y, sy });
        }
    }
}

pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

pub(super) fn minus(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a - b).collect()
}

fn add(a: &mut [f64], c: f64, b: &[f64]) {
    a.iter_mut().zip(b).for_each(|(a, b)| *a += c * b);
}
