#![doc = include_str!("../README.md")]

mod along;
mod custom;
mod device;
mod error;
mod fused;
mod kernels;
mod launch;
mod product;
mod shader;
mod step;
mod tasks;
#[cfg(test)]
mod tests;
mod trainer;
mod update;
mod weights;

pub use device::Device;
pub use error::GpuError;
pub use step::{OnDevice, Step};
pub use weights::{DeviceNumber, Weights};
