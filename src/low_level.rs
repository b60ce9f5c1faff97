//! What exists for diagnosis, tests and tools: plans, the executors that run them step by step, the twins, and the doctor that
//! holds one against the other. It may change in any release.

pub use crate::{
    random::{SPLITMIX64_GAMMA, splitmix64},
    range::{Looks, Seen},
    whole_file::{Place, WholeFile},
};

/// Text from outside, made fit to be shown and to be found again.
pub mod shown {
    pub use crate::shown::{acts, escaped, escaped_but, name};
}

/// What is to be computed, as data: steps over tensors.
pub mod plan {
    pub use crate::plan::{
        Builder, CHANNELS_OF_BITS, Cost, Element, Maps, Operation, Part, Parts, Plan, Region, Step,
        TapGradient, TapPlan, Tensor, TensorId,
    };
}

/// The CPU's executor, over the fast kernels or the twins.
#[cfg(feature = "cpu")]
pub mod cpu {
    pub use crate::cpu::executor::Executor;

    /// The twins: each kernel in plain loops with float64 sums.
    pub mod twin {
        pub use crate::cpu::twin::*;
    }
}

/// A GPU's executor and shaders, and textures and buffers to feed them with.
#[cfg(feature = "gpu")]
pub mod gpu {
    #[cfg(feature = "cpu")]
    pub use crate::doctor::sources;
    pub use crate::gpu::{Executor, shaders, sum_blocking};
}

/// Whether what computes can be trusted: each kernel, in each of its tunings, held against its twin.
#[cfg(all(feature = "gpu", feature = "cpu"))]
pub mod doctor {
    pub use crate::doctor::{
        AnyExecutor, Bounds, CONV3X3, Deviation, Finding, GRADIENT, GRAM, GRAM_GRADIENT, LOSS, LPIPS,
        LPIPS_GRADIENT, MIXED_PIXELS, PIXELS, SOURCE, SUM, TERM, TOTAL, bounds, compare, compare_sums,
        examine, first_step, judge, on_twin, plans, source_bounds, values,
    };
}
