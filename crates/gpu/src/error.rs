//! What can go wrong with a device.

use autograd::PlanMisfit;

/// Why a step does not run on a device. The model in the memory of the program is unchanged.
#[derive(thiserror::Error)]
pub enum GpuError {
    /// There is no device, or none that was asked for.
    #[error(
        "there is no GPU that this program can use ({0}): install the driver of the card, or Mesa's software Vulkan (on Debian the \
         package mesa-vulkan-drivers)"
    )]
    NoAdapter(String),
    /// The device lacks something.
    #[error("{0} has no {1}")]
    Lacks(String, String),
    /// A step does something that does not run on a device.
    #[error("`{op}` at {source_line} does not run on a GPU: {why}")]
    Unsupported {
        /// The name of the op.
        op: String,
        /// The line of the program.
        source_line: String,
        /// Why it does not, and what to do.
        why: String,
    },
    /// A setting of the training does not run on a device.
    #[error("{0}")]
    Setting(String),
    /// Something is larger than the device allows.
    #[error("{0}: make the batch or the layers smaller, or use another device")]
    TooLarge(String),
    /// The memory of the device is full.
    #[error(
        "the memory of the GPU is full ({0}): make the batch or the layers smaller, or free memory of other programs"
    )]
    OutOfMemory(String),
    /// The device no longer answers.
    #[error(
        "the GPU was lost ({0}): its driver was reset or it was removed; start the run again, from its checkpoint if it has one"
    )]
    Lost(String),
    /// The driver refused something. This is a mistake of this crate or of the driver.
    #[error("the GPU refused a command, which is a mistake of this crate or of the driver: {0}")]
    Refused(String),
    /// The inputs or parameters are not those of the recording.
    #[error(transparent)]
    Misfit(#[from] PlanMisfit),
}

autograd::debug_as_display!(GpuError);
